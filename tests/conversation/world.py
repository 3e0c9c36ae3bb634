"""A conversation scripted in virtual time: ten minutes of talk in milliseconds.

The learner's voice, the engines' delays and the patient's lines are scripted; the state machine,
the player and the clock (samples of the microphone) are the real ones. Nothing sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from simvoice import markup
from simvoice.audio import FRAME_S, RATE, samples
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
    Key,
    ModelAnswered,
    Note,
    Play,
    SpeechReady,
    StageBroke,
    StopPlaying,
    Synthesise,
    Transcribe,
    Transcribed,
    TurnEndJudged,
    WordsJudged,
)
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.conversation.state import Rules, begin
from simvoice.conversation.step import step
from simvoice.patient.decisions import (
    Answer,
    Decision,
    LearnerUtterance,
    Mood,
    Move,
    PatientState,
    PlannedHold,
    Query,
    Reflection,
)
from simvoice.ports import Message, SpokenWord, Transcript
from simvoice.record.events import (
    Backchannel,
    Delay,
    Discarded,
    Ended,
    Interruption,
    JournalEntry,
    LearnerTurn,
    PatientSpeech,
)
from simvoice.record.events import Hold as HoldEntry
from simvoice.runtime.player import Player

T = TypeVar("T")

WORD_S = 0.3
"""Every scripted patient word lasts this long."""


@dataclass
class ScriptedMind:
    """A patient who answers in a scripted order, and remembers what she was told and heard."""

    lines: list[str] = field(default_factory=lambda: ["I see what you mean."])
    """May have marks."""
    mood: Mood = "even"
    holds: dict[int, PlannedHold] = field(default_factory=dict)
    """By line number: the silence she keeps after it."""
    silences: dict[int, float] = field(default_factory=dict)
    """By line number: the silence she chooses before it."""
    endings: dict[int, str] = field(default_factory=dict)
    queries: dict[int, Query] = field(default_factory=dict)
    hands_over: bool = True
    """Whether what the learner says leaves the floor to her."""
    feels: tuple[Reflection, ...] = ()
    """What she says afterwards."""
    said: list[LearnerUtterance] = field(default_factory=list)
    hearings: list[tuple[str, bool]] = field(default_factory=list)
    """(heard text, complete) of each of her lines, in order."""

    def start(self, seed: int) -> PatientState:
        return PatientState(ledger=(("trust", 0.5),), seed=seed)

    def _line(self, state: PatientState, reason: str) -> Decision:
        number = state.turns
        spoken = self.lines[number % len(self.lines)]
        text = markup.plain(spoken)
        move = Move(
            kind="answer" if text else "silent",
            text=text,
            line_id=f"line-{number}",
            mood=self.mood,
            spoken=spoken,
            silence_before_s=self.silences.get(number, 0.0),
            hold=self.holds.get(number),
            ending=self.endings.get(number),
        )
        after = replace(state, turns=number + 1, prompts=0)
        return Decision(after, move, reason, query=self.queries.get(number))

    def open(self, state: PatientState) -> Decision:
        return self._line(state, "she speaks first")

    def respond(self, state: PatientState, said: LearnerUtterance) -> Decision:
        self.said.append(said)
        decision = self._line(state, f"answers {said.text}")
        return replace(decision, hands_over=self.hands_over)

    def settle(self, state_before: PatientState, decision: Decision, answer: Answer) -> Decision:
        return replace(decision, move=Move("answer", answer.text), query=None)

    def silence_held(self, state: PatientState, beat: str) -> Decision:
        return Decision(state, Move("feel", f"it opened after {beat}", "opened"), "held")

    def break_silence(self, state: PatientState, silence_s: float) -> Decision:
        after = replace(state, prompts=state.prompts + 1)
        return Decision(after, Move("prompt", "are you still there", "prompt"), "silence")

    def time_up(self, state: PatientState) -> Decision:
        move = Move("close", "they want me back now", "time", ending="time")
        return Decision(state, move, "time")

    def confused(self, state: PatientState) -> Decision:
        return Decision(state, Move("clarify", "sorry what was that", "confused"), "not heard")

    def ending(self, state: PatientState, trigger: str) -> str | None:
        return f"the learner {trigger}"

    def reflect(self, state: PatientState, ending: str | None) -> tuple[Reflection, ...]:
        return self.feels

    def prompt_so_far(self, state: PatientState) -> str:
        return ""

    def messages_so_far(self, state: PatientState) -> tuple[Message, ...]:
        return ()

    def record_delivery(
        self, state: PatientState, move: Move, heard_text: str, complete: bool
    ) -> PatientState:
        self.hearings.append((heard_text, complete))
        return replace(state, spoken=(*state.spoken, heard_text))


@dataclass(frozen=True)
class Utterance:
    """The learner's voice from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    text: str
    logprob: float = -0.2
    no_speech: float = 0.02
    level_dbfs: float = -25.0
    hum: float = 0.0


