"""The comparison of machine and raters on a page, from records and ratings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simvoice.criteria.encounter import RuleVerdict
from simvoice.debrief.item_trust import build_item_trust, format_estimate, judge_as_shown
from simvoice.reading.reading import read
from simvoice.record.ratings import Objection, Rating
from simvoice.scoring.raters.agreement import Estimate
from simvoice.scoring.raters.item_agreement import RatedAttempt, judge_attempt
from tests.planted.talk import record

WHEN = "2026-11-24T10:00:00+01:00"


def attempt(number: int, item: str, verdict: RuleVerdict, *humans: str | float) -> RatedAttempt:
    said = tuple(
        Rating.model_validate({"rater": f"r{n}", "item": item, "value": v, "wall_time": WHEN})
        for n, v in enumerate(humans)
    )
    return RatedAttempt(f"a{number}", {item: verdict}, said, ())


def test_each_item_has_a_sentence_and_a_row() -> None:
    made = []
    for n in range(24):
        word, other = ("met", "not met") if n % 2 else ("not met", "met")
        verdict = RuleVerdict("met" if n % 2 else "not met")
        made.append(attempt(n, "spikes-order", verdict, word, word))
        made.append(attempt(n, "spikes-perception", verdict, other))
        made.append(attempt(n, "nurse-name", RuleVerdict("counted", value=float(n)), float(n)))
    made.append(attempt(0, "os12-1-greets", RuleVerdict("met"), "met"))
    made.append(attempt(0, "os12-4-non-verbal", RuleVerdict("not judged"), "met"))
    found = build_item_trust(made)
    assert found.words["spikes-order"] == "compared with 48 human ratings: may be trusted"
    assert found.words["spikes-perception"].startswith(
        "compared with 24 human ratings: do not trust, its AC1 is at most"
    )
    assert found.words["nurse-name"] == "compared with 24 human ratings: may be trusted"
    assert found.words["os12-1-greets"].startswith("compared with 1 human rating: not yet known")
    assert found.words["os12-4-non-verbal"] == "it is left to humans"
    rows = {row.id: row for _, rows in found.lists for row in rows}
    # the exact binomial of 24: 1 - 2 * (1 - .025 ** (1 / 24))
    assert rows["spikes-order"].machine == (
        ("kappa", "1.00 (0.72 to 1.00)"),
        ("AC1", "1.00 (0.72 to 1.00)"),
    )
    assert [name for name, _ in rows["nurse-name"].machine] == ["ICC"]
    assert rows["spikes-order"].humans_attempts == 24
    assert [name for name, _ in found.lists] == ["NURSE", "OS-12", "SPIKES"]
    assert found.raters == ("r0", "r1")


def test_no_number_is_minus_zero() -> None:
    assert format_estimate(Estimate(-0.001, -0.0, 0.004)) == "0.00 (0.00 to 0.00)"
    assert format_estimate(Estimate(None)) == "–"
    assert format_estimate(Estimate(0.5)) == "0.50"


def test_an_item_with_only_an_objection_is_not_checked() -> None:
    why = Objection(item="spikes-order", why="I did", wall_time=WHEN)
    made = replace(attempt(0, "spikes-order", RuleVerdict("not met")), objections=(why,))
    found = build_item_trust([made])
    assert found.words["spikes-order"] == "not yet compared"
    assert (found.attempts, found.raters) == (0, ())


def test_without_feedback_everything_is_empty() -> None:
    found = build_item_trust([])
    assert (found.lists, dict(found.words), found.raters) == ((), {}, ())


@pytest.mark.slow
def test_words_that_are_not_english_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = record(tmp_path, instruments=("NURSE",))
    judged = judge_attempt(made, read(made)).machine
    assert judged["nurse-name"].outcome == "counted"
    assert judge_as_shown(made).machine == judged
    monkeypatch.setattr("simvoice.debrief.limits.is_english", lambda _: False)
    foreign = judge_as_shown(made).machine
    assert foreign["nurse-name"].outcome == "not judged"
    by_time = [key for key in judged if foreign[key] == judged[key] and judged[key].value]
    assert by_time, "items that depend on times are still judged"
