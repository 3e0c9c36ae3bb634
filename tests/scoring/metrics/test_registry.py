"""Every metric of the planted conversation, and the reasons where there is no value."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from simvoice.reading.reading import read
from simvoice.record.events import (
    Backchannel,
    Delay,
    Ended,
    Hold,
    Interruption,
    JournalEntry,
    LearnerTurn,
    LearnerVoice,
    LossCounts,
    PatientSpeech,
    SimultaneousStart,
    Started,
)
from simvoice.scoring.metrics.definitions import definitions
from simvoice.scoring.metrics.registry import (
    DECIDED,
    FROM_JOURNAL,
    NOT_CALIBRATED,
    Measured,
    measure_reading,
)
from tests.planted.builder import SoundlessAttempt, learner_turn, patient_speech
from tests.planted.talk import END_S, NUMBERS, VOICES, entries, record


def values(measured: list[Measured]) -> dict[str, float | None]:
    return {m.key: m.value for m in measured}


def reasons(measured: list[Measured]) -> dict[str, str]:
    return {m.key: m.reason for m in measured if m.value is None}


def test_every_number_of_the_planted_conversation_is_right() -> None:
    assert values(measure_reading(read(SoundlessAttempt(tuple(entries()))))) == pytest.approx(
        NUMBERS, abs=1e-6
    )


def test_sound_alone_gives_the_same_times_to_20_ms(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    found = values(measure_reading(read(attempt)))
    timed = {key: number for key, number in NUMBERS.items() if key not in (*VOICES, "word_rate")}
    assert {key: found[key] for key in timed} == pytest.approx(timed, abs=0.15)
    for key in ("response_latency", "learner_pause_length", "longest_silence"):
        assert found[key] == pytest.approx(NUMBERS[key], abs=0.025)


def test_a_backchannel_is_not_counted_as_an_interruption_or_an_overlap() -> None:
    events = [
        patient_speech(0, 0.0, "Well.", end_s=9.0),
        *(LearnerVoice(start_s=s, end_s=s + 0.4, level_dbfs=-30.0) for s in (2.0, 4.0, 6.0)),
        *(Backchannel(start_s=s, end_s=s + 0.4, text="mm") for s in (2.0, 4.0, 6.0)),
    ]
    found = values(measure_reading(read(SoundlessAttempt(tuple(events), 10.0))))
    assert (found["backchannels"], found["interruptions"], found["overlaps"]) == (3, 0, 0)
    assert found["learner_turns"] == 0
    assert found["talk_share"] == pytest.approx(100 * 1.2 / 10.2)


@pytest.mark.parametrize("patient_s", [1.95, 2.0, 2.1])
def test_starts_at_the_same_moment_are_no_interruptions(patient_s: float) -> None:
    both = (
        patient_speech(1, patient_s, "Well", "so.", end_s=2.5),
        LearnerVoice(start_s=0.5, end_s=1.6, level_dbfs=-30.0),
        LearnerVoice(start_s=2.0, end_s=4.0, level_dbfs=-30.0),
        SimultaneousStart(turn=2, start_s=2.0, stopped_s=2.5, lost_s=0.4, lost_words=1),
    )
    talk = SoundlessAttempt(both, 5.0)
    found = values(measure_reading(read(talk)))
    for key in ("interruptions", "interruption_attempts", "patient_interruptions", "early_starts"):
        assert found[key] == 0, key
    assert [each.kind for each in read(talk).overlaps] == ["together"]


def test_a_turn_without_a_voice_interval_still_counts_as_spoken() -> None:
    turn = learner_turn(1, 1.0, "hello")
    assert values(measure_reading(read(SoundlessAttempt((turn,), 5.0))))["learner_speech"] == 2.0


def test_an_empty_encounter_gives_reasons_and_no_invented_zeros() -> None:
    for talk in (
        SoundlessAttempt(()),
        SoundlessAttempt((Started(wall_time="2026-11-22T10:15:30+01:00"),), 0.0),
    ):
        measured = measure_reading(read(talk))
        assert reasons(measured)["talk_share"] == "not measurable here: the learner did not speak"
        assert values(measured)["interruptions"] is None
        assert values(measured)["learner_speech"] == 0.0


def test_without_a_learner_metrics_of_the_learner_give_the_reason() -> None:
    silent = [e for e in entries() if isinstance(e, PatientSpeech | Started | Ended)]
    why = reasons(measure_reading(read(SoundlessAttempt(tuple(silent)))))
    for key in ("talk_share", "response_latency", "learner_pauses", "silences"):
        assert why[key] == "not measurable here: the learner did not speak"


def test_when_the_microphone_lost_sound_times_are_not_measured() -> None:
    others = [e for e in entries() if not isinstance(e, LossCounts)]
    lossy = (*others[:-1], LossCounts(at_s=END_S, lost_frames=100), others[-1])
    measured = measure_reading(read(SoundlessAttempt(lossy)))
    why = reasons(measured)
    assert why["response_latency"] == (
        "not measurable here: 4.0 % of the microphone's sound was lost"
    )
    assert {"learner_pauses", "silences", "longest_silence"} <= why.keys()
    assert values(measured)["interruptions"] == 1


def test_frames_that_the_devices_lost_count_as_lost_sound(tmp_path: Path) -> None:
    whole = record(tmp_path)
    others = [e for e in whole.entries if not isinstance(e, LossCounts)]
    lossy = replace(whole, entries=(*others, LossCounts(at_s=END_S, lost_frames=200)))
    found = {m.key: m for m in measure_reading(read(lossy))}
    assert found["talk_share"].reason == "not measurable here: 8.0 % of the sound lost"
    assert found["interruptions"].value == 1


def test_an_encounter_without_an_end_is_measured_to_the_end_of_its_record() -> None:
    cut_off = tuple(e for e in entries() if not isinstance(e, Ended))
    assert values(measure_reading(read(SoundlessAttempt(cut_off)))) == pytest.approx(
        NUMBERS, abs=1e-6
    )
    assert read(SoundlessAttempt(cut_off)).speech_times.end_s == END_S


@pytest.mark.parametrize(
    ("kind", "key"),
    [(Interruption, "first_interruption"), (Hold, "holds_held"), (Delay, "machine_delay")],
)
def test_what_never_happened_is_not_measured(kind: type[JournalEntry], key: str) -> None:
    without = tuple(e for e in entries() if not isinstance(e, kind))
    assert key in reasons(measure_reading(read(SoundlessAttempt(without))))


def test_what_did_not_happen_has_another_reason_than_what_is_not_measurable() -> None:
    without = tuple(e for e in entries() if not isinstance(e, Interruption | Hold))
    why = reasons(measure_reading(read(SoundlessAttempt(without))))
    assert why["holds_held"] == (
        "nothing to measure: the patient never kept silent after hard news, a cue or a hard "
        "question"
    )
    assert why["first_interruption"] == "nothing to measure: the patient was never interrupted"


def test_every_metric_has_a_definition_a_source_and_a_reason_for_no_value() -> None:
    assert {m.key for m in definitions()} == NUMBERS.keys()
    assert len({m.name for m in definitions()}) == len(definitions())
    for metric in definitions():
        assert re.fullmatch(r"[A-Z].*\.", metric.definition), metric.key
        assert metric.source
        assert metric.unmeasurable


def test_a_number_without_sound_has_no_interval() -> None:
    found = {m.key: m for m in measure_reading(read(SoundlessAttempt(tuple(entries()))))}
    assert {m.error for m in found.values()} == {FROM_JOURNAL, DECIDED}
    assert found["words_lost"].error == DECIDED
    assert {m.low for m in found.values()} == {m.high for m in found.values()} == {None}


def test_a_number_from_sound_has_an_interval_or_says_that_there_is_none(tmp_path: Path) -> None:
    for m in measure_reading(read(record(tmp_path))):
        if m.low is not None and m.high is not None and m.value is not None:
            assert m.low <= m.high
            assert m.error.startswith("90 % interval ")
        else:
            assert m.error in (NOT_CALIBRATED, DECIDED)


def test_no_metric_speaks_of_the_learners_feelings() -> None:
    judging = re.compile(r"anxi|nervous|confiden|emotion|(?<!di)stress|hesita|warm|cold|rude", re.I)
    for metric in definitions():
        assert not judging.search(metric.name + metric.definition)


def test_an_opening_that_was_cut_off_at_once_is_the_opening_statement() -> None:
    def patient(at_s: float, end_s: float) -> PatientSpeech:
        return patient_speech(1, at_s, "Sit", "down.", line_id="a", end_s=end_s)

    def learner(turn: int, at_s: float) -> LearnerTurn:
        return learner_turn(turn, at_s, "Hello.")

    cut = Interruption(turn=2, start_s=5.3, stopped_s=5.8, lost_s=4.0, lost_words=9)
    entries = (patient(4.0, 5.8), learner(2, 5.3), cut, patient(9.0, 13.0), learner(3, 15.0))
    found = {m.key: m.value for m in measure_reading(read(SoundlessAttempt(entries, 20.0)))}
    assert found["opening_statement"] == pytest.approx(1.8, abs=0.05)
    assert found["opening_interrupted"] == pytest.approx(1.3, abs=0.05)
    # the patient had paused when the learner began, and said one more word over the learner
    paused = (
        patient(4.0, 5.1),
        learner(2, 5.3),
        cut,
        patient(5.5, 5.8),
        patient(9.0, 13.0),
        learner(3, 15.0),
    )
    found = {m.key: m.value for m in measure_reading(read(SoundlessAttempt(paused, 20.0)))}
    assert found["opening_interrupted"] == pytest.approx(1.3, abs=0.05)
    # a greeting that was not cut off is no opening statement
    greeted = (patient(4.0, 5.0), learner(2, 6.0), patient(9.0, 13.0), learner(3, 15.0))
    found = {m.key: m.value for m in measure_reading(read(SoundlessAttempt(greeted, 20.0)))}
    assert found["opening_statement"] == pytest.approx(4.0, abs=0.05)
