"""Send the sealed records of a station to its hub: for ever, and each exactly once.

The hub keeps a record by its UUID, so a request whose answer was lost is made again. Each hour the
hub is asked whether it still has what it kept; one that was restored from a backup gets it again.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from functools import partial

from simvoice.errors import HubError, RecordingLost
from simvoice.hub_client.connection import (
    HashDiffers,
    HubAway,
    HubBusy,
    HubConnection,
    HubRefused,
    UploadGone,
)
from simvoice.hub_client.messages import CHUNK_BYTES, MOST_CHECKED
from simvoice.hub_client.pairing import Connect, Pairings
from simvoice.hub_client.sending_loop import FileChanged, SendingLoop, send_file
from simvoice.hub_client.station_messages import SEALED_NAME
from simvoice.release.sealed import check_sealed
from simvoice.station.outbox import QueuedRecord, RecordOutbox, RecordState

_log = logging.getLogger(__name__)

LONGEST_WAIT_S = 60.0
"""A lab of eight stations asks a hub that is away eight times a minute."""
LONGEST_ASKED_S = 300.0
CHECK_S = 3600.0
_RESTARTS = 3
"""An upload that the hub dropped begins again; after that it waits."""


class _Stopping(Exception):
    """The program ends."""


def _wait(event: threading.Event, seconds: float) -> bool:
    return event.wait(seconds)


class RecordSender:
    """Makes the hub have what is in the outbox. `step` does one thing; `start` a thread of them."""

    def __init__(
        self,
        pairings: Pairings,
        outbox: RecordOutbox,
        connect: Connect,
        clock: Callable[[], float],
        *,
        wait: Callable[[threading.Event, float], bool] = _wait,
        jitter: Callable[[], float] = random.random,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        """clock: Unix time. wait: waits for an event for so many seconds of the clock."""
        self.outbox = outbox
        self._chunk_bytes = chunk_bytes
        outbox.on_queued = self.wake
        self.loop = SendingLoop(
            pairings,
            outbox,
            connect,
            clock,
            work=self._work,
            check=self._check,
            check_s=CHECK_S,
            jitter=jitter,
            longest_wait_s=LONGEST_WAIT_S,
            longest_asked_s=LONGEST_ASKED_S,
            wait=wait,
        )

    def start(self) -> None:
        """Start the thread."""
        self.loop.start()

    def wake(self) -> None:
        """Look into the outbox now: a record was sealed, or the hub was reached."""
        self.loop.wake()

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop after the request that is under way. What waits stays in the outbox."""
        self.loop.close(timeout_s)

    def step(self) -> float | None:
        """Do one thing that is due (`SendingLoop.step`)."""
        return self.loop.step()

    # -- one step -------------------------------------------------------------------------------

    def _work(self, hub: HubConnection, now: float) -> bool:
        record = self.outbox.next_waiting(skip=self.loop.later)
        if record is not None:
            self._work_on(hub, record, now)
        return record is not None

    def _work_on(self, hub: HubConnection, record: QueuedRecord, now: float) -> None:
        try:
            self._send(hub, record)
        except _Stopping:
            return
        except HubBusy:
            self.loop.postpone(record.uuid, now)
        except RecordingLost as error:
            _log.error("a sealed record is damaged on the disk attempt=%s", record.uuid)
            self.outbox.mark_refused(record.uuid, str(error))
        except HubRefused as error:
            (known,) = hub.check_records([record.uuid])
            if known.state == "erased":
                _log.info("erased on the hub attempt=%s", record.uuid)
                self.outbox.drop(record.uuid)
            else:
                _log.warning("refused by the hub attempt=%s", record.uuid)
                self.outbox.mark_refused(record.uuid, str(error))

    def _send(self, hub: HubConnection, record: QueuedRecord) -> None:
        problem: HubError = HubAway("the hub dropped the upload again and again")
        check_sealed(self.outbox.path_of(record.uuid), record.facts)
        for _ in range(_RESTARTS):
            try:
                begun = hub.begin_record(record.facts)
                if not begun.kept:
                    self._send_bytes(hub, record, begun.offsets.get(SEALED_NAME, 0))
                    hub.finish_record(record.uuid)
            except HashDiffers as error:
                problem = error
                check_sealed(self.outbox.path_of(record.uuid), record.facts)
                continue
            except (UploadGone, FileChanged):
                continue
            self.loop.has_progressed = True
            self.outbox.mark_sent(record.uuid)
            _log.info("sent attempt=%s bytes=%d", record.uuid, record.size)
            return
        raise problem

    def _send_bytes(self, hub: HubConnection, record: QueuedRecord, at: int) -> None:
        if at > record.sent_bytes:  # a request that was cut off brought something
            self.loop.has_progressed = True
        sending = send_file(
            self.outbox.path_of(record.uuid),
            record.size,
            at,
            append=partial(hub.append_record, record.uuid),
            offset=partial(hub.record_offset, record.uuid),
            chunk_bytes=self._chunk_bytes,
        )
        for after in sending:
            self.loop.has_progressed = True
            self.outbox.mark_progress(record.uuid, after)
            if self.loop.is_stopping:
                raise _Stopping

    # -- checking -------------------------------------------------------------------------------

    def _check(self, hub: HubConnection) -> None:
        """Ask whether the hub still has what it kept, and try again what it refused.

        When the hub ends the pairing, everything stays: it is sent after the next one.
        """
        asked = {
            each.uuid: each
            for each in self.outbox.records()
            if each.state is not RecordState.WAITING
        }
        uuids = list(asked)
        for first in range(0, len(uuids), MOST_CHECKED):
            for known in hub.check_records(uuids[first : first + MOST_CHECKED]):
                record = asked.get(known.uuid)
                if record is None:
                    continue
                if known.state == "erased":
                    self.outbox.drop(record.uuid)
                elif known.state == "kept":
                    if record.state is RecordState.REFUSED:  # it came there on a stick
                        self.outbox.mark_sent(record.uuid)
                elif self.outbox.path_of(record.uuid).exists():
                    self.outbox.mark_waiting(record.uuid)
        self.outbox.tidy()