@dataclass
class World:
    """Runs a script against the real state machine."""

    mind: ScriptedMind = field(default_factory=ScriptedMind)
    floor: TurnTakingSettings = field(default_factory=lambda: TurnTakingSettings())
    utterances: list[Utterance] = field(default_factory=list)
    stt_s: float = 0.2
    judge_s: float = 0.08
    llm_s: float = 0.3
    tts_s: float = 0.1
    output_delay_s: float = 0.06
    complete: Callable[[float, float], float] = lambda start_s, end_s: 0.95
    """Smart Turn's answer by the span of the turn."""
    words_over: Callable[[str], float] | None = None
    """The words' own answer; None when no model judges them."""
    model_text: str = "something of my own"
    breaks: set[str] = field(default_factory=set)
    """Stages that fail, by name."""
    mute: set[str] = field(default_factory=set)
    """Stages that never answer."""
    time_s: float | None = None
    time_is_hard: bool = True
    half_duplex: bool = False
    extra: list[EncounterEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rules = Rules(
            self.mind,
            self.floor,
            self.time_s,
            self.time_is_hard,
            judges_words=self.words_over is not None,
            half_duplex=self.half_duplex,
        )
        self.state = begin(self.rules, 0)
        self.player = Player()
        self.pending: list[tuple[float, EncounterEvent]] = []
        self.notes: list[JournalEntry] = []
        self.commands: list[tuple[float, Command]] = []
        self.clips: dict[tuple[Key, int], tuple[np.ndarray, tuple[SpokenWord, ...]]] = {}
        self.dropped: set[Key] = set()
        self.sound: list[tuple[float, float]] = []
        """(session seconds heard, level) of every 20 ms of the patient's."""
        self.closed: Close | None = None
        self.frames = 0

    # -- script

    def learner(self, start_s: float, end_s: float, text: str, **how: float) -> World:
        self.utterances.append(Utterance(start_s, end_s, text, **how))  # type: ignore[arg-type]
        return self

    def run(self, until_s: float) -> World:
        for event in self.extra:
            self.pending.append((event.at_s, event))
        self.extra = []
        while self.frames * FRAME_S < until_s and self.closed is None:
            self.frame()
        return self

    # -- the loop, as `runtime.session` has it

    @property
    def now_s(self) -> float:
        return round(self.frames * FRAME_S, 6)

    def frame(self) -> None:
        self.frames += 1
        now_s = self.now_s
        soon_s = now_s + 1e-9
        due = [event for at_s, event in self.pending if at_s <= soon_s]
        self.pending = [(at_s, event) for at_s, event in self.pending if at_s > soon_s]
        for event in due:
            self.step(
                event if isinstance(event, ClipStarted | ClipEnded) else replace(event, at_s=now_s)
            )
        voice = next((u for u in self.utterances if u.start_s < now_s <= u.end_s + 1e-9), None)
        level = voice.level_dbfs if voice else -70.0
        self.step(Frame(now_s, 0.99 if voice else 0.01, level))
        pcm, events = self.player.pull()
        heard_s = now_s + self.output_delay_s
        self.sound.append((heard_s, float(np.abs(pcm).max())))
        for event in events:
            at_s = heard_s + event.offset / RATE
            if event.kind == "started":
                self.pending.append((at_s, ClipStarted(at_s, event.key, event.index)))
            else:
                played_s = event.played / RATE
                cut = event.kind == "cut"
                self.pending.append((at_s, ClipEnded(at_s, event.key, event.index, played_s, cut)))

    def step(self, event: EncounterEvent) -> None:
        self.state, commands = step(self.rules, self.state, event)
        for command in commands:
            self.commands.append((self.now_s, command))
            self.carry_out(command)

    def later(self, delay_s: float, stage: str, key: Key, event: EncounterEvent) -> None:
        if stage in self.mute:
            return
        if stage in self.breaks:
            index = getattr(event, "index", 0)
            event = StageBroke(0.0, key, stage, "scripted failure", index)  # type: ignore[arg-type]
        self.pending.append((self.now_s + delay_s, event))

    def carry_out(self, command: Command) -> None:
        match command:
            case JudgeTurnEnd(key, start_s, end_s):
                prob = self.complete(start_s, end_s)
                self.later(self.judge_s, "judge", key, TurnEndJudged(0.0, key, prob))
            case Transcribe(key, purpose, start_s, end_s):
                transcript = self.transcript(start_s, end_s)
                inside = [u for u in self.utterances if u.end_s > start_s and u.start_s < end_s]
                hum = min((u.hum for u in inside), default=0.0)
                event = Transcribed(0.0, key, purpose, transcript, hum=hum)
                self.later(self.stt_s, purpose, key, event)
                if purpose == "turn" and self.words_over is not None:
                    over = WordsJudged(0.0, key, self.words_over(transcript.text))
                    self.later(self.stt_s + 0.06, "over", key, over)
            case AskModel(key):
                answer = ModelAnswered(0.0, key, Answer(text=self.model_text))
                self.later(self.llm_s, "think", key, answer)
            case Synthesise(key, index, text):
                self.synthesise(key, index, text)
            case Play(key, index):
                pcm, words = self.clips[(key, index)]
                assert key not in self.dropped, "plays what nobody waits for"
                ends = tuple(word.end_s for word in words)
                self.player.queue(key, index, pcm, ends)
            case Duck(gain_db):
                self.player.duck(gain_db)
            case StopPlaying():
                self.player.stop()
            case Drop(key):
                self.dropped.add(key)
            case Note(entry):
                self.notes.append(entry)
            case Close():
                self.closed = command

    def transcript(self, start_s: float, end_s: float) -> Transcript:
        """The words whose time lies in the span, as a perfect recogniser gives them."""
        words: list[str] = []
        inside = [u for u in self.utterances if u.end_s > start_s and u.start_s < end_s]
        for utterance in inside:
            spoken = utterance.text.split()
            length_s = utterance.end_s - utterance.start_s
            for number, word in enumerate(spoken):
                middle_s = utterance.start_s + (number + 0.5) * length_s / len(spoken)
                if start_s <= middle_s < end_s:
                    words.append(word)
        logprob = min((u.logprob for u in inside), default=-2.0)
        no_speech = max((u.no_speech for u in inside), default=0.9)
        return Transcript(" ".join(words), logprob, no_speech, 1.0)

    def synthesise(self, key: Key, index: int, text: str) -> None:
        """Words of equal length; a marked pause is silence before its word."""
        line = markup.parse(text)
        pauses = [(mark.at, mark.seconds) for mark in line.marks if mark.kind == "pause"]
        words: list[SpokenWord] = []
        sounds: list[np.ndarray] = []
        at_s = 0.0
        for number, word in enumerate([*line.text.split(), ""]):
            silence_s = sum(seconds for at, seconds in pauses if at == number)
            at_s += silence_s
            sounds.append(np.zeros(samples(silence_s), dtype=np.float32))
            if word:
                words.append(SpokenWord(word, at_s, at_s + WORD_S))
                sounds.append(np.full(samples(WORD_S), 0.5, dtype=np.float32))
                at_s += WORD_S
        self.clips[(key, index)] = (np.concatenate(sounds), tuple(words))
        event = SpeechReady(0.0, key, index, at_s, tuple(words))
        self.later(self.tts_s, "say", key, event)

    def end(self, at_s: float) -> World:
        self.extra.append(EndAsked(at_s, "learner"))
        return self

    # -- what came of it

    def entries(self, kind: type[T]) -> list[T]:
        return [entry for entry in self.notes if isinstance(entry, kind)]

    @property
    def turns(self) -> list[str]:
        return [entry.text for entry in self.entries(LearnerTurn)]

    @property
    def speeches(self) -> list[PatientSpeech]:
        return self.entries(PatientSpeech)

    @property
    def heard(self) -> list[str]:
        return [entry.heard for entry in self.speeches]

    @property
    def delays(self) -> list[Delay]:
        return self.entries(Delay)

    @property
    def interruptions(self) -> list[Interruption]:
        return self.entries(Interruption)

    @property
    def backchannels(self) -> list[Backchannel]:
        return self.entries(Backchannel)

    @property
    def discarded(self) -> list[Discarded]:
        return self.entries(Discarded)

    @property
    def holds(self) -> list[HoldEntry]:
        return self.entries(HoldEntry)

    @property
    def ended(self) -> list[Ended]:
        return self.entries(Ended)

    def patient_sounds(self, start_s: float, end_s: float) -> bool:
        """Anything of hers sounded in this stretch."""
        return any(level > 0 for at_s, level in self.sound if start_s <= at_s < end_s)

    def loudness(self, at_s: float) -> float:
        """Peak of the patient's sound at this moment, 0..32767."""
        return max((level for t, level in self.sound if abs(t - at_s) <= 0.02), default=0.0)
