"""Rule kinds: a class is all that a kind needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from simvoice.criteria import CriticalItem, ItemRule, Rule, SaysRule, rule_kinds
from simvoice.criteria.combined_rules import CombinedRule
from simvoice.criteria.encounter import JudgedEncounter, Labels, RuleVerdict
from simvoice.criteria.rule import SimpleRule
from simvoice.reading.reading import read
from simvoice.scoring.instruments.judge import Judge
from simvoice.scoring.instruments.rule_text import rule_in_words
from tests.planted.builder import SoundlessAttempt
from tests.planted.talk import header

HOUSE = Path(__file__).resolve().parents[2]

RULE: TypeAdapter[ItemRule] = TypeAdapter(ItemRule)

ONE_OF_EACH: dict[str, dict[str, Any]] = {
    "says": {"codes": ["plan"], "before": ["headline"], "needs": ["elicit"]},
    "avoids": {"codes": ["hostility"], "needs": ["plan"]},
    "order": {"steps": [["warning_shot"], ["headline"]]},
    "ratio": {"over": ["reflection"], "under": ["question_open"]},
    "count": {"codes": ["reflection"]},
    "metric": {"metric": "silences", "at_least": 1},
    "answers": {"how": "provides"},
    "count_answers": {"explicit": True},
    "told": {"facts": ["debt"]},
    "hears": {"lines": ["sink"]},
    "beat": {"beats": ["headline"]},
    "silence": {"after": ["headline"]},
    "ledger": {"value": "trust", "at_least": 0.5},
    "item": {"item": "spikes-knowledge-warning"},
    "questions": {"at_least": 0.67},
    "stays": {},
}
KNOWN = {
    "spoken code": {"plan", "headline", "elicit", "hostility", "warning_shot", "reflection"}
    | {"question_open"},
    "fact": {"debt"},
    "line": {"sink"},
    "beat": {"headline"},
    "silence": {"headline"},
    "ledger value": {"trust"},
}


def rule(kind: str, **fields: Any) -> Rule:
    return RULE.validate_python({"kind": kind, **(fields or ONE_OF_EACH[kind])})


def both(kind: str) -> dict[str, Any]:
    return {"kind": kind, "rules": [{"kind": each, **f} for each, f in ONE_OF_EACH.items()]}


EVERY = [rule(kind) for kind in ONE_OF_EACH] + [
    RULE.validate_python(both(k)) for k in ("all", "any")
]


def test_every_kind_is_tried_here() -> None:
    assert {each.kind for each in EVERY} == rule_kinds().keys()
    assert not {Rule, SimpleRule, CombinedRule} & set(rule_kinds().values())


@pytest.mark.parametrize("each", EVERY, ids=lambda each: each.kind)
def test_a_rule_is_written_and_read_as_itself(each: Rule) -> None:
    assert RULE.validate_json(RULE.dump_json(each)) == each
    item = CriticalItem(id="a", text="A", why="B.", rule=each)
    assert CriticalItem.model_validate_json(item.model_dump_json()) == item


@pytest.mark.parametrize("each", EVERY, ids=lambda each: each.kind)
def test_without_a_word_of_the_learner_nothing_is_judged(each: Rule) -> None:
    verdict = each.judge(Judge(read(SoundlessAttempt()), header()))
    assert (verdict.outcome, verdict.evidence) == ("not judged", ())
    assert verdict.reason == "no words of yours were recognised"


@pytest.mark.parametrize("each", EVERY, ids=lambda each: each.kind)
def test_a_rule_in_words_reveals_no_name_of_the_case(each: Rule) -> None:
    words = rule_in_words(each)
    assert re.match(r"[a-z]", words)
    assert not re.search(r"\b(?:debt|sink|headline)\b", words)


@pytest.mark.parametrize("each", EVERY, ids=lambda each: each.kind)
def test_a_case_that_has_all_names_can_use_the_rule(each: Rule) -> None:
    assert list(each.problems(KNOWN)) == []


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("says", ["spoken code 'elicit'", "spoken code 'headline'", "spoken code 'plan'"]),
        ("told", ["fact 'debt'"]),
        ("hears", ["line 'sink'"]),
        ("beat", ["beat 'headline'"]),
        ("silence", ["silence 'headline'"]),
        ("ledger", ["ledger value 'trust'"]),
        ("metric", []),
        ("answers", []),
    ],
)
def test_a_rule_names_what_the_case_lacks(kind: str, missing: list[str]) -> None:
    nothing: dict[str, set[str]] = {name: set() for name in KNOWN}
    assert list(rule(kind).problems(nothing)) == [
        f"rule names the {name}, which does not exist; add it or correct the name"
        for name in missing
    ]


def test_a_combined_rule_has_the_codes_parts_and_problems_of_its_rules() -> None:
    combined = RULE.validate_python(
        {"kind": "all", "rules": [both("any"), {"kind": "says", "codes": ["thanks"]}]}
    )
    assert [part.kind for part in combined.parts()] == [*ONE_OF_EACH, "says"]
    assert combined.named_codes() == KNOWN["spoken code"] | {"thanks"}
    (problem,) = combined.problems(KNOWN)
    assert problem.startswith("rule names the spoken code 'thanks'")


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match=r"'guesses'.*'says'"):
        RULE.validate_python({"kind": "guesses", "codes": ["plan"]})


def test_two_classes_cannot_be_the_same_kind() -> None:
    with pytest.raises(TypeError, match="'says'; rename one of them"):

        class OtherSaysRule(SimpleRule):
            kind: Literal["says"]

            def in_words(self, labels: Labels) -> str:
                return "other"

            def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
                return RuleVerdict("met")

    assert rule_kinds()["says"] is SaysRule


def test_every_kind_in_the_table_for_authors_exists() -> None:
    page = (HOUSE / "docs" / "writing-a-case.md").read_text(encoding="utf-8")
    table = page[page.index("| `kind` |") :].split("\n\n")[0]
    named = {
        kind for row in table.splitlines()[2:] for kind in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert len(named) >= 10
    assert named <= rule_kinds().keys()
