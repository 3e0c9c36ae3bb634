"""Play an encounter of a scripted learner in virtual time: minutes of talk in seconds.

The patient, the session with its state machine, the player, the embedder and the record are the
real ones. The learner's words reach the patient as heard text, with the times at which they are
spoken; speech recognition, the patient's voice and the language model are scripted. Both voices are
harmonic sound, so that the sound can be measured. Nothing sleeps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, cast

import numpy as np

from simvoice import markup
from simvoice.app.attempt_header import build_header, turn_taking_of
from simvoice.audio import FRAME, FRAME_S, RATE, Pcm16, samples, seconds
from simvoice.bench.analysis import add_voice
from simvoice.bench.scripted_learners import (
    PATIENCE_S,
    LearnerKind,
    LearnerScriptText,
    ScriptedTurn,
)
from simvoice.conversation.events import (
    AskModel,
    EncounterEvent,
    JudgeTurnEnd,
    Key,
    ModelAnswered,
    SpeechReady,
    Synthesise,
    Transcribe,
    Transcribed,
    TurnEndJudged,
    WarmModel,
)
from simvoice.conversation.state import Rules
from simvoice.patient.decisions import Answer
from simvoice.patient.mind import Patient
from simvoice.ports import Embedder, LineFacts, MicFrame, Speech, SpokenWord, Transcript
from simvoice.record.events import JournalEntry, PatientSpeech
from simvoice.record.recorder import Recorder
from simvoice.record.store import Attempt, Store
from simvoice.runtime.session import Session, SessionParts
from simvoice.runtime.stages import Engines, Stages
from simvoice.simulate.learner import (
    AfterPatient,
    BackchannelStep,
    BargeIn,
    KeepSilent,
    LearnerClip,
    LearnerScript,
    PlantedUtterance,
    ScriptedLearner,
    ScriptStep,
)

LONGEST_S: Final = 900.0
"""An encounter that nobody ends is ended after so many seconds."""
LEARNER_WORD_S: Final = 0.36
"""Seconds a word of the learner: 165 words a minute, as in careful conversation."""
PATIENT_WORD_S: Final = 0.38
DELAYS_S: Final = {"judge": 0.08, "hear": 0.25, "think": 0.3, "say": 0.1}
"""Delay of each engine, seconds; about those that `bench latency` measures."""
OUTPUT_DELAY_S: Final = 0.06
_LEARNER_HZ, _PATIENT_HZ = 115.0, 195.0
_PATIENCE_SPREAD = 0.3
"""Largest change of a learner's patience from draw to draw, as a share."""
_LEAVES_AFTER_S = 3.0
"""Silence of the patient after the learner's last words, after which the learner is gone."""
_SPOKEN_S = 1.0
"""Silence after the patient's last words to the learner who leaves."""
_FACTS = LineFacts("simulated", "a script", "nobody", RATE, "headphones")


def play(
    patient: Patient,
    embedder: Embedder | None,
    script: LearnerScriptText,
    kind: LearnerKind,
    seed: int,
    root: Path,
) -> Attempt:
    """Play one encounter, record it below `root`, and return the attempt."""
    case = patient.case
    encounter = _Encounter(script, kind, seed, patient, embedder)
    settings = turn_taking_of(case)
    session = Session(
        SessionParts(
            attempt="scripted",
            rules=Rules(patient, settings, case.time.limit_s, case.time.kind == "hard"),
            line=encounter,
            vad=encounter,
            engines=cast(Engines, None),  # the stages are scripted whole
            record=lambda _: cast(Recorder, encounter),
            style=patient.style,
            focus=patient.focus,
            seed=seed,
            wall_s=lambda: encounter.now_s,
        ),
        cast(Stages, encounter),
    )
    session.open()
    while session._close is None:
        if encounter.is_over():
            session.end()
        session.advance()
    session.close()
    header = build_header(
        case,
        attempt=f"20260101-000000-{case.id}-{kind.replace('_', '-')}-{seed:04d}",
        line=_FACTS,
        turn_taking=settings,
        models={},
        seed=seed,
        learner="",
    )
    recorder = Recorder.create(root, header)
    for entry in encounter.entries:
        recorder.add(entry)
    learner, heard = encounter.sound_of_both()
    step = samples(1.0)
    for start in range(0, len(learner), step):
        recorder.sound(learner[start : start + step], heard[start : start + step])
        recorder.drain()
    recorder.close()
    return Store(root).open(recorder.attempt)


@dataclass
class _Heard:
    """An utterance of the learner, its words spread evenly over its time."""

    start_s: float
    end_s: float
    words: tuple[str, ...]

    def between(self, start_s: float, end_s: float) -> list[str]:
        """The words spoken in the span, each at its middle."""
        step_s = (self.end_s - self.start_s) / max(1, len(self.words))
        middles = ((self.start_s + (n + 0.5) * step_s, w) for n, w in enumerate(self.words))
        return [word for at_s, word in middles if start_s <= at_s < end_s]


