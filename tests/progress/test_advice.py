"""What was suggested, whether it was done, and where trust ended."""

from __future__ import annotations

from simvoice.debrief.suggestions import suggestion_kinds
from simvoice.progress.advice import tried
from simvoice.progress.brief import Advice
from tests.progress.attempts import another_go, brief, did

SILENCE = Advice(kind="silence", title="Let Ines's silence stand", again_turn=4)
BLAME = Advice(kind="blame", title="Leave blame out of it", again_turn=None)


def test_a_suggestion_is_followed_into_the_next_attempt() -> None:
    first = brief(
        1,
        advice=(SILENCE,),
        did=(
            *did("silence", 40.0, 90.0, what="amiss"),
            *did("silence", 40.0, what="amiss by the ledger"),
        ),
        trust=(0.3, 0.4),
    )
    second = brief(2, did=tuple(did("silence", 50.0, 95.0, 120.0)), trust=(0.3, 0.6))
    (found,) = tried([first, second])
    assert (found.attempt, found.after, found.title) == (
        first.attempt,
        second.attempt,
        "Let Ines's silence stand",
    )
    # the ledger's cost and the count are views of the same thing, so two and not three
    assert (found.done, found.amiss, found.trust) == ((0, 3), (2, 0), (0.4, 0.6))
    assert found.said == (
        "The next attempt: done, 3 times (before: 0); the opposite, 0 times (before: 2); "
        "trust ended at 60 (before: 40)."
    )


def test_what_is_done_by_leaving_it_undone_is_counted_by_what_it_is_against() -> None:
    first = brief(1, advice=(BLAME,), did=tuple(did("blame", 10.0, what="amiss by the ledger")))
    (found,) = tried([first, brief(2)])
    assert (found.done, found.amiss) == (None, (1, 0))
    assert "done" not in found.said


def test_the_last_attempt_s_suggestions_have_no_next_one() -> None:
    assert tried([brief(1), brief(2, advice=(SILENCE,))]) == ()


def test_another_go_is_counted_from_its_moment_on() -> None:
    first = brief(
        1,
        advice=(SILENCE, BLAME),
        did=(*did("silence", 20.0), *did("silence", 61.0, 99.0, what="amiss")),
    )
    go = another_go(2, first, 4, 60.0, did=tuple(did("silence", 12.0)), trust=(0.35, 0.7))
    (found,) = tried([first, go])
    assert (found.kind, found.from_s) == ("silence", 60.0)
    assert (found.done, found.amiss) == ((0, 1), (2, 0))
    assert found.said.startswith("Another go from 1:00: done, 1 time (before: 0)")


def test_another_go_at_a_moment_nobody_suggested_tells_where_trust_ended() -> None:
    first = brief(1, advice=(SILENCE,))
    (found,) = tried([first, another_go(2, first, 9, 75.0, trust=(0.2, 0.3))])
    assert (found.title, found.done, found.amiss) == ("", None, None)
    assert found.said == "Another go from 1:15: trust ended at 30 (before: 50)."


def test_another_go_is_not_the_next_attempt_of_a_whole_one() -> None:
    first = brief(1, advice=(BLAME,))
    third = brief(3)
    found = tried([first, another_go(2, first, 9, 75.0), third])
    assert [(each.after, each.from_s) for each in found if each.kind] == [(third.attempt, None)]


def test_another_version_of_the_case_or_an_erased_first_go_stands_beside_nothing() -> None:
    first = brief(1, advice=(SILENCE,))
    assert tried([first, brief(2, case_sha256="1" * 64)]) == ()
    assert tried([another_go(2, first, 4, 60.0)]) == ()


def test_words_that_are_not_english_are_not_counted() -> None:
    (found,) = tried([brief(1, advice=(SILENCE,)), brief(2, english=False, trust=None)])
    assert (found.done, found.amiss) == (None, None)
    assert "whether it was done cannot be told" in found.said
    assert "where trust ended is not recorded in both" in found.said


def test_a_critical_item_that_was_missed_is_followed_by_what_came_of_it() -> None:
    item = "critical-planted-talk-says-it"
    asked = Advice(kind=item, title="Say it", again_turn=None)
    first = brief(1, advice=(asked,), critical={item: "not met"})
    (found,) = tried([first, brief(2, critical={item: "met"})])
    assert (found.item, found.done, found.amiss) == (("not met", "met"), None, None)
    assert found.said == "The next attempt: met (before: not met); trust ended at 50 (before: 50)."
    (gone,) = tried([first, brief(2)])
    assert (gone.item, gone.amiss) == (None, None)
    assert "whether it was done cannot be told" in gone.said


def test_codes_that_do_what_is_suggested_are_never_those_it_is_against() -> None:
    for kind in suggestion_kinds():
        assert not set(kind.done) & set(kind.codes), kind.id
