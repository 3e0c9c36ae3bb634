"""Send what waits in the outbox. One thread, in one process at a time."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from uuid import UUID

from simvoice.errors import AttemptError, HubError
from simvoice.hub_client.connection import (
    HashDiffers,
    HubAway,
    HubBusy,
    HubConnection,
    HubRefused,
    UploadGone,
)
from simvoice.hub_client.messages import CHUNK_BYTES, MOST_CHECKED, KnownAttempt
from simvoice.hub_client.outbox import Entry, EntryState, ReleaseOutbox
from simvoice.hub_client.pairing import Connect, Pairings
from simvoice.hub_client.sending_loop import FileChanged, SendingLoop, send_file
from simvoice.release.contents import Contents
from simvoice.release.prepare import PreparedRelease

_log = logging.getLogger(__name__)

CHECK_S = 86_400.0
"""Once a day, and at each start, the hub is asked whether it still has what it kept."""
_RESTARTS = 3
"""An upload whose files changed or that the hub dropped begins again; after that it waits."""


class ReleaseSource(Protocol):
    """Where the records are. The application implements it."""

    def ids(self) -> Sequence[str] | None:
        """Return the identifiers of all attempts on this machine; None when they cannot be read."""
        ...

    def prepare(self, attempt: str, contents: Contents, courses: Sequence[UUID]) -> PreparedRelease:
        """Return the files of a release. Raises AttemptError when the attempt is gone."""
        ...

    def discard_prepared(self, attempt: str) -> None:
        """Remove what was made for a release that is complete."""
        ...


class _Superseded(Exception):
    """The learner has pressed something else about this attempt, or the program ends."""


@dataclass
class Sender:
    """Makes the hub know what the outbox says. `step` does one thing; `start` a thread of them."""

    pairings: Pairings
    outbox: ReleaseOutbox
    source: ReleaseSource
    connect: Connect
    clock: Callable[[], float]
    """Unix time."""
    jitter: Callable[[], float] = random.random
    chunk_bytes: int = CHUNK_BYTES

    def __post_init__(self) -> None:
        self.loop = SendingLoop(
            self.pairings,
            self.outbox,
            self.connect,
            self.clock,
            work=self._work,
            check=self._check,
            check_s=CHECK_S,
            forgotten=self.outbox.empty,
            jitter=self.jitter,
        )

    def start(self) -> None:
        """Start the thread. It waits while another process sends from the same outbox."""
        self.loop.start()

    def wake(self) -> None:
        """Look into the outbox now: the learner has pressed something."""
        self.loop.wake()

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop after the request that is under way, or leave it to the end of the process."""
        self.loop.close(timeout_s)

    def step(self) -> float | None:
        """Do one thing that is due (`SendingLoop.step`)."""
        return self.loop.step()

    # -- one step -------------------------------------------------------------------------------

    def _work(self, hub: HubConnection, now: float) -> bool:
        known = self.source.ids()
        if known is not None:
            self.outbox.keep_only(known)
        entry = self.outbox.next_pending(skip=self.loop.later)
        if entry is not None:
            self._work_on(hub, entry, now)
        return entry is not None

    def _work_on(self, hub: HubConnection, entry: Entry, now: float) -> None:
        try:
            if entry.state is EntryState.WITHDRAWING:
                self._withdraw(hub, entry)
            else:
                self._send(hub, entry)
        except _Superseded:
            return
        except HubBusy:
            self.loop.postpone(entry.uuid, now)
        except HubRefused as error:
            _log.info("refused by the hub attempt=%s", entry.attempt)
            self.outbox.mark_refused(entry, str(error))
        except AttemptError as error:
            known = self.source.ids()
            if known is None:  # a disk that is away: nothing was erased
                self.loop.postpone(entry.uuid, now)
            elif entry.attempt in known:
                self.outbox.mark_refused(entry, str(error))
            else:
                self.outbox.erased(entry.attempt)

    def _withdraw(self, hub: HubConnection, entry: Entry) -> None:
        try:
            at = hub.withdraw(entry.uuid).at
        except (HubRefused, UploadGone):  # it is not the owner's there: nothing of it is released
            at = self.clock()
        self.outbox.mark_withdrawn(entry, at)
        self.source.discard_prepared(entry.attempt)
        _log.info("withdrawn attempt=%s", entry.attempt)

    # -- sending --------------------------------------------------------------------------------

    def _send(self, hub: HubConnection, entry: Entry) -> None:
        courses = [each.id for each in entry.courses]
        problem: HubError = HubAway("the hub dropped the upload again and again")
        for _ in range(_RESTARTS):
            prepared = self.source.prepare(entry.attempt, entry.contents, courses)
            if not self.outbox.mark_begun(entry, prepared.manifest.size):
                raise _Superseded
            try:
                begun = hub.begin(prepared.manifest)
                if not begun.kept:
                    self._send_files(hub, entry, prepared, begun.offsets)
                    hub.finish(entry.uuid)
            except HashDiffers as error:
                problem = error
                continue
            except (UploadGone, FileChanged):
                continue
            self.loop.has_progressed = True
            self.outbox.mark_sent(entry)
            self.source.discard_prepared(entry.attempt)
            _log.info("sent attempt=%s bytes=%d", entry.attempt, prepared.manifest.size)
            return
        raise problem

    def _send_files(
        self, hub: HubConnection, entry: Entry, prepared: PreparedRelease, offsets: dict[str, int]
    ) -> None:
        """Send what the hub lacks, the smallest file first: the sound is the last."""
        files = sorted(prepared.manifest.files, key=lambda each: (each.size, each.name))
        there = {each.name: offsets.get(each.name, 0) for each in files}
        if sum(there.values()) > entry.sent_bytes:  # a request that was cut off brought something
            self.loop.has_progressed = True
        for facts in files:
            if there[facts.name] < facts.size:
                sending = send_file(
                    prepared.paths[facts.name],
                    facts.size,
                    there[facts.name],
                    append=partial(hub.append, entry.uuid, facts.name),
                    offset=partial(hub.offset, entry.uuid, facts.name),
                    chunk_bytes=self.chunk_bytes,
                )
                for after in sending:
                    there[facts.name] = after
                    self.loop.has_progressed = True
                    is_current = self.outbox.mark_progress(entry, sum(there.values()))
                    if self.loop.is_stopping or not is_current:
                        raise _Superseded

    # -- checking -------------------------------------------------------------------------------

    def _check(self, hub: HubConnection) -> None:
        """Ask whether the hub still has what it confirmed: it may be restored from a backup."""
        asked = {
            each.uuid: each
            for each in self.outbox.entries()
            if each.state in (EntryState.SENT, EntryState.WITHDRAWN)
        }
        uuids = list(asked)
        for first in range(0, len(uuids), MOST_CHECKED):
            for known in hub.check(uuids[first : first + MOST_CHECKED]):
                if known.uuid in asked:
                    self._compare(asked[known.uuid], known)

    def _compare(self, entry: Entry, known: KnownAttempt) -> None:
        if entry.state is EntryState.WITHDRAWN:
            told_at = entry.told_at or 0.0
            if any(each.released_at <= told_at for each in known.releases):
                self.outbox.mark_lost(entry)
        elif known.state == "unknown":
            self.outbox.mark_lost(entry)
        elif known.state == "erased":
            self.outbox.drop(entry)
        elif not known.releases:  # withdrawn on the hub's own page
            self.outbox.mark_withdrawn(entry, self.clock())
