"""Suggestions and what the learner did in the next attempt or in a retry."""

from __future__ import annotations

from simvoice.debrief.suggestions import suggestion_kinds
from simvoice.progress.advice import follow_advice
from simvoice.progress.brief import Advice
from tests.progress.attempts import brief, events, retry

SILENCE = Advice(kind="let_silence_stand", title="Let Ines be silent", again_turn=4)
BLAME = Advice(kind="avoid_blame", title="Do not blame", again_turn=None)


def test_a_suggestion_is_followed_into_the_next_attempt() -> None:
    first = brief(
        1,
        advice=(SILENCE,),
        did=(
            *events("let_silence_stand", 40.0, 90.0, what="amiss"),
            *events("let_silence_stand", 40.0, what="amiss by the ledger"),
        ),
        trust=(0.3, 0.4),
    )
    second = brief(2, did=tuple(events("let_silence_stand", 50.0, 95.0, 120.0)), trust=(0.3, 0.6))
    (found,) = follow_advice([first, second])
    assert (found.attempt, found.after, found.title) == (
        first.attempt,
        second.attempt,
        "Let Ines be silent",
    )
    # the ledger and the count show the same mistakes, so two and not three
    assert (found.done, found.amiss, found.trust) == ((0, 3), (2, 0), (0.4, 0.6))
    assert found.said == (
        "Next attempt: done 3 times (before: 0); the opposite 0 times (before: 2); "
        "trust at the end 60 (before: 40)."
    )


def test_a_kind_without_codes_is_counted_by_its_mistakes() -> None:
    first = brief(
        1, advice=(BLAME,), did=tuple(events("avoid_blame", 10.0, what="amiss by the ledger"))
    )
    (found,) = follow_advice([first, brief(2)])
    assert (found.done, found.amiss) == (None, (1, 0))
    assert "done" not in found.said


def test_suggestions_of_the_last_attempt_have_no_outcome() -> None:
    assert follow_advice([brief(1), brief(2, advice=(SILENCE,))]) == ()


def test_a_retry_is_counted_from_its_checkpoint() -> None:
    first = brief(
        1,
        advice=(SILENCE, BLAME),
        did=(
            *events("let_silence_stand", 20.0),
            *events("let_silence_stand", 61.0, 99.0, what="amiss"),
        ),
    )
    second = retry(
        2, first, 4, 60.0, did=tuple(events("let_silence_stand", 12.0)), trust=(0.35, 0.7)
    )
    (found,) = follow_advice([first, second])
    assert (found.kind, found.from_s) == ("let_silence_stand", 60.0)
    assert (found.done, found.amiss) == ((0, 1), (2, 0))
    assert found.said.startswith("Retry from 1:00: done 1 time (before: 0)")


def test_a_retry_without_a_suggestion_shows_trust_at_the_end() -> None:
    first = brief(1, advice=(SILENCE,))
    (found,) = follow_advice([first, retry(2, first, 9, 75.0, trust=(0.2, 0.3))])
    assert (found.title, found.done, found.amiss) == ("", None, None)
    assert found.said == "Retry from 1:15: trust at the end 30 (before: 50)."


def test_a_retry_is_not_the_next_attempt() -> None:
    first = brief(1, advice=(BLAME,))
    third = brief(3)
    found = follow_advice([first, retry(2, first, 9, 75.0), third])
    assert [(each.after, each.from_s) for each in found if each.kind] == [(third.attempt, None)]


def test_another_version_of_the_case_or_an_erased_attempt_is_not_compared() -> None:
    first = brief(1, advice=(SILENCE,))
    assert follow_advice([first, brief(2, case_sha256="1" * 64)]) == ()
    assert follow_advice([retry(2, first, 4, 60.0)]) == ()


def test_words_that_are_not_english_are_not_counted() -> None:
    (found,) = follow_advice([brief(1, advice=(SILENCE,)), brief(2, english=False, trust=None)])
    assert (found.done, found.amiss) == (None, None)
    assert "it is not known whether it was done" in found.said
    assert "trust at the end is not recorded in both" in found.said


def test_a_missed_critical_item_is_followed_to_its_next_outcome() -> None:
    item = "critical-planted-talk-says-it"
    asked = Advice(kind=item, title="Say it", again_turn=None)
    first = brief(1, advice=(asked,), critical={item: "not met"})
    (found,) = follow_advice([first, brief(2, critical={item: "met"})])
    assert (found.item, found.done, found.amiss) == (("not met", "met"), None, None)
    assert found.said == "Next attempt: met (before: not met); trust at the end 50 (before: 50)."
    (gone,) = follow_advice([first, brief(2)])
    assert (gone.item, gone.amiss) == (None, None)
    assert "it is not known whether it was done" in gone.said


def test_unlike_mistakes_of_the_general_kind_are_not_counted() -> None:
    other = Advice(kind="try_another_way", title="Try another way", again_turn=None)
    did = tuple(events("try_another_way", 10.0, 20.0, what="amiss by the ledger"))
    (found,) = follow_advice([brief(1, advice=(other,), did=did), brief(2)])
    assert (found.done, found.amiss) == (None, None)
    assert "it is not known whether it was done" in found.said


def test_codes_of_a_suggestion_and_of_its_mistake_differ() -> None:
    for kind in suggestion_kinds():
        assert not set(kind.done) & set(kind.codes), kind.id
