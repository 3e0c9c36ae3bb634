"""New versions of a small program, installed in real virtual environments and started for real.

The wheels hold a `simvoice` that prints its version, says that it is ready, or fails to.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from simvoice.errors import UsageError
from simvoice.station import launch
from simvoice.station.update import Programs, ProgramUpdate, UpdateRefused

READY = """
import os, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as said:
    said.sendto(f"READY=1 {VERSION} {DEPENDENCY}".encode(), os.environ["NOTIFY_SOCKET"])
"""
SILENT = "import time; time.sleep(30)"
CRASHES = "raise SystemExit('it is broken')"


def wheel(
    folder: Path,
    version: str,
    then: str = READY,
    *,
    name: str = "simvoice",
    requires: tuple[str, ...] = ("ground",),
    body: str | None = None,
) -> Path:
    """Build a wheel: `python -m simvoice --version` prints it, and without it `then` runs."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    main = body or (
        "import sys, ground\n"
        f"VERSION, DEPENDENCY = {version!r}, ground.VERSION\n"
        "if sys.argv[1:] == ['--version']:\n"
        "    print('simvoice', VERSION)\n"
        "    raise SystemExit\n"
        f"{then}\n"
    )
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {each}\n" for each in requires)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}/__init__.py", f"VERSION = {version!r}\n")
        if name == "simvoice":
            file.writestr(f"{name}/__main__.py", main)
        file.writestr(f"{info}/METADATA", metadata)
        file.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of an environment with `ground` 1.0 and an older simvoice."""
    folder = tmp_path_factory.mktemp("old")
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder / "env")
    python = folder / "env" / "bin" / "python"
    wheels = [
        wheel(folder, "1.0", name="ground", requires=()),
        wheel(folder, "0.0.9"),
    ]
    pip = [sys.executable, "-m", "pip", "--isolated", "--python", str(python), "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", *map(str, wheels)], check=True)
    return next((folder / "env" / "lib").glob("python*/site-packages"))


@pytest.fixture
def programs(tmp_path: Path, libraries: Path) -> Programs:
    return Programs(tmp_path / "program", libraries=libraries)


def start(programs: Programs, *, ready_within_s: float = 60.0) -> str:
    """Start the program once, as systemd does. Return what it said, or "" when it was not ready.

    It is killed when it is not ready in time.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = programs.folder / "notify"
    path.unlink(missing_ok=True)
    listener.bind(str(path))
    listener.settimeout(0.02)
    process = subprocess.Popen(
        [sys.executable, "-I", launch.__file__, str(programs.folder), "station"],
        env={**os.environ, "NOTIFY_SOCKET": str(path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(int(ready_within_s / 0.02)):
            has_ended = process.poll() is not None
            try:
                return listener.recv(200).decode()
            except TimeoutError:
                if has_ended:
                    return ""
        return ""
    finally:
        process.kill()
        process.wait(60)
        listener.close()


Make = Callable[..., None]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, libraries: Path) -> Programs:
    return Programs(tmp_path_factory.mktemp("workshop"), libraries=libraries)


@pytest.fixture
def make(programs: Programs, workshop: Programs) -> Make:
    """Put a version in its place. pip takes a second, so each is made once and copied."""

    def put(version: str, then: str = READY) -> None:
        shelf = workshop.folder / str(abs(hash(then)))
        Programs(shelf, libraries=workshop.libraries).make(version, wheel(shelf, version, then))
        target = programs.folder / "versions" / version
        shutil.copytree(shelf / "versions" / version, target, symlinks=True)

    return put


@pytest.mark.slow
def test_a_new_version_takes_over_the_libraries_and_starts(
    programs: Programs, tmp_path: Path, libraries: Path
) -> None:
    programs.make("0.1.0", wheel(tmp_path, "0.1.0"))
    programs.try_next("0.1.0")
    assert start(programs) == "READY=1 0.1.0 1.0"
    new = next((programs.folder / "versions" / "0.1.0" / "lib").glob("python*/site-packages"))
    assert not (new / "simvoice-0.0.9.dist-info").exists(), "only the new simvoice is there"
    ours, theirs = (each / "ground" / "__init__.py" for each in (new, libraries))
    assert ours.stat().st_ino == theirs.stat().st_ino, "a library costs no space"


@pytest.mark.slow
@pytest.mark.parametrize("then", [CRASHES, SILENT])
def test_a_version_that_does_not_get_ready_gives_way_to_the_one_before(
    programs: Programs, make: Make, then: str
) -> None:
    make("0.1.0")
    programs.try_next("0.1.0")
    make("0.2.0", then)
    programs.try_next("0.2.0")
    assert start(programs, ready_within_s=10.0) == ""
    assert start(programs) == "READY=1 0.1.0 1.0"
    assert start(programs) == "READY=1 0.1.0 1.0"
    assert (programs.current, programs.on_trial, programs.failures("0.2.0")) == ("0.1.0", "", 1)


@pytest.mark.slow
def test_a_version_that_proved_itself_stays_after_later_crashes(
    programs: Programs, make: Make
) -> None:
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        make(version)
        programs.try_next(version)
        assert start(programs) == f"READY=1 {version} 1.0"
        programs.confirm()
    assert start(programs) == start(programs) == "READY=1 0.3.0 1.0"
    assert sorted(each.name for each in (programs.folder / "versions").iterdir()) == [
        "0.2.0",
        "0.3.0",
    ]


@pytest.mark.slow
def test_a_power_cut_before_the_switch_leaves_the_old_version(
    programs: Programs, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("0.1.0")
    programs.try_next("0.1.0")
    make("0.2.0")
    with monkeypatch.context() as patched:
        patched.setattr(launch, "switch", _power_cut)
        with pytest.raises(OSError, match="power"):
            programs.try_next("0.2.0")
    assert start(programs) == "READY=1 0.1.0 1.0"
    assert (programs.on_trial, programs.failures("0.2.0")) == ("", 0)


def _power_cut(*_: object) -> None:
    raise OSError(5, "power")


@pytest.mark.slow
def test_a_version_half_made_by_a_power_cut_is_made_again(
    programs: Programs, tmp_path: Path
) -> None:
    half = programs.folder / "versions" / ".making-0.1.0"
    (half / "bin").mkdir(parents=True)
    (half / "bin" / "python").symlink_to(sys.executable)
    assert launch.newest(programs.folder) == ""
    programs.make("0.1.0", wheel(tmp_path, "0.1.0"))
    assert not half.exists()
    programs.try_next("0.1.0")
    assert start(programs) == "READY=1 0.1.0 1.0"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("requires", "named"),
    [(("ground>=2",), "ground>=2"), (("ground", "telescope"), "telescope")],
)
def test_a_version_that_needs_other_libraries_is_refused_with_a_sentence(
    programs: Programs, tmp_path: Path, requires: tuple[str, ...], named: str
) -> None:
    with pytest.raises(UpdateRefused, match=rf"0\.2\.0 .*needs other libraries.*{named}"):
        programs.make("0.2.0", wheel(tmp_path, "0.2.0", requires=requires))
    assert not programs.has("0.2.0")
    assert list((programs.folder / "versions").iterdir()) == []


@pytest.mark.slow
def test_a_version_that_does_not_even_import_is_refused(programs: Programs, tmp_path: Path) -> None:
    broken = wheel(tmp_path, "0.2.0", body="import what_is_not_there\n")
    with pytest.raises(UpdateRefused, match=r"does not start here .*what_is_not_there"):
        programs.make("0.2.0", broken)


@pytest.mark.slow
def test_a_file_that_is_no_wheel_is_refused(programs: Programs, tmp_path: Path) -> None:
    damaged = tmp_path / "simvoice-0.2.0-py3-none-any.whl"
    damaged.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UpdateRefused, match="cannot be installed"):
        programs.make("0.2.0", damaged)


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_costs_a_sentence(libraries: Path, tmp_path: Path) -> None:
    (tmp_path / "program").write_text("a file")
    with pytest.raises(Exception, match="make it writable for the station") as refused:
        Programs(tmp_path / "program", libraries=libraries).make("0.2.0", None)
    assert type(refused.value).__name__ == "SimvoiceError"


@pytest.mark.slow
def test_only_a_version_that_is_here_can_be_tried(programs: Programs) -> None:
    with pytest.raises(UsageError, match="is not here"):
        programs.try_next("0.9.0")


@pytest.mark.slow
def test_without_any_version_the_start_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", launch.__file__, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == launch.EXIT_MISSING
    assert "run: simvoice station install" in done.stderr


@pytest.mark.slow
def test_a_link_that_was_lost_is_made_again(programs: Programs, make: Make) -> None:
    make("0.1.0")
    assert start(programs) == "READY=1 0.1.0 1.0"
    assert programs.current == "0.1.0"
    (programs.folder / "trial.json").write_text("{ damaged")
    assert start(programs) == "READY=1 0.1.0 1.0"


# -- what the hub has sent


def update(programs: Programs, libraries: Path, fetched: Path, running: str) -> ProgramUpdate:
    return ProgramUpdate(
        fetched,
        environment={launch.PROGRAM_VARIABLE: str(programs.folder)},
        running=running,
        libraries=libraries,
    )


@pytest.mark.slow
def test_the_wanted_version_is_installed_tried_and_kept(
    programs: Programs, make: Make, libraries: Path, tmp_path: Path
) -> None:
    make("0.1.0")
    programs.try_next("0.1.0")
    fetched = tmp_path / "from-hub"
    station = update(programs, libraries, fetched, "0.1.0")
    assert station.prepare() == "", "the hub has sent nothing"
    wheel(fetched, "0.2.0")
    assert station.prepare() == "0.2.0"
    assert station.switch("0.2.0")
    station.confirm()  # the old version, which has not ended yet
    assert programs.on_trial == "0.2.0"
    assert start(programs) == "READY=1 0.2.0 1.0"
    renewed = update(programs, libraries, fetched, "0.2.0")
    renewed.confirm()
    assert programs.on_trial == ""
    assert renewed.prepare() == "", "what runs is not installed again"


@pytest.mark.slow
def test_a_version_that_failed_twice_is_not_tried_again_and_the_reason_is_told(
    programs: Programs, make: Make, libraries: Path, tmp_path: Path
) -> None:
    make("0.1.0")
    programs.try_next("0.1.0")
    fetched = tmp_path / "from-hub"
    wheel(fetched, "0.2.0", CRASHES)
    for _ in range(2):
        station = update(programs, libraries, fetched, "0.1.0")
        assert station.prepare() == "0.2.0"
        station.switch("0.2.0")
        assert start(programs) == ""
        assert start(programs) == "READY=1 0.1.0 1.0"
    station = update(programs, libraries, fetched, "0.1.0")
    assert station.prepare() == ""
    assert station.problem == (
        "Version 0.2.0 of simvoice was started 2 times and did not get ready, so version 0.1.0 "
        "runs. Choose another version on the hub."
    )
    programs.forget_failures()
    assert station.prepare() == "0.2.0"


@pytest.mark.slow
def test_a_refused_wheel_is_looked_at_once_and_a_new_one_again(
    programs: Programs, libraries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = tmp_path / "from-hub"
    wheel(fetched, "0.2.0", requires=("telescope",))
    station = update(programs, libraries, fetched, "0.1.0")
    assert station.prepare() == ""
    assert "Version 0.2.0 of simvoice needs other libraries" in station.problem
    with monkeypatch.context() as patched:
        patched.setattr(Programs, "make", _power_cut)  # it would be seen
        assert station.prepare() == ""
    shutil.rmtree(fetched)
    wheel(fetched, "0.2.0")
    assert station.prepare() == "0.2.0"
    assert station.problem == ""


def test_a_station_that_was_not_installed_does_not_update_itself(tmp_path: Path) -> None:
    wheel(tmp_path, "0.2.0")
    assert ProgramUpdate(tmp_path, environment={}, running="0.1.0").prepare() == ""
