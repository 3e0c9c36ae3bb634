"""Moments of the learner's own words: which are chosen, and what the record says of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from simvoice.debrief.model import Debrief
from simvoice.debrief.own_moments import choose_moments, hear_moment
from simvoice.debrief.own_view import OwnView, own_views
from simvoice.reading.reading import read
from simvoice.record.events import Ended, Interruption, JournalEntry
from simvoice.record.reflection import LearnerReflection, ReflectedMoment
from simvoice.record.store import Attempt
from tests.planted.builder import (
    PLANTED_CASE,
    SoundlessAttempt,
    debrief_of,
    header,
    learner_turn,
    ledger_step,
    patient_move,
    patient_speech,
)

CUES = [{"line": "line20", "concern": "work", "text": "Work.", "kind": "cue"}]


def planted(*entries: JournalEntry, length_s: float) -> SoundlessAttempt:
    head = header("planted", **{**PLANTED_CASE, "shows": CUES})
    return SoundlessAttempt((*entries, Ended(at_s=length_s, reason="learner")), length_s, head)


def chosen(attempt: SoundlessAttempt) -> list[float]:
    return [each.at_s for each in choose_moments(read(attempt), attempt.header)]


def small_talk(length_s: float, each_s: float = 10.0) -> list[JournalEntry]:
    """Turns of equal length in which nothing happens, and answers without a silence."""
    found: list[JournalEntry] = []
    for turn in range(1, int(length_s / each_s)):
        at_s = turn * each_s
        found += [
            learner_turn(turn, at_s, "the weather was fine today"),
            patient_speech(turn, at_s + 3.0, "Yes.", end_s=at_s + 9.5),
        ]
    return found


def test_the_moments_are_those_at_which_something_happened_spread_over_the_talk() -> None:
    entries = small_talk(300.0)

    def replace(start_s: float, new: JournalEntry) -> None:
        at = next(n for n, each in enumerate(entries) if getattr(each, "start_s", -1) == start_s)
        entries[at] = new

    news = "I am sorry, the biopsy shows that it is cancer"
    replace(200.0, learner_turn(20, 200.0, "we can plan the next steps now"))
    replace(203.0, patient_speech(20, 203.0, "And my work?", end_s=209.5))  # a cue, answered at 210
    replace(150.0, learner_turn(15, 150.0, "you must not worry about that now"))
    entries += [
        patient_move(15, 153.0, ledger_step("brushed it off", -0.3)),
        patient_move(14, 143.0, ledger_step("thanked her", 0.02)),
        Interruption(turn=10, start_s=100.0, stopped_s=100.4, lost_s=1.0, lost_words=3),
    ]
    replace(30.0, learner_turn(3, 30.0, news, "headline"))
    found = chosen(planted(*entries, length_s=300.0))
    assert found == [30.0, 100.0, 150.0, 210.0, 290.0]
    assert found == chosen(planted(*entries, length_s=300.0))


def test_moments_of_one_place_give_way_to_others_of_the_talk() -> None:
    entries = small_talk(240.0)
    entries += [
        patient_move(turn, 10.0 * turn + 3.0, ledger_step("said it", 0.2)) for turn in range(3, 8)
    ]
    found = chosen(planted(*entries, length_s=240.0))
    assert len(found) == 4
    assert min(b - a for a, b in pairwise(found)) >= 40.0


@pytest.mark.parametrize(
    ("length_s", "count"), [(29.9, 0), (30.0, 1), (60.0, 1), (61.0, 2), (241.0, 5), (2700.0, 5)]
)
def test_a_short_talk_has_few_moments_and_a_very_short_one_none(
    length_s: float, count: int
) -> None:
    assert len(chosen(planted(*small_talk(length_s), length_s=length_s))) == count


def test_turns_of_two_words_are_not_written_about() -> None:
    said = [learner_turn(1, 5.0, "hello there"), learner_turn(2, 20.0, "what brings you here")]
    attempt = planted(*said, length_s=200.0)
    assert chosen(attempt) == [20.0]
    assert chosen(planted(length_s=200.0)) == []


# -- what is heard and read ------------------------------------------------------------------


def talk() -> tuple[JournalEntry, ...]:
    return (
        learner_turn(1, 3.0, "hello"),
        patient_speech(1, 6.0, "I am afraid."),
        learner_turn(2, 10.0, "that is frightening", "empathy_name"),
        patient_speech(2, 16.0, "Yes. It", "is."),
        patient_move(
            2,
            13.0,
            ledger_step("named a feeling", 0.2, words="that is frightening"),
            ledger_step("named a feeling", 0.01, name="distress"),
            ledger_step("explained it", 0.1, name="understanding", words="something else"),
        ),
    )


def test_a_moment_is_heard_with_the_words_around_it() -> None:
    heard = hear_moment(read(planted(*talk(), length_s=40.0)), 10.0)
    assert (heard.before, heard.words) == ("I am afraid.", "that is frightening")
    assert heard.answer == "Yes. It"
    assert (heard.place.from_s, heard.place.at_s) == (7.0, 10.0)
    gone = hear_moment(read(planted(*talk(), length_s=40.0)), 30.0)
    assert (gone.words, gone.place.at_s) == ("", 30.0)


def views(debrief: Debrief, moments: Sequence[ReflectedMoment]) -> tuple[OwnView, ...]:
    attempt = planted(*talk(), length_s=40.0)
    kept = LearnerReflection(ended_at="2026-11-30T10:00:00+00:00", moments=tuple(moments))
    return own_views(read(attempt), debrief, kept)


def test_what_was_written_stands_beside_what_the_record_has(attempt: Attempt) -> None:
    debrief = debrief_of(attempt, *talk())
    written = ReflectedMoment(at_s=10.0, words="that is frightening", aim="to name it", instead="-")
    (view,) = views(debrief, [ReflectedMoment(at_s=3.0, words="hello"), written])
    assert [(each.question, each.answer) for each in view.answers] == [
        ("What were you trying to do?", "to name it"),
        ("What would you say now?", "-"),
    ]
    assert "Coded as: empathy name." in view.record
    assert "Trust rose from 50 to 70, taken as “named a feeling”." in view.record
    assert "Understanding rose from 50 to 60." in view.record  # by what is not certain
    assert not any("Distress" in sentence for sentence in view.record)  # one point is nothing
    assert view.record[-2:] == (
        "Ines finished speaking; you spoke after 2.0 s.",
        "Ines spoke 4.0 s after you finished.",
    )
    assert view.words_then == ""
    assert own_views(read(planted(*talk(), length_s=40.0)), debrief, None) == ()


def test_a_transcript_that_was_corrected_later_is_shown_with_what_was_read_then(
    attempt: Attempt,
) -> None:
    written = ReflectedMoment(at_s=10.0, words="that is fighting", effect="it hurt")
    (view,) = views(debrief_of(attempt, *talk()), [written])
    assert (view.words, view.words_then) == ("that is frightening", "that is fighting")
