"""The scripted learner, frame by frame, with a patient who speaks at planned times."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.audio import FRAME_S, RATE
from simvoice.markup import LONGEST_PAUSE_S
from simvoice.simulate.learner import (
    AfterPatient,
    At,
    BackchannelStep,
    BargeIn,
    KeepSilent,
    LearnerClip,
    LearnerScript,
    PlantedUtterance,
    ScriptedLearner,
    ScriptStep,
    StepTiming,
)

CLIP = LearnerClip("hello", np.zeros(RATE, np.float32), onset_s=0.1, offset_s=0.9)


def run(
    *whens: StepTiming, patient: list[tuple[float, float]], until_s: float = 40.0
) -> tuple[list[PlantedUtterance], ScriptedLearner]:
    """Return the learner's utterances. patient: (start, end) of each sound of the patient."""
    learner = ScriptedLearner(
        LearnerScript(
            tuple(ScriptStep(w, None if isinstance(w, KeepSilent) else CLIP) for w in whens)
        )
    )
    said = []
    for k in range(round(until_s / FRAME_S)):
        at_s = k * FRAME_S
        middle_s = at_s - FRAME_S / 2
        sounds = any(start <= middle_s < end for start, end in patient)
        if (utterance := learner.tick(at_s, sounds)) is not None:
            said.append(utterance)
    return said, learner


def test_it_answers_when_the_patient_was_silent_for_the_gap() -> None:
    said, learner = run(AfterPatient(1.0), patient=[(2.0, 4.0)])
    assert [u.start_s for u in said] == [pytest.approx(5.0, abs=0.03)]
    assert said[0].onset_s == pytest.approx(said[0].start_s + 0.1)
    assert learner.done


def test_pauses_at_commas_do_not_end_the_patients_utterance() -> None:
    said, _ = run(AfterPatient(1.0), patient=[(2.0, 3.0), (3.6, 4.0), (4.9, 6.0)])
    assert said[0].start_s == pytest.approx(7.0, abs=0.03)


def test_it_waits_for_an_answer_before_the_next_step() -> None:
    said, _ = run(At(1.0), AfterPatient(1.0), patient=[(6.0, 7.0)])
    assert [u.start_s for u in said] == [pytest.approx(1.0), pytest.approx(8.0, abs=0.03)]


def test_it_continues_without_an_answer_after_its_patience() -> None:
    said, _ = run(At(1.0), AfterPatient(1.0, patience_s=5.0), patient=[])
    assert said[1].start_s == pytest.approx(1.9 + 5.0, abs=0.03)


def test_at_speaks_at_its_time() -> None:
    said, _ = run(At(3.0), patient=[(2.0, 5.0)])
    assert said[0].start_s == pytest.approx(3.0)
    assert said[0].patient_was_speaking


def test_it_barges_in_at_the_set_time_of_the_next_utterance() -> None:
    said, _ = run(BargeIn(1.5), patient=[(2.0, 2.8), (10.0, 14.0)])
    assert said[0].start_s == pytest.approx(11.5, abs=0.03)
    assert said[0].patient_was_speaking


def test_it_does_not_barge_twice_into_one_utterance() -> None:
    said, _ = run(BargeIn(1.0), BargeIn(1.0), patient=[(2.0, 9.0), (12.0, 15.0)])
    assert [u.start_s for u in said] == [pytest.approx(3, abs=0.03), pytest.approx(13, abs=0.03)]


def test_the_rest_of_an_interrupted_utterance_is_no_answer() -> None:
    said, _ = run(BargeIn(1.0), AfterPatient(0.8), patient=[(2.0, 4.2), (6.0, 7.0)])
    assert said[1].start_s == pytest.approx(7.8, abs=0.03)


def test_it_waits_for_a_patient_who_does_not_stop() -> None:
    said, _ = run(BargeIn(1.0), AfterPatient(0.8), patient=[(2.0, 9.0)])
    assert said[1].start_s == pytest.approx(9.8, abs=0.03)


