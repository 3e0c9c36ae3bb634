"""What a first page says of a learner's attempts: two sentences, and what to try next."""

from __future__ import annotations

from simvoice.progress.brief import Advice
from simvoice.progress.course import build_progress
from simvoice.progress.glance import glance_at
from simvoice.record.events import RetryOrigin
from tests.progress.attempts import brief


def advice(title: str, turn: int | None = 4) -> tuple[Advice, ...]:
    return (Advice(kind="silence", title=title, again_turn=turn),)


def test_change_is_said_when_there_is_one_and_denied_when_there_is_none() -> None:
    lines = glance_at([brief(1, 1), brief(9, 1)]).lines
    assert lines[0] == "2 whole conversations so far, with 1 patient."
    assert "no change that can be told from chance" in lines[1]
    lines = glance_at([brief(9, 5), brief(1, 0), brief(3, 2, case_id="other")]).lines
    assert lines[0] == "3 whole conversations so far, with 2 patients."
    assert lines[1] == (
        "With Ines, from the first to the last of 2, this has changed: Active listening, Clarity, "
        "and 1 more."
    )


def test_one_conversation_shows_no_change() -> None:
    assert "Speak with Ines again" in glance_at([brief(1)]).lines[1]
    assert glance_at([]).lines == ()


def test_the_newest_suggestion_is_tried_next_also_one_of_a_retry() -> None:
    origin = RetryOrigin(attempt=brief(1).attempt, turn=4, at_s=30.0)
    retry = brief(5, advice=advice("Name the feeling", None), again=origin, is_part=True)
    found = glance_at([retry, brief(1, advice=advice("Let a silence stand")), brief(7)])
    assert found.next_try is not None
    assert (found.next_try.title, found.next_try.attempt) == ("Name the feeling", retry.attempt)
    assert found.lines[0].startswith("2 whole conversations")
    assert glance_at([brief(1)]).next_try is None


def test_an_attempt_whose_learner_still_reflects_says_nothing() -> None:
    """Own words come before what the record says, also on the first page and in progress."""
    waiting = brief(9, 5, advice=advice("Name the feeling"), awaits_reflection=True)
    found = glance_at([brief(1, 0), waiting])
    assert found.next_try is None
    assert found.lines[0].startswith("1 whole conversation")
    report = build_progress("Kim", [brief(1, 0), waiting])
    assert [len(course.attempts) for course in report.courses] == [1]
    assert [each.attempt for each in report.skipped] == [waiting.attempt]
    assert "open its debrief first" in report.skipped[0].why
