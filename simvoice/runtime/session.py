"""One encounter, live: a line, the engines and the state machine on one thread and one clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, assert_never

import numpy as np

from simvoice.audio import FRAME, FRAME_S, RATE, SILENT_DBFS, Pcm16, level_dbfs, samples, seconds
from simvoice.conversation.checkpoint import RetryStart
from simvoice.conversation.events import (
    AskModel,
    ClipEnded,
    ClipStarted,
    Close,
    Command,
    Drop,
    Duck,
    EncounterEvent,
    EndAsked,
    Frame,
    JudgeTurnEnd,
    Note,
    Play,
    StageBroke,
    StopPlaying,
    Synthesise,
    Transcribe,
    Warm,
)
from simvoice.conversation.state import EncounterState, Rules, begin, begin_retry
from simvoice.conversation.step import step
from simvoice.errors import DeviceLost, StageFailed
from simvoice.patient.decisions import Affect, Mood
from simvoice.ports import AudioLine, LineFacts, MicFrame, VoiceActivity, VoiceStyle
from simvoice.record.events import (
    JournalEntry,
    LearnerTurn,
    LossCounts,
    PatientSpeech,
    Started,
    Trouble,
)
from simvoice.record.recorder import Recorder
from simvoice.runtime.observer import Caption, Finished, Observer, Status, TurnHolder
from simvoice.runtime.player import Player, PlayerEvent
from simvoice.runtime.session_sound import DeliveredSound, MicrophoneMemory
from simvoice.runtime.stages import Engines, Stages

_STATUS_FRAMES = 5
"""A status every 100 ms: as often as a level meter needs."""

_SLOW_S = 0.1
"""A loop that takes this long has used up what a device buffers."""

_BROKEN_IN_A_ROW = 4
"""Failures of one engine in a row after which it is broken, and the encounter has to end."""

_LONGEST_WORK_S = 60.0
"""No engine works for so long on one piece, however busy the machine is."""

_SILENCE = np.zeros(FRAME, dtype=np.int16)

EndReason = Literal["learner", "device", "closed", "fault"]


def _blind(_: object) -> None:
    """An observer for nobody."""


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What an encounter is made of; `app.py` puts it together."""

    attempt: str
    rules: Rules
    line: AudioLine
    vad: VoiceActivity
    engines: Engines
    record: Callable[[LineFacts], Recorder]
    """Makes the record, once the line is open and its facts are known."""
    style: Callable[[Affect, Mood], VoiceStyle]
    focus: Callable[[str], str]
    """The part of an utterance whose meaning counts."""
    seed: int = 0
    again: RetryStart | None = None
    """The moment that this is another go at; the seed is its state's then."""
    time_shown_s: float | None = None
    """The time the learner sees running down; None shows none."""
    observer: Observer = _blind
    wall_s: Callable[[], float] = time.monotonic


