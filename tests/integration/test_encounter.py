"""A learner with prepared sentences and a patient, through the real engines in real time."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest

from simvoice.app.simulator import Simulator
from simvoice.audio import RATE, Pcm16, level_dbfs, samples, to_float
from simvoice.bench.stt import normalised_words, word_errors
from simvoice.devices.simulated import SimulatedLine, Truth
from simvoice.record.events import (
    Delay,
    Interruption,
    LearnerTurn,
    LossCounts,
    PatientMove,
    PatientSpeech,
    Trouble,
)
from simvoice.record.store import Attempt
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.runtime.observer import Caption, Finished, Observation, Status
from simvoice.simulate.learner import AfterPatient, BargeIn, LearnerScript, ScriptStep
from tests.integration.conftest import SMALL, Say

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

QUESTION = "Good morning. What happened to your wrist?"
CUT_IN = "Excuse me, please, who is at home with you now?"
GOODBYE = "Thank you for coming in today. Goodbye, Mrs. Ward."


@dataclass
class Told:
    """One encounter: what was planted, what was recorded, what a watcher saw."""

    truth: Truth
    attempt: Attempt
    finished: Finished
    sights: list[Observation]

    def entries(self, kind: type) -> list:  # type: ignore[type-arg]
        return [entry for entry in self.attempt.entries if isinstance(entry, kind)]


@pytest.fixture(scope="module")
def told(simulator: Simulator, say: Say) -> Told:
    script = LearnerScript(
        (
            ScriptStep(AfterPatient(0.9), say(QUESTION)),
            ScriptStep(BargeIn(1.6), say(CUT_IN)),
            ScriptStep(AfterPatient(0.9), say(GOODBYE)),
        )
    )
    line = SimulatedLine(script, tail_s=6.0, limit_s=60.0)
    sights: list[Observation] = []
    encounter = simulator.encounter(
        SMALL, line, learner="Robin", observer=sights.append, options=EncounterOptions(seed=1)
    )
    finished = encounter.run()
    return Told(line.truth, simulator.attempt(encounter.attempt), finished, sights)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def between(channel: Pcm16, start_s: float, end_s: float) -> Pcm16:
    return channel[samples(start_s) : samples(end_s)]


def alike(a: np.ndarray, b: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(np.corrcoef(a.astype(np.float64), b.astype(np.float64))[0, 1])


def test_she_answers_each_turn_by_its_meaning_and_says_goodbye(told: Told) -> None:
    said = [speech.line_id for speech in told.entries(PatientSpeech)]
    assert said == ["opening", "happened", "home", "goodbye"]
    assert told.finished.reason == "patient"
    assert told.finished.message == ""


def test_the_record_is_whole(told: Told) -> None:
    summary = told.attempt.summary()
    assert (summary.state, summary.problem) == ("complete", "")
    assert told.attempt.ended is not None
    assert (told.attempt.ended.reason, told.attempt.ended.ending) == ("patient", "done")
    assert told.entries(Trouble) == []
    assert len(told.entries(PatientMove)) == len(told.entries(Delay)) + 1
    assert len(told.entries(LearnerTurn)) == 3
    (counts,) = told.entries(LossCounts)
    assert counts.lost_frames == 0
    assert told.attempt.header.learner == "Robin"
    assert set(told.attempt.header.models) >= {"stt", "llm", "voice", "end_of_turn", "embedding"}


def test_the_learners_channel_is_what_the_learner_said_when_they_said_it(
    told: Told, say: Say
) -> None:
    learner, _ = told.attempt.audio()
    for utterance in told.truth.spoken:
        clip = say(utterance.text).pcm
        heard = learner[samples(utterance.start_s) :][: len(clip)]
        assert alike(heard, clip[: len(heard)]) > 0.99, utterance.text


def test_the_patients_channel_is_what_the_learner_heard_sample_for_sample(told: Told) -> None:
    _, patient = told.attempt.audio()
    length = min(len(patient), len(told.truth.delivered))
    assert length > 15 * RATE
    assert np.array_equal(patient[:length], told.truth.delivered[:length])


def test_the_journal_times_her_words_as_they_sounded(told: Told) -> None:
    _, patient = told.attempt.audio()
    for speech in told.entries(PatientSpeech):
        before = samples(speech.start_s - 0.05)
        played = before + int(np.flatnonzero(told.truth.delivered[before:])[0])
        assert played / RATE == pytest.approx(speech.start_s, abs=0.005)
        first = told.truth.first_sound_after(speech.start_s - 0.05)
        assert first is not None
        assert first - speech.start_s < 0.04  # a soft consonant may be inaudible before its vowel
        for word in speech.words:
            # The word she was stopped in has little left of it: half a vowel, fading.
            least = -60.0 if speech.unsaid and word == speech.words[-1] else -50.0
            assert level_dbfs(between(patient, word.start_s, word.end_s)) > least, word


def test_the_journal_times_the_learners_turns_as_they_were_planted(told: Told) -> None:
    for turn, truth in zip(told.entries(LearnerTurn), told.truth.spoken, strict=True):
        assert turn.start_s == pytest.approx(truth.onset_s, abs=0.25)
        assert turn.end_s == pytest.approx(truth.offset_s, abs=0.25)
        said = normalised_words(truth.text)
        assert word_errors(said, normalised_words(turn.text)) <= 0.34 * len(said), turn.text


def test_what_the_journal_says_was_heard_is_what_a_listener_hears(
    told: Told, simulator: Simulator
) -> None:
    _, patient = told.attempt.audio()
    missed = total = 0
    for speech in told.entries(PatientSpeech):
        sound = to_float(between(patient, speech.start_s, speech.end_s + 0.3))
        said = normalised_words(speech.heard)
        missed += word_errors(
            said, normalised_words(simulator.engines().stt.transcribe(sound).text)
        )
        total += len(said)
    assert missed <= 0.15 * total


def test_cut_off_she_remembers_only_what_was_heard(told: Told) -> None:
    cut = next(s for s in told.entries(PatientSpeech) if s.line_id == "happened")
    (interruption,) = told.entries(Interruption)
    assert words(f"{cut.heard} {cut.unsaid}") == words(cut.text)
    assert cut.heard != cut.text
    assert interruption.lost_words == len(words(cut.unsaid)) > 3
    onset_s = told.truth.spoken[1].onset_s
    assert interruption.start_s == pytest.approx(onset_s, abs=0.15)
    silent_s = told.truth.silent_from(onset_s + 0.1)
    assert interruption.stopped_s == pytest.approx(silent_s, abs=0.1)


def test_a_watcher_sees_each_turn_once_and_the_floor_change_hands(told: Told) -> None:
    captions = [sight for sight in told.sights if isinstance(sight, Caption)]
    assert [c.text for c in captions if c.who == "learner"] == [
        turn.text for turn in told.entries(LearnerTurn)
    ]
    assert [c.text for c in captions if c.who == "patient"] == [
        speech.heard for speech in told.entries(PatientSpeech)
    ]
    statuses = [sight for sight in told.sights if isinstance(sight, Status)]
    assert {status.floor for status in statuses} == {"learner", "patient", "nobody"}
    assert told.sights[-1] == told.finished
