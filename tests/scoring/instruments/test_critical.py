"""Critical items: skilled learners meet them and poor ones miss them, and what they contain."""

from __future__ import annotations

import pytest

from simvoice import paths
from simvoice.criteria import AvoidsRule, CriticalItem, SaysRule
from simvoice.patient.case.critical import critical_items_for_record
from simvoice.patient.case.load import load_case, locate_case
from simvoice.patient.case.schema import Case
from simvoice.patient.mind import Patient
from simvoice.reading.reading import read
from simvoice.record.events import Header
from simvoice.scoring.instruments.instrument import critical_instrument
from simvoice.scoring.instruments.judge import Judge, ScoredInstrument
from tests.planted.builder import SoundlessAttempt, learner_turn
from tests.planted.in_text import demo_steps, play_demo
from tests.planted.talk import header

pytestmark = pytest.mark.slow

CASES = (
    "angry-relative",
    "behaviour-change",
    "breast-biopsy",
    "goals-of-care",
    "medication-error",
    "sudden-death",
)

UNSURE = {
    "breast-biopsy": {"breast-biopsy-asks-first"},
    "goals-of-care": {"goals-of-care-matters-first"},
    "medication-error": {"medication-error-hands-nothing-on"},
}
"""What the skilled learner of a demo does in words that are not certain to do it."""


def head_of(case: Case) -> Header:
    return header().model_copy(
        update={"case_id": case.id, "critical": critical_items_for_record(case)}
    )


def sheet(case_id: str, learner: str) -> ScoredInstrument:
    path = locate_case(case_id, paths.scenarios_dir())
    case = load_case(path)
    entries = play_demo(Patient(case, None), demo_steps(path.parent / learner))
    head = head_of(case)
    instrument = critical_instrument(case.id, head.critical)
    assert instrument is not None
    return Judge(read(SoundlessAttempt(entries, 400.0)), head).score(instrument)


def outcomes(of: ScoredInstrument) -> dict[str, str]:
    return {
        each.item.id.split(f"{of.instrument.id}-")[1]: each.verdict.outcome for each in of.judged
    }


@pytest.mark.parametrize("case", CASES)
def test_the_skilled_learner_of_a_demo_misses_nothing_critical(case: str) -> None:
    found = outcomes(sheet(case, "demo.yaml"))
    assert {name for name, outcome in found.items() if outcome == "open"} == UNSURE.get(case, set())
    assert set(found.values()) <= {"met", "open"}, found


@pytest.mark.parametrize("case", CASES)
def test_the_poor_learner_of_a_demo_misses_what_is_critical(case: str) -> None:
    found = list(outcomes(sheet(case, "demo-poor.yaml")).values())
    assert "not met" in found, found
    assert found.count("not met") + found.count("open") >= 3, found
    assert found.count("met") <= 1, found


@pytest.mark.parametrize("case_id", CASES)
def test_the_suggested_sentence_meets_the_item_that_was_missed(case_id: str) -> None:
    case = load_case(locate_case(case_id, paths.scenarios_dir()))
    assert case.critical_items
    for item in case.critical_items:
        codes = {code.name for code in case.coder.code(item.instead)}
        assert item.instead, item.id
        assert item.rule is not None, item.id
        for part in item.rule.parts():
            if isinstance(part, AvoidsRule):
                assert codes.isdisjoint(part.codes), item.id
            if isinstance(part, SaysRule) and item.rule.kind != "any":
                assert not codes.isdisjoint(part.codes), item.id


def test_a_missed_item_shows_where() -> None:
    asked_late = (
        learner_turn(1, 5.0, "I'm sorry, it is cancer.", "headline"),
        learner_turn(2, 15.0, "What have you been told so far?", "ask_perception"),
    )
    rule = SaysRule(kind="says", codes=("ask_perception",), before=("headline",))
    item = CriticalItem(id="asks", text="Ask first.", why="The patient may know.", rule=rule)
    instrument = critical_instrument("a-case", (item,))
    assert instrument is not None
    (judged,) = Judge(read(SoundlessAttempt(asked_late)), header()).score(instrument).judged
    assert judged.verdict.outcome == "not met"
    assert [(e.at_s, e.shows.split(":")[0].split(",")[-1]) for e in judged.verdict.evidence] == [
        (5.0, "came first"),
        (15.0, " not where it counts"),
    ]


def test_an_item_left_to_a_human_says_so_and_is_stored() -> None:
    item = CriticalItem(
        id="sits_down", text="Sit down.", why="The patient looks up at you.", human=True
    )
    head = header().model_copy(update={"critical": (item,)})
    assert Header.model_validate_json(head.model_dump_json()) == head
    instrument = critical_instrument("a-case", head.critical)
    assert instrument is not None
    (judged,) = Judge(read(SoundlessAttempt()), head).score(instrument).judged
    assert (judged.item.id, judged.item.note) == (
        "critical-a-case-sits-down",
        "The patient looks up at you.",
    )
    assert judged.verdict.outcome == "not judged"
    assert judged.verdict.reason == "The author of the case left it to a human."
    assert critical_instrument("a-case", ()) is None


def test_a_code_that_only_a_case_has_is_shown_by_its_meaning() -> None:
    case = load_case(locate_case("sudden-death", paths.scenarios_dir()))
    instrument = critical_instrument(case.id, critical_items_for_record(case))
    assert instrument is not None
    judged = (
        Judge(read(SoundlessAttempt((learner_turn(1, 5.0, "hello"),))), head_of(case))
        .score(instrument)
        .judged
    )
    rule = next(each.rule for each in judged if each.item.id.endswith("seeing-him"))
    assert rule == (
        "heard “offers that he can see his father, or be with him”; it is open where "
        "it cut the patient off; "
        "and heard “says what his father will look like”; it is open where it cut the "
        "patient off"
    )
