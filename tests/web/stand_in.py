"""A simulator without engines: real records, a real line, and a patient who follows a script."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from simvoice.audio import FRAME, FRAME_S, RATE, Pcm, Pcm16, level_dbfs
from simvoice.debrief.retry import CheckpointRef, find_checkpoint
from simvoice.errors import AttemptError, CaseError, UsageError
from simvoice.ports import AudioLine
from simvoice.record.events import (
    Ended,
    Header,
    LearnerVoice,
    PatientReflection,
    RetryOrigin,
    Started,
)
from simvoice.record.files import new_id
from simvoice.record.ratings import folders_with_feedback
from simvoice.record.recorder import Recorder
from simvoice.record.store import Attempt, AttemptSummary, Store
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import Caption, Finished, Observer, Speaking, Status
from simvoice.web.ports import CaseCard, Readiness
from tests.planted.builder import header, learner_turn, patient_speech, speech_like

CASE = CaseCard(
    id="breast-biopsy",
    title="The result of a biopsy",
    level="first clinical years",
    setting="Breast clinic, consulting room 4",
    door_note=(
        "You are the doctor on duty in the breast clinic. Ruth Calder, 47, comes for the result "
        "of the core biopsy that was taken eight days ago. You have not met before.\n\n"
        "The pathologist's report reads: invasive ductal carcinoma, grade 2.\n\n"
        "In the next eight minutes:\n\n"
        "- tell Ms Calder the result\n"
        "- answer what she asks\n"
        "- agree on what happens next\n\n"
        "You need not examine her, nor plan the treatment in detail."
    ),
    reading_time_s=120.0,
    time_s=480.0,
    patient_name="Ruth Calder",
    summary="A woman of 47 comes, alone, to hear what the needle found.",
)

HOST = "127.0.0.1:8765"
"""The host that the test client sends."""

LINE = f"ws://{HOST}/line"
"""The full address: the test client does not add its host to WebSockets."""

VOICED_DBFS = -50.0


def case_header(attempt: str = "", **fields: Any) -> Header:
    """Return a header for `CASE`. Without an identifier, the attempt begins now."""
    attempt = attempt or new_id(CASE.id, datetime.now(UTC))
    given = {"case_id": CASE.id, "case_title": CASE.title, "patient_name": CASE.patient_name}
    return header(attempt, **{**given, **fields})


def tone(seconds: float, hz: float = 190.0) -> Pcm16:
    """Return a hum with a syllable rhythm, as int16."""
    t = np.arange(round(seconds * RATE)) / RATE
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * 3.5 * t)
    return (6000 * swell * np.sin(2 * np.pi * hz * t)).astype(np.int16)


@dataclass(frozen=True, slots=True)
class ScriptedLine:
    """One line of the scripted patient, at a session time."""

    at_s: float
    length_s: float
    text: str


SCRIPT = (ScriptedLine(0.4, 1.2, "They said you would have the result."),)


class ScriptedEncounter:
    """Implements `runtime.observer.Encounter`: records both channels, says its lines on time."""

    def __init__(
        self,
        root: Path,
        line: AudioLine,
        learner: str,
        observer: Observer,
        script: Sequence[ScriptedLine],
        origin: RetryOrigin | None = None,
    ) -> None:
        now = datetime.now(UTC)
        self.attempt = new_id(CASE.id, now)
        self._line = line
        self._observer = observer
        self._script = script
        self._end = threading.Event()
        self.holds: list[bool] = []
        self.texts: list[str] = []
        """What the learner typed; "…" where the learner was typing."""
        self.listens = threading.Event()
        """Set when the line is open. Sound that comes earlier is dropped."""
        self._recorder = Recorder.create(
            root, case_header(self.attempt, learner=learner, again=origin)
        )
        self._recorder.add(Started(wall_time=now.isoformat()))

    def end(self, reason: str = "learner") -> None:
        self._end.set()

    def hold(self, held: bool) -> None:
        self.holds.append(held)

    def typed(self, text: str) -> None:
        if text == "too long":
            raise UsageError("This text is too long. Write less.")
        self.texts.append(text)

    def typing(self) -> None:
        self.texts.append("…")

    def run(self) -> Finished:
        self._line.start()
        self.listens.set()
        waiting = list(self._script)
        playing: Pcm16 = np.zeros(0, np.int16)
        voiced: list[float] = []
        frames = 0
        reason = "learner"
        while not self._end.is_set():
            frame = self._line.read()
            if frame is None:
                reason = "learner" if self._end.is_set() else "closed"
                break
            at_s = frames * FRAME_S
            frames += 1
            if waiting and at_s >= waiting[0].at_s:
                said = waiting.pop(0)
                playing = tone(said.length_s)
                end_s = at_s + said.length_s
                self._recorder.add(patient_speech(0, at_s, said.text, line_id=None, end_s=end_s))
                self._observer(Speaking(at_s, f"{said.text} And more."))
                self._observer(Caption("patient", at_s, said.text))
            out, playing = playing[:FRAME], playing[FRAME:]
            out = np.pad(out, (0, FRAME - out.size)).astype(np.int16)
            self._line.write(out)
            self._recorder.sound(frame.pcm, out)
            level = level_dbfs(frame.pcm)
            if level > VOICED_DBFS:
                voiced.append(at_s)
            if frames % 5 == 0:
                turn_holder = (
                    "patient" if out.any() else "learner" if level > VOICED_DBFS else "nobody"
                )
                self._observer(Status(at_s, turn_holder, level, 480.0 - at_s))
        return self._close(reason, voiced, frames * FRAME_S)

    def _close(self, reason: str, voiced: list[float], at_s: float) -> Finished:
        if voiced:
            first, last = voiced[0], voiced[-1] + FRAME_S
            self._recorder.add(LearnerVoice(start_s=first, end_s=last, level_dbfs=-24.0))
            self._recorder.add(learner_turn(1, first, "(what the learner said)", end_s=last))
        self._recorder.add(Ended(at_s=at_s, reason=reason))  # type: ignore[arg-type]
        self._recorder.close()
        done = Finished(self.attempt, reason)
        self._observer(done)
        return done


@dataclass
class StandIn:
    """Implements `web.ports.Simulator`."""

    root: Path
    readiness: Readiness = field(default_factory=lambda: Readiness(True, 1.0, "All is ready"))
    script: Sequence[ScriptedLine] = SCRIPT
    fault: Exception | None = None
    """When set, `encounter` raises it."""
    disclosure: str = ""
    faults: tuple[str, ...] = ()
    """Why cases are withheld."""
    prepared: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """The cases of which encounters were asked for."""
    options: list[EncounterOptions] = field(default_factory=list)
    """The options of the encounters that were asked for."""
    begun: threading.Event = field(default_factory=threading.Event)
    """Set when an encounter was built."""
    last: ScriptedEncounter | None = None
    lines: list[AudioLine] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return Store(self.root)

    def cases(self) -> Sequence[CaseCard]:
        return (CASE,)

    def withheld(self) -> Sequence[str]:
        return self.faults

    def prepare(self, case_id: str) -> None:
        self.prepared.append(case_id)

    def ready(self) -> Readiness:
        return self.readiness

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str,
        observer: Observer,
        retry_from: CheckpointRef | None = None,
        options: EncounterOptions = AS_WRITTEN,
    ) -> ScriptedEncounter:
        self.asked.append(case_id)
        self.options.append(options)
        if self.fault is not None:
            raise self.fault
        if case_id != CASE.id:
            raise CaseError(f"there is no case {case_id}; run: simvoice cases list")
        self.lines.append(line)
        self.last = ScriptedEncounter(
            self.root, line, learner, observer, self.script, self._origin(retry_from)
        )
        self.begun.set()
        return self.last

    def retry_time_s(self, case_id: str, checkpoint: CheckpointRef) -> float | None:
        if self.fault is not None:
            raise self.fault
        entry = find_checkpoint(self.attempt(checkpoint.attempt), checkpoint.turn)
        return max(120.0, (CASE.time_s or 0.0) - entry.at_s)

    def _origin(self, checkpoint: CheckpointRef | None) -> RetryOrigin | None:
        if checkpoint is None:
            return None
        entry = find_checkpoint(self.attempt(checkpoint.attempt), checkpoint.turn)
        return RetryOrigin(attempt=checkpoint.attempt, turn=entry.turn, at_s=entry.at_s)

    def attempts(self) -> Sequence[AttemptSummary]:
        return self.store.list()

    def attempt(self, attempt_id: str) -> Attempt:
        found = self.store.open(attempt_id)
        return self.store.recover(attempt_id) if found.state == "crashed" else found

    def folders_with_feedback(self) -> Sequence[Path]:
        return folders_with_feedback(self.root)

    def reflection_audio(self, attempt_id: str) -> Pcm:
        said = [e for e in self.attempt(attempt_id).entries if isinstance(e, PatientReflection)]
        if not said:
            raise AttemptError("The record of this attempt does not have the patient's own words.")
        return speech_like(1.5).astype(np.float32)

    def erase(self, attempt_id: str) -> None:
        self.store.erase(attempt_id)
