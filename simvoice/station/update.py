"""Install a version of simvoice that the hub has sent, beside the one that runs.

Each version is a virtual environment of its own (`station.launch` says where). A new one takes over
the libraries of the one that runs, and gets only simvoice itself from the hub's wheel; nothing is
downloaded. A version that needs other libraries is refused with a sentence. Until the new version
has proved itself, the one before stays, and is started again when the new one does not get ready.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from simvoice import __version__
from simvoice.errors import SimvoiceError, StorageFull, UsageError
from simvoice.hub_client.device_files import delete, names_in
from simvoice.record.files import FULL
from simvoice.safe_text import one_line, shortened
from simvoice.station import launch

_log = logging.getLogger(__name__)

MOST_FAILURES = 2
"""A power cut in the first start counts as a failure, so a second try is fair."""

STEP_S = 300.0
"""Longest time for one step of pip; it takes some seconds."""

_WHEEL = re.compile(r"simvoice-([0-9][0-9A-Za-z.+!]{0,59}?)-py3-none-any\.whl")
_OWN = re.compile(r"simvoice|simvoice-[^/]*\.dist-info|_*editable_*(impl_)?simvoice.*", re.I)
"""What of an environment's packages is simvoice itself, and not a library."""


class UpdateRefused(SimvoiceError):
    """A version cannot run here; the one that runs stays."""


def wheel_version(path: Path) -> str:
    """Return the version of a wheel of simvoice, by its name; empty for another file."""
    found = _WHEEL.fullmatch(path.name)
    return found[1] if found else ""


class Programs:
    """The versions of simvoice on a station. One process at a time changes them."""

    def __init__(self, folder: Path, *, libraries: Path | None = None) -> None:
        """folder: as `station.launch` describes it. libraries: the folder of packages whose
        libraries a new version takes over; those of this process when None.
        """
        self.folder = folder
        self.libraries = libraries or Path(sysconfig.get_path("purelib"))

    @property
    def current(self) -> str:
        """The version that the next start takes; empty without one."""
        return launch.current_version(self.folder)

    def failures(self, version: str) -> int:
        """Return how often a version was started and did not prove itself."""
        return int(launch.read(self.folder / launch.FAILED).get(version, 0))

    def forget_failures(self) -> None:
        """Let versions that have failed be tried again."""
        launch.remove(self.folder / launch.FAILED)

    def make(self, version: str, wheel: Path | None, *, copy: bool = False) -> None:
        """Make the environment of a version, which appears when it is whole. Blocks for seconds.

        wheel: of simvoice; None to take over the simvoice of this process. copy: copy the
        libraries, so that they can get another owner; otherwise files are shared, which costs no
        space. Raises UpdateRefused for a version that cannot run here, StorageFull, and
        SimvoiceError when the folder cannot be written.
        """
        if self.has(version):
            return
        making = self.folder / launch.VERSIONS / f".making-{version}"
        try:
            making.parent.mkdir(parents=True, exist_ok=True)
            for left in names_in(making.parent):  # of a power cut
                if left.startswith(".making-"):
                    delete(making.parent / left)
            self._build(making, version, wheel, copy=copy)
            _sync_tree(making)
            making.rename(making.parent / version)
            launch.sync(making.parent)
        except OSError as error:
            _discard(making)
            if error.errno in FULL:
                raise StorageFull(
                    f"the disk is full, so version {version} of simvoice cannot be installed; free "
                    "some space"
                ) from error
            raise SimvoiceError(
                f"{self.folder} cannot be written ({error.strerror}); make it writable for the "
                "station, so that it can be updated"
            ) from error
        except BaseException:
            _discard(making)
            raise

    def has(self, version: str) -> bool:
        """Return whether a version is here and whole."""
        return launch.is_whole(self.folder, version)

    def try_next(self, version: str) -> None:
        """Let the next start try a version. Raises UsageError when it is not here; OSError."""
        if not self.has(version):
            raise UsageError(f"version {version} of simvoice is not here; install it first")
        before = self.current
        if before == version:
            return
        if before:
            trial = {"version": version, "before": before, "starts": 0}
            launch.write(self.folder / launch.TRIAL, trial)
        launch.switch(self.folder, version)

    @property
    def on_trial(self) -> str:
        """The version that has to prove itself; empty when none has."""
        return str(launch.read(self.folder / launch.TRIAL).get("version", ""))

    def confirm(self) -> None:
        """Keep the version that runs: it has proved itself. Older ones but one are removed."""
        trial = launch.read(self.folder / launch.TRIAL)
        if not trial:
            return
        launch.remove(self.folder / launch.TRIAL)
        kept = {self.current, str(trial.get("before", ""))}
        for name in names_in(self.folder / launch.VERSIONS):
            if name not in kept:
                delete(self.folder / launch.VERSIONS / name)
        _log.info("version %s of simvoice is kept", self.current)

    # -- one environment

    def _build(self, target: Path, version: str, wheel: Path | None, *, copy: bool) -> None:
        venv.EnvBuilder(symlinks=True, with_pip=False).create(target)
        place = {"base": str(target), "platbase": str(target)}
        packages = Path(sysconfig.get_path("purelib", "venv", place))
        packages.mkdir(parents=True, exist_ok=True)
        for name in names_in(self.libraries):
            if name == "__pycache__" or (wheel is not None and _OWN.fullmatch(name)):
                continue
            _take_over(self.libraries / name, packages / name, copy=copy)
        python = target / "bin" / "python"
        if wheel is not None:
            _pip(python, "install", "--no-deps", "--no-index", "--quiet", str(wheel))
            self._check_requirements(python, version)
        started = _run([str(python), "-I", "-m", "simvoice", "--version"])
        shown = one_line(started.stdout)
        if started.returncode != 0 or shown != f"simvoice {version}":
            said = shortened(_last_line(started.stderr) or shown)
            raise UpdateRefused(
                f"version {version} of simvoice does not start here ({said or 'it says nothing'}); "
                "place another wheel on the hub"
            )

    def _check_requirements(self, python: Path, version: str) -> None:
        """Raise UpdateRefused when a library of this version is missing or of a wrong version."""
        checked = _run(_pip_words(python, "check"))
        lacking = [
            line.partition(" ")[2].partition(" ")[2]
            for line in checked.stdout.splitlines()
            if line.startswith("simvoice ")
        ]
        if lacking:
            raise UpdateRefused(
                f"version {version} of simvoice needs other libraries ("
                f"{shortened(one_line('; '.join(lacking)))}), so the station keeps its "
                "version; set it up again with: simvoice station install"
            )


