"""Definitions, measures and the page of definitions agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from simvoice.reading.reading import Reading
from simvoice.scoring.metrics.definitions import (
    definition_of,
    definitions,
    markdown,
    read_definitions,
)
from simvoice.scoring.metrics.functions import complete_measures, metric
from simvoice.scoring.metrics.norms import metric_decisions
from simvoice.scoring.metrics.registry import MEASURES

HOUSE = Path(__file__).resolve().parents[3]


ENTRY = {
    "key": "charm",
    "name": "your charm",
    "unit": "percent",
    "definition": "None.",
    "direction": "none",
    "needs": ["journal"],
    "unmeasurable": "never",
    "source": "simvoice",
    "group": "Talking",
    "norm_decision": "shares",
}


def file(*entries: Mapping[str, object]) -> dict[str, Any]:
    return {"groups": ["Talking", "Silence"], "metric": [{**ENTRY, **each} for each in entries]}


def test_every_metric_has_one_function() -> None:
    assert list(MEASURES) == list(definition_of())


def test_an_entry_without_a_function_is_refused() -> None:
    with pytest.raises(ValueError, match=r"entries without a function: charm; add functions"):
        complete_measures(["talk_share", "charm"])


def test_a_function_without_an_entry_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'charm', which has no entry in data/metrics\.toml"):

        @metric("charm")
        def charm(reading: Reading) -> float:
            return 0.0


def test_a_second_function_for_a_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="'talk_share', which has a function already"):

        @metric("talk_share")
        def share(reading: Reading) -> float:
            return 0.0


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (({}, {}), "two metrics have the key 'charm'"),
        (({"group": "Charm"},), "names the unknown group 'Charm'; choose from: Talking, Silence"),
        (
            ({"on_page": 10}, {"key": "grace", "on_page": 10}),
            "'charm' and 'grace' both have on_page = 10",
        ),
        (({"colour": "red"},), "colour"),
        (({"moments": "smiles"},), "moments"),
    ],
)
def test_a_faulty_entry_is_refused_with_a_sentence(
    entries: tuple[Mapping[str, object], ...], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        read_definitions(file(*entries))


def test_every_metric_names_a_decision_about_norms() -> None:
    assert {entry.norm_decision for entry in definitions()} <= {d.id for d in metric_decisions()}
    assert len({d.id for d in metric_decisions()}) == len(metric_decisions())


def test_the_page_of_the_codebook_is_current() -> None:
    page = (HOUSE / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert page == markdown(), "run: python -m simvoice.scoring.metrics.definitions docs/metrics.md"
