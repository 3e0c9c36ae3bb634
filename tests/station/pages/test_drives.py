"""Which mounted drives are USB sticks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from simvoice.station import drives
from simvoice.station.drives import is_removable, removable_drives


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A folder like the kernel's: a disk inside, a stick that says so, and one that does not."""
    tree, links = tmp_path / "sys" / "devices", tmp_path / "sys" / "class" / "block"
    links.mkdir(parents=True)
    for bus, disk, removable in (
        ("pci0000:00/ata1", "sda", "0"),
        ("pci0000:00/usb1/1-4", "sdb", "1"),
        ("pci0000:00/usb2/2-1", "sdc", "0"),
    ):
        partition = tree / bus / "block" / disk / f"{disk}1"
        partition.mkdir(parents=True)
        (partition.parent / "removable").write_text(f"{removable}\n")
        for place in (partition.parent, partition):
            (links / place.name).symlink_to(place)
    return links


def test_a_stick_is_known_by_its_bus_or_by_what_the_kernel_says(devices: Path) -> None:
    found = {name: is_removable(devices, name) for name in ("sda1", "sdb1", "sdb", "sdc1", "sdd1")}
    assert found == {"sda1": False, "sdb1": True, "sdb": True, "sdc1": True, "sdd1": False}


def test_only_sticks_that_can_be_written_are_offered_and_never_the_system(
    devices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick, internal = tmp_path / "LAB", tmp_path / "DATA"
    stick.mkdir()
    internal.mkdir()
    mounted = [
        SimpleNamespace(device="/dev/sdb1", mountpoint=str(stick)),
        SimpleNamespace(device="/dev/sda1", mountpoint=str(internal)),
        SimpleNamespace(device="/dev/sdc1", mountpoint="/"),
        SimpleNamespace(device="/dev/sdc1", mountpoint=str(tmp_path / "pulled out")),
    ]
    monkeypatch.setattr(drives.psutil, "disk_partitions", lambda all: mounted)
    found = removable_drives(devices)
    assert [(each.path, each.name) for each in found] == [(stick, "LAB")]
    assert found[0].free > 0
