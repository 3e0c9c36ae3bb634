"""Rules about what the patient told, said and felt, and about silences."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from simvoice.criteria import ItemRule
from simvoice.criteria.encounter import RuleVerdict
from simvoice.reading.reading import read
from simvoice.record.events import Hold, JournalEntry, PatientMove, PatientSpeech
from simvoice.scoring.instruments.instrument import Item
from simvoice.scoring.instruments.judge import Judge
from simvoice.scoring.instruments.patient_side import broken_with_care
from simvoice.scoring.instruments.rule_text import rule_in_words
from tests.planted.builder import (
    SoundlessAttempt,
    hold,
    learner_turn,
    patient_move,
    patient_speech,
)
from tests.planted.talk import header

RULE: TypeAdapter[ItemRule] = TypeAdapter(ItemRule)
NONE_FILLED: dict[str, object] = {"kind": "silence", "outcome": "filled"}
SECRET: dict[str, object] = {"kind": "told", "facts": ["secret"]}


SAID = learner_turn(1, 1.0, "Tell me.", end_s=2.0)


def move(turn: int, *disclosed: str, **ledger: float) -> PatientMove:
    return patient_move(turn, 3.0 * turn, ledger=ledger, disclosed=disclosed)


def speech(turn: int, unsaid: str = "", delivered: str = "He does not know.") -> PatientSpeech:
    return patient_speech(turn, 3.0 * turn, delivered, unsaid, end_s=3.0 * turn + 1.0)


def silence(is_held: bool, beat: str = "headline") -> Hold:
    return hold(4.0, 8.0, "held" if is_held else "filled", beat)


def verdict(rule: dict[str, object], *entries: JournalEntry) -> RuleVerdict:
    item = Item(id="x", text="X", rule=RULE.validate_python(rule))
    return Judge(read(SoundlessAttempt((SAID, *entries), 60.0)), header()).judge_item(item).verdict


def test_a_fact_is_told_when_its_line_was_delivered_to_the_end() -> None:
    found = verdict(SECRET, move(2, "secret"), speech(2))
    assert (found.outcome, found.certainty) == ("met", "high")
    assert [e.quote for e in found.evidence] == ["He does not know."]
    assert verdict(SECRET, move(2, "secret"), speech(2, unsaid="I never")).outcome == "not met"
    assert verdict(SECRET, move(2, "secret")).outcome == "not met"
    assert verdict(SECRET, move(2), speech(2)).outcome == "not met"


def test_a_line_counts_when_it_was_delivered() -> None:
    rule: dict[str, object] = {"kind": "hears", "lines": ["line2", "line9"]}
    assert verdict(rule, move(2), speech(2)).outcome == "met"
    assert verdict(rule, move(3), speech(3)).outcome == "not met"
    assert verdict(rule, move(2), speech(2, delivered="")).outcome == "not met"


def test_every_beat_of_the_rule_must_have_happened() -> None:
    rule: dict[str, object] = {
        "kind": "beat",
        "beats": ["a", "b"],
        "lines": [["line2"], ["line3", "line4"]],
    }
    assert verdict(rule, speech(2), speech(4)).outcome == "met"
    assert verdict(rule, speech(2)).outcome == "not met"
    assert verdict({"kind": "beat", "beats": ["a"]}, speech(2)).outcome == "not judged"


def test_a_silence_was_held_filled_or_did_not_occur() -> None:
    held: dict[str, object] = {"kind": "silence", "after": ["headline"]}
    clean = {**held, "outcome": "filled"}
    both = (silence(True), silence(False))
    assert verdict(held, silence(True)).outcome == "met"
    assert verdict(held, silence(False)).outcome == "not met"
    assert verdict(held, *both).outcome == "met"
    assert verdict(clean, *both).outcome == "not met"
    assert verdict(clean, silence(True)).outcome == "met"
    assert verdict(held, silence(True, beat="other")).outcome == "not judged"
    assert verdict({"kind": "silence"}, silence(True, beat="other")).outcome == "met"


@pytest.mark.parametrize(
    ("when", "bound", "expected", "value"),
    [
        ("end", {"at_least": 0.5}, "not met", 0.4),
        ("ever", {"at_least": 0.5}, "met", 0.6),
        ("always", {"at_least": 0.5}, "not met", 0.3),
        ("always", {"at_most": 0.6}, "met", 0.4),
        ("end", {"at_least": 0.4, "at_most": 0.4}, "met", 0.4),
    ],
)
def test_a_value_of_the_ledger_at_the_end_at_some_time_or_always(
    when: str, bound: dict[str, float], expected: str, value: float
) -> None:
    moves = (move(1, trust=0.3), move(2, trust=0.6), move(3, trust=0.4))
    found = verdict({"kind": "ledger", "value": "trust", "when": when, **bound}, *moves)
    assert (found.outcome, found.value) == (expected, value)


def test_a_record_without_that_value_is_not_judged() -> None:
    rule: dict[str, object] = {"kind": "ledger", "value": "faith", "at_least": 0.5}
    assert verdict(rule, move(1, trust=0.3)).outcome == "not judged"


def test_an_unknown_metric_or_item_is_not_judged_with_a_reason() -> None:
    no_metric = verdict({"kind": "metric", "metric": "charm", "at_least": 1.0})
    assert (no_metric.outcome, no_metric.reason) == ("not judged", "simvoice has no metric charm")
    no_item = verdict({"kind": "item", "item": "charm"})
    assert (no_item.outcome, no_item.reason) == ("not judged", "simvoice has no item charm")


def test_a_rule_in_words_does_not_reveal_untold_facts() -> None:
    rules: list[dict[str, object]] = [
        {"kind": "told", "facts": ["affair", "debt"]},
        {"kind": "hears", "lines": ["affair"]},
        {"kind": "beat", "beats": ["affair"]},
        {"kind": "silence", "after": ["affair"]},
    ]
    words = [rule_in_words(RULE.validate_python(each)) for each in rules]
    assert all("affair" not in each and "debt" not in each for each in words)
    assert words[0] == "the patient told the 2 things that the case's author expects"


def _hold(at_s: float, outcome: str) -> Hold:
    return Hold.model_validate(
        {"start_s": at_s, "end_s": at_s + 1.0, "window_s": 5, "outcome": outcome, "beat": "b"}
    )


def _into(turn: int, at_s: float, change: float) -> tuple[JournalEntry, ...]:
    """A learner turn that ends a silence, and its effect on the patient's trust."""
    after = {"name": "trust", "before": 0.5, "after": 0.5 + change, "cause": "spoke"}
    begun = {"turn": turn, "start_s": at_s, "end_s": at_s + 1.0}
    return (
        SAID.model_copy(update=begun),
        PatientMove.model_validate(
            move(turn).model_dump() | {"at_s": at_s + 1.5, "steps": [after]}
        ),
    )


