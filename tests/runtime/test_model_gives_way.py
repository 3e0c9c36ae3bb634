"""The stronger model fails in an encounter: the embedded one replaces it, on record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from simvoice.audio import FRAME
from simvoice.conversation.events import AskModel, EngineNotice, Key, WarmModel
from simvoice.conversation.state import Rules
from simvoice.engines.llm.fallback import Fallback
from simvoice.errors import StageFailed
from simvoice.patient.decisions import Improvise, Rank
from simvoice.ports import Cancelled, Message, VoiceStyle, never
from simvoice.record.events import PatientSpeech, Trouble
from simvoice.record.recorder import Recorder
from simvoice.record.store import Store
from simvoice.runtime import stages
from simvoice.runtime.scheduler import Job
from simvoice.runtime.session import Session, SessionParts
from simvoice.runtime.session_sound import MicrophoneMemory
from simvoice.runtime.stages import Engines, Stages
from tests.conversation.world import ScriptedMind
from tests.planted.talk import header
from tests.runtime.fakes import (
    FakeEndOfTurn,
    FakeLanguageModel,
    FakeLine,
    FakeRecogniser,
    FakeVoice,
    InlineJobs,
    InlineScheduler,
    LoudIsVoice,
)

ATTEMPT = "20270101-000000-talk-aaaa"
TALK = (Message("system", "You are Ines."), Message("user", "Do you paint?"))
ASKED = Improvise("Doctor: Do you paint?\nInes:", messages=TALK)


@dataclass
class DyingModel:
    """A strong model that fails for good after a number of words."""

    words_left: int
    strong: bool = True
    chats: list[Sequence[Message]] = field(default_factory=list)

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        self._use(0)

    def complete(
        self, prompt: str, *, messages: Sequence[Message] = (), **_: object
    ) -> Iterator[str]:
        self.chats.append(messages)
        for word in ("Not ", "any ", "more, ", "no."):
            self._use(1)
            yield word

    def rank(self, prompt: str, candidates: Sequence[str], **_: object) -> list[float]:
        self._use(1)
        return [float(len(text)) for text in candidates]

    def _use(self, words: int) -> None:
        self.words_left -= words
        if self.words_left < 0:
            raise StageFailed("the server broke off in the middle; see its log")


def engines(first: DyingModel) -> Engines:
    both = Fallback(first, FakeLanguageModel(), name="the server")
    ear = FakeRecogniser(["Do you paint?"])
    return Engines(ear, FakeEndOfTurn(), FakeVoice(), llm=both, llm_notices=both.notices)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "Scheduler", InlineScheduler)


@pytest.mark.slow
@pytest.mark.usefixtures("inline")
def test_the_embedded_model_replaces_a_model_that_fails_in_the_middle_of_a_line(
    tmp_path: Path,
) -> None:
    first = DyingModel(words_left=6)
    mind = ScriptedMind(lines=["the authored line"], queries=dict.fromkeys(range(3), ASKED))
    session = Session(
        SessionParts(
            attempt=ATTEMPT,
            rules=Rules(mind),
            line=FakeLine([(1.0, 2.0), (8.0, 9.0), (15.0, 16.0)], ends_s=22.0),
            vad=LoudIsVoice(),
            engines=engines(first),
            record=lambda _: Recorder.create(tmp_path, header(ATTEMPT)),
            style=lambda *_: VoiceStyle(),
            focus=str,
        )
    )
    assert session.run().reason == "closed"
    entries = Store(tmp_path).open(ATTEMPT).entries
    heard = [entry.heard for entry in entries if isinstance(entry, PatientSpeech)]
    assert heard == ["Not any more, no.", "I do not know.", "I do not know."]
    (trouble,) = [entry for entry in entries if isinstance(entry, Trouble)]
    assert trouble.what.startswith("the server broke off in the middle")
    assert trouble.what.endswith("the embedded model speaks")
    assert 9.0 < trouble.at_s < 10.0
    assert first.chats == [TALK, TALK]


@pytest.fixture
def memory() -> MicrophoneMemory:
    made = MicrophoneMemory()
    made.add(np.zeros(FRAME, np.int16))
    return made


def working(first: DyingModel, memory: MicrophoneMemory) -> Stages:
    return Stages(engines(first), memory, lambda *_: VoiceStyle(), str)


@pytest.mark.usefixtures("inline")
def test_an_answer_says_whether_the_stronger_model_gave_it(memory: MicrophoneMemory) -> None:
    at_work = working(DyingModel(words_left=6), memory)
    at_work.ask(AskModel(Key(1, 0), ASKED))
    (answer,) = at_work.results()
    assert (answer.answer.text, answer.answer.strong) == ("Not any more, no.", True)  # type: ignore[union-attr]
    at_work.ask(AskModel(Key(2, 0), ASKED))
    answer, notice = at_work.results()
    assert (answer.answer.text, answer.answer.strong) == ("I do not know.", False)  # type: ignore[union-attr]
    assert isinstance(notice, EngineNotice)


@pytest.mark.usefixtures("inline")
def test_a_tie_that_no_model_ranks_is_answered_without_scores(memory: MicrophoneMemory) -> None:
    at_work = working(DyingModel(words_left=1), memory)
    tie = Rank("Ines:", ("Yes.", "Not now."), TALK)
    at_work.ask(AskModel(Key(1, 0), tie))
    at_work.ask(AskModel(Key(2, 0), tie))
    first, second, _ = at_work.results()
    assert first.answer.scores == (4.0, 8.0)  # type: ignore[union-attr]
    assert second.answer.scores == ()  # type: ignore[union-attr]


@pytest.mark.usefixtures("inline")
def test_a_failure_while_no_turn_waits_is_recorded(memory: MicrophoneMemory) -> None:
    at_work = working(DyingModel(words_left=-1), memory)
    at_work.warm(WarmModel("Ines:", TALK))
    (notice,) = at_work.results()
    assert isinstance(notice, EngineNotice)


def test_reading_ahead_gives_way_to_a_question(
    memory: MicrophoneMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker still reads when the question comes, and is asked to stop."""
    waiting: list[Job] = []

    class QueuedJobs(InlineJobs):
        def put(self, job: Job) -> None:
            waiting.append(job)

    monkeypatch.setattr(InlineScheduler, "encounter", lambda _: QueuedJobs())
    monkeypatch.setattr(stages, "Scheduler", InlineScheduler)
    told: list[bool] = []

    class Reading(FakeLanguageModel):
        def warm(self, prefix: str, *, cancelled: Cancelled = never, **_: object) -> None:
            told.append(cancelled())
            at_work.ask(AskModel(Key(1, 0), ASKED))
            told.append(cancelled())

    at_work = Stages(
        Engines(FakeRecogniser([""]), FakeEndOfTurn(), FakeVoice(), llm=Reading()),
        memory,
        lambda *_: VoiceStyle(),
        str,
    )
    at_work.warm(WarmModel("Ines:"))
    waiting[0].run(never)
    assert told == [False, True]
    assert len(waiting) == 2
