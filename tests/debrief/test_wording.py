"""Sentences that the page and the terminal share."""

from __future__ import annotations

from typing import Any

import pytest

from simvoice.debrief.model import CueAnswer, ItemResult, Scored
from simvoice.debrief.wording import (
    cue_answer,
    items_by_outcome,
    moved,
    not_told,
    shared_reason,
    shared_reason_in_words,
    tally,
    tally_cues,
)


def scored(*outcomes: str) -> Scored:
    return Scored(
        id="list",
        name="A list",
        kind="instrument",
        source="simvoice",
        about="",
        share=None,
        items=tuple(item(n, outcome) for n, outcome in enumerate(outcomes)),
    )


def item(number: int, outcome: str) -> ItemResult:
    return ItemResult.model_validate(
        {
            "id": f"item-{number}",
            "section": "",
            "text": "Did it",
            "outcome": outcome,
            "value": None,
            "evidence": (),
            "rule": "",
            "rule_kind": "",
            "reason": "",
            "certainty": None,
            "human": False,
            "note": "",
            "weight": 1.0,
            "instead": "",
            "objections": (),
        }
    )


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        ((), ""),
        (("met", "not met", "met"), "2 of 3 met"),
        (("not judged", "not judged"), "2 not judged"),
        (("met", "counted", "not judged"), "1 of 1 met, 1 counted, 1 not judged"),
        (("counted",), "1 counted"),
    ],
)
def test_a_tally_counts_each_outcome_once(outcomes: tuple[str, ...], text: str) -> None:
    assert tally(scored(*outcomes)) == text


def test_a_heading_says_which_items_had_which_outcome() -> None:
    assert items_by_outcome(scored("met", "not judged", "met")) == (
        "Met: Did it; Did it. Not judged: Did it."
    )
    assert items_by_outcome(scored()) == ""


def test_a_reason_is_shared_from_two_items_on() -> None:
    def because(*reasons: str) -> list[ItemResult]:
        return [
            item(n, "not judged").model_copy(update={"reason": reason})
            for n, reason in enumerate(reasons)
        ]

    assert shared_reason(because("too short", "no occasion")) == ""
    assert shared_reason(because("no occasion", "too short", "too short")) == "too short"
    assert shared_reason([item(1, "met"), item(2, "met")]) == ""
    assert shared_reason_in_words(because("too short", "too short")) == (
        "Not judged where no other reason is given: too short."
    )


def cue(**given: Any) -> CueAnswer:
    return CueAnswer(
        **{
            "concern": "the children",
            "kind": "cue",
            "at_s": 10.0,
            "end_s": 12.0,
            "words": "Who will take them to school?",
            "response": "exploring content",
            "explicit": True,
            "provides": True,
            "suchman": "continuer",
            "answer": "What worries you?",
            "answered_s": 12.63,
            "latency_s": 0.63,
            "certainty": "fair",
        }
        | given
    )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {},
            "“What worries you?” exploring content: provides space, explicit, continuer, "
            "after 0.63 s. Certainty: fair.",
        ),
        (
            {"provides": False, "explicit": False, "suchman": "neither", "latency_s": None},
            "“What worries you?” exploring content: reduces space, not explicit. Certainty: fair.",
        ),
        (
            {"response": "non-explicit silence", "answer": "", "suchman": "neither"},
            "non-explicit silence: provides space, after 0.63 s. Certainty: fair.",
        ),
        ({"response": None, "provides": None}, "“What worries you?” not coded. Certainty: fair."),
        ({"response": None, "answer": "", "answered_s": None, "latency_s": None}, "No answer."),
    ],
)
def test_an_answer_to_a_cue(given: dict[str, Any], text: str) -> None:
    assert cue_answer(cue(**given)) == text


def test_an_answer_that_was_not_coded_gives_no_space() -> None:
    cues = (cue(), cue(provides=False), cue(response=None, provides=None))
    assert tally_cues(cues) == "1 of 3 given space"


def test_a_change_names_its_direction() -> None:
    assert moved(0.4, 0.55) == "rose from 40 to 55"
    assert moved(0.55, 0.4) == "fell from 55 to 40"


def test_facts_that_were_not_told_are_counted() -> None:
    assert [not_told(n) for n in (0, 1, 2)] == [
        "0 facts were not told",
        "1 fact was not told",
        "2 facts were not told",
    ]
