"""Set up a Debian or Ubuntu computer as a station, or undo it, for `simvoice station install`.

Each step says what it does, knows whether it is done already, and can be undone. So the whole can
be shown first, run again, and removed. With another root than "/" everything is written below it,
and what only a running computer has is left out: packages, services that start now, owners.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from simvoice import __version__, paths
from simvoice.errors import NeedsError, SettingError, SimvoiceError, UsageError
from simvoice.hub_client.connection import Address, HubConnection
from simvoice.hub_client.device_files import delete, names_in
from simvoice.hub_client.pairing import (
    Pairings,
    establish_trust,
    is_ended_by_hub,
    known_pairing,
    pair,
)
from simvoice.hub_client.trust import hub_address
from simvoice.record.files import replace_file
from simvoice.safe_text import one_line, shortened
from simvoice.station import install_files as files
from simvoice.station import launch
from simvoice.station.naming import read_station_line, station_name
from simvoice.station.update import Programs

_PLAIN = re.compile(r'[^"$\\`\x00-\x1f]*')
"""What a value in the settings file may hold, for systemd and sh to read the same."""

COMMAND_S = 1800.0
"""Longest time of one program of the system: apt-get on a slow network."""

Run = Callable[[Sequence[str]], str]
"""Runs a program of the system and returns what it printed. Raises SimvoiceError."""


@dataclass(frozen=True, slots=True)
class SetupWishes:
    """What the technician asks for. Empty values keep what an earlier installation set."""

    hub: str = ""
    name: str = ""
    pairing: str = ""
    """The line from the hub's page of stations; used once."""
    port: int | None = None
    keyboard: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done to the computer."""

    sentence: str
    do: Callable[[], None]
    is_done: Callable[[], bool] = lambda: False
    undo: Callable[[], None] | None = None
    """None when nothing needs to be undone."""
    undo_sentence: str = ""


class Installation:
    """The steps for one computer."""

    def __init__(
        self,
        wishes: SetupWishes,
        *,
        root: Path = Path("/"),
        run: Run | None = None,
        programs: Callable[[Path], Programs] = Programs,
        pair: Callable[[str, str, Path], None] | None = None,
    ) -> None:
        """root: other than "/" for tests. run, programs, pair: for tests; the last one pairs the
        station with the hub of a line, by line, name and folder.

        Raises UsageError for wishes that cannot be.
        """
        self._root = root
        self._is_real = root == Path("/")
        self._run = run or run_program
        self._programs = programs(self._place(files.PROGRAM))
        self._pair = pair or _pair
        self._wishes = wishes
        self.settings = self._settings(wishes)

    @property
    def machine(self) -> files.Machine:
        """What the files need to know. The account's number is 0 until it has been made."""
        return files.Machine(
            uid=self._uid(),
            port=int(self.settings[files.PORT_VARIABLE]),
            keyboard=self.settings[files.KEYBOARD_VARIABLE],
        )

    def _place(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def _tool(self, name: str, *words: str) -> None:
        """Run a program of systemd that also works on the files below another root."""
        self._run([name, *([] if self._is_real else [f"--root={self._root}"]), *words])

    def _live(self, *words: str) -> None:
        """Run a program that changes the running computer."""
        if self._is_real:
            self._run(words)

    # -- what is there, and what is wanted

    def _settings(self, wishes: SetupWishes) -> dict[str, str]:
        """Return the settings: what was there, and over it what is wished now."""
        values = {
            files.HUB_VARIABLE: "",
            files.NAME_VARIABLE: "",
            files.PORT_VARIABLE: "8770",
            files.KEYBOARD_VARIABLE: self._keyboard_of_system(),
            # digits of the keypad count without the Num Lock key: some card readers use them
            "XKB_DEFAULT_OPTIONS": "numpad:mac",
        }
        with_lines = self._read(files.SETTINGS)
        values.update(files.read_settings(with_lines))
        if wishes.pairing:
            values[files.HUB_VARIABLE] = read_station_line(wishes.pairing).address
        if wishes.hub:
            values[files.HUB_VARIABLE] = hub_address(wishes.hub)
        if wishes.name:
            values[files.NAME_VARIABLE] = station_name(wishes.name)
        if wishes.port is not None:
            values[files.PORT_VARIABLE] = str(wishes.port)
        if wishes.keyboard:
            values[files.KEYBOARD_VARIABLE] = wishes.keyboard
        for name, value in values.items():
            if not _PLAIN.fullmatch(value):
                raise UsageError(
                    f"{shortened(value, 60)!r} cannot be a setting ({name}); leave out quotes, "
                    "dollars and backslashes"
                )
        port = values[files.PORT_VARIABLE]
        if not port.isdigit() or not 1024 <= int(port) <= 65535:
            raise UsageError(f"{shortened(port, 20)!r} is no port; give one from 1024 to 65535")
        return values

    def _keyboard_of_system(self) -> str:
        found = files.read_settings(self._read("/etc/default/keyboard")).get("XKBLAYOUT", "")
        return found.split(",")[0] or "us"

    def _read(self, path: str) -> str:
        try:
            return self._place(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _uid(self) -> int:
        for line in self._read("/etc/passwd").splitlines():
            fields = line.split(":")
            if fields[0] == files.USER and len(fields) > 2 and fields[2].isdigit():
                return int(fields[2])
        return 0

    # -- the steps

    def check(self) -> None:
        """Raise NeedsError or UsageError when this computer cannot be set up."""
        if not self.settings[files.NAME_VARIABLE]:
            raise UsageError("a station needs a name, as on its door; give it with --name")
        if not self._is_real:
            return
        if os.geteuid() != 0:
            raise NeedsError("only root can set up a station; run the command with sudo")
        if not Path("/run/systemd/system").is_dir():
            raise NeedsError(
                "this computer does not run systemd, so no station can be installed; start one by "
                "hand with: simvoice station"
            )
        if shutil.which("apt-get") is None:
            raise NeedsError(
                "this is neither Debian nor Ubuntu; install the packages and units by hand, as "
                "docs/station.md says"
            )
        hidden = hidden_folder(Path(sys.base_prefix))
        if hidden is not None:
            raise NeedsError(
                f"the Python that runs simvoice is in {hidden}, which the station may not enter; "
                "install Debian's (apt-get install python3 python3-venv), remove .venv and run "
                "scripts/start with PYTHON=/usr/bin/python3"
            )

    def steps(self) -> list[Step]:
        """Return all steps, in their order."""
        return [
            *self._packages(),
            *self._account(),
            *self._files(),
            *self._program(),
            *self._pairing(),
            *self._services(),
        ]

    def _packages(self) -> Iterator[Step]:
        missing = self._missing_packages()
        if missing:
            words = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
            yield Step(
                f"Install the packages {', '.join(missing)}",
                lambda: self._live("env", "DEBIAN_FRONTEND=noninteractive", *words),
            )

    def _missing_packages(self) -> list[str]:
        if not self._is_real:
            return []
        wanted = list(files.PACKAGES)
        if "ID=ubuntu" in self._read("/etc/os-release") or shutil.which("google-chrome"):
            wanted.remove("chromium")  # Ubuntu's is a snap, which a service cannot start
            if shutil.which("google-chrome") is None:
                raise NeedsError(
                    "Ubuntu has Chromium only as a snap, which a station cannot start; install the "
                    "package of Google Chrome, or use Debian"
                )
        return [name for name in wanted if not _has_package(name)]

    def _account(self) -> Iterator[Step]:
        yield self._file(
            "/etc/sysusers.d/simvoice-station.conf",
            files.SYSUSERS,
            f"the account {files.USER}",
        )
        yield Step(
            f"Make the account {files.USER}, which may use sound and screen and cannot sign in",
            lambda: self._tool("systemd-sysusers", "simvoice-station.conf"),
            is_done=lambda: self._uid() != 0,
        )

    def _files(self) -> Iterator[Step]:
        source = Path(launch.__file__).read_text(encoding="utf-8")
        launcher = f"{files.LIBRARY}/launch.py"
        yield self._file(launcher, source, "what starts the version that is to run")
        yield self._file(
            files.COMMAND,
            files.WRAPPER,
            "the command for a technician: sudo simvoice-station check",
            mode=0o755,
        )
        yield self._file(
            files.SETTINGS, files.settings_file(self.settings), "hub, name, port and keyboard"
        )
        for folder in files.POLICY_FOLDERS:
            yield self._file(
                f"{folder}/simvoice-station.json",
                lambda: files.browser_policy_file(self.machine),
                "what the browser of this computer may do: show the station, and nothing else",
            )
        unit_folder = "/etc/systemd/system"
        yield self._file(
            f"{unit_folder}/{files.STATION_UNIT}",
            lambda: files.station_unit(self.machine),
            "the program",
        )
        yield self._file(f"{unit_folder}/{files.SCREEN_UNIT}", files.screen_unit(), "its screen")
        yield self._file("/etc/pam.d/simvoice-screen", files.PAM, "the session of the screen")
        yield self._file("/etc/tmpfiles.d/simvoice-station.conf", files.TMPFILES, "the data folder")
        yield self._file(
            "/etc/udev/rules.d/99-simvoice-station.rules", files.UDEV, "USB sticks are mounted"
        )
        yield self._file(
            "/etc/systemd/logind.conf.d/simvoice-station.conf", files.LOGIND, "a closed lid"
        )
        yield self._file("/etc/systemd/sleep.conf.d/simvoice-station.conf", files.SLEEP, "no sleep")

    def _file(
        self, path: str, content: str | Callable[[], str], what: str, *, mode: int = 0o644
    ) -> Step:
        """content: a function when it depends on the account, which an earlier step makes."""
        target = self._place(path)

        def text() -> str:
            return content if isinstance(content, str) else content()

        def do() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(target, text().encode())
            target.chmod(mode)

        def is_done() -> bool:
            try:
                return target.read_text(encoding="utf-8") == text() and (
                    target.stat().st_mode & 0o777 == mode
                )
            except (OSError, UnicodeDecodeError):
                return False

        def undo() -> None:
            target.unlink(missing_ok=True)
            if target.parent.name.startswith("simvoice") and not names_in(target.parent):
                target.parent.rmdir()

        return Step(f"Write {path} ({what})", do, is_done, undo, f"Remove {path}")

    def _program(self) -> Iterator[Step]:
        version, hashed = __version__, source_hash()
        yield Step(
            f"Make {files.HOME}, which only {files.USER} can read",
            lambda: self._tool("systemd-tmpfiles", "--create", "simvoice-station.conf"),
            is_done=lambda: self._place(files.HOME).is_dir(),
        )
        yield Step(
            f"Install simvoice {version} with its libraries in {files.PROGRAM}",
            lambda: self._install_program(version, hashed),
            is_done=lambda: self._has_program(version, hashed),
        )
        source = paths.models_dir()
        names = [name for name in names_in(source) if (source / name).is_dir()]
        yield Step(
            f"Copy the models from {source}",
            lambda: self._copy_models(source, names),
            is_done=lambda: all((self._place(files.MODELS) / name).is_dir() for name in names),
        )

    def _install_program(self, version: str, source: str) -> None:
        with checkout_wheel(self._place(files.HOME)) as wheel:
            delete(self._programs.folder / launch.VERSIONS / version)
            self._programs.make(version, wheel, copy=True)
        launch.write(self._source_file(version), {"sha256": source})
        self._programs.forget_failures()
        launch.remove(self._programs.folder / launch.TRIAL)
        launch.switch(self._programs.folder, version)
        self._give(files.PROGRAM)

    def _source_file(self, version: str) -> Path:
        return self._programs.folder / launch.VERSIONS / version / "source.json"

    def _has_program(self, version: str, source: str) -> bool:
        """Return whether exactly this program is installed: a checkout changes within a version."""
        is_same = launch.read(self._source_file(version)).get("sha256") == source
        return is_same and self._programs.has(version) and self._programs.current == version

    def _copy_models(self, source: Path, names: list[str]) -> None:
        for name in names:
            target = self._place(files.MODELS) / name
            fresh = target.with_name(f".{name}")
            delete(fresh)
            shutil.copytree(source / name, fresh)
            delete(target)
            fresh.rename(target)
        self._give(files.MODELS)

    def _give(self, path: str) -> None:
        """Give everything below a path to the account."""
        self._live("chown", "-R", "--no-dereference", f"{files.USER}:{files.USER}", path)

    def _pairing(self) -> Iterator[Step]:
        line = self._wishes.pairing
        if line:
            yield Step(
                f"Pair the station with {self.settings[files.HUB_VARIABLE]}",
                lambda: self._pair_now(line),
            )

    def _pair_now(self, line: str) -> None:
        data = self._place(files.DATA)
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._pair(line, self.settings[files.NAME_VARIABLE], data / "paired")
        self._give(files.DATA)

    def _services(self) -> Iterator[Step]:
        units = [files.SCREEN_UNIT, files.STATION_UNIT]
        folder = self._place("/etc/systemd/system")
        if "display-manager.service" in names_in(folder):
            default = folder / "default.target"
            yield Step(
                "Start the computer without its desktop",
                lambda: self._tool("systemctl", "set-default", "multi-user.target"),
                is_done=lambda: (
                    default.is_symlink() and default.readlink().name == "multi-user.target"
                ),
                undo=lambda: self._tool("systemctl", "set-default", "graphical.target"),
                undo_sentence="Start the computer with its desktop again",
            )
        wanted = folder / "multi-user.target.wants"
        yield Step(
            f"Start {' and '.join(units)} whenever the computer starts",
            lambda: self._tool("systemctl", "enable", *units),
            is_done=lambda: set(units) <= set(names_in(wanted)),
            undo=lambda: self._disable(units),
            undo_sentence=f"Stop {' and '.join(units)}",
        )

    def _disable(self, units: list[str]) -> None:
        self._live("systemctl", "stop", *reversed(units))
        self._tool("systemctl", "disable", *units)
        self._live("loginctl", "disable-linger", files.USER)  # ends sound and all that is left
        self._place(f"/var/lib/systemd/linger/{files.USER}").unlink(missing_ok=True)

    # -- all of them

    def install(self, tell: Callable[[str], None]) -> int:
        """Do every step that is not done. Return how many were. tell: is told each step."""
        self.check()
        count = 0
        for step in self.steps():
            if not step.is_done():
                tell(step.sentence)
                step.do()
                count += 1
        if count:
            self._live("systemctl", "daemon-reload")
        return count

    def plan(self) -> list[str]:
        """Return a sentence for each step that is not done."""
        return [step.sentence for step in self.steps() if not step.is_done()]

    def removal(self) -> list[str]:
        """Return a sentence for each step of the removal."""
        return [step.undo_sentence for step in self._undoable()]

    def remove(self, tell: Callable[[str], None]) -> str:
        """Undo everything but the data: records may wait there that no hub has.

        Returns a sentence that says where they are.
        """
        if self._is_real and os.geteuid() != 0:
            raise NeedsError("only root can remove a station; run the command with sudo")
        for step in self._undoable():
            tell(step.undo_sentence)
            assert step.undo is not None
            step.undo()
        self._live("systemctl", "daemon-reload")
        return (
            f"{files.HOME} stays, because records may wait in it; when the hub has all of them, "
            f"remove it and the account: rm -r {files.HOME} && userdel {files.USER}."
        )

    def _undoable(self) -> list[Step]:
        steps = [*self._services(), *self._files(), next(self._account())]
        return [step for step in steps if step.undo is not None]


# -- parts


def source_hash() -> str:
    """Return a hash of the program that runs: its package and its cases."""
    hashed = hashlib.sha256()
    for folder in (Path(paths.__file__).parent, paths.scenarios_dir()):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                name = str(path.relative_to(folder)).encode()
                hashed.update(b"%d %b %d " % (len(name), name, path.stat().st_size))
                hashed.update(path.read_bytes())
    return hashed.hexdigest()


@contextmanager
def checkout_wheel(folder: Path) -> Iterator[Path | None]:
    """Yield a wheel of the checkout that runs, made in `folder`; None when simvoice was installed.

    Raises SimvoiceError.
    """
    checkout = Path(paths.__file__).resolve().parents[1]
    if not (checkout / "pyproject.toml").is_file():
        yield None
        return
    made = folder / ".wheel"
    try:
        delete(made)
        pip = [sys.executable, "-m", "pip", "--isolated", "wheel", "--no-deps", "--quiet"]
        run_program([*pip, "--no-build-isolation", "--wheel-dir", str(made), str(checkout)])
        yield next(made.glob("simvoice-*.whl"))
    finally:
        delete(made)


def run_program(words: Sequence[str]) -> str:
    """Run a program of the system and return what it printed. Raises SimvoiceError."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=COMMAND_S, check=False
        )
    except FileNotFoundError as error:
        raise NeedsError(f"the program {words[0]} is missing; install it and try again") from error
    except subprocess.TimeoutExpired as error:
        raise SimvoiceError(
            f"`{' '.join(words)}` took over {COMMAND_S / 60:.0f} min; run it by hand"
        ) from error
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        said = shortened(one_line(lines[-1] if lines else "no reason given"), 200)
        raise SimvoiceError(f"`{shortened(' '.join(words), 120)}` failed: {said}")
    return done.stdout


def _has_package(name: str) -> bool:
    try:
        return "ok installed" in run_program(["dpkg-query", "-W", "-f", "${Status}", name])
    except SimvoiceError:
        return False


def hidden_folder(path: Path) -> Path | None:
    """Return the first folder on the way to `path` that other accounts may not enter; None for
    none.
    """
    for folder in (*reversed(path.resolve().parents), path.resolve()):
        try:
            mode = folder.stat().st_mode
        except OSError:
            return folder
        if not mode & 0o001:
            return folder
    return None


def _pair(line: str, name: str, folder: Path) -> None:
    """Pair the station in a folder. Raises SettingError or HubError."""
    read = read_station_line(line)
    pairings = Pairings(folder)
    known = known_pairing(pairings)
    if known is not None and not is_ended_by_hub(known, connect=HubConnection):
        raise SettingError(
            "this station is paired already, and its hub does not say otherwise; unpair it on the "
            f"hub's page of this station, or remove {folder} if that hub is gone"
        )
    address = Address(read.address, establish_trust(read))
    pairings.forget()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    pair(
        pairings,
        address,
        read.code,
        connect=lambda at, token: HubConnection(at, token),
        now=now,
        kind="station",
        name=name,
    )
