"""What a station and its hub tell each other: reports, commands, the roster, and claims of codes.

One thread reports once a second and does what the answer says. With the hub away it tries again and
again; nothing at the station waits for it, but a learner who has typed a code, for two seconds.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from simvoice import log
from simvoice.errors import HubError, SimvoiceError, UsageError
from simvoice.hub_client.connection import Address, HubForgot, HubRefused
from simvoice.hub_client.pairing import Pairing, Pairings, establish_trust, known_pairing
from simvoice.hub_client.pairing import pair as pair_with_hub
from simvoice.hub_client.station_connection import StationConnection
from simvoice.hub_client.station_messages import (
    REPORT_EVERY_S,
    SILENT_AFTER_S,
    ClaimAnswer,
    ClaimRequest,
    CommandResult,
    ReportAnswer,
    StationCommand,
    StationReport,
)
from simvoice.hub_client.trust import PairingLine
from simvoice.station.keeping import FlowKeeper
from simvoice.station.ports import StationClocks
from simvoice.station.roster_store import RosterStore

_log = logging.getLogger(__name__)

CLAIM_WITHIN_S: Final = 2.0
"""A learner waits for the hub so long, real time; then the station's own list decides."""
_LONGEST_PAUSE_S: Final = 5.0
"""Between two tries while the hub is away: a technician's press arrives soon after it is back."""
_MOST_RESULTS: Final = 50

_NOT_PAIRED: Final = "This station belongs to no hub yet; pair it on the technicians' page"
_FORGOTTEN: Final = "the hub does not know this station any more; pair it again"

_CUT_OFF: Final = "The station was started again meanwhile; look how it is, and press again."

ConnectStation = Callable[[Address, str], StationConnection]


@dataclass(frozen=True, slots=True)
class HubContact:
    """How the connection with the hub is."""

    trouble: str = _NOT_PAIRED
    """In a sentence; empty when the hub has answered the last report."""
    answered_s: float | None = None
    """Elapsed time of the station at the last answer; None when there was none."""
    wrong: str = ""
    """What the hub says is wrong with this station; empty when nothing is."""
    wanted_version: str = ""


def pair_station(
    pairings: Pairings,
    line: str,
    name: str,
    now: datetime,
    connect: ConnectStation = StationConnection,
) -> None:
    """Pair a station with the hub of a pairing line; an earlier pairing ends. Blocks.

    Raises SettingError for a line that cannot be used, HubError when the hub refuses.
    """
    parsed = PairingLine.read(line)
    address = Address(parsed.address, establish_trust(parsed))
    if known_pairing(pairings) is not None:
        with suppress(SimvoiceError):
            pairings.leave()
    pair_with_hub(
        pairings,
        address,
        parsed.code,
        connect=connect,
        now=now.isoformat(),
        kind="station",
        name=name,
    )


