"""Whole encounters on a scripted line in virtual time: loop, record and observer."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simvoice.audio import FRAME, samples
from simvoice.conversation.state import Rules
from simvoice.errors import StorageFull, UsageError
from simvoice.ports import LineFacts, VoiceStyle
from simvoice.record import recorder
from simvoice.record.events import (
    ClockHeld,
    Interruption,
    LearnerTurn,
    LossCounts,
    PatientSpeech,
    Trouble,
)
from simvoice.record.recorder import Recorder
from simvoice.record.store import Attempt, Store
from simvoice.runtime import stages
from simvoice.runtime.observer import Caption, Finished, Observation, Speaking, Status
from simvoice.runtime.session import LONGEST_TYPED, Session, SessionParts
from simvoice.runtime.stages import Engines
from tests.conversation.world import ScriptedMind
from tests.planted.talk import header
from tests.runtime.fakes import (
    FakeEndOfTurn,
    FakeLine,
    FakeRecogniser,
    FakeVoice,
    InlineScheduler,
    LoudIsVoice,
)

ATTEMPT = "20270101-000000-talk-aaaa"
QUESTION = "What worries you most?"
ANSWER = "That they will forget me."


@pytest.fixture(autouse=True)
def _without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "Scheduler", InlineScheduler)


@dataclass
class Run:
    """One encounter, from its parts to its record."""

    root: Path
    line: FakeLine
    texts: list[str] = field(default_factory=lambda: [QUESTION])
    lines: list[str] = field(default_factory=lambda: [ANSWER])
    voice: FakeVoice = field(default_factory=FakeVoice)
    time_s: float | None = None
    takes_typed: bool = False
    record: Callable[[LineFacts], Recorder] | None = None
    watch: Callable[[Session, Observation], None] = lambda session, observation: None
    observations: list[Observation] = field(default_factory=list)

    def run(self) -> Finished:
        def observe(observation: Observation) -> None:
            self.observations.append(observation)
            self.watch(session, observation)

        def create(_: LineFacts) -> Recorder:
            return Recorder.create(self.root, header(ATTEMPT))

        session = Session(
            SessionParts(
                attempt=ATTEMPT,
                rules=Rules(ScriptedMind(self.lines), time_s=self.time_s),
                line=self.line,
                vad=LoudIsVoice(),
                engines=Engines(FakeRecogniser(self.texts), FakeEndOfTurn(), self.voice),
                record=self.record or create,
                style=lambda affect, mood: VoiceStyle(),
                focus=lambda text: text,
                time_shown_s=self.time_s,
                takes_typed=self.takes_typed,
                observer=observe,
                wall_s=lambda: self.line.frames * 0.02,
            )
        )
        return session.run()

    @property
    def attempt(self) -> Attempt:
        return Store(self.root).open(ATTEMPT)

    def entries(self, kind: type) -> list[Any]:
        return [entry for entry in self.attempt.entries if isinstance(entry, kind)]

    def seen(self, kind: type) -> list[Any]:
        return [observation for observation in self.observations if isinstance(observation, kind)]


def test_a_question_is_answered_and_both_are_captions(tmp_path: Path) -> None:
    run = Run(tmp_path, FakeLine([(1.0, 2.0)], ends_s=8.0))
    assert run.run() == Finished(ATTEMPT, "closed", "")
    asked, answered = run.seen(Caption)
    assert (asked.who, asked.text) == ("learner", QUESTION)
    assert asked.start_s == pytest.approx(1.0, abs=0.05)
    assert (answered.who, answered.text) == ("patient", ANSWER)
    assert 2.3 < answered.start_s < 2.6
    assert run.attempt.state == "complete"


def test_the_record_holds_what_the_line_played_when_it_was_heard(tmp_path: Path) -> None:
    run = Run(tmp_path, FakeLine([(1.0, 2.0)], ends_s=8.0, delay_s=0.06))
    run.run()
    _, patient = run.attempt.audio()
    played = np.concatenate([np.zeros(samples(0.06), np.int16), *run.line.written])[: len(patient)]
    np.testing.assert_array_equal(patient, played)
    (speech,) = run.entries(PatientSpeech)
    assert samples(speech.start_s) == pytest.approx(np.flatnonzero(patient)[0], abs=2)
    assert samples(speech.words[-1].end_s) == pytest.approx(np.flatnonzero(patient)[-1], abs=2)


def test_a_status_comes_ten_times_a_second_with_turn_holder_level_and_time_left(
    tmp_path: Path,
) -> None:
    run = Run(tmp_path, FakeLine([(1.0, 2.0)], ends_s=8.0), time_s=60.0)
    run.run()
    statuses = run.seen(Status)
    times = [status.at_s for status in statuses]
    np.testing.assert_allclose(np.diff(times), 0.1)
    assert [status.time_left_s for status in statuses] == pytest.approx([60.0 - t for t in times])
    at = {round(status.at_s, 1): status for status in statuses}
    assert (at[0.5].floor, at[1.5].floor, at[3.0].floor) == ("nobody", "learner", "patient")
    assert at[0.5].level_dbfs == -96.0
    assert -30.0 < at[1.5].level_dbfs < -10.0
    assert isinstance(run.observations[-1], Finished)


def test_without_a_limit_no_time_is_shown(tmp_path: Path) -> None:
    run = Run(tmp_path, FakeLine(ends_s=1.0))
    run.run()
    assert {status.time_left_s for status in run.seen(Status)} == {None}


def test_an_end_request_ends_the_encounter_at_once_with_a_whole_record(tmp_path: Path) -> None:
    def end_after_the_question(session: Session, observation: Observation) -> None:
        if isinstance(observation, Caption):
            session.end()

    run = Run(tmp_path, FakeLine([(1.0, 2.0)], ends_s=60.0), watch=end_after_the_question)
    assert run.run().reason == "learner"
    assert run.line.frames * 0.02 < 4.0
    assert run.attempt.state == "complete"
    assert not run.line.running


def test_a_lost_device_ends_the_encounter_with_a_sentence(tmp_path: Path) -> None:
    run = Run(tmp_path, FakeLine([(1.0, 2.0)], unplugged_s=3.2))
    finished = run.run()
    assert finished.reason == "device"
    assert "plug it in" in finished.message
    (trouble,) = run.entries(Trouble)
    assert trouble.what == finished.message
    assert run.attempt.state == "complete"
    # the patient was in the middle of its answer; the delivered part is kept
    (speech,) = run.entries(PatientSpeech)
    assert 0 < len(speech.heard) < len(ANSWER)
    assert f"{speech.heard} {speech.unsaid}" == ANSWER


def test_a_full_disk_ends_the_encounter_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite
    free = [200_000]

    def pwrite(fd: int, data: bytes, at: int) -> int:
        free[0] -= len(data)
        if free[0] < 0:
            raise OSError(28, os.strerror(28))
        return write(fd, data, at)

    def create(_: LineFacts) -> Recorder:
        made = Recorder.create(tmp_path, header(ATTEMPT))
        monkeypatch.setattr(recorder.os, "pwrite", pwrite)
        return made

    def drain(session: Session, observation: Observation) -> None:
        # virtual time is faster than the recorder's thread; wait for it here
        assert session._recorder is not None
        session._recorder.drain()

    run = Run(tmp_path, FakeLine(ends_s=60.0), record=create, watch=drain)
    run.watch = lambda session, observation: (
        drain(session, observation) if isinstance(observation, Status) else None
    )
    finished = run.run()
    assert finished.reason == "fault"
    assert "the disk is full" in finished.message
    assert run.line.frames * 0.02 < 10.0
    assert not run.line.running
    monkeypatch.undo()
    assert Store(tmp_path).recover(ATTEMPT).summary().state == "complete"


def test_without_a_record_the_line_is_closed_and_no_file_is_left(
    tmp_path: Path,
) -> None:
    def full(_: LineFacts) -> Recorder:
        raise StorageFull("the disk for attempts has 3 MB left; free some space")

    run = Run(tmp_path, FakeLine(), record=full)
    with pytest.raises(StorageFull):
        run.run()
    assert not run.line.running
    assert list(tmp_path.iterdir()) == []
    assert run.observations == []


@pytest.mark.slow
def test_a_voice_that_keeps_failing_ends_the_encounter_and_names_the_doctor(tmp_path: Path) -> None:
    spans = [(2.0 + 4.0 * i, 3.0 + 4.0 * i) for i in range(6)]
    run = Run(tmp_path, FakeLine(spans, ends_s=60.0), voice=FakeVoice(broken="out of breath"))
    finished = run.run()
    assert finished.reason == "fault"
    assert "out of breath" in finished.message
    assert "simvoice doctor" in finished.message
    assert run.attempt.state == "complete"


def test_a_voice_that_fails_once_is_forgiven(tmp_path: Path) -> None:
    voice = FakeVoice(broken="out of breath")

    def mend(_: Session, observation: Observation) -> None:
        if isinstance(observation, Status) and observation.at_s > 5.0:
            voice.broken = ""

    spans = [(2.0, 3.0), (6.0, 7.0), (12.0, 13.0)]
    run = Run(tmp_path, FakeLine(spans, ends_s=20.0), voice=voice, watch=mend)
    assert run.run().reason == "closed"
    assert run.entries(PatientSpeech)[-1].heard == ANSWER


def test_frames_that_were_lost_count_in_session_time(tmp_path: Path) -> None:
    run = Run(tmp_path, FakeLine([(1.0, 2.0)], ends_s=8.0, lost_at={20: 10}))
    run.run()
    (counts,) = run.entries(LossCounts)
    assert counts.lost_frames == 10
    learner, patient = run.attempt.audio()
    assert len(learner) == len(patient) == samples(8.0)
    # the voice is at its time, not ten frames earlier
    assert np.flatnonzero(learner)[0] // FRAME == 50


@pytest.mark.slow
@pytest.mark.parametrize(("echo", "interruptions"), [("headphones", 1), ("half-duplex", 0)])
def test_a_half_duplex_line_cannot_be_interrupted(
    tmp_path: Path, echo: str, interruptions: int
) -> None:
    line = FakeLine([(1.0, 2.0), (2.9, 4.4)], ends_s=9.0, echo=echo)
    run = Run(tmp_path, line, texts=[QUESTION, "Let me tell you about the treatment first."])
    run.run()
    assert len(run.entries(Interruption)) == interruptions


def at_second(
    at_s: float, act: Callable[[Session], None]
) -> Callable[[Session, Observation], None]:
    """Act once, when the status of a second comes."""
    done: list[float] = []

    def watch(session: Session, observation: Observation) -> None:
        if isinstance(observation, Status) and observation.at_s >= at_s and not done:
            done.append(observation.at_s)
            act(session)

    return watch


def test_a_typed_turn_is_recorded_answered_and_shown(tmp_path: Path) -> None:
    watch = at_second(1.0, lambda session: session.typed("  What worries\nyou? "))
    run = Run(tmp_path, FakeLine(ends_s=6.0), takes_typed=True, watch=watch)
    run.run()
    (turn,) = run.entries(LearnerTurn)
    assert (turn.text, turn.is_typed) == ("What worries you?", True)
    asked, answered = run.seen(Caption)
    assert (asked.who, asked.text) == ("learner", "What worries you?")
    (speaking,) = run.seen(Speaking)
    assert (speaking.text, speaking.start_s) == (ANSWER, answered.start_s)


def test_typed_turns_are_refused_with_a_sentence(tmp_path: Path) -> None:
    said: list[str] = []

    def type_on(session: Session) -> None:
        for text in ("Hello.", "x" * (LONGEST_TYPED + 1)):
            try:
                session.typed(text)
            except UsageError as error:
                said.append(str(error))
        session.typing()

    speaking_only = Run(tmp_path / "a", FakeLine(ends_s=3.0), watch=at_second(1.0, type_on))
    speaking_only.run()
    assert said == ["This encounter takes no typed turns. Speak with the patient instead."] * 2
    said.clear()
    line, watch = FakeLine(ends_s=3.0), at_second(1.0, type_on)
    typing = Run(tmp_path / "b", line, takes_typed=True, watch=watch)
    typing.run()
    assert said == ["This text is too long. Write at most 2000 characters at once."]
    assert not speaking_only.entries(LearnerTurn)
    assert len(typing.entries(LearnerTurn)) == 1


def test_a_flood_of_typed_turns_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    refused: list[str] = []

    def flood(session: Session) -> None:
        for _ in range(1000):
            try:
                session.typed("Hello.")
            except UsageError as error:
                refused.append(str(error))

    run = Run(tmp_path, FakeLine(ends_s=6.0), takes_typed=True, watch=at_second(1.0, flood))
    assert run.run().reason == "closed"
    assert 900 <= len(refused) < 1000
    assert set(refused) == {"The encounter does not answer now. Try again in a moment."}
    assert len(run.entries(LearnerTurn)) == 1


def test_a_clock_that_is_held_stands_still_in_the_status_and_the_record(tmp_path: Path) -> None:
    watch = at_second(1.0, lambda session: session.hold(True))
    run = Run(tmp_path, FakeLine(ends_s=4.0), time_s=60.0, watch=watch)
    run.run()
    last = run.seen(Status)[-1]
    assert last.is_held
    assert last.time_left_s == pytest.approx(59.0, abs=0.05)
    (held,) = run.entries(ClockHeld)
    assert held.held