@dataclass
class _Encounter:
    """Line, voice activity, engines and record of one encounter, all in virtual time."""

    script: LearnerScriptText
    kind: LearnerKind
    seed: int
    patient: Patient
    embedder: Embedder | None
    frames: int = 0
    entries: list[JournalEntry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(f"{self.script.name}/{self.kind}/{self.seed}")
        self._noise = np.random.default_rng(self.seed)
        steps = [self._step(each) for each in self.script.turns]
        self._learner = ScriptedLearner(LearnerScript(tuple(steps)))
        self._ends_after = next(
            (n for n, each in enumerate(self.script.turns) if each.ends), len(steps) - 1
        )
        self._said: list[_Heard] = []
        self._used: set[str] = set()
        self._reply_waits = False
        self._gone_s: float | None = None
        """Session seconds of the learner's last word; None before it."""
        self._mic: list[Pcm16] = []
        self._ear: list[Pcm16] = []
        self._voice = np.zeros(0, dtype=np.float64)
        self._voice_from_s = 0.0
        self._patient_sounds = False
        self._line_is_open = False
        """The patient has begun a line and not ended it."""
        self._patient_spoke_s = 0.0
        self._pending: list[tuple[float, EncounterEvent]] = []
        self._clips: dict[tuple[Key, int], Speech] = {}

    @property
    def now_s(self) -> float:
        """Session seconds."""
        return round(self.frames * FRAME_S, 6)

    # -- the learner

    def _step(self, turn: ScriptedTurn) -> ScriptStep:
        if turn.silent_s is not None:
            return ScriptStep(KeepSilent(turn.silent_s))
        words = self._random.choice(turn.wordings)
        clip = _clip(words)
        if turn.cut_in_s is not None:
            return ScriptStep(BargeIn(turn.cut_in_s, patience_s=self._patience()), clip)
        if turn.backchannel_s is not None:
            return ScriptStep(BackchannelStep(turn.backchannel_s), clip)
        return ScriptStep(AfterPatient(turn.gap_s, patience_s=self._patience()), clip)

    def _patience(self) -> float:
        spread = self._random.uniform(-_PATIENCE_SPREAD, _PATIENCE_SPREAD)
        return PATIENCE_S[self.kind] * (1.0 + spread)

    def _hears_line(self, line_id: str | None) -> None:
        """Plan the reply to a line, in the place of one that was planned and not yet spoken."""
        found = self.script.reply_to(line_id or "")
        if found is None or found[0] in self._used:
            return
        key, wordings = found
        self._used.add(key)
        clip = _clip(self._random.choice(wordings))
        step = ScriptStep(AfterPatient(0.8, patience_s=self._patience()), clip)
        if self._reply_waits:
            self._learner.replace_next(step)
        else:
            self._learner.insert(step)
            self._ends_after += 1
        self._reply_waits = True
        self._gone_s = None

    def _hears_patient(self) -> bool:
        """Whether the patient sounds, or pauses inside a line: a listener knows that more comes.

        Only who cuts in needs a sound to cut off.
        """
        cuts_in = isinstance(self._learner.next_timing, BargeIn)
        return self._patient_sounds or (self._line_is_open and not cuts_in)

    def _speak(self, said: PlantedUtterance) -> None:
        self._reply_waits = False
        words = tuple(said.text.split())
        self._said.append(_Heard(said.onset_s, said.offset_s, words))
        length_s = said.offset_s - said.onset_s
        voice = np.zeros(samples(length_s) + FRAME)
        add_voice(voice, 0.0, length_s, _LEARNER_HZ, self._noise)
        self._voice, self._voice_from_s = voice, said.start_s
        if self._learner.done:
            self._gone_s = said.offset_s

    def is_over(self) -> bool:
        """Whether the learner has left."""
        now_s = self.now_s
        if now_s >= LONGEST_S:
            return True
        if self._gone_s is None or now_s < self._gone_s or self._reply_waits:
            return False
        silent_s = now_s - max(self._patient_spoke_s, self._gone_s)
        has_answered = self._patient_spoke_s > self._gone_s
        return silent_s >= (_SPOKEN_S if has_answered else _LEAVES_AFTER_S)

    # -- the line and the voice activity (`ports.AudioLine`, `ports.VoiceActivity`)

    @property
    def facts(self) -> LineFacts:
        """A line with headphones."""
        return _FACTS

    def stop(self) -> None:
        """Close nothing."""

    def start(self) -> None:
        """Open nothing."""

    def read(self, timeout_s: float = 1.0) -> MicFrame:
        """The next frame of the learner's voice."""
        said = self._learner.tick(self.now_s, self._hears_patient())
        if said is not None:
            self._speak(said)
        offset = samples(self.now_s - self._voice_from_s)
        pcm = self._noise.standard_normal(FRAME) * 12.0
        voice = self._voice[offset : offset + FRAME]
        pcm[: len(voice)] += voice
        self.frames += 1
        return MicFrame(pcm.astype(np.int16), 0, OUTPUT_DELAY_S + FRAME_S)

    def write(self, frame: Pcm16) -> None:
        """Nobody listens: the record has what is heard."""

    def reset(self) -> None:
        """Nothing is kept."""

    def push(self, frame: Pcm16) -> float:
        """Whether the learner speaks in the frame that was read last."""
        now_s = self.now_s
        speaks = any(each.start_s < now_s <= each.end_s + 1e-9 for each in self._said[-1:])
        return 0.99 if speaks else 0.01

    # -- the record (`record.recorder.Recorder`)

    fault = None

    def add(self, entry: JournalEntry) -> None:
        """Keep an entry; a line of the patient may be one that the learner replies to."""
        self.entries.append(entry)
        if isinstance(entry, PatientSpeech):
            self._line_is_open = False
            if not entry.unsaid:
                self._hears_line(entry.line_id)

    def sound(self, learner: Pcm16, patient: Pcm16) -> None:
        """Keep a frame of both sides."""
        self._mic.append(learner)
        self._ear.append(patient)
        self._patient_sounds = bool(np.abs(patient.astype(int)).max(initial=0) > 300)
        if self._patient_sounds:
            self._patient_spoke_s = self.now_s
            self._line_is_open = True

    def close(self) -> None:
        """Keep all."""

    def drain(self) -> None:
        """Nothing waits."""

    def sound_of_both(self) -> tuple[Pcm16, Pcm16]:
        """(learner, patient), int16 [n] each, 16 kHz."""
        return np.concatenate(self._mic), np.concatenate(self._ear)

    # -- the engines (`runtime.stages.Stages`)

    def wait_until_idle(self, longest_s: float) -> bool:
        """Nothing works in the background."""
        return True

    def results(self) -> list[EncounterEvent]:
        """The results that are due."""
        soon_s = self.now_s + 1e-9
        due = [event for at_s, event in self._pending if at_s <= soon_s]
        self._pending = [each for each in self._pending if each[0] > soon_s]
        return due

    def take_clip(self, key: Key, index: int) -> Speech | None:
        """Remove and return the sound of a clause."""
        return self._clips.pop((key, index), None)

    def drop(self, key: Key) -> None:
        """Cancel the work of a turn."""
        self._pending = [each for each in self._pending if getattr(each[1], "key", None) != key]
        self._clips = {each: clip for each, clip in self._clips.items() if each[0] != key}

    def _later(self, stage: str, event: EncounterEvent) -> None:
        self._pending.append((self.now_s + DELAYS_S[stage], event))

    def judge(self, command: JudgeTurnEnd) -> None:
        """A turn is over unless the learner still speaks."""
        over = all(each.end_s <= self.now_s for each in self._said[-1:])
        self._later("judge", TurnEndJudged(0.0, command.key, 0.95 if over else 0.05))

    def transcribe(self, command: Transcribe) -> None:
        """The words of the span, as a perfect recogniser gives them."""
        words = [
            word for each in self._said for word in each.between(command.start_s, command.end_s)
        ]
        transcript = Transcript(" ".join(words), -0.2, 0.02 if words else 0.9, 1.0)
        text = f"{command.before} {transcript.text}".strip()
        embedding = None
        if command.purpose == "turn" and text and self.embedder is not None:
            embedding = self.embedder.embed([self.patient.focus(text)])[0]
        self._later(
            "hear", Transcribed(0.0, command.key, command.purpose, transcript, embedding, 0.0)
        )

    def ask(self, command: AskModel) -> None:
        """Without a language model the patient keeps to the author's lines."""
        self._later("think", ModelAnswered(0.0, command.key, Answer()))

    def warm(self, command: WarmModel) -> None:
        """There is no model to warm."""

    def synthesise(self, command: Synthesise) -> None:
        """Words of equal length in the patient's voice; marked pauses are silences."""
        speech = _patient_clip(command.text, self._noise)
        self._clips[(command.key, command.index)] = speech
        length_s = seconds(len(speech.pcm))
        self._later("say", SpeechReady(0.0, command.key, command.index, length_s, speech.words))


def _clip(words: str) -> LearnerClip:
    count = len(words.split())
    length_s = math.ceil(count * LEARNER_WORD_S / FRAME_S) * FRAME_S
    return LearnerClip(words, np.zeros(0, dtype=np.float32), 0.0, length_s)


def _patient_clip(marked: str, noise: np.random.Generator) -> Speech:
    line = markup.parse(marked)
    pauses = [(mark.at, mark.seconds) for mark in line.marks if mark.kind == "pause"]
    texts = line.text.split()
    words: list[SpokenWord] = []
    voiced: list[tuple[float, float]] = []
    at_s = 0.0
    for number, text in enumerate([*texts, ""]):
        silence_s = sum(length_s for at, length_s in pauses if at == number)
        if silence_s or not voiced:
            at_s += silence_s
            voiced.append((at_s, at_s))
        if text:
            words.append(SpokenWord(text, at_s, at_s + PATIENT_WORD_S))
            at_s += PATIENT_WORD_S
            voiced[-1] = (voiced[-1][0], at_s)
    sound = np.zeros(samples(at_s) + 8)
    for start_s, end_s in voiced:
        if end_s > start_s:
            add_voice(sound, start_s, end_s - start_s, _PATIENT_HZ, noise)
    pcm = (sound[: samples(at_s)] / 32768.0).astype(np.float32)
    return Speech(pcm, tuple(words), tuple(word.end_s for word in words))