class HubTalk:
    """The thread that reports, and the claims of codes. Thread-safe."""

    def __init__(
        self,
        pairings: Pairings,
        keeper: FlowKeeper,
        rosters: RosterStore,
        clocks: StationClocks,
        *,
        report: Callable[[], StationReport],
        command: Callable[[StationCommand], CommandResult],
        roster_changed: Callable[[], None],
        connect: ConnectStation = StationConnection,
    ) -> None:
        """report: returns how the station is. command: carries one out."""
        self._pairings = pairings
        self._keeper = keeper
        self._rosters = rosters
        self._clocks = clocks
        self._report = report
        self._command = command
        self._roster_changed = roster_changed
        self._connect = connect
        self._lock = threading.Lock()
        self._contact = HubContact()
        self._results: deque[CommandResult] = deque(maxlen=_MOST_RESULTS)
        self._over = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="station-hub", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. A request that runs ends within its own limit."""
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(6.0)

    def pairing(self) -> Pairing | None:
        """Return the pairing with a hub; None without one, and while its file cannot be read."""
        return known_pairing(self._pairings)

    def pair(self, line: str, name: str) -> None:
        """Pair this station with the hub of a pairing line. Blocks. Raises as `pair_station`."""
        now = datetime.fromtimestamp(self._clocks.wall_s(), UTC)
        pair_station(self._pairings, line, name, now, self._connect)
        self._wake.set()

    @property
    def contact(self) -> HubContact:
        """How the connection is now."""
        with self._lock:
            return self._contact

    @property
    def results(self) -> tuple[CommandResult, ...]:
        """Results of commands that the hub may not know yet."""
        with self._lock:
            return tuple(self._results)

    def is_near(self) -> bool:
        """Return True when the hub has answered within the last seconds."""
        contact = self.contact
        if contact.answered_s is None or contact.trouble:
            return False
        return self._clocks.elapsed_s() - contact.answered_s <= SILENT_AFTER_S

    # -- codes

    def claim(self, text: str, session: UUID) -> ClaimAnswer | None:
        """Ask the hub for a typed code. Returns None when it does not answer within two seconds.

        Raises UsageError with the hub's sentence for a code that cannot be used.
        """
        pairing = self.pairing()
        if pairing is None or not self.is_near():
            return None
        answers: queue.SimpleQueue[ClaimAnswer | HubError] = queue.SimpleQueue()

        def ask(address: Address = pairing.address, token: str = pairing.token) -> None:
            try:
                with self._connect(address, token) as hub:
                    answers.put(hub.claim(ClaimRequest(code=text[:100], session=session)))
            except HubError as error:
                answers.put(error)

        # a thread of its own: a name server that is away holds a request longer than two seconds
        threading.Thread(target=ask, name="station-claim", daemon=True).start()
        try:
            answer = answers.get(timeout=CLAIM_WITHIN_S)
        except queue.Empty:
            return None
        if isinstance(answer, HubRefused):
            raise UsageError(str(answer)) from answer
        return None if isinstance(answer, HubError) else answer

    # -- reports

    def _run(self) -> None:
        failures = 0
        while not self._over.is_set():
            pairing = self.pairing()
            if pairing is None:
                self._note(HubContact())
                self._pause(REPORT_EVERY_S)
                continue
            try:
                with ExitStack() as stack:
                    hub = stack.enter_context(self._connect(pairing.address, pairing.token))
                    while not self._over.is_set():
                        self.exchange(hub)
                        failures = 0
                        if self._pause(REPORT_EVERY_S):
                            break  # the pairing has changed, or the end
            except SimvoiceError as error:
                failures += 1
                self._away(error, failures)
                self._pause(min(_LONGEST_PAUSE_S, REPORT_EVERY_S * failures))
            except Exception:  # the station goes on without its hub, and tries again
                _log.exception("The talk with the hub ended with an error.")
                self._pause(_LONGEST_PAUSE_S)

    def _pause(self, seconds: float) -> bool:
        """Wait. Returns True when it was woken."""
        was_woken = self._clocks.wait(self._wake, seconds)
        self._wake.clear()
        return was_woken

    def _away(self, error: SimvoiceError, failures: int) -> None:
        sentence = _FORGOTTEN if isinstance(error, HubForgot) else str(error)
        if failures == 1:
            _log.warning("the hub is away: %s", log.place(error))
        with self._lock:
            before = self._contact
        self._note(HubContact(sentence, before.answered_s, before.wrong, before.wanted_version))

    def _note(self, contact: HubContact) -> None:
        with self._lock:
            self._contact = contact

    def exchange(self, hub: StationConnection) -> None:
        """Report once, and do what the hub answers. Raises HubError."""
        sent = self._report()
        answer = hub.report_state(sent)
        with self._lock:
            for result in sent.results:
                if result in self._results:
                    self._results.remove(result)
            self._contact = HubContact(
                trouble="",
                answered_s=self._clocks.elapsed_s(),
                wrong=answer.trouble,
                wanted_version=answer.wanted_version,
            )
        self._keeper.set_hub_clock(answer.clock)
        if answer.uses:
            self._keeper.noted(answer.uses)
        self._obey(answer)
        known = self._rosters.roster
        if known is None or answer.roster != known.version:
            self._fetch_roster(hub, "" if known is None else known.version)

    def _obey(self, answer: ReportAnswer) -> None:
        """Carry out commands that are new, the oldest first, each once."""
        for command in sorted(answer.commands, key=lambda each: each.id):
            with self._lock:
                is_done = any(result.id == command.id for result in self._results)
            if is_done:
                continue
            if command.id <= self._keeper.last_command:  # begun by the process before this one
                self._note_result(CommandResult(id=command.id, done=False, sentence=_CUT_OFF))
                continue
            self._keeper.begin_command(command.id)
            self._note_result(self._command(command))

    def _note_result(self, result: CommandResult) -> None:
        with self._lock:
            self._results.append(result)

    def _fetch_roster(self, hub: StationConnection, known: str) -> None:
        found = hub.roster(known)
        if found is None:
            return
        try:
            self._rosters.replace(found)
        except SimvoiceError as error:
            _log.error("the list of the hub is not stored: %s", log.place(error))
        self._roster_changed()
