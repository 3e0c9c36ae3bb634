"""Run one encounter: audio line, engines and state machine on one thread and one clock."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import assert_never

import numpy as np

from simvoice import log
from simvoice.audio import FRAME, FRAME_S, RATE, SILENT_DBFS, Pcm16, level_dbfs, samples, seconds
from simvoice.conversation.checkpoint import RetryStart
from simvoice.conversation.events import (
    AskModel,
    ClipEnded,
    ClipStarted,
    Close,
    Command,
    DropWork,
    Duck,
    Embed,
    EncounterEvent,
    EndRequested,
    EngineFailed,
    Frame,
    HoldClock,
    JudgeTurnEnd,
    Note,
    Play,
    ShowLine,
    ShowTimeOver,
    StopPlaying,
    Synthesise,
    Transcribe,
    Typed,
    Typing,
    WarmModel,
)
from simvoice.conversation.state import EncounterState, Rules, begin, begin_retry
from simvoice.conversation.step import step
from simvoice.errors import DeviceLost, StageFailed, UsageError
from simvoice.patient.decisions import Affect, Mood
from simvoice.ports import AudioLine, LineFacts, MicFrame, VoiceActivity, VoiceStyle
from simvoice.record.endings import RequestedEnd
from simvoice.record.events import (
    Delay,
    JournalEntry,
    LearnerTurn,
    LossCounts,
    PatientSpeech,
    Started,
    Trouble,
)
from simvoice.record.recorder import Recorder
from simvoice.runtime.encounter_log import EncounterLog
from simvoice.runtime.observer import (
    Answered,
    Caption,
    Finished,
    Observer,
    Speaking,
    Status,
    TimeOver,
    TurnHolder,
    ignore,
)
from simvoice.runtime.player import Player, PlayerEvent
from simvoice.runtime.session_sound import DeliveredSound, MicrophoneMemory
from simvoice.runtime.stages import Engines, Stages
from simvoice.safe_text import one_line

_STATUS_FRAMES = 5
"""Frames between two statuses: 100 ms, as a level meter needs."""

_SLOW_S = 0.1
"""A frame that takes longer than this has used up the buffer of the device."""

_MOST_FAILURES = 4
"""Consecutive failures of one engine after which the encounter ends."""

_LONGEST_WORK_S = 60.0
"""Longer than any engine works on one job, even on a busy machine."""

LONGEST_TYPED = 2000
"""Characters of the longest typed turn: some minutes of speech."""

_MOST_REQUESTS = 50
"""Requests of other threads that wait for the next frame, which comes within 20 ms."""

_SILENCE = np.zeros(FRAME, dtype=np.int16)


@dataclass(frozen=True, slots=True)
class SessionParts:
    """The parts of an encounter; `app.simulator` puts them together."""

    attempt: str
    rules: Rules
    line: AudioLine
    vad: VoiceActivity
    engines: Engines
    record: Callable[[LineFacts], Recorder]
    """Creates the record, once the line is open and its facts are known."""
    style: Callable[[Affect, Mood], VoiceStyle]
    focus: Callable[[str], str]
    """Returns the part of an utterance that is embedded."""
    seed: int = 0
    retry: RetryStart | None = None
    """Where a retry starts; None for a new encounter. With a retry, its state holds the seed."""
    time_shown_s: float | None = None
    """Time limit that the learner sees counting down; None shows none."""
    takes_typed: bool = False
    """The learner may type turns."""
    observer: Observer = ignore
    wall_s: Callable[[], float] = time.monotonic


class Session:
    """Runs an encounter (see `runtime.observer.Encounter`)."""

    def __init__(self, parts: SessionParts, stages: Stages | None = None) -> None:
        """stages: carries out the commands that need an engine; None for the engines of `parts`.

        Tests pass scripted stages.
        """
        self._parts = parts
        self._line = parts.line
        self._rules = parts.rules
        self._recorder: Recorder | None = None
        self._memory = MicrophoneMemory()
        self._delivered_sound = DeliveredSound()
        self._player = Player()
        self._stages = stages or Stages(
            parts.engines, self._memory, parts.style, parts.focus, parts.rules.turn_taking
        )
        self._state: EncounterState = (
            begin(parts.rules, parts.seed) if parts.retry is None else begin_retry(parts.retry)
        )
        self._due: list[EncounterEvent] = []
        """Playback events in the near future: a frame is heard some time after it is written."""
        self._frames = 0
        self._read_at_s = 0.0
        """Wall time at which the last frame was read."""
        self._lost = 0
        self._slow = 0
        self._underruns = 0
        self._failures: dict[str, int] = {}
        self._log = EncounterLog()
        self._requests: queue.Queue[Typed | Typing | HoldClock] = queue.Queue(_MOST_REQUESTS)
        """What other threads ask for; the next frame takes it."""
        self._end = threading.Event()
        self._end_reason: RequestedEnd = "learner"
        self._close: Close | None = None
        self._message = ""

    @property
    def attempt(self) -> str:
        """Id of the attempt that it records."""
        return self._parts.attempt

    def end(self, reason: RequestedEnd = "learner") -> None:
        """Request the end, from any thread or from a signal handler. reason: why."""
        self._end_reason = reason
        self._end.set()

    def hold(self, held: bool) -> None:
        """Stop the clock of the encounter, or let it run again. See `observer.Encounter.hold`."""
        self._request(HoldClock(0.0, held))

    def typed(self, text: str) -> None:
        """Take a turn that the learner typed. See `observer.Encounter.typed`."""
        if not self._parts.takes_typed:
            raise UsageError("This encounter takes no typed turns. Speak with the patient instead.")
        if len(text) > LONGEST_TYPED:
            raise UsageError(
                f"This text is too long. Write at most {LONGEST_TYPED} characters at once."
            )
        self._request(Typed(0.0, one_line(text)))

    def typing(self) -> None:
        """Tell that the learner types now. See `observer.Encounter.typing`."""
        if self._parts.takes_typed and self._requests.empty():
            self._request(Typing(0.0))

    def _request(self, event: Typed | Typing | HoldClock) -> None:
        try:
            self._requests.put_nowait(event)
        except queue.Full:
            raise UsageError("The encounter does not answer now. Try again in a moment.") from None

    def wait_until_idle(self) -> None:
        """Wait until every engine is idle and everything is written.

        A line in virtual time calls it between frames, while its clock stands still. Raises
        StageFailed when an engine works for longer than a minute.
        """
        if self._recorder is not None:
            self._recorder.drain()
        if not self._stages.wait_until_idle(_LONGEST_WORK_S):
            raise StageFailed(
                f"an engine worked for more than {_LONGEST_WORK_S:.0f} s; run: simvoice doctor"
            )

    def run(self) -> Finished:
        """Run the encounter to its end and return how it ended."""
        with log.of_attempt(self.attempt):
            return self._run()

    def _run(self) -> Finished:
        self.open()
        try:
            while self._close is None:
                self.advance()
        finally:
            finished = self.close()
        self._parts.observer(finished)
        return finished

    def open(self) -> None:
        """Open the line and the record, and start the engines."""
        try:
            self._line.start()
            facts = self._line.facts
            self._log.opened(facts)
            self._rules = replace(self._rules, half_duplex=facts.echo == "half-duplex")
            self._recorder = self._parts.record(facts)
            self._stages.start()
            now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
            self._write(Started(wall_time=now))
        except BaseException:
            self._line.stop()
            self._stages.stop()
            raise
        self._read_at_s = self._parts.wall_s()

    def advance(self) -> None:
        """Carry the encounter one microphone frame (20 ms) forward."""
        frame = self._read()
        now_s = self._parts.wall_s()
        self._slow += now_s - self._read_at_s > _SLOW_S
        self._read_at_s = now_s
        if frame is None:
            return
        for _ in range(frame.lost):
            self._lost += 1
            self._process_frame(_SILENCE, speech_prob=0.0)
        self._underruns = frame.underruns
        self._process_frame(frame.pcm, self._parts.vad.push(frame.pcm))
        self._play_frame(frame)
        self._check_end()

    def close(self) -> Finished:
        """Write what was lost, close record, line and engines, and return how it ended."""
        try:
            self._add_counts()
            assert self._recorder is not None
            self._recorder.close()
        finally:
            self._line.stop()
            self._stages.stop()
            reason = self._close.reason if self._close is not None else "fault"
            self._log.ended(reason)
        return Finished(self.attempt, reason, self._message)

    def _write(self, entry: JournalEntry) -> None:
        assert self._recorder is not None
        self._recorder.add(entry)
        self._log.add(entry)

    # -- one frame

    def _read(self) -> MicFrame | None:
        try:
            frame = self._line.read()
        except DeviceLost as error:
            self._fail("device", str(error))
            return None
        if frame is None:
            # the learner may have asked for the end when no more sound came
            reason: RequestedEnd = self._end_reason if self._end.is_set() else "closed"
            self._step(EndRequested(self._now_s, reason))
        return frame

    @property
    def _now_s(self) -> float:
        return self._frames * FRAME_S

    def _process_frame(self, pcm: Pcm16, speech_prob: float) -> None:
        """Process one microphone frame: store it, then step through all events that are due."""
        self._memory.add(pcm)
        self._frames += 1
        assert self._recorder is not None
        self._recorder.sound(pcm, self._delivered_sound.take())
        now_s = self._now_s
        for event in self._stages.results():
            self._count_failures(event)
            self._step(replace(event, at_s=now_s))
        while not self._requests.empty():
            self._step(replace(self._requests.get_nowait(), at_s=now_s))
        soon_s = now_s + 1e-9
        due = [event for event in self._due if event.at_s <= soon_s]
        self._due = [event for event in self._due if event.at_s > soon_s]
        for event in due:
            self._step(event)
        level = level_dbfs(pcm)
        self._step(Frame(now_s, speech_prob, level))
        if self._frames % _STATUS_FRAMES == 0:
            self._show_status(level)

    def _play_frame(self, frame: MicFrame) -> None:
        """Write the next frame of the patient's voice, and store it where it will be heard."""
        pcm, events = self._player.pull()
        self._line.write(pcm)
        # The delay counts from the start of the frame that was read, which ends now.
        heard_at = samples(self._now_s - FRAME_S + frame.output_delay_s)
        start = self._delivered_sound.put(pcm, heard_at)
        for event in events:
            self._due.append(_playback(event, seconds(start + event.offset)))

    def _check_end(self) -> None:
        if self._end.is_set():
            self._end.clear()
            self._step(EndRequested(self._now_s, self._end_reason))
        assert self._recorder is not None
        fault = self._recorder.fault
        if fault is not None and self._close is None:
            self._fail("fault", str(fault))

    def _fail(self, reason: RequestedEnd, message: str) -> None:
        self._message = message
        self._write(Trouble(at_s=self._now_s, what=message))
        self._step(EndRequested(self._now_s, reason))

    def _count_failures(self, event: EncounterEvent) -> None:
        """End the encounter when the recogniser or the voice fails several times in a row."""
        if not isinstance(event, EngineFailed):
            self._failures.pop(_stage_of(event), None)
            return
        count = self._failures.get(event.stage, 0) + 1
        self._failures[event.stage] = count
        if event.stage in ("turn", "say") and count >= _MOST_FAILURES:
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
            case Embed():
                self._stages.embed(command)
            case AskModel():
                self._stages.ask(command)
            case WarmModel():
                self._stages.warm(command)
            case Synthesise():
                self._stages.synthesise(command)
            case Play():
                self._play(command)
            case Duck():
                self._player.duck(command.gain_db)
            case StopPlaying():
                self._player.stop()
            case DropWork():
                self._stages.drop(command.key)
            case Note():
                self._note(command.entry)
            case ShowLine():
                self._parts.observer(Speaking(command.start_s, command.text))
            case ShowTimeOver():
                self._parts.observer(TimeOver(command.at_s))
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
        elif isinstance(entry, Delay):
            took_s = entry.first_sound_s - entry.speech_end_s - entry.chosen_silence_s
            self._parts.observer(Answered(entry.first_sound_s, took_s))

    # -- observers and counts

    def _show_status(self, level: float) -> None:
        state = self._state
        floor: TurnHolder = "nobody"
        if state.patient_has_turn:
            floor = "patient"
        elif state.voicing.active:
            floor = "learner"
        shown_s = self._parts.time_shown_s
        clock = state.clock
        left_s = None if shown_s is None else max(0.0, shown_s - clock.at(self._now_s))
        is_held = clock.since_s is not None
        self._parts.observer(Status(self._now_s, floor, max(level, SILENT_DBFS), left_s, is_held))

    def _add_counts(self) -> None:
        self._write(
            LossCounts(
                at_s=self._now_s,
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
