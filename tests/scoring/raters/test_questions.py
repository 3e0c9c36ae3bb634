"""The kind of answer and the rule text of an item for human raters."""

from __future__ import annotations

import re
from typing import Any

import pytest

from simvoice.scoring.instruments.instrument import Item, items
from simvoice.scoring.raters.questions import answer_kind, rule_for_rater


@pytest.mark.parametrize(
    ("over", "under", "at_least", "kind"),
    [
        (["question_open"], ["question_open", "question_closed"], None, "share"),
        (["reflection"], ["question_open", "question_closed"], None, "ratio"),
        (["reflection"], ["question_open", "question_closed"], 1.0, "yes or no"),
    ],
)
def test_a_ratio_without_a_threshold_takes_a_number(
    over: list[str], under: list[str], at_least: float | None, kind: str
) -> None:
    rule: dict[str, Any] = {"kind": "ratio", "over": over, "under": under, "at_least": at_least}
    assert answer_kind(Item.model_validate({"id": "a", "text": "b", "rule": rule})) == kind


def test_the_share_of_open_questions_takes_a_share() -> None:
    assert answer_kind(items()["miti-open-share"]) == "share"


def test_a_rule_for_raters_speaks_of_the_learner() -> None:
    rules = [rule_for_rater(item) for item in items().values()]
    assert not [rule for rule in rules if re.search(r"\byour?\b", rule)]
    assert rule_for_rater(items()["listening-asked"]).startswith("heard at least 2 times")
    assert rule_for_rater(items()["os12-1-greets"]) == (
        "heard a greeting within the learner's first 3 turns; it is open where it cut the "
        "patient off"
    )