class Session:
    """Runs an encounter (see `runtime.view.Encounter`)."""

    def __init__(self, parts: SessionParts) -> None:
        self._parts = parts
        self._line = parts.line
        self._rules = parts.rules
        self._recorder: Recorder | None = None
        self._memory = MicrophoneMemory()
        self._tape = DeliveredSound()
        self._player = Player()
        self._stages = Stages(parts.engines, self._memory, parts.style, parts.focus)
        self._state: EncounterState = (
            begin(parts.rules, parts.seed) if parts.again is None else begin_retry(parts.again)
        )
        self._due: list[EncounterEvent] = []
        """Playback events that lie a little ahead: what is written is heard later."""
        self._frames = 0
        self._lost = 0
        self._slow = 0
        self._underruns = 0
        self._broken: dict[str, int] = {}
        self._end = threading.Event()
        self._close: Close | None = None
        self._message = ""

    @property
    def attempt(self) -> str:
        """Identifier of the attempt it records."""
        return self._parts.attempt

    def end(self) -> None:
        """Ask for the end, from any thread."""
        self._end.set()

    def settle(self) -> None:
        """Wait until every engine is at rest and all is written: for a line in virtual time, whose
        clock stands still meanwhile. Raises StageFailed when one works for longer than a minute."""
        if self._recorder is not None:
            self._recorder.drain()
        if not self._stages.settle(_LONGEST_WORK_S):
            raise StageFailed(
                f"an engine worked for more than {_LONGEST_WORK_S:.0f} s; run: simvoice doctor"
            )

    def run(self) -> Finished:
        """Talk until it ends."""
        self._line.start()
        try:
            facts = self._line.facts
            self._rules = replace(self._rules, half_duplex=facts.echo == "half-duplex")
            self._recorder = self._parts.record(facts)
            self._stages.start()
            self._talk()
        finally:
            self._line.stop()
            self._stages.stop()
        reason = self._close.reason if self._close is not None else "fault"
        finished = Finished(self.attempt, reason, self._message)
        self._parts.observer(finished)
        return finished

    def _talk(self) -> None:
        now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
        self._write(Started(wall_time=now))
        try:
            self._loop()
        finally:
            self._add_counts()
            assert self._recorder is not None
            self._recorder.close()

    def _write(self, entry: JournalEntry) -> None:
        assert self._recorder is not None
        self._recorder.add(entry)

    # -- the loop

    def _loop(self) -> None:
        last_s = self._parts.wall_s()
        while self._close is None:
            frame = self._read()
            now_s = self._parts.wall_s()
            self._slow += now_s - last_s > _SLOW_S
            last_s = now_s
            if frame is None:
                continue
            for _ in range(frame.lost):
                self._lost += 1
                self._take_in(_SILENCE, speech_prob=0.0)
            self._underruns = frame.underruns
            self._take_in(frame.pcm, self._parts.vad.push(frame.pcm))
            self._speak(frame)
            self._watch()

    def _read(self) -> MicFrame | None:
        try:
            frame = self._line.read()
        except DeviceLost as error:
            self._fail("device", str(error))
            return None
        if frame is None:
            self._step(EndAsked(self._now_s, "closed"))
        return frame

    @property
    def _now_s(self) -> float:
        return self._frames * FRAME_S

    def _take_in(self, pcm: Pcm16, speech_prob: float) -> None:
        """A frame of the learner's: remember it, then let everything that is due happen."""
        self._memory.add(pcm)
        self._frames += 1
        assert self._recorder is not None
        self._recorder.sound(pcm, self._tape.take())
        now_s = self._now_s
        for event in self._stages.results():
            self._watch_broken(event)
            self._step(replace(event, at_s=now_s))
        soon_s = now_s + 1e-9
        due = [event for event in self._due if event.at_s <= soon_s]
        self._due = [event for event in self._due if event.at_s > soon_s]
        for event in due:
            self._step(event)
        level = level_dbfs(pcm)
        self._step(Frame(now_s, speech_prob, level))
        if self._frames % _STATUS_FRAMES == 0:
            self._show_status(level)

    def _speak(self, frame: MicFrame) -> None:
        """The next frame of the patient's, laid where it will be heard."""
        pcm, events = self._player.pull()
        self._line.write(pcm)
        # The delay counts from the start of the frame that was read, which ends now.
        heard_at = samples(self._now_s - FRAME_S + frame.output_delay_s)
        place = self._tape.put(pcm, heard_at)
        for event in events:
            self._due.append(_playback(event, seconds(place + event.offset)))

    def _watch(self) -> None:
        if self._end.is_set():
            self._end.clear()
            self._step(EndAsked(self._now_s, "learner"))
        assert self._recorder is not None
        fault = self._recorder.fault
        if fault is not None and self._close is None:
            self._fail("fault", str(fault))

    def _fail(self, reason: EndReason, message: str) -> None:
        self._message = message
        self._write(Trouble(at_s=round(self._now_s, 3), what=message))
        self._step(EndAsked(self._now_s, reason))

    def _watch_broken(self, event: EncounterEvent) -> None:
        """An engine that fails again and again is broken; a broken patient does not stay on."""
        if not isinstance(event, StageBroke):
            self._broken.pop(_stage_of(event), None)
            return
        count = self._broken.get(event.stage, 0) + 1
        self._broken[event.stage] = count
        if event.stage in ("turn", "say") and count >= _BROKEN_IN_A_ROW:
            part = "speech recogniser" if event.stage == "turn" else "patient's voice"
            self._fail(
                "fault",
                f"The {part} failed {count} times in a row ({event.what}), so the encounter was "
                "ended; run: simvoice doctor",
            )

    # -- step and its commands

    def _step(self, event: EncounterEvent) -> None:
        self._state, commands = step(self._rules, self._state, event)
        for command in commands:
            self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case JudgeTurnEnd():
                self._stages.judge(command)
            case Transcribe():
                self._stages.transcribe(command)
            case AskModel():
                self._stages.ask(command)
            case Warm():
                self._stages.warm(command)
            case Synthesise():
                self._stages.synthesise(command)
            case Play():
                self._play(command)
            case Duck():
                self._player.duck(command.gain_db)
            case StopPlaying():
                self._player.stop()
            case Drop():
                self._stages.drop(command.key)
            case Note():
                self._note(command.entry)
            case Close():
                self._close = command
            case _:
                assert_never(command)

    def _play(self, command: Play) -> None:
        speech = self._stages.take_clip(command.key, command.index)
        if speech is not None:
            self._player.queue(command.key, command.index, speech.pcm, speech.syllable_ends_s)

    def _note(self, entry: JournalEntry) -> None:
        self._write(entry)
        if isinstance(entry, LearnerTurn):
            self._parts.observer(Caption("learner", entry.start_s, entry.text))
        elif isinstance(entry, PatientSpeech):
            self._parts.observer(Caption("patient", entry.start_s, entry.heard))

    # -- what others see

    def _show_status(self, level: float) -> None:
        state = self._state
        floor: TurnHolder = "nobody"
        if state.patient_has_floor:
            floor = "patient"
        elif state.voicing.active:
            floor = "learner"
        shown_s = self._parts.time_shown_s
        left_s = None if shown_s is None else max(0.0, shown_s - self._now_s)
        self._parts.observer(Status(self._now_s, floor, max(level, SILENT_DBFS), left_s))

    def _add_counts(self) -> None:
        self._write(
            LossCounts(
                at_s=round(self._now_s, 3),
                lost_frames=self._lost,
                speaker_underruns=self._underruns,
                stale_artefacts=self._state.stale,
                slow_frames=self._slow,
            )
        )


def _playback(event: PlayerEvent, at_s: float) -> EncounterEvent:
    if event.kind == "started":
        return ClipStarted(at_s, event.key, event.index)
    return ClipEnded(at_s, event.key, event.index, event.played / RATE, cut=event.kind == "cut")


_STAGES = {
    "TurnEndJudged": "judge",
    "ModelAnswered": "think",
    "SpeechReady": "say",
}


def _stage_of(event: EncounterEvent) -> str:
    purpose = getattr(event, "purpose", None)
    return str(purpose) if purpose is not None else _STAGES.get(type(event).__name__, "")
