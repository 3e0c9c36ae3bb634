"""The connection of `simvoice serve` with a hub, as its pages use it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from simvoice.errors import HubError, SettingError, SimvoiceError, UsageError
from simvoice.hub_client.connection import Address, HubConnection, HubForgot
from simvoice.hub_client.messages import HubFacts
from simvoice.hub_client.outbox import Entry, EntryState, ReleasedTo, ReleaseOutbox
from simvoice.hub_client.outbox_file import Contact
from simvoice.hub_client.pairing import Connect, Pairing, Pairings, establish_trust, pair
from simvoice.hub_client.sender import ReleaseSource, Sender
from simvoice.hub_client.trust import PairingLine, Trust
from simvoice.release.contents import Contents

_FACTS_S = 20.0
"""The facts of the hub are asked again after this time; a panel asks when it is opened."""


@dataclass(frozen=True, slots=True)
class SeenHub:
    """A hub that has shown who it is, before anything was given to it."""

    line: PairingLine
    trust: Trust

    @property
    def how_trusted(self) -> str:
        """How its certificate was verified, in a sentence."""
        host = self.line.address.partition("://")[2]
        if self.line.address.startswith("http://"):
            return f"{host} is this machine itself, so no certificate is needed."
        if self.trust.kind == "pinned":
            return (
                f"The certificate of {host} is from the authority with the fingerprint "
                f"{self.trust.fingerprint}. Compare it with the hub's pairing page."
            )
        if self.trust.kind == "file":
            return f"The certificate of {host} is from the authority in the file that you gave."
        return f"The certificate of {host} is from an authority that this computer knows."


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the page about the hub shows."""

    pairing: Pairing | None
    leaving: str
    """The hub that must still be told that this machine has left; empty without one."""
    contact: Contact
    entries: tuple[Entry, ...]
    problem: str
    """Why the state cannot be read, in a sentence; empty when it can."""

    @property
    def waiting(self) -> tuple[Entry, ...]:
        """What the hub must still be told."""
        return tuple(each for each in self.entries if each.is_pending)


