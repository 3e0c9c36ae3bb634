"""The codebook is the one list of codes and of their groups."""

from __future__ import annotations

import ast
import copy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import simvoice
from simvoice.coding.codebook import (
    CODEBOOK,
    EMPATHY,
    GROUPS,
    NEWS,
    QUESTIONS,
    group,
    in_order,
    read_codebook,
)
from simvoice.coding.coder import rules
from simvoice.patient.case.fields import STIMULI
from simvoice.scoring.instruments.instrument import headings, instruments
from tests.shipped_cases import CASE_IDS, shipped_case

PACKAGE = Path(simvoice.__file__).parent
RAW: dict[str, Any] = tomllib.loads((PACKAGE / "coding/data/codebook.toml").read_text("utf-8"))


def data(path: str) -> dict[str, Any]:
    return tomllib.loads((PACKAGE / path).read_text(encoding="utf-8"))


# -- the file -------------------------------------------------------------------------------


def test_every_code_has_a_definition_and_a_source() -> None:
    for name, code in CODEBOOK.items():
        assert code.definition.endswith("."), name
        assert code.source, name


def test_groups_hold_the_codes_that_name_them_and_those_of_the_groups_they_include() -> None:
    assert {"question_open", "question_closed"} == QUESTIONS
    assert {"headline", "headline_jargon"} == NEWS
    assert {"empathy_name", "i_wish", "sorry_for", "silence_offer"} < EMPATHY
    assert group("meets_cue") > EMPATHY
    assert "reflection" in group("meets_cue") - EMPATHY


def test_codes_are_listed_in_the_order_of_the_file() -> None:
    assert in_order(group("closes")) == ("small_talk", "blaming", "hostility", "confront")


def test_an_unknown_group_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no group 'kindness'; its groups: questions, empathy"):
        group("kindness")


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (
            ("codes", "hope", "groups"),
            ["kindness"],
            "code 'hope' .* names unknown groups: kindness",
        ),
        (
            ("groups", "asides", "includes"),
            ["kind"],
            "group 'asides' .* names unknown groups: kind",
        ),
        (("groups", "kindness"), {"means": "Kind."}, "no code belongs to the group 'kindness'"),
        (("codes", "hope", "group"), ["empathy"], "code 'hope' .* has unknown keys: group"),
        (("codes", "hope"), {"definition": "Hopes."}, "code 'hope' .* lacks source"),
        (("code",), {}, "the file of the codebook has unknown keys: code"),
    ],
)
def test_a_mistake_in_the_file_is_refused(
    path: tuple[str, ...], value: object, sentence: str
) -> None:
    raw = copy.deepcopy(RAW)
    *way, last = path
    inner = raw
    for key in way:
        inner = inner[key]
    inner[last] = value
    with pytest.raises(ValueError, match=sentence):
        read_codebook(raw)


# -- who names codes ------------------------------------------------------------------------


def named_codes() -> Iterator[tuple[str, set[str]]]:
    """Each data file with the codes that it names."""
    yield "rules.toml", {each.name for each in rules()}
    yield "rules.toml, instead_of", {name for each in rules() for name in each.instead_of}
    yield "labels.toml", set(data("scoring/data/labels.toml"))
    answers = data("scoring/data/answers.toml")["answer"]
    yield "answers.toml", {name for each in answers for name in each["codes"]}
    for path in PACKAGE.rglob("suggestions.toml"):
        for kind in data(str(path.relative_to(PACKAGE)))["kind"]:
            lists = (kind.get(key, ()) for key in ("codes", "done", "mended"))
            yield f"suggestions.toml, {kind['id']}", {name for each in lists for name in each}
    for instrument in (*instruments().values(), *headings()):
        found = [item.rule.named_codes() for item in instrument.items if item.rule is not None]
        yield f"the instrument {instrument.id}", {name for codes in found for name in codes}


def test_every_data_file_names_codes_of_the_codebook() -> None:
    named = dict(named_codes())
    assert {name: sorted(codes - CODEBOOK.keys()) for name, codes in named.items()} == {
        name: [] for name in named
    }


@pytest.mark.slow
@pytest.mark.parametrize("case_id", CASE_IDS)
def test_every_case_names_codes_of_the_codebook_or_its_own(case_id: str) -> None:
    case = shipped_case(case_id)
    named = {
        name for part in (case.beats, case.rules, case.reactions) for e in part for name in e.on
    }
    named |= {name for window in case.windows.values() for name in window.spares}
    named |= {name for own in case.codes.values() for name in own.instead_of}
    named |= {name for line in case.lines if line.asks for name in line.asks.answered_by}
    assert named
    assert named <= CODEBOOK.keys() | STIMULI.keys() | case.codes.keys()


def code_names(node: ast.AST) -> list[str]:
    """The codes that one collection, mapping, pattern or list of words in the source names."""
    match node:
        case ast.Set(elts=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            found = [part.value for part in parts if isinstance(part, ast.Constant)]
        case ast.Dict(keys=keys):
            found = [key.value for key in keys if isinstance(key, ast.Constant)]
        case ast.MatchOr(patterns=patterns):
            values = [each.value for each in patterns if isinstance(each, ast.MatchValue)]
            found = [value.value for value in values if isinstance(value, ast.Constant)]
        case ast.Constant(value=str(text)) if set(text.split()) <= CODEBOOK.keys():
            found = [*text.split()]
        case _:
            found = []
    return [str(name) for name in found if name in CODEBOOK]


@pytest.mark.parametrize(
    "source",
    [
        'KIND = frozenset({"hope", "i_wish", "plan"})',
        'KIND = ["hope", *OTHERS, "plan", "thanks"]',
        'KIND = {"hope": 1, "plan": 2, "thanks": 3}',
        'KIND = frozenset("hope plan thanks".split())',
        'match code:\n    case "hope" | "plan" | "thanks":\n        pass',
    ],
)
def test_a_private_set_of_codes_is_found(source: str) -> None:
    assert max(len(code_names(node)) for node in ast.walk(ast.parse(source))) == 3


@pytest.mark.slow
def test_no_module_holds_a_set_of_codes() -> None:
    private = [
        f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)} lists {', '.join(named)}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if len(named := code_names(node)) >= 3
    ]
    assert private == []


@pytest.mark.slow
def test_every_group_is_used() -> None:
    """A group that no module asks for is a set that nobody would correct."""
    asked: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                arguments = [a.value for a in node.args if isinstance(a, ast.Constant)]
                asked |= {str(name) for name in arguments} if node.func.id == "group" else set()
    assert asked == GROUPS.keys()
