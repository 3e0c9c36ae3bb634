"""The critical items of a case: their faults, and their form in the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice import paths
from simvoice.criteria import CriticalItem, ItemIsRule, MetricRule, ReachedRule
from simvoice.errors import CaseError
from simvoice.patient.case.critical import critical_items_for_record
from simvoice.patient.case.load import find_cases, load_case
from simvoice.patient.case.schema import Case
from simvoice.scoring.instruments.instrument import items
from simvoice.scoring.metrics.definitions import definition_of

pytestmark = pytest.mark.slow

CRITICAL = """critical_items:
  - id: comes_out
    text: TEXT
    why: It decides what she does tonight.
    rule: RULE
"""


def with_item(tmp_path: Path, rule: str, text: str = "Come so far that she says it.") -> Case:
    source = (paths.scenarios_dir() / "breast-biopsy" / "case.yaml").read_text(encoding="utf-8")
    item = CRITICAL.replace("RULE", rule).replace("TEXT", text)
    path = tmp_path / "mine.yaml"
    path.write_text(source[: source.index("critical_items:")] + item, encoding="utf-8")
    return load_case(path)


@pytest.mark.parametrize("path", find_cases(paths.scenarios_dir()).values(), ids=str)
def test_the_critical_items_of_a_case_are_few_and_refer_to_its_parts(path: Path) -> None:
    case = load_case(path)
    assert 3 <= len(case.critical_items) <= 5
    rules = [part for each in case.critical_items if each.rule for part in each.rule.parts()]
    assert {r.metric for r in rules if isinstance(r, MetricRule)} <= set(definition_of())
    assert {r.item for r in rules if isinstance(r, ItemIsRule)} <= set(items())


def test_the_record_has_the_lines_of_a_beat(tmp_path: Path) -> None:
    beats = "{kind: beat, beats: [headline, headline_held]}"
    case = with_item(tmp_path, f"{{kind: any, rules: [{beats}, {{kind: told, facts: [sink]}}]}}")
    (item,) = critical_items_for_record(case)
    assert item.rule is not None
    reached = next(each for each in item.rule.parts() if isinstance(each, ReachedRule))
    beat = next(each for each in case.beats if each.id == "headline")
    assert beat.hold is not None
    assert reached.lines == (beat.lines, beat.hold.held)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("{kind: told, facts: [nobody]}", "names the fact 'nobody', which does not exist"),
        ("{kind: hears, lines: [nobody]}", "names the line 'nobody', which does not exist"),
        ("{kind: beat, beats: [nobody]}", "names the beat 'nobody', which does not exist"),
        ("{kind: silence, after: [warning]}", "names the silence 'warning', which does not exist"),
        ("{kind: ledger, value: joy, at_least: 0.5}", "names the ledger value 'joy'"),
        ("{kind: ledger, value: trust}", "needs `at_least` or `at_most`"),
        ("{kind: says, codes: [nonesuch]}", "names the spoken code 'nonesuch'"),
        ("{kind: says, codes: [interruption]}", "names the spoken code 'interruption'"),
        ("{kind: says, codes: []}", "at least 1 item"),
        ("{kind: guesses, codes: [plan]}", "'guesses'"),
        ("{kind: says, codes: [plan], mood: good}", "no such field"),
    ],
)
def test_an_impossible_rule_is_refused_with_its_location(
    tmp_path: Path, rule: str, wrong: str
) -> None:
    with pytest.raises(CaseError) as caught:
        with_item(tmp_path, rule)
    assert wrong in str(caught.value)
    number = int(str(caught.value).removeprefix(f"{tmp_path / 'mine.yaml'}:").split(":")[0])
    lines = (tmp_path / "mine.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[number - 1].lstrip().startswith("rule:")


@pytest.mark.parametrize(
    "rule", ["\n    human: true", "{kind: says, codes: [plan]}\n    human: true"]
)
def test_an_item_has_a_rule_or_is_for_a_human(tmp_path: Path, rule: str) -> None:
    if rule.startswith("{"):
        with pytest.raises(CaseError, match="needs a `rule`, or `human: true`, and not both"):
            with_item(tmp_path, rule)
    else:
        assert with_item(tmp_path, rule).critical_items[0].human


def test_an_item_says_why_it_is_critical() -> None:
    with pytest.raises(ValueError, match="why"):
        CriticalItem.model_validate({"id": "a", "text": "A", "human": True})


def test_an_item_that_reveals_a_gated_fact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"it reveals 'insurance' .* to a learner who missed it"):
        with_item(tmp_path, "{kind: told, facts: [insurance]}", "Hear about the insurance.")
