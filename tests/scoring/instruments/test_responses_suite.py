"""Answers to cues, coded by hand after VR-CoDES-P and by the machine, end to end.

The author of the rules wrote the answers as a recogniser gives words, before running the rules on
them. A few errors of the rules were corrected afterwards, so this is accuracy on development data.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest

from simvoice.coding.coder import code
from simvoice.reading.coded_turns import code_turns_in_context
from simvoice.record.events import Coded, ConcernShown
from simvoice.scoring.instruments.cues import RESPONSES, Response, responses
from tests.planted.builder import learner_turn, patient_speech

SUITE = Path(__file__).parent / "data" / "responses.tsv"
SHOWN = ConcernShown(line="cue", concern="it", text="It", kind="cue")
SILENT = {"silence", "back-channel"}


def coded(cue: str, text: str) -> Response:
    codes = [Coded(code=c.name, words=c.words, confidence=c.confidence) for c in code(text)]
    entries = (
        patient_speech(1, 0.0, cue, line_id="cue"),
        learner_turn(2, 2.4, text, *codes, end_s=4.0),
    )
    (found,) = responses(code_turns_in_context(entries, (SHOWN,)), (SHOWN,))
    return found


@cache
def both() -> tuple[tuple[str, Response], ...]:
    with SUITE.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple((row["response"], coded(row["cue"], row["text"])) for row in rows)


def share(right: list[bool]) -> float:
    return sum(right) / len(right)


def test_the_suite_has_fifty_pairs_or_more_and_every_response_that_words_make() -> None:
    assert len(both()) >= 50
    assert {by_hand for by_hand, _ in both()} == set(RESPONSES) - SILENT


def test_providing_and_reducing_space_are_distinguished() -> None:
    right = [RESPONSES[by_hand].provides == found.provides for by_hand, found in both()]
    assert share(right) >= 0.90


def test_explicit_and_non_explicit_answers_are_distinguished() -> None:
    right = [RESPONSES[by_hand].explicit == found.explicit for by_hand, found in both()]
    assert share(right) >= 0.85


def test_the_exact_response_is_found_for_most() -> None:
    assert share([by_hand == found.response for by_hand, found in both()]) >= 0.80


def test_each_answer_has_its_latency_and_is_continuer_or_terminator() -> None:
    for by_hand, found in both():
        assert found.latency_s == pytest.approx(0.4)
        if found.response == by_hand != "acknowledgement":
            provides = RESPONSES[by_hand].provides
            assert found.suchman == ("continuer" if provides else "terminator")
