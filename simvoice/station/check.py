"""What a computer lacks as a station: `simvoice station check`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simvoice import __version__
from simvoice.checkup.checks import (
    Check,
    Detail,
    check_cores,
    check_disk,
    check_libraries,
    check_models,
    check_python,
    fail,
    ok,
    warn,
)
from simvoice.checkup.memory import check_memory
from simvoice.display import count_noun
from simvoice.errors import HubError, NeedsError, SimvoiceError
from simvoice.hub_client.connection import HubConnection
from simvoice.hub_client.pairing import Connect, Pairings
from simvoice.models import manifest
from simvoice.station import install_files as files
from simvoice.station import launch
from simvoice.station.browser import find_browser
from simvoice.station.outbox import RecordOutbox
from simvoice.station.roster_store import DAMAGED_ROSTER, RosterStore
from simvoice.station.update import Programs

INSTALL = "run: sudo simvoice station install"
_COMMAND_S = 10.0
"""Programs that are asked answer within milliseconds."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is looked at; tests put other things in its place."""

    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    which: Callable[[str], str | None] = shutil.which
    connect: Connect = HubConnection

    def read(self, path: str) -> str:
        """Return the text of a file; empty when it is missing."""
        try:
            return (self.root / path.lstrip("/")).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def ask(self, *words: str) -> str:
        """Return what a program prints; empty when it is missing or fails."""
        program = self.which(words[0])
        if program is None:
            return ""
        try:
            done = subprocess.run(
                [program, *words[1:]],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_COMMAND_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip()


def check_station(
    data: Path,
    *,
    port: int,
    profile: str = manifest.DEFAULT_PROFILE,
    browser: str = "",
    around: Surroundings | None = None,
) -> Iterator[Check]:
    """Yield each check when it is done. data: the data folder of the station; it may be missing.

    Raises SettingError for an unknown profile.
    """
    around = around or Surroundings()
    models = dict.fromkeys(manifest.profile(profile).values())
    yield check_python()
    yield check_libraries()
    yield from check_models(profile)
    yield check_cores()
    yield check_memory(models)
    yield check_disk(data)
    yield check_encryption(data, around)
    yield check_browser(browser)
    yield check_policy(port, around)
    yield check_screen(around)
    yield check_units(around)
    yield check_program(around)
    yield check_profile_folder(around)
    yield check_microphone(around)
    yield check_clock(around)
    yield from check_hub(data, around)
    yield check_outbox(data)


# -- disk and program


def check_encryption(data: Path, around: Surroundings) -> Check:
    """Check whether the disk of the data folder is encrypted: erased files can be recovered."""
    existing = next(parent for parent in (data, *data.parents) if parent.exists())
    device = around.ask("findmnt", "-n", "-o", "SOURCE", "-T", str(existing)).partition("[")[0]
    kinds = around.ask("lsblk", "-n", "-s", "-o", "TYPE", device).split() if device else []
    if "crypt" in kinds:
        return ok("encryption", "the disk of the data folder is encrypted")
    if not kinds:
        return warn(
            "encryption",
            "it cannot be found out whether the disk of the data folder is encrypted",
            "look at it yourself: what is erased can be recovered from a disk that is not",
        )
    return warn(
        "encryption",
        "the disk of the data folder is not encrypted, and erased files can be recovered from it",
        "install the system on an encrypted disk",
    )


def check_program(around: Surroundings) -> Check:
    """Check the version that runs, and the one that the next start takes."""
    folder = around.environment.get(launch.PROGRAM_VARIABLE, "")
    if not folder:
        return warn(
            "program",
            f"simvoice {__version__} runs from its own folder, and does not update itself",
            INSTALL,
            version=__version__,
        )
    programs = Programs(Path(folder))
    if not programs.has(programs.current):
        return fail("program", f"{folder} has no version of simvoice", INSTALL)
    if programs.on_trial:
        return ok(
            "program",
            f"version {programs.on_trial} is on trial",
            version=programs.current,
            trial=programs.on_trial,
        )
    return ok("program", f"simvoice {programs.current}", version=programs.current)


# -- browser and screen


def check_browser(command: str) -> Check:
    """Check that there is a Chromium."""
    try:
        found = find_browser(command)
    except NeedsError as error:
        sentence, _, remedy = str(error).partition("; ")
        return fail("browser", sentence, remedy)
    return ok("browser", f"the pages are shown by {found[0]}", command=list(found))


def check_policy(port: int, around: Surroundings) -> Check:
    """Check the policy that gives the microphone to the station's pages alone."""
    origin = f"http://127.0.0.1:{port}"
    name = f"{files.POLICY_FOLDERS[0]}/simvoice-station.json"
    try:
        policy = json.loads(around.read(name) or "{}")
        allowed = policy.get("AudioCaptureAllowedUrls") if isinstance(policy, dict) else None
    except ValueError:
        return fail("microphone permission", f"{name} is damaged", INSTALL)
    if not policy:
        return warn(
            "microphone permission",
            "no policy of the browser keeps it on the station's pages",
            INSTALL,
        )
    if allowed != [origin]:
        return fail(
            "microphone permission",
            f"the browser gives the microphone to other pages than {origin}",
            f"{INSTALL} --port {port}",
        )
    return ok("microphone permission", f"the browser gives the microphone to {origin} alone")


def check_screen(around: Surroundings) -> Check:
    """Check the compositor, and that it runs when the station was installed."""
    missing = [name for name in ("cage", "Xwayland") if around.which(name) is None]
    if missing:
        return warn(
            "screen",
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing, so the "
            "station needs a desktop for its window",
            INSTALL,
        )
    runtime = around.environment.get("XDG_RUNTIME_DIR", "")
    link = Path(runtime) / files.SCREEN_LINK
    if runtime and link.is_symlink() and not link.exists():
        return warn(
            "screen",
            "the compositor does not run now",
            f"plug in the monitor, or look at: journalctl -u {files.SCREEN_UNIT}",
        )
    return ok("screen", "the compositor cage is installed")


def check_units(around: Surroundings) -> Check:
    """Check that the station starts with the computer."""
    states: dict[str, Detail] = {}
    for unit in (files.STATION_UNIT, files.SCREEN_UNIT):
        if not around.read(f"/etc/systemd/system/{unit}"):
            return warn(
                "start", "the station does not start with the computer", INSTALL, units=states
            )
        states[unit] = around.ask("systemctl", "is-active", unit) or "unknown"
    stopped = [unit for unit, state in states.items() if state != "active"]
    if stopped:
        return warn(
            "start",
            f"{' and '.join(stopped)} {'is' if len(stopped) == 1 else 'are'} not running",
            f"run: sudo systemctl start {' '.join(stopped)}",
            units=states,
        )
    return ok("start", "the station starts with the computer, and runs", units=states)


def check_profile_folder(around: Surroundings) -> Check:
    """Check that the browser's profile is in memory."""
    runtime = around.environment.get("XDG_RUNTIME_DIR", "")
    if runtime and os.access(runtime, os.W_OK):
        return ok("browser profile", f"it is in memory, in {runtime}", folder=runtime)
    return warn(
        "browser profile",
        "it is on the disk, because there is no XDG_RUNTIME_DIR; it is removed all the same",
        INSTALL,
    )


def check_microphone(around: Surroundings) -> Check:
    """Check that a sound card with a microphone is plugged in."""
    cards = [line for line in around.read("/proc/asound/pcm").splitlines() if "capture" in line]
    if cards:
        names: list[Detail] = [line.split(":")[1].strip() for line in cards if line.count(":") > 1]
        return ok(
            "microphone", ", ".join(map(str, names)) or "a sound card can record", cards=names
        )
    return fail("microphone", "no sound card can record", "plug in the headset of the station")


# -- time, hub and records


def check_clock(around: Surroundings) -> Check:
    """Check that the clock is set by the network."""
    said = around.ask("timedatectl", "show", "-p", "NTPSynchronized", "--value")
    if said == "yes":
        return ok("clock", "the network sets it")
    return warn(
        "clock",
        "the network does not set it, so records and expiry of codes may have a wrong time",
        "run: sudo timedatectl set-ntp true; the network of the lab has to let it through",
    )


def check_hub(data: Path, around: Surroundings) -> Iterator[Check]:
    """Check the pairing, whether the hub answers, and the list of codes."""
    try:
        pairing = Pairings(data / "paired").pairing()
    except SimvoiceError as error:
        sentence, _, remedy = str(error).partition("; ")
        yield fail("pairing", sentence, remedy)
        return
    if pairing is None:
        yield fail(
            "pairing",
            "the station belongs to no hub, so nothing that is recorded is kept",
            "make a pairing line on the hub's page of stations, and give it with --pair, or enter "
            "it on the technician's page of the station",
        )
        return
    yield ok("pairing", f"the station belongs to {pairing.name}", hub=pairing.url)
    try:
        with around.connect(pairing.address, pairing.token) as hub:
            hub.facts()
    except HubError as error:
        sentence, _, remedy = str(error).partition("; ")
        yield warn(
            "hub",
            f"{sentence} (the station works without it, and sends later)",
            remedy or "look at the network",
        )
    else:
        yield ok("hub", "it answers")
    roster = RosterStore(data)
    roster.load()
    if roster.trouble:
        yield fail("codes", DAMAGED_ROSTER.partition("; ")[0], "connect the network once")
    elif roster.roster is None:
        yield fail(
            "codes",
            "the station has no list of codes and assignments yet",
            "start the station while the hub can be reached",
        )
    else:
        found = roster.roster
        tasks, codes = len(found.assignments), len(found.codes)
        yield ok(
            "codes",
            f"{count_noun(tasks, 'assignment')} and {count_noun(codes, 'code')} work without the "
            "network",
            assignments=tasks,
            codes=codes,
        )
        if not found.pin_hash:
            yield fail(
                "PIN",
                "technicians have no PIN, so no one can open their page at the station",
                "set one on the hub's page of stations",
            )


def check_outbox(data: Path) -> Check:
    """Check how many records wait."""
    folder = data / "outbox"
    try:
        waiting = RecordOutbox(folder).waiting if folder.is_dir() else 0
    except SimvoiceError as error:
        sentence, _, remedy = str(error).partition("; ")
        return fail("records", sentence, remedy)
    if not waiting:
        return ok("records", "no record waits for the hub", waiting=0)
    return ok("records", f"{count_noun(waiting, 'record')} wait for the hub", waiting=waiting)
