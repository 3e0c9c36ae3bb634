"""Run a station on this computer: `simvoice station`. It joins the parts, and nothing more."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from simvoice import log, paths
from simvoice.app.simulator import Simulator
from simvoice.app.standalone import clip_key
from simvoice.engines.tts.speech_cache import voice_key
from simvoice.errors import SettingError, SimvoiceError
from simvoice.hub_client.connection import HubConnection, HubForgot
from simvoice.hub_client.pairing import Pairings, is_ended_by_hub, known_pairing
from simvoice.hub_client.supplies import DeviceSupplies, Wanted
from simvoice.hub_client.supply_line import LabModels, SupplyLine
from simvoice.hub_client.supply_loop import keep_supplied
from simvoice.models import manifest
from simvoice.models.download import Downloader
from simvoice.models.manifest import SourceKind
from simvoice.models.pull import pull
from simvoice.station import flow
from simvoice.station.announcements import SpokenAnnouncements
from simvoice.station.app import serve
from simvoice.station.browser import KioskBrowser, find_browser, private_folder
from simvoice.station.hub_talk import pair_station
from simvoice.station.outbox import RecordOutbox
from simvoice.station.ports import NoScreen, Screen, StationClocks
from simvoice.station.records import ATTEMPTS
from simvoice.station.sending import RecordSender
from simvoice.station.station import Station, StationParts, prepare_folder
from simvoice.station.systemd import Manager, Watchdog
from simvoice.station.update import ProgramUpdate
from simvoice.web.security import StartKey
from simvoice.web.server import address_of, loopback_socket

_log = logging.getLogger(__name__)

PORT: Final = 8770
"""The default port, fixed so that the policy of the browser can name it."""

_CONFIRM_S: Final = 30.0
"""A new version that has worked for so long is kept."""
_LOOK_S: Final = 5.0
MODEL_S: Final = 600.0
"""For the largest model over a slow network."""
LOCK_S: Final = 5.0
"""A station that is just ending has given its folder back within this time."""
_ASK_S: Final = 2.0
"""How long the start of a paired station waits for its hub, to connect and for an answer: after a
crash in an encounter, also without network, it has to be back soon."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for."""

    name: str
    hub: str = ""
    """Address of the hub; empty when the pairing line has it."""
    pairing: str = ""
    """The pairing line; it is used while the station is not paired."""
    port: int = PORT
    data: Path | None = None
    browser: str = ""
    """Command of the browser; empty to look for one."""
    has_browser: bool = True
    profile: str = manifest.DEFAULT_PROFILE


def default_data() -> Path:
    """Return the data folder of a station."""
    return paths.home() / "station"


