"""Acknowledgements, early starts, interruptions and attempts, from sound and from words."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.timing.intervals import intervals, shift
from simvoice.timing.overlaps import Overlap, overlaps, split_acknowledgements
from simvoice.timing.prosody import VoiceProfile
from simvoice.timing.turns import Speaker, TimedWord

Pairs = list[tuple[float, float]]


def voice(pairs: Pairs, broken: tuple[float, ...] = ()) -> VoiceProfile:
    """A voice that fades at the end of each stretch, except at those in `broken`."""
    ends = np.array([end for _, end in pairs])
    falls = np.where(np.isin(ends, broken), 0.0, 15.0)
    zero, none = np.zeros(len(ends)), np.empty(0)
    return VoiceProfile(np.array([a for a, _ in pairs]), ends, zero, falls, zero, none, none, none)


def found(
    learner: Pairs,
    patient: Pairs,
    broken: tuple[float, ...] = (),
    words: tuple[TimedWord, ...] = (),
) -> list[tuple[str, Speaker, float, float]]:
    voices: dict[Speaker, VoiceProfile] = {
        "learner": voice(learner, broken),
        "patient": voice(patient, broken),
    }
    made = overlaps(intervals(learner), intervals(patient), voices, words)
    return [(o.kind, o.by, o.start_s, o.end_s) for o in made]


def test_a_short_sound_during_the_other_s_speech_acknowledges() -> None:
    assert found([(2.0, 2.4)], [(0.0, 5.0)]) == [("acknowledgement", "learner", 2.0, 2.4)]


def test_a_short_sound_at_the_end_of_a_phrase_acknowledges_if_the_speaker_continues() -> None:
    made = found([(1.9, 2.4), (6.0, 7.0)], [(0.0, 2.0), (2.6, 5.0)])
    assert made == [("acknowledgement", "learner", 1.9, 2.0)]


def test_a_short_sound_in_a_breath_acknowledges_if_the_speaker_continues() -> None:
    assert found([(2.1, 2.5)], [(0.0, 2.0), (2.3, 5.0)]) == [
        ("acknowledgement", "learner", 2.1, 2.5)
    ]


def test_taking_the_turn_in_the_middle_interrupts() -> None:
    assert found([(2.0, 6.0)], [(0.0, 2.7)]) == [("interruption", "learner", 2.0, 2.7)]
    assert found([(0.0, 2.7)], [(2.0, 6.0)]) == [("interruption", "patient", 2.0, 2.7)]


def test_a_start_in_the_last_moments_of_a_finished_turn_is_early_and_no_interruption() -> None:
    assert found([(2.0, 6.0)], [(0.0, 2.3)]) == [("early", "learner", 2.0, 2.3)]


def test_cutting_off_a_phrase_interrupts_however_short_the_overlap() -> None:
    assert found([(2.0, 6.0)], [(0.0, 2.3)], broken=(2.3,)) == [
        ("interruption", "learner", 2.0, 2.3)
    ]


def test_a_start_that_the_speaker_talks_over_is_an_attempt() -> None:
    assert found([(2.0, 4.0)], [(0.0, 6.0)]) == [("attempt", "learner", 2.0, 4.0)]


def test_speech_after_the_other_has_ended_is_no_overlap() -> None:
    assert found([(2.2, 4.0)], [(0.0, 2.0)]) == []


def said(who: Speaker, text: str, start_s: float, end_s: float) -> tuple[TimedWord, ...]:
    words = text.split()
    step_s = (end_s - start_s) / len(words)
    return tuple(
        TimedWord(who, word, start_s + k * step_s, start_s + (k + 1) * step_s)
        for k, word in enumerate(words)
    )


def test_words_distinguish_a_short_question_from_an_acknowledgement() -> None:
    patient_words = said("patient", "it began on sunday and then it", 0.0, 5.0)
    for text, kind in (("But why?", "attempt"), ("Oh, I see.", "acknowledgement")):
        words = (*patient_words, *said("learner", text, 2.0, 2.5))
        assert [o[0] for o in found([(2.0, 2.5)], [(0.0, 5.0)], words=words)] == [kind]


def test_words_distinguish_a_finished_sentence_from_one_cut_off() -> None:
    learner_words = said("learner", "how long has it been", 2.0, 4.0)
    for text, kind in (("it began on Sunday.", "early"), ("it began on", "interruption")):
        words = (*said("patient", text, 0.0, 2.3), *learner_words)
        assert [o[0] for o in found([(2.0, 4.0)], [(0.0, 2.3)], words=words)] == [kind]


@pytest.mark.parametrize("by_s", [0.0, 12.34, 4000.0])
def test_shifting_time_and_swapping_speakers_changes_only_time_and_speaker(by_s: float) -> None:
    learner = [(2.0, 2.4), (4.6, 7.0), (9.0, 10.0)]
    patient = [(0.0, 5.2), (6.8, 9.5), (12.0, 13.0)]
    plain = found(learner, patient)
    assert plain
    moved = [(a + by_s, b + by_s) for a, b in learner], [(a + by_s, b + by_s) for a, b in patient]
    swapped = found(moved[1], moved[0])
    other = {"learner": "patient", "patient": "learner"}
    assert [(k, other[who]) for k, who, _, _ in swapped] == [(k, who) for k, who, _, _ in plain]
    assert [a - by_s for _, _, a, _ in swapped] == pytest.approx([a for _, _, a, _ in plain])


def test_whole_acknowledgements_are_split_off() -> None:
    own = intervals([(1.0, 1.2), (1.4, 1.6), (5.0, 8.0)])
    acknowledged = [Overlap("acknowledgement", "learner", 1.0, 1.6)]
    turn_speech, backchannels = split_acknowledgements(own, acknowledged)
    assert turn_speech.tolist() == [[5.0, 8.0]]
    assert backchannels.tolist() == [[1.0, 1.2], [1.4, 1.6]]
    assert split_acknowledgements(shift(own, 0.0), [])[0].tolist() == own.tolist()
