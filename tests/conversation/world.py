"""A conversation scripted in virtual time: ten minutes of talk in milliseconds.

The learner's voice, the engines' delays and the patient's lines are scripted. The session with its
loop, the state machine, the player and the clock (samples of the microphone) are the real ones.
Nothing sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar, cast

import numpy as np

from simvoice import markup
from simvoice.audio import FRAME, FRAME_S, RATE, Pcm16, samples
from simvoice.conversation.checkpoint import RetryStart
from simvoice.conversation.events import (
    AskModel,
    Command,
    Embed,
    Embedded,
    EncounterEvent,
    EndRequested,
    EngineFailed,
    HoldClock,
    JudgeTurnEnd,
    Key,
    ModelAnswered,
    SpeechReady,
    Synthesise,
    Transcribe,
    Transcribed,
    TurnEndJudged,
    Typed,
    WarmModel,
    WordsJudged,
)
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.conversation.state import EncounterState, Rules, begin_retry
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
from simvoice.ports import LineFacts, Message, MicFrame, Speech, SpokenWord, Transcript, VoiceStyle
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
from simvoice.record.recorder import Recorder
from simvoice.runtime.observer import Observation
from simvoice.runtime.session import Session, SessionParts
from simvoice.runtime.stages import Engines, Stages

T = TypeVar("T")

WORD_S = 0.3
"""Seconds that every scripted word of the patient lasts."""


@dataclass
class ScriptedMind:
    """A patient who answers in a scripted order, and keeps what was said and delivered."""

    lines: list[str] = field(default_factory=lambda: ["I see what you mean."])
    """May have marks."""
    mood: Mood = "even"
    holds: dict[int, PlannedHold] = field(default_factory=dict)
    """By line number: the hold after the line."""
    silences: dict[int, float] = field(default_factory=dict)
    """By line number: the silence before the line."""
    endings: dict[int, str] = field(default_factory=dict)
    queries: dict[int, Query] = field(default_factory=dict)
    yields_turn: bool = True
    """Whether the learner's words give the turn to the patient."""
    reflections: tuple[Reflection, ...] = ()
    learner_said: list[LearnerUtterance] = field(default_factory=list)
    """What the patient responded to, in order."""
    deliveries: list[tuple[str, bool]] = field(default_factory=list)
    """(delivered text, complete) of each line of the patient, in order."""

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
        return self._line(state, "the patient speaks first")

    def respond(self, state: PatientState, utterance: LearnerUtterance) -> Decision:
        self.learner_said.append(utterance)
        decision = self._line(state, f"answers {utterance.text}")
        return replace(decision, yields_turn=self.yields_turn)

    def settle(self, state_before: PatientState, decision: Decision, answer: Answer) -> Decision:
        return replace(decision, move=Move("answer", answer.text), query=None)

    def silence_held(self, state: PatientState, name: str) -> Decision:
        return Decision(state, Move("feel", f"it opened after {name}", "opened"), "held")

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
        return self.reflections

    def prompt_so_far(self, state: PatientState) -> str:
        return ""

    def messages_so_far(self, state: PatientState) -> tuple[Message, ...]:
        return ()

    def record_delivery(
        self, state: PatientState, move: Move, delivered_text: str, complete: bool
    ) -> PatientState:
        self.deliveries.append((delivered_text, complete))
        return replace(state, spoken=(*state.spoken, delivered_text))


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
    """Runs a script against the real `Session`: line, recogniser, voice and model are scripted."""

    mind: ScriptedMind = field(default_factory=ScriptedMind)
    turn_taking: TurnTakingSettings = field(default_factory=lambda: TurnTakingSettings())
    utterances: list[Utterance] = field(default_factory=list)
    stt_s: float = 0.2
    judge_s: float = 0.08
    llm_s: float = 0.3
    tts_s: float = 0.1
    output_delay_s: float = 0.06
    complete: Callable[[float, float], float] = lambda start_s, end_s: 0.95
    """Smart Turn's answer by the span of the turn."""
    words_over: Callable[[str], float] | None = None
    """The answer of the model that judges the words; None without one."""
    model_text: str = "something of my own"
    breaks: set[str] = field(default_factory=set)
    """Stages that fail, by name."""
    mute: set[str] = field(default_factory=set)
    """Stages that never answer."""
    time_s: float | None = None
    time_is_hard: bool = True
    goes_on: bool = False
    half_duplex: bool = False
    extra: list[EncounterEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sound: list[tuple[float, float]] = []
        """(session seconds, peak) of every 20 ms of the patient's voice at the learner's ear."""
        self.notes: list[JournalEntry] = []
        self.shown: list[Observation] = []
        """What the page was told."""
        self.commands: list[tuple[float, Command]] = []
        self.line = ScriptedLine(self)
        rules = Rules(
            self.mind,
            self.turn_taking,
            self.time_s,
            self.time_is_hard,
            self.goes_on,
            judges_words=self.words_over is not None,
        )
        parts = SessionParts(
            attempt="scripted",
            rules=rules,
            line=self.line,
            vad=ScriptedVoiceActivity(self),
            engines=cast(Engines, None),  # the stages are scripted whole
            record=lambda _: cast(Recorder, NotesOnly(self)),
            style=lambda affect, mood: VoiceStyle(),
            focus=lambda text: text,
            time_shown_s=self.time_s,
            observer=self.shown.append,
            wall_s=lambda: self.now_s,
        )
        self.stages = ScriptedStages(self)
        self.session = LoggedSession(parts, cast(Stages, self.stages))
        self.session.world = self

    # -- script

    def learner(self, start_s: float, end_s: float, text: str, **how: float) -> World:
        self.utterances.append(Utterance(start_s, end_s, text, **how))  # type: ignore[arg-type]
        return self

    def run(self, until_s: float) -> World:
        self.stages.pending += [(event.at_s, event) for event in self.extra]
        self.extra = []
        if not self.line.is_open:
            self.session.open()
        while self.now_s < until_s and self.session._close is None:
            self.session.advance()
        return self

    def retry_from(self, start: RetryStart) -> World:
        """Begin at a checkpoint instead of at the opening."""
        self.session._state = begin_retry(start)
        return self

    def play_by(self, rules: Rules) -> None:
        """Go on by other rules."""
        self.session._rules = rules

    def step(self, event: EncounterEvent) -> None:
        self.session._step(event)

    @property
    def now_s(self) -> float:
        return round(self.line.frames * FRAME_S, 6)

    @property
    def state(self) -> EncounterState:
        return self.session._state

    def voice_now(self) -> Utterance | None:
        """What the learner is saying in the frame that ends now."""
        now_s = self.now_s
        return next((u for u in self.utterances if u.start_s < now_s <= u.end_s + 1e-9), None)

    def typed(self, at_s: float, text: str) -> World:
        """Let the learner send a typed turn."""
        self.extra.append(Typed(at_s, text))
        return self

    def hold(self, from_s: float, until_s: float) -> World:
        """Let a technician hold the clock."""
        self.extra += [HoldClock(from_s, True), HoldClock(until_s, False)]
        return self

    def end(self, at_s: float) -> World:
        self.extra.append(EndRequested(at_s, "learner"))
        return self

    # -- results

    def entries(self, kind: type[T]) -> list[T]:
        return [entry for entry in self.notes if isinstance(entry, kind)]

    def told(self, kind: type[T]) -> list[T]:
        """The observations of a kind, in order."""
        return [each for each in self.shown if isinstance(each, kind)]

    @property
    def turns(self) -> list[str]:
        return [entry.text for entry in self.entries(LearnerTurn)]

    @property
    def speeches(self) -> list[PatientSpeech]:
        return self.entries(PatientSpeech)

    @property
    def delivered(self) -> list[str]:
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
        """Return True when the patient's voice is audible in this stretch."""
        return any(level > 0 for at_s, level in self.sound if start_s <= at_s < end_s)

    def loudness(self, at_s: float) -> float:
        """Return the peak of the patient's sound at this moment, 0..32767."""
        return max((level for t, level in self.sound if abs(t - at_s) <= 0.02), default=0.0)


class LoggedSession(Session):
    """The real session; it also keeps the commands that `step` gave it."""

    world: World

    def _carry_out(self, command: Command) -> None:
        self.world.commands.append((self.world.now_s, command))
        super()._carry_out(command)

    def _count_failures(self, event: EncounterEvent) -> None:
        """Never end: the state machine must survive every failure. `test_session` tests the end."""


class NotesOnly:
    """A record in memory: the journal, and the patient's channel."""

    fault = None

    def __init__(self, world: World) -> None:
        self.world = world

    def add(self, entry: JournalEntry) -> None:
        self.world.notes.append(entry)

    def sound(self, learner: Pcm16, patient: Pcm16) -> None:
        peak = float(np.abs(patient.astype(int)).max())
        self.world.sound.append((self.world.now_s - FRAME_S, peak))

    def close(self) -> None:
        pass


class ScriptedLine:
    """A microphone that delivers the scripted levels, and a speaker with a known delay."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.frames = 0
        self.is_open = False

    @property
    def facts(self) -> LineFacts:
        echo: Literal["half-duplex", "headphones"] = "headphones"
        if self.world.half_duplex:
            echo = "half-duplex"
        return LineFacts("scripted", "a script", "a list", RATE, echo)

    def start(self) -> None:
        self.is_open = True

    def stop(self) -> None:
        self.is_open = False

    def read(self) -> MicFrame:
        self.frames += 1
        voice = self.world.voice_now()
        level = voice.level_dbfs if voice else -70.0
        pcm = np.full(FRAME, round(32768 * 10 ** (level / 20)), dtype=np.int16)
        # the delay counts from the start of the frame that was read
        return MicFrame(pcm, 0, self.world.output_delay_s + FRAME_S)

    def write(self, frame: Pcm16) -> None:
        pass


class ScriptedVoiceActivity:
    """Hears the learner exactly while an utterance lasts."""

    def __init__(self, world: World) -> None:
        self.world = world

    def push(self, frame: Pcm16) -> float:
        return 0.99 if self.world.voice_now() else 0.01


class ScriptedStages:
    """In place of `runtime.stages.Stages`: each engine answers after its scripted delay."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pending: list[tuple[float, EncounterEvent]] = []
        self.clips: dict[tuple[Key, int], Speech] = {}
        self.dropped: set[Key] = set()

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def results(self) -> list[EncounterEvent]:
        soon_s = self.world.now_s + 1e-9
        due = [event for at_s, event in self.pending if at_s <= soon_s]
        self.pending = [(at_s, event) for at_s, event in self.pending if at_s > soon_s]
        return due

    def take_clip(self, key: Key, index: int) -> Speech | None:
        assert key not in self.dropped, "plays what no turn waits for"
        return self.clips[(key, index)]

    def drop(self, key: Key) -> None:
        self.dropped.add(key)

    def later(self, delay_s: float, stage: str, key: Key, event: EncounterEvent) -> None:
        """Deliver the event after a delay, or fail or keep silent as the script says."""
        if stage in self.world.mute:
            return
        if stage in self.world.breaks:
            index = getattr(event, "index", 0)
            event = EngineFailed(0.0, key, stage, "scripted failure", index)  # type: ignore[arg-type]
        self.pending.append((self.world.now_s + delay_s, event))

    def judge(self, command: JudgeTurnEnd) -> None:
        prob = self.world.complete(command.start_s, command.end_s)
        event = TurnEndJudged(0.0, command.key, prob)
        self.later(self.world.judge_s, "judge", command.key, event)

    def transcribe(self, command: Transcribe) -> None:
        world, key, purpose = self.world, command.key, command.purpose
        start_s, end_s = command.start_s, command.end_s
        transcript = self.transcript(start_s, end_s)
        inside = [u for u in world.utterances if u.end_s > start_s and u.start_s < end_s]
        hum = min((u.hum for u in inside), default=0.0)
        event = Transcribed(0.0, key, purpose, transcript, hum=hum)
        self.later(world.stt_s, purpose, key, event)
        if purpose == "turn" and world.words_over is not None:
            over = WordsJudged(0.0, key, world.words_over(transcript.text))
            self.later(world.stt_s + 0.06, "over", key, over)

    def embed(self, command: Embed) -> None:
        event = Embedded(0.0, command.key, None)
        self.later(self.world.stt_s, "embed", command.key, event)

    def ask(self, command: AskModel) -> None:
        answer = ModelAnswered(0.0, command.key, Answer(text=self.world.model_text))
        self.later(self.world.llm_s, "think", command.key, answer)

    def warm(self, command: WarmModel) -> None:
        pass

    def transcript(self, start_s: float, end_s: float) -> Transcript:
        """The words whose time lies in the span, as a perfect recogniser gives them."""
        words: list[str] = []
        inside = [u for u in self.world.utterances if u.end_s > start_s and u.start_s < end_s]
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

    def synthesise(self, command: Synthesise) -> None:
        """Words of equal length; a marked pause is silence before its word."""
        key, index = command.key, command.index
        line = markup.parse(command.text)
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
        ends = tuple(word.end_s for word in words)
        self.clips[(key, index)] = Speech(np.concatenate(sounds), tuple(words), ends)
        event = SpeechReady(0.0, key, index, at_s, tuple(words))
        self.later(self.world.tts_s, "say", key, event)