def run(wishes: Wishes, say: Callable[[str], None]) -> None:
    """Run a station until it is interrupted. say: prints a sentence.

    Raises NeedsError when models, a browser or the data folder cannot be used, SettingError for
    wishes that cannot be, HubError when the station cannot be paired.
    """
    folder = wishes.data or default_data()
    manager, key = Manager(), StartKey()
    command = find_browser(wishes.browser) if wishes.has_browser else ()
    with ExitStack() as stack:
        stack.enter_context(alone(folder))
        made = stack.enter_context(loopback_socket("127.0.0.1", wishes.port))
        pairings, clocks = Pairings(folder / "paired"), StationClocks()
        pair_once(pairings, wishes)
        ModelFetch(manager, say).run(wishes.profile, pairings)
        simulator = Simulator(wishes.profile, attempts=folder / ATTEMPTS)
        stack.callback(simulator.close)
        outbox = RecordOutbox(folder / "outbox", clocks.wall_s)
        for sentence in outbox.open():
            _log.error("%s", sentence)
        screen = _screen(command, folder)
        models = ModelStates(simulator)
        station: Station
        spoken = SpokenAnnouncements(lambda: simulator.engines().voice, flow.ANNOUNCEMENTS)
        station = Station(
            StationParts(
                name=wishes.name,
                folder=folder,
                simulator=simulator,
                outbox=outbox,
                screen=screen,
                clocks=clocks,
                models=lambda: models.wrong,
                before_preparing=lambda stop: (
                    spoken.prepare(stop) if station.view().speaks else None
                ),
            )
        )
        address = key.address(address_of(made))
        station.start(address)
        stack.callback(station.close)
        sender = RecordSender(pairings, outbox, HubConnection, clocks.wall_s)
        sender.start()
        stack.callback(sender.close)
        background = Background(station, simulator, pairings, models)
        background.start()
        stack.callback(background.stop)
        if not wishes.has_browser:
            say(f"The station is at {address}")
        watchdogs: list[Watchdog] = []

        def ready(loop: asyncio.AbstractEventLoop) -> None:
            watchdog = Watchdog(
                manager, {"pages": loop.call_soon_threadsafe, "station": station.ask}
            )
            watchdog.start()
            watchdogs.append(watchdog)
            manager.ready(f"station {wishes.name}")

        try:
            serve(station, made, key, spoken=spoken, outbox=outbox, on_ready=ready)
        finally:
            manager.stopping()
            for watchdog in watchdogs:
                watchdog.stop()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the data folder. Raises SettingError while another station uses it, StorageRefused."""
    prepare_folder(folder)
    try:
        with FileLock(folder / "lock", timeout=LOCK_S):
            yield
    except Timeout:
        raise SettingError(
            f"another station uses {folder}; stop it, or give this one a folder with --data"
        ) from None


def _screen(command: tuple[str, ...], folder: Path) -> Screen:
    if not command:
        return NoScreen()
    return KioskBrowser(command, private_folder(folder))


def pair_once(pairings: Pairings, wishes: Wishes) -> None:
    """Pair the station when a line was given and it is not paired, or its hub has ended that.

    The line may be the code alone when `Wishes.hub` has the address. Raises as `pair_station`; but
    with an earlier pairing, damaged or ended, the station starts without its hub, since the line
    may have been used long ago and systemd would start it again for ever.
    """
    known = known_pairing(pairings)
    was_paired = pairings.is_stored
    if known is None and was_paired:
        _log.error("the pairing cannot be read; pair this station again on its technician's page")
    if not wishes.pairing:
        return
    ask = partial(HubConnection, wait_s=_ASK_S)
    if known is not None and not is_ended_by_hub(known, connect=ask):
        return
    has_address = len(wishes.pairing.split()) > 1
    line = wishes.pairing if has_address else f"{wishes.hub} {wishes.pairing}"
    try:
        pair_station(pairings, line, wishes.name, datetime.now(UTC))
    except SimvoiceError as error:
        if not was_paired:
            raise
        _log.error("the station is not paired again: %s", log.place(error))


class ModelFetch:
    """Fetches missing models from the hub before the station starts, and tells how far it is.

    Implements `models.pull.PullProgress`.
    """

    def __init__(self, manager: Manager, say: Callable[[str], None]) -> None:
        """manager: waits meanwhile. say: prints a sentence."""
        self._manager = manager
        self._say = say

    def run(self, profile: str, pairings: Pairings) -> None:
        """Fetch what is missing or altered. Blocks. Without a hub nothing happens.

        Raises FetchError or StorageFull when a model could not be fetched.
        """
        names = list(manifest.profile(profile).values())
        pairing = known_pairing(pairings)
        if pairing is None or all(manifest.state(each) == "verified" for each in names):
            return
        with SupplyLine(pairing.address, pairing.token) as line, Downloader() as downloader:
            pull(names, self, downloader, lab=lambda work: LabModels(line, work))

    def begin(self, name: str, total_bytes: int, source: SourceKind) -> None:
        """Say which model is fetched, and ask systemd for the time that it takes."""
        self._manager.still_starting(MODEL_S, f"fetches {name}")
        self._say(f"Fetching {name}, {total_bytes / 1e6:.0f} MB.")

    def advance(self, name: str, count: int) -> None:
        """Nothing is shown for single bytes."""

    def finish(self, name: str) -> None:
        """Say that a model is whole."""
        self._say(f"{name} is here and whole.")

    def note(self, sentence: str) -> None:
        """Say what the pull says."""
        self._say(sentence)


class ModelStates:
    """Which models of the profile are missing or altered. Hashing them takes seconds."""

    def __init__(self, simulator: Simulator) -> None:
        """Nothing is known to be wrong yet."""
        self._names = tuple(dict.fromkeys(simulator.profile.values()))
        self.wrong: tuple[str, ...] = ()

    def look(self) -> None:
        """Look at the files. Blocks."""
        self.wrong = tuple(each for each in self._names if manifest.state(each) != "verified")


class Background:
    """What a station does beside learners: supplies of the hub, its models, its own version."""

    def __init__(
        self, station: Station, simulator: Simulator, pairings: Pairings, models: ModelStates
    ) -> None:
        self._station = station
        self._simulator = simulator
        self._pairings = pairings
        self._models = models
        self._over = threading.Event()
        self._update = ProgramUpdate(paths.from_hub_dir() / "program")
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (
                ("station-supplies", self._supply),
                ("station-upkeep", self._keep_up),
            )
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop them. A download that runs goes on where it was at the next start."""
        self._over.set()
        for thread in self._threads:
            thread.join(5.0)

    def _supply(self) -> None:
        """Fetch from the hub while the station is paired, also when it is paired again later."""
        while not self._over.wait(_LOOK_S):
            if known_pairing(self._pairings) is not None:
                keep_supplied(self.bring, self._over.wait)

    def bring(self) -> None:
        """Fetch once what the hub offers. Blocks. Raises HubError, FetchError or StorageFull."""
        pairing = known_pairing(self._pairings)
        if pairing is None:
            raise HubForgot("the pairing of this station has ended")
        supplies = DeviceSupplies(paths.from_hub_dir())
        with SupplyLine(pairing.address, pairing.token) as line:
            found = supplies.bring(line, Wanted(voice_key(clip_key()), program=True))
            line.report(found.report)
        for sentence in found.faults:
            _log.warning("%s", sentence)
        if found.received_bytes:
            self._station.cases_changed(self._simulator.look_again)

    def _keep_up(self) -> None:
        """Look at the models once, and follow the version that the hub wants between learners."""
        self._models.look()
        if self._over.wait(_CONFIRM_S):
            return
        self._update.confirm()
        problem = ""
        while not self._over.wait(_LOOK_S):
            if self._update.problem != problem:
                problem = self._update.problem
                _log.warning("%s", problem or "The version that the hub wants can be installed.")
            if not self._station.is_free():
                continue
            try:
                version = self._update.prepare()
            except (SimvoiceError, OSError) as error:
                _log.warning("the wanted version is not installed: %s", log.place(error))
                continue
            if version and self._station.is_free() and self._update.switch(version):
                _log.info("the station starts again with another version")
                os.kill(os.getpid(), signal.SIGTERM)
                return
