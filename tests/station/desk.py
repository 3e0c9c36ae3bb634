"""A station with a scripted patient, a clock that a test moves, and no thread of its own.

Everything happens when the test says so: `Desk.work` does what threads do, and an encounter runs
inside `Desk.talk`. So a crash can be planted at every change of the disk (`PowerCut`).
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import AttemptError, ModelMissing, StorageFull
from simvoice.hub_client.station_connection import StationConnection
from simvoice.hub_client.station_messages import Phase, Roster, StationReport
from simvoice.ports import AudioLine
from simvoice.record.answers import OwnAnswers, read_answers
from simvoice.record.events import Ended, LearnerTurn, RecordedOptions, Started
from simvoice.record.files import HEADER, JOURNAL, new_id, replace_file
from simvoice.record.identity import attempt_uuid
from simvoice.record.journal import encode
from simvoice.record.recorder import mark_closed
from simvoice.record.reflection import LearnerReflection, read_reflection
from simvoice.record.store import Store
from simvoice.release.manifest import SealedOwner
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import Finished, Observer, Status
from simvoice.station.ports import StationClocks
from simvoice.station.roster_store import RosterStore
from simvoice.station.station import Station, StationParts
from simvoice.station.view import (
    AcceptTerms,
    Agree,
    Begin,
    EnterCode,
    EnterRoom,
    MicrophonePassed,
    StationView,
    WithoutCode,
)
from simvoice.strict_model import StrictModel
from simvoice.web.ports import CaseCard
from tests.station.visits import CODE
from tests.web.stand_in import CASE, case_header


class PowerCut(BaseException):
    """The power is gone: nothing after this line happens."""


class Inline:
    """In place of a thread: it runs where it is started."""

    def __init__(self, target: Callable[[], object], **_: object) -> None:
        self._target = target

    def start(self) -> None:
        self._target()


@dataclass
class Clock:
    """The clocks of a machine."""

    elapsed_s: float = 100.0
    wall_s: float = 1_700_000_000.0
    boot: str = "first"

    def clocks(self) -> StationClocks:
        return StationClocks(
            elapsed_s=lambda: self.elapsed_s,
            wall_s=lambda: self.wall_s,
            boot=lambda: self.boot,
            real_s=lambda: self.elapsed_s,
            wait=lambda event, seconds: event.wait(min(seconds, 0.05)),
        )

    def pass_(self, seconds: float) -> None:
        self.elapsed_s += seconds
        self.wall_s += seconds


class Sealed(StrictModel):
    """What a file of `FolderOutbox` holds."""

    owner: SealedOwner
    record: str
    recipient: str
    answers: OwnAnswers | None
    reflection: LearnerReflection | None = None


@dataclass
class FolderOutbox:
    """`station.ports.SealedOutbox` whose files a test can read."""

    folder: Path
    is_full: bool = False
    sealed: int = 0

    def seal(self, folder: Path, owner: SealedOwner, recipient: str) -> UUID:
        uuid = attempt_uuid(Store(folder.parent).open_recovered(folder.name).header)
        if self.has(uuid):
            return uuid
        if self.is_full:
            raise StorageFull("sealing stopped because the disk is full; free some space")
        self.folder.mkdir(exist_ok=True)
        found = Sealed(
            owner=owner,
            record=folder.name,
            recipient=recipient,
            answers=read_answers(folder),
            reflection=read_reflection(folder),
        )
        replace_file(self.folder / f"{uuid}.age", found.model_dump_json().encode())
        self.sealed += 1
        return uuid

    def has(self, uuid: UUID) -> bool:
        return (self.folder / f"{uuid}.age").exists()

    @property
    def waiting(self) -> int:
        return len(self.contents())

    def contents(self) -> list[Sealed]:
        files = sorted(self.folder.glob("*.age")) if self.folder.is_dir() else []
        return [Sealed.model_validate_json(path.read_bytes()) for path in files]


@dataclass
class ScriptedPatient:
    """`station.ports.StationSimulator`: each encounter records a moment and ends as it is told."""

    reasons: list[str] = field(default_factory=list)
    """How the next encounters end, the first one first; "learner" when there is none left."""
    full: str = ""
    """What an encounter lacks, in a sentence."""
    asked: list[EncounterOptions] = field(default_factory=list)
    retries: list[CheckpointRef | None] = field(default_factory=list)
    during: Callable[[], object] = lambda: None
    """Called while an encounter runs."""
    fault: Exception | None = None
    cannot_resume: bool = False
    said: tuple[LearnerTurn, ...] = ()
    """What the learner says in each encounter; then it lasts a minute longer."""

    def cases(self) -> Sequence[CaseCard]:
        return (CASE,)

    lacks: str = ""
    """Why no patient can be prepared."""

    def make_ready(self, case_id: str, *_: object, **__: object) -> None:
        if self.lacks:
            raise ModelMissing(self.lacks)

    def shortage(self) -> str:
        return self.full

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer = lambda _: None,
        retry_from: CheckpointRef | None = None,
        records: Path | None = None,
        options: EncounterOptions = AS_WRITTEN,
    ) -> ScriptedTalk:
        if self.fault is not None:
            raise self.fault
        if options.resume is not None and self.cannot_resume:
            raise AttemptError("nothing was said yet")
        self.asked.append(options)
        self.retries.append(retry_from)
        assert records is not None
        reason = self.reasons.pop(0) if self.reasons else "learner"
        return ScriptedTalk(self, records, observer, reason, options)


class ScriptedTalk:
    """`runtime.observer.Encounter` that takes no time."""

    def __init__(
        self,
        patient: ScriptedPatient,
        records: Path,
        observer: Observer,
        reason: str,
        options: EncounterOptions,
    ) -> None:
        self.attempt = new_id(CASE.id, datetime.now(UTC))
        self._patient = patient
        self._records = records
        self._observer = observer
        self._reason = reason
        self._options = RecordedOptions(reflects=options.reflects)
        self.asked_to_end = False
        self.held: list[bool] = []

    def run(self) -> Finished:
        folder = self._records / self.attempt
        folder.mkdir()
        header = case_header(self.attempt, uuid=uuid4(), options=self._options)
        replace_file(folder / HEADER, header.model_dump_json().encode())
        journal = encode(Started(wall_time="2026-11-30T09:00:00+00:00"))
        journal += b"".join(map(encode, self._patient.said))
        (folder / JOURNAL).write_bytes(journal)
        self._observer(Status(0.1, "patient", -30.0, 480.0))
        self._patient.during()
        reason = "learner" if self.asked_to_end else self._reason
        at_s = 61.0 if self._patient.said else 1.0
        ended = Ended(at_s=at_s, reason=reason)  # type: ignore[arg-type]
        (folder / JOURNAL).write_bytes(journal + encode(ended))
        mark_closed(folder)
        return Finished(self.attempt, reason, "An engine failed." if reason == "fault" else "")

    def end(self, reason: str = "learner") -> None:
        self.asked_to_end = True

    def hold(self, held: bool) -> None:
        self.held.append(held)

    def typed(self, text: str) -> None:
        """Nobody answers."""

    def typing(self) -> None:
        """Nobody waits."""


@dataclass
class PaperScreen:
    """`station.ports.Screen` that notes what was asked of it."""

    alive: bool = True
    clean: bool = True
    opened: list[str] = field(default_factory=list)
    problem: str = ""

    def renew(self, address: str) -> None:
        self.opened.append(address)

    def is_alive(self) -> bool:
        return self.alive

    def is_clean(self) -> bool:
        return self.clean

    def close(self) -> None:
        """It keeps nothing."""


class PaperLine:
    """The line of a page, of which only the end matters here."""

    closed = False

    def close(self) -> None:
        self.closed = True

    def stop(self) -> None:
        """There is no sound."""


class PaperOutbox:
    """The messages to a page."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def put_text(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    def put_status(self, message: dict[str, Any]) -> None:
        """Nobody looks."""

    def close(self) -> None:
        """It takes no more."""


