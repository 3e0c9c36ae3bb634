"""Sentences that the page and the terminal share."""

from __future__ import annotations

from typing import Any

import pytest

from simvoice.debrief.model import CueAnswer, ItemResult, Scored, ShownEvidence
from simvoice.debrief.wording import (
    cannot_tell,
    cue_answer,
    items_by_outcome,
    moved,
    not_told,
    outcome_words,
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
        (("met", "open", "not met", "open"), "1 of 4 met, 2 open"),
    ],
)
def test_a_tally_counts_each_outcome_once(outcomes: tuple[str, ...], text: str) -> None:
    assert tally(scored(*outcomes)) == text


def test_a_count_of_which_nothing_is_certain_is_not_counted_as_counted() -> None:
    known = item(1, "counted").model_copy(update={"value": 2.0, "least": 1.0, "most": 2.0})
    unsure = item(2, "counted").model_copy(update={"value": 1.0, "least": 0.0, "most": 1.0})
    sheet = scored().model_copy(update={"items": (known, unsure, item(3, "met"))})
    assert tally(sheet) == "1 of 1 met, 1 counted, 1 unsure"
    assert [outcome_words(each) for each in sheet.items] == ["at least 1", "unsure", "met"]


def test_items_for_a_human_are_counted_as_such_and_not_as_not_judged() -> None:
    for_a_human = item(3, "not judged").model_copy(update={"human": True})
    items = (*scored("met", "not judged").items, for_a_human)
    sheet = scored().model_copy(update={"items": items})
    assert tally(sheet) == "1 of 1 met, 1 not judged, 1 for a human"
    assert items_by_outcome(sheet) == "Met: Did it. Not judged: Did it."


def test_an_open_item_without_a_question_says_that_simvoice_cannot_tell() -> None:
    asked = ShownEvidence(
        at_s=1.0, end_s=2.0, who="learner", quote="So.", shows="was this it?", grade="possible"
    )
    assert cannot_tell(item(1, "open")) == "simvoice cannot tell from your words"
    assert cannot_tell(item(1, "open").model_copy(update={"evidence": (asked,)})) == ""
    assert cannot_tell(item(1, "not met")) == ""


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
            "after 0.63 s.",
        ),
        (
            {"provides": False, "explicit": None, "suchman": "neither", "latency_s": None},
            "“What worries you?” reduces space.",
        ),
        (
            {"response": "non-explicit silence", "answer": "", "suchman": "neither"},
            "non-explicit silence: provides space, explicit, after 0.63 s.",
        ),
        (
            {"grade": "possible"},
            "You said next, after 0.63 s: “What worries you?” Did this take up what was shown?",
        ),
        (
            {"grade": "possible", "latency_s": -0.6},
            "You said next, 0.60 s before this ended: “What worries you?” Did this take up what "
            "was shown?",
        ),
        (
            {"response": None, "answer": "", "answered_s": None, "latency_s": None},
            "You said nothing after it.",
        ),
    ],
)
def test_an_answer_to_a_cue(given: dict[str, Any], text: str) -> None:
    assert cue_answer(cue(**given)) == text


def test_an_answer_that_was_not_coded_gives_no_space() -> None:
    cues = (cue(), cue(provides=False), cue(response=None, provides=None))
    assert tally_cues(cues) == "1 of 3 given space"
    assert tally_cues((*cues, cue(grade="possible"))) == "1 of 4 given space, 1 open"


@pytest.mark.parametrize(
    ("outcome", "kind", "value", "words"),
    [
        ("met", "says", 1.0, "met"),
        ("not met", "says", 0.0, "not recognised"),
        ("not met", "says", 1.0, "not met"),
        ("open", "says", 0.0, "open"),
        ("met", "avoids", 0.0, "met, none recognised"),
        ("met", "avoids", 1.0, "met, 1 recognised"),
        ("open", "avoids", 0.0, "open"),
    ],
)
def test_an_outcome_says_no_more_than_what_was_recognised(
    outcome: str, kind: str, value: float, words: str
) -> None:
    judged = item(1, outcome).model_copy(update={"rule_kind": kind, "value": value})
    assert outcome_words(judged) == words


def test_a_change_names_its_direction() -> None:
    assert moved(0.4, 0.55) == "rose from 40 to 55"
    assert moved(0.55, 0.4) == "fell from 55 to 40"


def test_facts_that_were_not_told_are_counted() -> None:
    assert [not_told(n) for n in (0, 1, 2)] == [
        "0 facts were not told",
        "1 fact was not told",
        "2 facts were not told",
    ]