def _discard(folder: Path) -> None:
    with suppress(OSError):  # what is left is removed the next time
        delete(folder)


def _take_over(source: Path, target: Path, *, copy: bool) -> None:
    def link(each: str, other: str) -> str:
        try:
            os.link(each, other, follow_symlinks=False)
        except OSError as error:
            if error.errno in FULL:
                raise
            shutil.copy2(each, other, follow_symlinks=False)  # another disk, or another owner
        return other

    take: Callable[[str, str], object] = shutil.copy2 if copy else link
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=take)
    else:
        take(str(source), str(target))


def _pip_words(python: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--isolated", "--python", str(python), *words]


def _pip(python: Path, *words: str) -> None:
    done = _run(_pip_words(python, *words))
    if done.returncode != 0:
        raise UpdateRefused(
            "the wheel of simvoice cannot be installed "
            f"({shortened(_last_line(done.stderr))}); place another one on the hub"
        )


def _last_line(text: str) -> str:
    """Return the last line with text, which says what went wrong; empty without one."""
    return next((one_line(line) for line in reversed(text.splitlines()) if line.strip()), "")


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    allowed = {"PATH", "HOME", "LANG", "TMPDIR"}
    environment = {key: value for key, value in os.environ.items() if key in allowed}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    try:
        return subprocess.run(
            ["nice", "-n", "19", *words],  # a learner may come meanwhile
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=STEP_S,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise UpdateRefused(
            f"installing simvoice took over {STEP_S:.0f} s; look whether the disk of the station "
            "is in order"
        ) from None


def _sync_tree(folder: Path) -> None:
    """Make everything in a folder survive a power cut: the rename must not come before it."""
    os.sync()
    launch.sync(folder)


class ProgramUpdate:
    """Follows the version that the hub wants, between learners.

    Without `station.launch` there is no folder of programs, and nothing happens. One thread at a
    time calls it.
    """

    def __init__(
        self,
        fetched: Path,
        *,
        environment: Mapping[str, str] = os.environ,
        running: str = __version__,
        libraries: Path | None = None,
    ) -> None:
        """fetched: the folder of what the hub has sent (`hub_client.supplies`, `program/`)."""
        folder = environment.get(launch.PROGRAM_VARIABLE, "")
        self._programs = Programs(Path(folder), libraries=libraries) if folder else None
        self._fetched = fetched
        self._running = running
        self._refused: tuple[str, int] | None = None
        """A file that was refused, by name and time: it is not tried again."""
        self.problem = ""
        """Why the wanted version does not run, in a sentence; empty when nothing is wrong."""

    def prepare(self) -> str:
        """Install the version that was fetched; return its name when the next start can try it.

        Blocks for some seconds. Empty when there is nothing to do, or `problem` says why not.
        """
        if self._programs is None:
            return ""
        wheel = self._wheel()
        if wheel is None:
            return ""
        version = wheel_version(wheel)
        if self._programs.failures(version) >= MOST_FAILURES:
            self._tell(
                f"Version {version} of simvoice was started {MOST_FAILURES} times and did not get "
                f"ready, so version {self._running} runs. Choose another version on the hub."
            )
            return ""
        stamp = (wheel.name, wheel.stat().st_mtime_ns)
        if stamp == self._refused:
            return ""
        try:
            self._programs.make(version, wheel)
        except SimvoiceError as error:
            if isinstance(error, UpdateRefused):
                self._refused = stamp
            self._tell(str(error)[:1].upper() + str(error)[1:] + ".")
            return ""
        self.problem = ""
        return version

    def switch(self, version: str) -> bool:
        """Let the next start try a version. Returns False when it cannot; `problem` says why.

        After True, end the process: systemd starts it again.
        """
        assert self._programs is not None
        try:
            self._programs.try_next(version)
        except OSError as error:
            self._tell(
                f"Version {version} of simvoice cannot be started, because the disk cannot be "
                f"written ({error.strerror}). Free some space, or check the disk."
            )
            return False
        _log.info("the next start tries version %s of simvoice", version)
        return True

    def confirm(self) -> None:
        """Keep the version that runs. Call it when the station has worked for a while."""
        if self._programs is not None and self._programs.on_trial == self._running:
            self._programs.confirm()

    def _tell(self, problem: str) -> None:
        """Note a problem; technicians see it among the errors of the station, once."""
        if problem != self.problem:
            self.problem = problem
            _log.warning("%s", problem)

    def _wheel(self) -> Path | None:
        """Return the wheel that was fetched and does not run; None without one."""
        for name in names_in(self._fetched):
            path = self._fetched / name
            version = wheel_version(path)
            if version and version != self._running:
                return path
        return None