class Desk:
    """One station, and what is around it. `restart` is a new process on the same disk."""

    def __init__(
        self,
        folder: Path,
        given: Roster | None = None,
        connect: Any = None,
        patient: ScriptedPatient | None = None,
    ) -> None:
        """given: the roster that was fetched before. connect: opens a scripted hub."""
        self.folder = folder
        self.connect = connect or StationConnection
        self.clock = Clock()
        self.patient = patient or ScriptedPatient()
        self.outbox = FolderOutbox(folder / "outbox")
        self.screen = PaperScreen()
        self.given = given
        self.boot()

    def boot(self, *, is_ready: bool = True) -> None:
        """Start the program. is_ready: the patients are prepared at once."""
        self.station = Station(
            StationParts(
                name="A1",
                folder=self.folder,
                simulator=self.patient,
                outbox=self.outbox,
                screen=self.screen,
                clocks=self.clock.clocks(),
                connect=self.connect,
            )
        )
        if self.given is not None:
            RosterStore(self.folder).replace(self.given)
            self.given = None
        self.station.recover()
        if is_ready:
            self.station.prepare()
        self.work()

    def restart(self, away_s: float = 5.0, *, reboot: bool = False, is_ready: bool = True) -> None:
        """Let the program end without a word, and start it again. is_ready: as `boot`."""
        self.clock.pass_(away_s)
        if reboot:
            self.clock.boot, self.clock.elapsed_s = f"after {self.clock.boot}", away_s / 2
        self.boot(is_ready=is_ready)

    def work(self) -> None:
        """Do what the station's threads do."""
        self.station.tick()
        self.station.work()
        self.station.tick()

    def wait(self, seconds: float) -> None:
        """Let time pass, and the threads work."""
        self.clock.pass_(seconds)
        self.work()

    @property
    def view(self) -> StationView:
        return self.station.view()

    @property
    def phase(self) -> Phase:
        return self.view.phase

    @property
    def report(self) -> StationReport:
        return self.station.report()

    def press(self, *actions: Any) -> None:
        for action in actions:
            self.station.act(action)
            self.work()

    def arrive(self) -> None:
        self.press(Begin(), Agree())

    def to_door(self, text: str = CODE) -> None:
        """Come with an exam code; with none, for a free practice."""
        self.arrive()
        if text:
            self.press(EnterCode(text=text), AcceptTerms(), MicrophonePassed())
        else:
            self.press(WithoutCode(case=CASE.id), MicrophonePassed())

    def talk(self) -> PaperOutbox | str:
        """Let the page open its line, and the encounter run to its end."""
        found = self.talk_only()
        if not isinstance(found, str):
            self.work()
        return found

    def talk_only(self) -> PaperOutbox | str:
        """Let the encounter run to its end while the station's threads do something else."""
        messages = PaperOutbox()
        found = self.station.begin_encounter(
            PaperLine(),  # type: ignore[arg-type]
            messages,  # type: ignore[arg-type]
        )
        return found if isinstance(found, str) else messages

    def visit(self, text: str = CODE) -> None:
        """Come, and speak once."""
        self.to_door(text)
        self.press(EnterRoom())
        self.talk()

    def until(self, is_so: Callable[[], bool], what: str, longest_s: float = 60.0) -> None:
        """Wait for something that a thread does. what: as a clause, for the failure."""
        until_s = time.monotonic() + longest_s
        while not is_so():
            if time.monotonic() > until_s:
                pytest.fail(f"not within {longest_s:.0f} s: {what}")
            time.sleep(0.005)

    def left_on_disk(self) -> list[str]:
        """Return the names of plain records and of their owners."""
        folders = (self.folder / "attempts", self.folder / "owners")
        return [each.name for folder in folders if folder.is_dir() for each in folder.iterdir()]


class InlineThreading:
    """The module `threading`, with threads that run where they are started."""

    Thread = Inline

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)


@contextmanager
def power_cut_at(change: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Cut the power before the change of the disk with this number. Yields the changes so far."""
    seen: list[str] = []

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if len(seen) >= change:
                raise PowerCut
            seen.append(name)
            return real(*given, **named)

        return call

    with monkeypatch.context() as patched:
        for module, name in ((os, "replace"), (os, "unlink"), (shutil, "rmtree"), (os, "mkdir")):
            patched.setattr(module, name, watched(name, getattr(module, name)))
        yield seen
