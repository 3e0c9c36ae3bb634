"""Definitions, measures and the page of definitions agree."""

from __future__ import annotations

from pathlib import Path

from simvoice.scoring.metrics.definitions import definitions, markdown
from simvoice.scoring.metrics.measures import MEASURES
from simvoice.scoring.metrics.registry import METRICS

HOUSE = Path(__file__).resolve().parents[3]


def test_every_definition_has_a_measure_and_every_measure_a_definition() -> None:
    assert [entry.key for entry in definitions()] == [metric.key for metric in METRICS]
    assert {entry.key for entry in definitions()} == MEASURES.keys()


def test_no_key_is_used_twice() -> None:
    assert len({entry.key for entry in definitions()}) == len(definitions())


def test_the_page_of_the_codebook_is_current() -> None:
    page = (HOUSE / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert page == markdown(), "run: python -m simvoice.scoring.metrics.definitions docs/metrics.md"