@pytest.mark.parametrize(("change", "filled"), [(0.02, False), (0.0, True), (-0.05, True)])
def test_a_silence_broken_with_words_that_raised_trust_was_not_filled(
    change: float, filled: bool
) -> None:
    broken = (_hold(4.0, "filled"), *_into(2, 5.0, change))
    let = broken_with_care(_hold(4.0, "filled"), broken)
    assert let is not filled
    # one silence has one verdict, whichever list asks about it
    for rule in (NONE_FILLED, {"kind": "silence", "outcome": "held"}):
        found = verdict(rule, *broken)
        assert found.outcome == ("not met" if filled else "open")
        shows = (
            "filled after 1.0 s" if filled else "broken with words that raised trust after 1.0 s"
        )
        assert [each.shows for each in found.evidence] == [shows]


def test_words_at_another_time_do_not_excuse_a_filled_silence() -> None:
    later = (_hold(4.0, "filled"), *_into(2, 12.0, 0.05))
    assert verdict(NONE_FILLED, *later).outcome == "not met"


def test_a_silence_that_kind_words_ended_was_not_let_stand_beside_one_that_was() -> None:
    kind = (_hold(4.0, "filled"), *_into(2, 5.0, 0.05), _hold(20.0, "held"))
    found = verdict(NONE_FILLED, *kind)
    assert (found.outcome, [each.grade for each in found.evidence]) == ("open", ["possible"])


def test_held_silences_are_shown_where_none_was_filled() -> None:
    found = verdict(NONE_FILLED, SAID, _hold(4.0, "held"))
    assert (found.outcome, [e.shows for e in found.evidence]) == ("met", ["let stand for 1.0 s"])
