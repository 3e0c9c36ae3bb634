"""What a device keeps of its hub's supplies, with a scripted hub."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from simvoice.errors import FetchError, HubError, SimvoiceError, StorageFull
from simvoice.hub_client import supplies as supplies_module
from simvoice.hub_client.connection import HubAway, HubForgot
from simvoice.hub_client.supplies import DeviceSupplies, Supplied, Wanted
from simvoice.hub_client.supply_line import SupplyLine
from simvoice.hub_client.supply_loop import keep_supplied
from simvoice.patient.case.load import load_case
from tests.hub_client.certified import certified_case, certify
from tests.hub_client.scripted_supplies import TOKEN, VOICE, ScriptedSupplies, sha256

PACK = bytes(range(256)) * 400
ALL = Wanted(VOICE, program=True)


@pytest.fixture
def hub(tmp_path: Path) -> ScriptedSupplies:
    """A hub that offers a case, its rendered voice and a program."""
    made = ScriptedSupplies()
    made.offer_case(certified_case(tmp_path / "on-hub"))
    made.offer_voice("tea", PACK)
    made.offer_program("9.0.0", b"a wheel" * 1000)
    return made


@pytest.fixture
def device(tmp_path: Path) -> DeviceSupplies:
    return DeviceSupplies(tmp_path / "home" / "from-hub", running="0.1.0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "from-hub"


def bring(hub: ScriptedSupplies, device: DeviceSupplies, wanted: Wanted = ALL) -> Supplied:
    with hub.line() as line:
        return device.bring(line, wanted)


def tree(folder: Path) -> dict[str, bytes]:
    """What is in use: each file below the folder by its path, through the link."""
    found = {}
    for part in ("cases", "voices", "program"):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def rest(folder: Path) -> list[str]:
    """What a whole run leaves besides."""
    work = [path.name for path in (folder / ".fetching").iterdir()]
    return sorted(work + [path.name for path in folder.glob("cases.*")][1:])


# -- whole


def test_a_device_gets_cases_voices_and_the_program(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    done = bring(hub, device)
    assert (done.cases, done.voices, done.program, done.faults) == (("tea",), ("tea",), "9.0.0", ())
    in_use = tree(folder)
    assert in_use[f"voices/tea--{VOICE}.zip"] == PACK
    assert in_use["program/simvoice-9.0.0-py3-none-any.whl"] == b"a wheel" * 1000
    assert load_case(device.cases_folder / "tea" / "case.yaml").id == "tea"
    assert rest(folder) == ["lock"]
    assert hub.tokens == {f"Bearer {TOKEN}"}


def test_a_second_run_fetches_only_the_catalogue(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    bring(hub, device)
    before = tree(folder)
    hub.asked.clear()
    again = bring(hub, DeviceSupplies(folder, running="0.1.0"))
    assert [name for name, _ in hub.asked] == ["catalogue"]
    assert again.received_bytes == 0
    assert tree(folder) == before


def test_what_is_not_wanted_is_left_out(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    hub.offer_voice("tea", b"of another voice", voice="b" * 16)
    bring(hub, device, Wanted())
    assert {name.partition("/")[0] for name in tree(folder)} == {"cases"}


def test_the_version_that_runs_is_not_fetched(hub: ScriptedSupplies, folder: Path) -> None:
    done = bring(hub, DeviceSupplies(folder, running="9.0.0"))
    assert done.program == ""
    assert not (folder / "program").exists()


def test_a_device_that_was_updated_drops_the_program(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    bring(hub, device)
    bring(hub, DeviceSupplies(folder, running="9.0.0"))
    assert not list((folder / "program").iterdir())


def test_what_the_hub_does_not_offer_any_more_is_removed(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path, tmp_path: Path
) -> None:
    hub.offer_case(certified_case(tmp_path / "on-hub", "soup"))
    assert bring(hub, device).cases == ("soup", "tea")
    hub.cases, hub.voices, hub.program = hub.cases[1:], [], None
    assert bring(hub, device).cases == ("soup",)
    assert all(name.startswith("cases/soup/") for name in tree(folder))
    assert rest(folder) == ["lock"]


@pytest.mark.slow
def test_a_file_that_is_altered_on_the_disk_is_fetched_again(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    bring(hub, device)
    whole = tree(folder)
    for name in whole:
        path = folder / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        bring(hub, DeviceSupplies(folder, running="0.1.0"))
        assert tree(folder) == whole
    (folder / "cases" / "tea" / "extra.txt").write_text("left by a person")
    bring(hub, device)
    assert tree(folder) == whole


def test_a_new_version_of_a_case_replaces_the_old_one(
    hub: ScriptedSupplies, device: DeviceSupplies, tmp_path: Path
) -> None:
    bring(hub, device)
    shutil.rmtree(tmp_path / "on-hub")
    hub.offer_case(certified_case(tmp_path / "on-hub", title="Tea, the second version"))
    bring(hub, device)
    assert load_case(device.cases_folder / "tea" / "case.yaml").title == "Tea, the second version"


# -- cut, killed, away


@pytest.mark.slow
def test_a_file_is_continued_at_any_byte(hub: ScriptedSupplies, folder: Path) -> None:
    chance = random.Random(4)
    whole = None
    for round_number in range(8):
        shutil.rmtree(folder, ignore_errors=True)
        hub.asked.clear()
        hub.cuts = [chance.randrange(1, 6_000) for _ in range(chance.randrange(1, 12))]
        cuts = len(hub.cuts)
        bring(hub, DeviceSupplies(folder, running="0.1.0"))
        assert whole is None or tree(folder) == whole
        whole = tree(folder)
        continued = [asked for _, asked in hub.asked if asked is not None]
        assert round_number == 0 or len(continued) <= cuts
    assert whole is not None
    assert whole[f"voices/tea--{VOICE}.zip"] == PACK


def test_bytes_that_arrived_are_not_sent_again_after_a_restart(
    hub: ScriptedSupplies, folder: Path
) -> None:
    hub.cases, hub.program = [], None
    hub.cuts = [40_000] + [0] * 10
    with pytest.raises(HubAway, match="stopped answering"):
        bring(hub, DeviceSupplies(folder))
    assert tree(folder) == {}
    hub.cuts, hub.sent_bytes = [], 0
    bring(hub, DeviceSupplies(folder))
    assert hub.sent_bytes == len(PACK) - 40_000
    assert hub.asked[-1] == (sha256(PACK), "bytes=40000-")


def test_what_was_whole_before_the_hub_went_away_is_used(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    """Cases come first: they are small, and nothing works without them."""
    hub.cuts = [-1] * len(hub.cases[0].files) + [10_000] + [0] * 10
    with pytest.raises(HubError):
        bring(hub, device)
    assert load_case(device.cases_folder / "tea" / "case.yaml").id == "tea"
    assert not device.voices_folder.exists()


def test_a_hub_that_is_away_changes_nothing(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    bring(hub, device)
    before = tree(folder)
    hub.away = True
    with pytest.raises(HubError, match=r"hub\.test cannot be reached"):
        bring(hub, device)
    assert tree(folder) == before


@pytest.mark.slow
def test_old_files_stay_in_use_until_new_ones_are_whole(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path, tmp_path: Path
) -> None:
    bring(hub, device)
    before = tree(folder)
    hub.cases, hub.voices = [], []
    shutil.rmtree(tmp_path / "on-hub")
    hub.offer_case(certified_case(tmp_path / "on-hub", title="Tea, the second version"))
    hub.offer_voice("tea", PACK[::-1])
    hub.offer_program("9.1.0", b"a newer wheel" * 900)
    steps = 0
    while True:
        hub.cuts = [9_000] + [0] * 10
        try:
            bring(hub, device)
            break
        except HubError:
            steps += 1
            assert steps < 200
        now = tree(folder)
        titles = {load_case(p).title for p in device.cases_folder.glob("*/case.yaml")}
        assert len(titles) == 1
        assert now[f"voices/tea--{VOICE}.zip"] in (PACK, PACK[::-1])
        assert "program/simvoice-9.0.0-py3-none-any.whl" in now
    after = tree(folder)
    assert steps > 8
    assert after != before
    assert after[f"voices/tea--{VOICE}.zip"] == PACK[::-1]
    assert [n for n in after if n.startswith("program")] == [
        "program/simvoice-9.1.0-py3-none-any.whl"
    ]


def test_a_hub_without_ranges_still_gives_the_right_bytes(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    hub.ignores_ranges = True
    hub.cuts = [3_000, 1_000, -1]
    bring(hub, device)
    assert tree(folder)[f"voices/tea--{VOICE}.zip"] == PACK


def test_a_half_file_that_was_altered_on_the_disk_is_begun_again(
    hub: ScriptedSupplies, folder: Path
) -> None:
    hub.cases, hub.program = [], None
    hub.cuts = [40_000] + [0] * 10
    with pytest.raises(HubError):
        bring(hub, DeviceSupplies(folder))
    partial = folder / ".fetching" / f"{sha256(PACK)}.partial"
    partial.write_bytes(bytes(40_000))
    hub.cuts = []
    bring(hub, DeviceSupplies(folder))
    assert tree(folder) == {f"voices/tea--{VOICE}.zip": PACK}


def test_a_catalogue_that_changes_during_the_run_is_read_again(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    gone = hub.offer_voice("tea", PACK[:5000])
    del hub.files[gone.file.sha256]

    def change(count: int) -> None:
        hub.offer_voice("tea", PACK)

    with hub.line() as line:
        device.bring(line, ALL, change)
    assert tree(folder)[f"voices/tea--{VOICE}.zip"] == PACK


# -- a hub that lies


def test_a_file_with_other_bytes_is_not_used(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    hub.lies[sha256(PACK)] = PACK[:-1] + b"x"
    with pytest.raises(FetchError, match="its hash is not the published one"):
        bring(hub, device)
    assert f"voices/tea--{VOICE}.zip" not in tree(folder)
    assert not list((folder / ".fetching").glob(f"{sha256(PACK)}*"))


def test_a_longer_file_and_one_without_an_end_are_stopped(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    hub.lies[sha256(PACK)] = PACK + b"x" * 10**6
    with pytest.raises(FetchError, match="larger than the published file"):
        bring(hub, device)
    hub.lies.clear()
    hub.cases, hub.program = [], None
    hub.raw_catalogue = hub.catalogue.model_dump_json().encode()

    class Endless(ScriptedSupplies):
        pass

    endless = Endless(files=hub.files, voices=hub.voices)
    with endless.line() as line:
        catalogue = line.catalogue()
        endless.endless = True
        with pytest.raises(FetchError, match="larger than the published file"):
            line.fetch(catalogue.voices[0].file, folder / "x")
        with pytest.raises(FetchError, match="longer than it can be"):
            line.catalogue()
    assert not (folder / "x").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "raw",
    [
        b"<html>sign in to the network</html>",
        b"{}[",
        b'{"format": 2}',
        b'{"cases": [{"id": "../etc", "title": "x", "files": []}]}',
        b'{"voices": [{"case": "tea", "voice": "../x", "file": {}}]}',
        b"[" * 5000,
    ],
)
def test_something_else_than_a_catalogue_gets_a_sentence(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path, raw: bytes
) -> None:
    bring(hub, device)
    before = tree(folder)
    hub.raw_catalogue = raw
    with pytest.raises(HubAway, match="catalogue cannot be read"):
        bring(hub, device)
    assert tree(folder) == before


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "notes.txt", "case.yaml/..", ""])
def test_a_case_cannot_place_another_file(hub: ScriptedSupplies, name: str) -> None:
    catalogue = hub.catalogue.model_dump_json()
    hub.raw_catalogue = catalogue.replace('"demo.yaml"', f'"{name}"', 1).encode()
    with hub.line() as line, pytest.raises(HubAway, match="cannot be read"):
        line.catalogue()


def test_a_device_that_is_not_paired_any_more_is_told(
    hub: ScriptedSupplies, device: DeviceSupplies
) -> None:
    with (
        SupplyLine(hub.line().address, "old", transport=hub, pause=lambda _: None) as line,
        pytest.raises(HubForgot, match="does not know this device any more"),
    ):
        device.bring(line, ALL)


# -- cases that cannot be used


def test_a_hostile_case_costs_a_sentence_and_its_old_version_stays(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path, tmp_path: Path
) -> None:
    bring(hub, device)
    file = tmp_path / "on-hub" / "tea" / "case.yaml"
    file.write_bytes(b"a: &a [*a]\n")
    hub.offer_case(file)
    hostile = certified_case(tmp_path / "on-hub", "bomb")
    hostile.write_text("id: bomb\nx: " + "[" * 5000)
    certify(hostile)
    hub.offer_case(hostile)
    done = bring(hub, device)
    assert done.cases == ("tea",)
    assert load_case(device.cases_folder / "tea" / "case.yaml").id == "tea"
    assert len(done.faults) == 2
    assert all(each.startswith("The case ") and str(folder) not in each for each in done.faults)
    held = {each.name: each for each in done.report.cases}
    assert held["tea"].sha256 == held["bomb"].sha256 == ""
    assert held["bomb"].fault


def test_a_case_without_a_valid_certificate_is_not_used(
    hub: ScriptedSupplies, device: DeviceSupplies, tmp_path: Path
) -> None:
    file = certified_case(tmp_path / "on-hub", "soup")
    file.write_text(file.read_text() + "# changed after the check\n")
    hub.offer_case(file)
    done = bring(hub, device)
    assert done.cases == ("tea",)
    assert "was changed after its check" in done.faults[0]


# -- the disk


def test_too_little_space_is_said_before_a_byte_is_fetched(
    hub: ScriptedSupplies, device: DeviceSupplies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supplies_module, "SPARE_BYTES", 10**18)
    with pytest.raises(StorageFull, match="the supplies of the hub need 0 MB"):
        bring(hub, device)
    assert [name for name, _ in hub.asked] == ["catalogue"]


def test_a_run_leaves_no_more_than_twice_the_supplies(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    for version in range(4):
        hub.offer_voice("tea", PACK[version:] + PACK[:version])
        hub.offer_program(f"9.{version}.0", bytes([version]) * 7000)
        hub.cuts = [30_000] + [0] * 10
        with pytest.raises(HubError):
            bring(hub, device)
        used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        offered = sum(file.bytes for file in hub.catalogue.files)
        assert used < 2 * offered + 50_000
        hub.cuts = []
        bring(hub, device)


def test_a_folder_that_cannot_be_written_gets_a_sentence(
    hub: ScriptedSupplies, tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file in the place of the folder")
    with pytest.raises(SimvoiceError, match="cannot be written"):
        bring(hub, DeviceSupplies(tmp_path / "home" / "from-hub"))


def test_two_runs_at_once_do_not_meet(
    hub: ScriptedSupplies, device: DeviceSupplies, folder: Path
) -> None:
    refused: list[str] = []

    def meanwhile(count: int) -> None:
        if not refused:
            with pytest.raises(SimvoiceError, match="another simvoice is fetching") as error:
                bring(hub, DeviceSupplies(folder))
            refused.append(str(error.value))

    with hub.line() as line:
        device.bring(line, ALL, meanwhile)
    assert refused


# -- reports and the loop


def test_a_device_reports_what_it_has(hub: ScriptedSupplies, device: DeviceSupplies) -> None:
    done = bring(hub, device)
    with hub.line() as line:
        line.report(done.report)
    (report,) = hub.reports
    assert (report.program, report.fetched_program) == ("0.1.0", "9.0.0")
    assert report.cases[0].sha256 == hub.cases[0].version
    assert report.voices[0].sha256 == sha256(PACK)
    assert report.catalogue == hub.catalogue.version
    assert report.free_bytes > 0


def test_the_loop_waits_longer_after_each_failure_and_ends_when_it_is_forgotten() -> None:
    waits: list[float] = []
    outcomes: Iterator[Exception | None] = iter(
        [HubAway("away"), HubAway("away"), HubAway("away"), None, HubForgot("forgotten")]
    )

    def once() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    keep_supplied(once, lambda s: waits.append(s) or False, every_s=600.0, jitter=lambda: 1.0)
    assert waits == [5.0, 10.0, 20.0, 600.0]
    assert next(outcomes, "none left") == "none left"


def test_the_loop_ends_when_it_is_told_to() -> None:
    calls: list[int] = []
    keep_supplied(lambda: calls.append(1), lambda _: True)
    assert calls == [1]
