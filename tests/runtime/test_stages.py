"""Commands to engines, and results back as events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simvoice.audio import FRAME, RATE, samples, seconds
from simvoice.conversation.clauses import pause_after_s
from simvoice.conversation.events import (
    AskModel,
    JudgeTurnEnd,
    Key,
    ModelAnswered,
    SpeechReady,
    StageBroke,
    Synthesise,
    Transcribe,
    Transcribed,
    TurnEndJudged,
    WordsJudged,
)
from simvoice.patient.decisions import Affect, Answer, Improvise, Mood, Rank
from simvoice.ports import VoiceStyle
from simvoice.runtime import stages
from simvoice.runtime.session_sound import MicrophoneMemory
from simvoice.runtime.stages import Engines, Stages
from tests.runtime.fakes import (
    FakeEar,
    FakeMeaning,
    FakeMind,
    FakeTurns,
    FakeVoice,
    InlineLanes,
    tone,
)

KEY = Key(2, 1)


def style(affect: Affect, mood: Mood) -> VoiceStyle:
    return VoiceStyle(duration=1.2 if affect == "tearful" else 1.0, gain_db=-3.0 * (mood != "even"))


@pytest.fixture
def engines() -> Engines:
    return Engines(
        FakeEar(["hello there"]), FakeTurns(0.7), FakeVoice(), FakeMeaning(), None, FakeMind()
    )


@pytest.fixture
def memory() -> MicrophoneMemory:
    """Two seconds in which every sample says its frame."""
    made = MicrophoneMemory()
    for number in range(100):
        made.add(np.full(FRAME, number, np.int16))
    return made


@pytest.fixture
def working(engines: Engines, memory: MicrophoneMemory, monkeypatch: pytest.MonkeyPatch) -> Stages:
    monkeypatch.setattr(stages, "WorkerPool", InlineLanes)
    return Stages(engines, memory, style, lambda text: text.split()[-1])


def test_the_judge_hears_the_turn_and_gives_its_probability(working: Stages) -> None:
    working.judge(JudgeTurnEnd(KEY, 0.5, 1.0))
    assert working.results() == [TurnEndJudged(0.0, KEY, 0.7)]
    assert working.results() == []


def test_the_ear_is_given_the_sound_between_the_two_moments(
    working: Stages, engines: Engines
) -> None:
    working.transcribe(Transcribe(KEY, "turn", 0.5, 1.0))
    (heard,) = engines.stt.heard  # type: ignore[attr-defined]
    assert len(heard) == RATE // 2
    assert set(np.round(heard * 32768).astype(int)) == set(range(25, 50))


def test_a_turns_words_come_with_the_meaning_of_the_part_that_counts(working: Stages) -> None:
    working.transcribe(Transcribe(KEY, "turn", 0.5, 1.0, before="Good morning."))
    (event,) = working.results()
    assert isinstance(event, Transcribed)
    assert event.transcript.text == "hello there"
    assert event.embedding is not None
    assert event.embedding[0] == len("there")


def test_where_words_are_judged_their_verdict_follows(
    engines: Engines, memory: MicrophoneMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Words:
        def over_prob(self, text: str) -> float:
            return 0.25 if text == "So hello there" else 0.0

    monkeypatch.setattr(stages, "WorkerPool", InlineLanes)
    working = Stages(replace(engines, last_words=Words()), memory, style, str)
    working.transcribe(Transcribe(KEY, "turn", 0.5, 1.0, before="So"))
    words, verdict = working.results()
    assert isinstance(words, Transcribed)
    assert verdict == WordsJudged(0.0, KEY, 0.25)


def test_a_probe_needs_no_meaning(working: Stages) -> None:
    working.transcribe(Transcribe(KEY, "probe", 0.5, 1.0))
    (event,) = working.results()
    assert isinstance(event, Transcribed)
    assert (event.purpose, event.embedding) == ("probe", None)


def test_the_model_completes_a_screenplay(working: Stages, engines: Engines) -> None:
    working.ask(AskModel(KEY, Improvise("Doctor: Hello.\nInes:", 12, ("\n",), 0.5)))
    assert working.results() == [ModelAnswered(0.0, KEY, Answer(text="I do not know."))]


def test_the_model_ranks_lines(working: Stages) -> None:
    working.ask(AskModel(KEY, Rank("Doctor: Hello.\nInes:", ("Yes.", "Not now."))))
    assert working.results() == [ModelAnswered(0.0, KEY, Answer(scores=(-4.0, -8.0)))]


def test_without_a_model_the_question_to_it_fails_at_once(
    engines: Engines, memory: MicrophoneMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "WorkerPool", InlineLanes)
    working = Stages(replace(engines, llm=None), memory, style, str)
    working.ask(AskModel(KEY, Rank("Ines:", ("Yes.",))))
    (event,) = working.results()
    assert isinstance(event, StageBroke)
    assert (event.key, event.stage) == (KEY, "think")


def test_a_clause_sounds_with_the_pause_that_belongs_after_it(working: Stages) -> None:
    working.synthesise(Synthesise(KEY, 0, "I see.", "neutral"))
    (event,) = working.results()
    assert isinstance(event, SpeechReady)
    assert event.words == tone("I see.").words
    clip = working.take_clip(KEY, 0)
    assert clip is not None
    assert len(clip.pcm) == samples(0.6) + samples(pause_after_s("I see."))
    assert event.duration_s == seconds(len(clip.pcm))
    assert working.take_clip(KEY, 0) is None


def test_a_prepared_clause_is_there_without_any_work(working: Stages, engines: Engines) -> None:
    engines.voice.prepare([("I see.", VoiceStyle())])
    working.synthesise(Synthesise(KEY, 0, "I see.", "neutral"))
    assert [type(event) for event in working.results()] == [SpeechReady]
    assert engines.voice.made == []  # type: ignore[attr-defined]


def test_what_is_dropped_leaves_no_clip_behind(working: Stages) -> None:
    working.synthesise(Synthesise(KEY, 0, "I see.", "neutral"))
    working.synthesise(Synthesise(Key(3, 0), 0, "Well.", "neutral"))
    working.drop(KEY)
    assert working.take_clip(KEY, 0) is None
    assert working.take_clip(Key(3, 0), 0) is not None
    working.synthesise(Synthesise(KEY, 1, "Not any more.", "neutral"))
    assert working.take_clip(KEY, 1) is None


def test_a_voice_that_fails_says_which_clause_and_why(working: Stages, engines: Engines) -> None:
    engines.voice.broken = "out of breath"  # type: ignore[attr-defined]
    working.synthesise(Synthesise(KEY, 3, "I see.", "neutral"))
    assert working.results() == [StageBroke(0.0, KEY, "say", "out of breath", 3)]
