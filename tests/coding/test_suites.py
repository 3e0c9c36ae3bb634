"""The labelled suites that the coder must reach; half of each was held out."""

from __future__ import annotations

import pytest

from simvoice.bench import coder
from simvoice.coding.codebook import CODEBOOK

EVENTS_AT_LEAST, JARGON_AT_LEAST = 0.85, 0.90


@pytest.mark.slow
def test_the_events_suite_is_300_utterances_half_of_them_held_out() -> None:
    assert [len(coder.events(half)) for half in coder.HALVES] == [150, 150]
    texts = [each.text for half in coder.HALVES for each in coder.events(half)]
    assert len(set(texts)) == len(texts)


def test_every_label_is_a_code_that_the_suite_is_about() -> None:
    for half in coder.HALVES:
        given = {name for each in coder.events(half) for name, _ in each.given}
        assert given == set(coder.EVENTS)
    assert set(coder.EVENTS) <= set(CODEBOOK)


@pytest.mark.parametrize("half", coder.HALVES)
def test_labelled_events_are_found(half: str) -> None:
    scores = coder.f1_by_code(coder.events(half))
    assert sum(scores.values()) / len(scores) >= EVENTS_AT_LEAST, scores


@pytest.mark.parametrize("half", coder.HALVES)
def test_jargon_and_its_explanations_are_found(half: str) -> None:
    score = coder.macro_f1(coder.jargon(half))
    assert score is not None
    assert score >= JARGON_AT_LEAST


def test_f1_counts_misses_and_false_alarms() -> None:
    plan, chat = ("plan", ""), ("summary", "")
    said = [
        coder.LabelledText("a", frozenset({plan}), frozenset({plan})),
        coder.LabelledText("b", frozenset({plan}), frozenset()),
        coder.LabelledText("c", frozenset(), frozenset({chat})),
    ]
    assert coder.f1_by_code(said) == {"plan": 2 / 3, "summary": 0.0}
    assert coder.macro_f1(said) == pytest.approx(1 / 3)
    assert coder.macro_f1([]) is None