def test_a_backchannel_does_not_take_the_turn() -> None:
    said, _ = run(
        BackchannelStep(1.0), BackchannelStep(2.5), AfterPatient(1.0), patient=[(2.0, 8.0)]
    )
    starts = [3.0, 4.5, 9.0]
    assert [u.start_s for u in said] == [pytest.approx(s, abs=0.03) for s in starts]


def test_a_backchannel_without_a_long_utterance_is_skipped() -> None:
    said, learner = run(BackchannelStep(3.0, patience_s=4.0), At(6.0), patient=[(1.0, 2.0)])
    assert [u.step for u in said] == [1]
    assert learner.skipped == [0]


def test_it_keeps_a_silence_to_its_end() -> None:
    said, learner = run(KeepSilent(4.0), AfterPatient(0.5), patient=[(2.0, 3.0)])
    (kept,) = learner.kept
    assert (kept.start_s, kept.end_s) == (pytest.approx(3, abs=0.03), pytest.approx(7, abs=0.03))
    assert kept.broken_by == "learner"
    assert said[0].start_s == pytest.approx(7.02, abs=0.03)


def test_a_silence_that_the_patient_breaks_is_recorded_as_such() -> None:
    said, learner = run(KeepSilent(6.0), AfterPatient(1.0), patient=[(2.0, 3.0), (6.0, 7.0)])
    (kept,) = learner.kept
    assert (kept.start_s, kept.end_s) == (pytest.approx(3, abs=0.03), pytest.approx(6, abs=0.03))
    assert kept.broken_by == "patient"
    assert said[0].start_s == pytest.approx(8.0, abs=0.03)


def test_a_comma_does_not_break_a_kept_silence() -> None:
    _, learner = run(KeepSilent(3.0), patient=[(2.0, 3.0), (3.5, 4.0)])
    (kept,) = learner.kept
    assert kept.start_s == pytest.approx(4.0, abs=0.03)


def test_a_pause_inside_a_line_does_not_break_a_kept_silence() -> None:
    _, learner = run(KeepSilent(3.0), patient=[(2.0, 2.6), (2.6 + LONGEST_PAUSE_S, 5.0)])
    (kept,) = learner.kept
    assert kept.start_s == pytest.approx(5.0, abs=0.03)
    assert kept.broken_by == "learner"


def test_a_silence_without_an_utterance_before_it_is_skipped() -> None:
    _, learner = run(KeepSilent(3.0, patience_s=5.0), patient=[])
    assert (learner.kept, learner.skipped, learner.done) == ([], [0], True)


def test_a_silence_is_kept_only_after_the_patients_answer() -> None:
    _, learner = run(AfterPatient(0.5), KeepSilent(2.0), patient=[(1.0, 2.0), (5.0, 6.0)])
    (kept,) = learner.kept
    assert kept.start_s == pytest.approx(6.0, abs=0.03)


def test_planted_pauses_are_given_in_session_seconds() -> None:
    clip = LearnerClip("I was … wondering", np.zeros(RATE, np.float32), 0.1, 0.9, (), ((0.3, 0.6),))
    said = ScriptedLearner(LearnerScript((ScriptStep(At(0.0), clip),))).tick(2.0, False)
    assert said is not None
    assert said.pauses == ((pytest.approx(2.3), pytest.approx(2.6)),)


def test_only_a_silence_has_no_clip() -> None:
    with pytest.raises(ValueError, match="clip"):
        ScriptStep(At(0.0))
    with pytest.raises(ValueError, match="clip"):
        ScriptStep(KeepSilent(2.0), CLIP)


def test_every_script_ends_even_with_a_silent_patient() -> None:
    whens = (AfterPatient(), BargeIn(1.0), BackchannelStep(1.0), KeepSilent(3.0), AfterPatient())
    _, learner = run(*whens, patient=[], until_s=90.0)
    assert learner.done
