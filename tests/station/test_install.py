"""`simvoice station install` below another root: real files, real programs of systemd."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from simvoice import __version__
from simvoice.errors import HubError, UsageError
from simvoice.station import install_files as files
from simvoice.station.install import (
    Installation,
    SetupWishes,
    hidden_folder,
    run_program,
    source_hash,
)
from simvoice.station.update import Programs

MISTYPED = "CQ3WP-HATMT-XQ7HH-4QC0G-6XBEE"
WISHES = SetupWishes(hub="https://hub.example.edu:8766", name="A1")


class PreparedPrograms(Programs):
    """Stands for the environments of a gigabyte; `test_update` makes real ones."""

    def make(self, version: str, wheel: Path | None, *, copy: bool = False) -> None:
        """Make what looks like an environment."""
        assert copy, "the account cannot own files that it shares with the checkout"
        binary = self.folder / "versions" / version / "bin"
        binary.mkdir(parents=True)
        (binary / "python").symlink_to("/bin/true")


@pytest.fixture(autouse=True)
def small_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One small model, and no wheel of the whole checkout."""
    model = tmp_path / "models" / "whisper"
    model.mkdir(parents=True)
    (model / "model.bin").write_bytes(b"weights")
    monkeypatch.setenv("SIMVOICE_MODELS", str(tmp_path / "models"))
    built = "simvoice.station.install.run_program"

    def run(words: Sequence[str]) -> str:
        if "wheel" in words:
            folder = Path(words[words.index("--wheel-dir") + 1])
            folder.mkdir(parents=True)
            (folder / f"simvoice-{__version__}-py3-none-any.whl").touch()
            return ""
        return run_program(words)

    monkeypatch.setattr(built, run)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A computer with a few accounts."""
    made = tmp_path / "root"
    (made / "etc" / "default").mkdir(parents=True)
    (made / "etc" / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nntp:x:999:999::/:/bin/sh\n"
    )
    (made / "etc" / "group").write_text("root:x:0:\nntp:x:999:\nsgx:x:998:\n")
    (made / "etc" / "default" / "keyboard").write_text('XKBLAYOUT="gb,de"\n')
    return made


def installation(root: Path, wishes: SetupWishes = WISHES) -> Installation:
    return Installation(wishes, root=root, programs=PreparedPrograms)


def install(root: Path, wishes: SetupWishes = WISHES) -> int:
    return installation(root, wishes).install(lambda _: None)


def settings(root: Path) -> dict[str, str]:
    return files.read_settings((root / "etc/simvoice/station.env").read_text())


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_the_units_are_clean_for_systemd(root: Path) -> None:
    install(root)
    units = [
        str(root / "etc/systemd/system" / unit) for unit in (files.STATION_UNIT, files.SCREEN_UNIT)
    ]
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_systemd_finds_a_fault_that_is_planted_in_a_unit(root: Path) -> None:
    install(root)
    unit = root / "etc/systemd/system" / files.STATION_UNIT
    unit.write_text(unit.read_text().replace("WatchdogSec=6", "WatchdogSec=ten seconds"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert "Failed to parse sec value" in done.stderr


@pytest.mark.slow
def test_the_account_and_its_folder_are_made_by_systemd(root: Path) -> None:
    install(root)
    account = next(
        line for line in (root / "etc/passwd").read_text().splitlines() if "simvoice" in line
    )
    name, _, uid, _, _, place, shell = account.split(":")
    assert (name, place, shell) == ("simvoice", "/var/lib/simvoice", "/usr/sbin/nologin")
    assert 0 < int(uid) < 1000, "it is an account of a service"
    groups = (root / "etc/group").read_text()
    assert all(f"{name}:x:" in groups for name in ("audio", "video", "render"))
    home = (root / "var/lib/simvoice").stat()
    assert stat.S_IMODE(home.st_mode) == 0o700
    assert (root / "var/lib/systemd/linger/simvoice").is_file()
    unit = (root / "etc/systemd/system" / files.STATION_UNIT).read_text()
    assert f"Environment=XDG_RUNTIME_DIR=/run/user/{uid}\n" in unit


@pytest.mark.slow
def test_both_units_start_with_the_computer(root: Path) -> None:
    install(root)
    wanted = root / "etc/systemd/system/multi-user.target.wants"
    assert sorted(os.listdir(wanted)) == [files.SCREEN_UNIT, files.STATION_UNIT]


@pytest.mark.slow
def test_the_program_and_its_models_are_there(root: Path) -> None:
    install(root)
    program = root / "var/lib/simvoice/program"
    assert os.readlink(program / "current") == f"versions/{__version__}"
    assert not (root / "var/lib/simvoice/.wheel").exists()
    assert (root / "var/lib/simvoice/models/whisper/model.bin").read_bytes() == b"weights"


@pytest.mark.slow
def test_a_second_installation_changes_nothing_and_says_so(root: Path) -> None:
    install(root)
    before = contents(root)
    assert installation(root).plan() == []
    assert install(root) == 0
    assert contents(root) == before


@pytest.mark.slow
def test_a_second_installation_repairs_what_was_changed(root: Path) -> None:
    install(root)
    before = contents(root)
    (root / "etc/systemd/system" / files.SCREEN_UNIT).write_text("damaged")
    (root / "etc/pam.d/simvoice-screen").unlink()
    (root / "usr/local/bin/simvoice-station").chmod(0o600)
    assert install(root) == 3
    assert contents(root) == before
    assert os.access(root / "usr/local/bin/simvoice-station", os.X_OK)


@pytest.mark.slow
def test_settings_stay_unless_others_are_given(root: Path) -> None:
    install(root, SetupWishes(hub="https://hub.example.edu", name="A1", port=9000, keyboard="us"))
    (root / "etc/simvoice/station.env").write_text(
        (root / "etc/simvoice/station.env").read_text() + 'SIMVOICE_PROFILE="studio"\n'
    )
    install(root, SetupWishes(name="Room 3"))
    assert settings(root) == {
        "SIMVOICE_STATION_HUB": "https://hub.example.edu",
        "SIMVOICE_STATION_NAME": "Room 3",
        "SIMVOICE_STATION_PORT": "9000",
        "XKB_DEFAULT_LAYOUT": "us",
        "XKB_DEFAULT_OPTIONS": "numpad:mac",
        "SIMVOICE_PROFILE": "studio",
    }


def test_the_card_reader_types_by_the_layout_of_the_system(root: Path) -> None:
    assert installation(root).machine.keyboard == "gb"


@pytest.mark.slow
def test_sh_and_systemd_read_the_same_settings(root: Path) -> None:
    install(root, SetupWishes(hub="http://127.0.0.1:8766", name="Room 3, west; #2 *"))
    told = subprocess.run(
        [
            "sh",
            "-c",
            '. "$0"; printf %s "$SIMVOICE_STATION_NAME"',
            root / "etc/simvoice/station.env",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == settings(root)["SIMVOICE_STATION_NAME"] == "Room 3, west; #2 *"


@pytest.mark.slow
def test_removing_leaves_the_records_and_says_where_they_are(root: Path) -> None:
    before = {name for name in contents(root) if not name.startswith("etc/passwd")}
    install(root)
    record = root / "var/lib/simvoice/station/outbox/record.age"
    record.parent.mkdir(parents=True)
    record.write_bytes(b"sealed")
    said = installation(root).remove(lambda _: None)
    assert record.read_bytes() == b"sealed"
    left = {name for name in contents(root) if not name.startswith("var/lib/simvoice/")}
    accounts = {"group", "gshadow", "passwd", "shadow", "group-", "passwd-", ".pwd.lock"}
    assert left - before - {f"etc/{name}" for name in accounts} == set()
    assert not (root / "etc/simvoice").exists()
    assert "records may wait" in said
    wanted = root / "etc/systemd/system/multi-user.target.wants"
    assert not wanted.exists() or os.listdir(wanted) == []


@pytest.mark.slow
def test_a_computer_with_a_desktop_starts_without_it_and_gets_it_back(root: Path) -> None:
    units = root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "display-manager.service").symlink_to("/usr/lib/systemd/system/gdm.service")
    for name in ("multi-user.target", "graphical.target"):
        shutil.copy(f"/usr/lib/systemd/system/{name}", units)
    install(root)
    assert (units / "default.target").readlink().name == "multi-user.target"
    assert installation(root).plan() == []
    installation(root).remove(lambda _: None)
    assert (units / "default.target").readlink().name == "graphical.target"


def test_the_plan_names_every_step_and_does_none(root: Path) -> None:
    before = contents(root)
    plan = installation(root).plan()
    assert contents(root) == before
    assert any(files.STATION_UNIT in step for step in plan)
    assert any(step.startswith(f"Install simvoice {__version__}") for step in plan)
    assert len(plan) == len(set(plan))


@pytest.mark.slow
def test_the_pairing_line_is_used_once_and_gives_the_hub(root: Path) -> None:
    used: list[tuple[str, str, Path]] = []

    def pair(line: str, name: str, folder: Path) -> None:
        used.append((line, name, folder))

    wishes = SetupWishes(name="A1", pairing="hub.example.edu:8766 PKFJ-3YCX-7MN4")
    made = Installation(wishes, root=root, programs=PreparedPrograms, pair=pair)
    made.install(lambda _: None)
    assert used == [(wishes.pairing, "A1", root / "var/lib/simvoice/station/paired")]
    assert settings(root)["SIMVOICE_STATION_HUB"] == "https://hub.example.edu:8766"
    assert "7K3QFABCDXYZ" not in (root / "etc/simvoice/station.env").read_text()


@pytest.mark.slow
def test_a_hub_that_refuses_the_line_ends_before_anything_starts(root: Path) -> None:
    def refuse(*_: object) -> None:
        raise HubError("the code is not valid any more; make another one")

    wishes = SetupWishes(name="A1", pairing="hub.example.edu:8766 PKFJ-3YCX-7MN4")
    made = Installation(wishes, root=root, programs=PreparedPrograms, pair=refuse)
    with pytest.raises(HubError, match="make another one"):
        made.install(lambda _: None)
    assert not (root / "etc/systemd/system/multi-user.target.wants").exists()
    assert install(root) > 0, "a later installation goes on"


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        (SetupWishes(hub="https://hub.example.edu"), "needs a name"),
        (SetupWishes(name='A"1'), "leave out quotes"),
        (SetupWishes(name="$(reboot)"), "leave out quotes, dollars"),
        (SetupWishes(name="A1", port=80), "from 1024 to 65535"),
        (SetupWishes(name="A" * 61), "of 1 to 60 characters"),
        (SetupWishes(name=" \t"), "of 1 to 60 characters"),
        (SetupWishes(name="--pair"), "a letter or a digit"),
        (SetupWishes(name="A\u200b1"), "cannot be the name"),
        (SetupWishes(name="A1", pairing=f"hub.lab {MISTYPED} PKFJ-3YCX-7MN4"), "fingerprint"),
        (SetupWishes(name="A1", pairing="hub.lab:8766 PKFJ-3YCX-7MN"), "no code of a hub"),
        (SetupWishes(name="A1", pairing="hub.lab:8766"), "no code of a hub"),
        (SetupWishes(name="A1", hub="no hub here"), "hub"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    root: Path, wishes: SetupWishes, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        install(root, wishes)
    assert not (root / "etc/simvoice").exists()


def test_a_python_that_only_root_may_enter_is_found(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "python").mkdir(parents=True)
    closed.chmod(0o700)
    assert hidden_folder(closed / "python") in (*closed.parents, closed)
    assert hidden_folder(Path("/usr/bin")) is None


def test_the_hash_of_the_program_is_stable() -> None:
    assert source_hash() == source_hash()


# -- what is written


def test_the_policies_are_json_and_allow_one_origin() -> None:
    machine = files.Machine(uid=812, port=9001, keyboard="us")
    policy = json.loads(files.browser_policy_file(machine))
    assert policy["URLBlocklist"] == ["*"]
    assert policy["AudioCaptureAllowedUrls"] == ["http://127.0.0.1:9001"]
    assert policy["URLAllowlist"] == ["http://127.0.0.1:9001", "file:///run/user/812/"]


def test_a_frozen_station_leaves_no_dump_of_its_memory() -> None:
    unit = files.station_unit(files.Machine(uid=812, port=8770, keyboard="us"))
    assert "\nWatchdogSignal=SIGKILL\n" in unit
    assert "\nLimitCORE=0\n" in unit
    assert "\nRestart=always\n" in unit
    assert f"\nTimeoutStartSec={files.READY_WITHIN_S}\n" in unit