@dataclass
class HubLink:
    """Pairing, outbox and sender of this machine. Any thread may use it."""

    folder: Path
    connect: Connect = HubConnection
    clock: Callable[[], float] = time.time
    _facts: tuple[float, HubFacts] | None = None
    _sender: Sender | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.pairings = Pairings(self.folder)
        self.outbox = ReleaseOutbox(self.pairings.outbox_file, self.clock)

    # -- sender ---------------------------------------------------------------------------------

    def start(self, source: ReleaseSource) -> None:
        """Send what waits, from now until `close`."""
        sender = Sender(self.pairings, self.outbox, source, self.connect, self.clock)
        self._sender = sender
        sender.start()

    def close(self) -> None:
        """Stop sending. What waits stays in the outbox."""
        if self._sender is not None:
            self._sender.close()

    def _wake(self) -> None:
        if self._sender is not None:
            self._sender.wake()

    # -- what pages show ------------------------------------------------------------------------

    @property
    def server(self) -> str:
        """The name of the hub that this machine is paired with; empty without one."""
        try:
            found = self.pairings.pairing()
        except SimvoiceError:
            return ""
        return "" if found is None else found.name

    def state(self) -> LinkState:
        """Return what there is to show. Never raises."""
        try:
            leaving = self.pairings.leaving()
            return LinkState(
                self.pairings.pairing(),
                "" if leaving is None else leaving.hub or leaving.url,
                self.outbox.contact(),
                self.outbox.entries(),
                "",
            )
        except SimvoiceError as error:
            return LinkState(None, "", Contact(), (), str(error))

    def describe(self, uuid: UUID) -> str:
        """Return how far the release of an attempt is, in a sentence; empty without one."""
        try:
            entry = self.outbox.entry(uuid)
        except SimvoiceError:
            return ""
        gone = entry is None or entry.state is EntryState.WITHDRAWN
        return "" if entry is None or gone else describe(entry, self.server)

    def facts(self) -> HubFacts:
        """Ask the hub which courses can be released to. Raises HubError, SettingError without one.

        A hub that has ended the pairing ends it here, too.
        """
        pairing = self._pairing()
        with self._lock:
            if self._facts is not None and 0 <= self.clock() - self._facts[0] < _FACTS_S:
                return self._facts[1]
        try:
            with self.connect(pairing.address, pairing.token) as hub:
                found = hub.facts()
        except HubForgot as error:
            self.pairings.forget()
            self.outbox.empty()
            raise HubError(
                "the hub has unpaired this machine; pair it again on the Hub page"
            ) from error
        self.outbox.reached()
        with self._lock:
            self._facts = (self.clock(), found)
        return found

    def _pairing(self) -> Pairing:
        found = self.pairings.pairing()
        if found is None:
            raise SettingError("this machine is not paired with a hub; pair it on the Hub page")
        return found

    # -- what the learner presses ---------------------------------------------------------------

    def look(self, line: str, authorities: str = "") -> SeenHub:
        """Verify the certificate of the hub in a pairing line. Nothing is given to it.

        authorities: path of a PEM file with the authority of the institution; empty for none.
        Raises SettingError for a line that cannot be read, HubError.
        """
        found = read_line(line)
        path = Path(authorities.strip()).expanduser() if authorities.strip() else None
        return SeenHub(found, establish_trust(found, path))

    def pair(self, line: str, authorities: str = "") -> Pairing:
        """Exchange the code of a pairing line for a token. Raises as `look`."""
        seen = self.look(line, authorities)
        made = pair(
            self.pairings,
            Address(seen.line.address, seen.trust),
            seen.line.code,
            connect=self.connect,
            now=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self.outbox.empty()  # what an earlier pairing left behind was for another hub
        self._forget_facts()
        self._wake()
        return made

    def unpair(self) -> None:
        """Forget the token and everything that waits, at once. The hub is told when it answers."""
        self.pairings.leave()
        self._forget_facts()
        self.outbox.empty()
        self._wake()

    def _forget_facts(self) -> None:
        with self._lock:
            self._facts = None

    def release(
        self, uuid: UUID, attempt: str, contents: Contents, courses: Sequence[UUID]
    ) -> Entry:
        """Release an attempt to courses of the hub. Raises UsageError for an unknown course."""
        known = {each.id: each for each in self.facts().courses}
        chosen = [known[each] for each in dict.fromkeys(courses) if each in known]
        if len(chosen) != len(set(courses)):
            raise UsageError("you do not learn in one of these courses any more; load the page")
        released = [ReleasedTo(id=each.id, title=each.title) for each in chosen]
        made = self.outbox.release(uuid, attempt, contents, released)
        self._wake()
        return made

    def withdraw(self, uuid: UUID) -> Entry | None:
        """End the release of an attempt. Returns what there is left to tell the hub."""
        found = self.outbox.withdraw(uuid)
        self._wake()
        return found

    def erased(self, attempt: str) -> None:
        """Take an attempt that was erased here out of the outbox."""
        if self.outbox.path.exists():
            self.outbox.erased(attempt)
            self._wake()

    def try_now(self) -> None:
        """Ask the hub now, whatever the back-off says."""
        self.outbox.try_now()
        self._wake()


def read_line(text: str) -> PairingLine:
    """Return the parts of a pairing line. Raises SettingError.

    A hub on this machine itself may speak without TLS: `http://127.0.0.1:8766 CODE`.
    """
    address, _, code = text.strip().partition(" ")
    scheme, _, host = address.partition("://")
    if scheme == "http" and host.rstrip("/").rpartition(":")[0] in ("127.0.0.1", "localhost"):
        return PairingLine(f"http://{host.rstrip('/')}", code.strip())
    return PairingLine.read(text)


def describe(entry: Entry, server: str) -> str:
    """Return how far a release is, in a sentence."""
    to = " and ".join(each.title for each in entry.courses)
    what = entry.contents.label.lower()
    match entry.state:
        case EntryState.WAITING:
            return f"Released to {to}: {what}. It is on its way to {server}."
        case EntryState.SENT:
            return f"Released to {to}: {what}. {server} has it."
        case EntryState.REFUSED:
            return f"{server} did not take it: {entry.note}"
        case EntryState.WITHDRAWING:
            return f"Withdrawn here. {server} does not know it yet, and will be told."
        case EntryState.WITHDRAWN:
            return f"Withdrawn. Nobody can open it through a release on {server} any more."
