"""The files of instruments, and what they may contain."""

from __future__ import annotations

import re

import pytest
from pydantic import TypeAdapter

from simvoice import paths
from simvoice.coding.codebook import CODEBOOK
from simvoice.criteria import ItemIsRule, ItemRule, MetricRule
from simvoice.errors import UsageError
from simvoice.patient.checking.certificate import listed_cases
from simvoice.scoring.instruments.instrument import (
    find_instruments,
    headings,
    instruments,
    items,
    read_instrument,
)
from simvoice.scoring.instruments.rule_text import code_label, rule_in_words
from simvoice.scoring.metrics.definitions import definition_of

RULE: TypeAdapter[ItemRule] = TypeAdapter(ItemRule)
EVERY = (*instruments().values(), *headings())
RULES = [item.rule for each in EVERY for item in each.items if item.rule is not None]


def test_all_instruments_and_headings_are_there() -> None:
    assert set(instruments()) == {"os12", "spikes", "bas", "nurse", "vr-codes", "grieving", "miti"}
    assert [each.id for each in headings()] == ["listening", "clarity", "empathy"]


def test_no_two_items_share_an_id() -> None:
    ids = [item.id for each in EVERY for item in each.items]
    assert len(ids) == len(set(ids)) == len(items())


def test_every_rule_uses_known_codes_metrics_and_items() -> None:
    assert frozenset().union(*(rule.named_codes() for rule in RULES)) <= set(CODEBOOK)
    flat = [part for rule in RULES for part in rule.parts()]
    assert {p.metric for p in flat if isinstance(p, MetricRule)} <= set(definition_of())
    assert {p.item for p in flat if isinstance(p, ItemIsRule)} <= set(items())


def test_every_rule_can_be_written_in_words() -> None:
    for rule in RULES:
        assert re.fullmatch(r"[a-z].{5,}", rule_in_words(rule)), rule
        assert "_" not in rule_in_words(rule)


def test_every_code_in_a_rule_has_a_label() -> None:
    codes = frozenset().union(*(rule.named_codes() for rule in RULES))
    assert [code for code in sorted(codes) if code_label(code) == code.replace("_", " ")] == [
        "hostility"
    ]


def test_a_rule_reads_as_a_sentence() -> None:
    rule = items()["spikes-knowledge-warning"].rule
    assert rule is not None
    assert rule_in_words(rule) == (
        "heard a warning, before the news; it is open where it cut the patient off"
    )
    plain = items()["spikes-knowledge-plain"].rule
    assert plain is not None
    assert rule_in_words(plain) == (
        "heard none of these: a technical word left unexplained or the news in clinicians' words"
    )


def test_a_rule_about_a_metric_uses_its_name() -> None:
    cut_in = items()["listening-no-cutting-in"].rule
    let_stand = RULE.validate_python({"kind": "metric", "metric": "holds_held", "at_least": 1})
    assert cut_in is not None
    assert rule_in_words(cut_in) == "interruptions: none"
    assert rule_in_words(let_stand) == "silences you let stand: at least 1"


def test_every_instrument_cites_its_source_and_human_items_give_a_reason() -> None:
    for each in instruments().values():
        assert "doi 10." in each.source
        assert each.about
    human_items = [item for each in EVERY for item in each.items if item.human]
    assert len(human_items) >= 20
    assert all(item.why.endswith(".") for item in human_items)


def test_os12_has_all_its_twelve_items() -> None:
    sections = {item.section for item in instruments()["os12"].items}
    assert {int(section.split()[0]) for section in sections} == set(range(1, 13))


@pytest.mark.slow
def test_every_instrument_that_a_case_names_is_here() -> None:
    named = [
        n for each in listed_cases(*paths.case_dirs()) if each.case for n in each.case.instruments
    ]
    assert named
    assert find_instruments(named)[1] == ()


def test_names_are_found_in_any_spelling_and_unknown_ones_are_returned() -> None:
    found, unknown = find_instruments(["OS-12", "griev_ing", "MITI 4.2", "os12", "RIAS"])
    assert [each.id for each in found] == ["os12", "grieving", "miti"]
    assert unknown == ("RIAS",)


HEAD = (
    'id = "mine"\nname = "Mine"\nsource = "me"\nabout = "x"\n[[items]]\nid = "mine-a"\ntext = "A"\n'
)
SAYS = 'rule = {kind = "says", codes = ["greeting"]}\n'


def test_another_instrument_can_be_read() -> None:
    assert read_instrument(HEAD + SAYS).items[0].text == "A"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD, "needs a rule"),
        (HEAD + SAYS + 'human = true\nwhy = "w"\n', "not both"),
        (HEAD + "human = true\n", "`why`"),
        (HEAD + SAYS + 'colour = "red"\n', "colour"),
        (HEAD + 'rule = {kind = "says", codes = []}\n', "codes"),
        (HEAD + 'rule = {kind = "likes", codes = ["greeting"]}\n', "likes"),
        (HEAD + 'rule = {kind = "metric", metric = "silences"}\n', "at_least"),
        (HEAD.replace('"mine-a"', '"Mine A"') + SAYS, "items.0.id"),
        ("id = ", "not TOML"),
    ],
)
def test_an_error_in_an_instrument_is_described_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        read_instrument(text, "mine.toml")


def test_all_codes_that_inform_have_one_name_together() -> None:
    for item in ("clarity-check", "clarity-next"):
        rule = items()[item].rule
        assert rule is not None
        assert rule_in_words(rule).partition(";")[0].endswith(", where there was information given")


@pytest.mark.parametrize("item", ["os12-11-next-steps", "os12-12-closing-summary"])
def test_rules_about_the_end_look_at_the_last_turns(item: str) -> None:
    rule = items()[item].rule
    assert rule is not None
    assert rule_in_words(rule).partition(";")[0].endswith("within your last 3 turns")
