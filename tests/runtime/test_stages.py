"""Commands to the engines, and their results as events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simvoice.audio import FRAME, RATE, samples, seconds
from simvoice.conversation.clauses import pause_after_s
from simvoice.conversation.events import (
    AskModel,
    EngineFailed,
    JudgeTurnEnd,
    Key,
    ModelAnswered,
    SpeechReady,
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
    FakeEmbedder,
    FakeEndOfTurn,
    FakeLanguageModel,
    FakeRecogniser,
    FakeVoice,
    InlineScheduler,
    tone,
)

KEY = Key(2, 1)


def style(affect: Affect, mood: Mood) -> VoiceStyle:
    return VoiceStyle(duration=1.2 if affect == "tearful" else 1.0, gain_db=-3.0 * (mood != "even"))


@pytest.fixture
def engines() -> Engines:
    return Engines(
        FakeRecogniser(["hello there"]),
        FakeEndOfTurn(0.7),
        FakeVoice(),
        FakeEmbedder(),
        None,
        FakeLanguageModel(),
    )


@pytest.fixture
def memory() -> MicrophoneMemory:
    """Two seconds in which every sample is the number of its frame."""
    made = MicrophoneMemory()
    for number in range(100):
        made.add(np.full(FRAME, number, np.int16))
    return made


@pytest.fixture
def working(engines: Engines, memory: MicrophoneMemory, monkeypatch: pytest.MonkeyPatch) -> Stages:
    monkeypatch.setattr(stages, "Scheduler", InlineScheduler)
    return Stages(engines, memory, style, lambda text: text.split()[-1])


def test_the_end_of_turn_judgement_returns_its_probability(working: Stages) -> None:
    working.judge(JudgeTurnEnd(KEY, 0.5, 1.0))
    assert working.results() == [TurnEndJudged(0.0, KEY, 0.7)]
    assert working.results() == []


def test_the_recogniser_gets_the_sound_between_the_two_times(
    working: Stages, engines: Engines
) -> None:
    working.transcribe(Transcribe(KEY, "turn", 0.5, 1.0))
    (sound,) = engines.stt.sounds  # type: ignore[attr-defined]
    assert len(sound) == RATE // 2
    assert set(np.round(sound * 32768).astype(int)) == set(range(25, 50))


def test_the_transcript_of_a_turn_comes_with_the_embedding_of_its_focus(working: Stages) -> None:
    working.transcribe(Transcribe(KEY, "turn", 0.5, 1.0, before="Good morning."))
    (event,) = working.results()
    assert isinstance(event, Transcribed)
    assert event.transcript.text == "hello there"
    assert event.embedding is not None
    assert event.embedding[0] == len("there")


def test_the_judgement_of_the_words_follows_the_transcript(
    engines: Engines, memory: MicrophoneMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Words:
        def over_prob(self, text: str) -> float:
            return 0.25 if text == "So hello there" else 0.0

    monkeypatch.setattr(stages, "Scheduler", InlineScheduler)
    working = Stages(replace(engines, last_words=Words()), memory, style, str)
    working.transcribe(Transcribe(KEY, "turn", 0.5, 1.0, before="So"))
    words, verdict = working.results()
    assert isinstance(words, Transcribed)
    assert verdict == WordsJudged(0.0, KEY, 0.25)


def test_an_overlap_transcript_has_no_embedding(working: Stages) -> None:
    working.transcribe(Transcribe(KEY, "overlap", 0.5, 1.0))
    (event,) = working.results()
    assert isinstance(event, Transcribed)
    assert (event.purpose, event.embedding) == ("overlap", None)


def test_the_model_completes_a_screenplay(working: Stages, engines: Engines) -> None:
    working.ask(AskModel(KEY, Improvise("Doctor: Hello.\nInes:", 12, ("\n",), 0.5)))
    assert working.results() == [ModelAnswered(0.0, KEY, Answer(text="I do not know."))]


def test_the_model_ranks_lines(working: Stages) -> None:
    working.ask(AskModel(KEY, Rank("Doctor: Hello.\nInes:", ("Yes.", "Not now."))))
    assert working.results() == [ModelAnswered(0.0, KEY, Answer(scores=(-4.0, -8.0)))]


def test_without_a_language_model_a_question_fails_at_once(
    engines: Engines, memory: MicrophoneMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "Scheduler", InlineScheduler)
    working = Stages(replace(engines, llm=None), memory, style, str)
    working.ask(AskModel(KEY, Rank("Ines:", ("Yes.",))))
    (event,) = working.results()
    assert isinstance(event, EngineFailed)
    assert (event.key, event.stage) == (KEY, "think")


def test_a_clause_is_followed_by_its_pause(working: Stages) -> None:
    working.synthesise(Synthesise(KEY, 0, "I see.", "neutral"))
    (event,) = working.results()
    assert isinstance(event, SpeechReady)
    assert event.words == tone("I see.").words
    clip = working.take_clip(KEY, 0)
    assert clip is not None
    assert len(clip.pcm) == samples(0.6) + samples(pause_after_s("I see."))
    assert event.duration_s == seconds(len(clip.pcm))
    assert working.take_clip(KEY, 0) is None


def test_the_last_clause_ends_with_the_voice(working: Stages) -> None:
    working.synthesise(Synthesise(KEY, 0, "I see.", "neutral", is_last=True))
    clip = working.take_clip(KEY, 0)
    assert clip is not None
    assert len(clip.pcm) == samples(0.6)


def test_a_prepared_clause_is_ready_without_synthesis(working: Stages, engines: Engines) -> None:
    engines.voice.prepare([("I see.", VoiceStyle())])
    working.synthesise(Synthesise(KEY, 0, "I see.", "neutral"))
    assert [type(event) for event in working.results()] == [SpeechReady]
    assert engines.voice.made == []  # type: ignore[attr-defined]


def test_dropped_work_leaves_no_clip(working: Stages) -> None:
    working.synthesise(Synthesise(KEY, 0, "I see.", "neutral"))
    working.synthesise(Synthesise(Key(3, 0), 0, "Well.", "neutral"))
    working.drop(KEY)
    assert working.take_clip(KEY, 0) is None
    assert working.take_clip(Key(3, 0), 0) is not None
    working.synthesise(Synthesise(KEY, 1, "Not any more.", "neutral"))
    assert working.take_clip(KEY, 1) is None


def test_a_voice_that_fails_reports_the_clause_and_the_reason(
    working: Stages, engines: Engines
) -> None:
    engines.voice.broken = "out of breath"  # type: ignore[attr-defined]
    working.synthesise(Synthesise(KEY, 3, "I see.", "neutral"))
    assert working.results() == [EngineFailed(0.0, KEY, "say", "out of breath", 3)]
