"""The USB sticks of this computer that are mounted now."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_SYSTEM = ("/", "/boot", "/usr", "/var", "/home")
"""Mount points of the system itself, which is on a stick where a station starts from one."""


@dataclass(frozen=True, slots=True)
class Drive:
    """A mounted stick."""

    path: Path
    """Where it is mounted."""
    name: str
    """The last part of the path: the label that the system gave it."""
    free: int
    """Bytes."""


def removable_drives(devices: Path = Path("/sys/class/block")) -> tuple[Drive, ...]:
    """Return the sticks that can be written, in the order of their paths.

    devices: the kernel's folder of block devices.
    """
    found = []
    for each in psutil.disk_partitions(all=False):
        path = Path(each.mountpoint)
        is_system = any(each.mountpoint == place for place in _SYSTEM) or "/boot/" in str(path)
        if is_system or not is_removable(devices, Path(each.device).name):
            continue
        try:
            if os.access(path, os.W_OK):
                found.append(Drive(path, path.name, shutil.disk_usage(path).free))
        except OSError:  # it was pulled out meanwhile
            continue
    return tuple(sorted(found, key=lambda drive: str(drive.path)))


def is_removable(devices: Path, name: str) -> bool:
    """Return True for a partition on a disk that can be taken out, or that is on USB.

    name: of the partition: "sdb1". Many sticks say that they are fixed disks, so the bus counts,
    too. Source: the kernel's Documentation/ABI/stable/sysfs-block.
    """
    try:
        place = (devices / name).resolve(strict=True)
    except OSError:
        return False
    for folder in (place, place.parent):  # a partition is a folder in that of its disk
        try:
            if (folder / "removable").read_text().strip() == "1":
                return True
        except OSError:
            continue
    return re.search(r"/usb\d+/", str(place)) is not None
