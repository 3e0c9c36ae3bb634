"""Processes that are killed at random moments lose at most a second, and leave no half file.

A few kills in each run of the tests; `scripts/kills` makes 200.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.endurance.kills import ENDS, Kill, plan, report, run


def faults(kills: list[Kill]) -> list[tuple[str, str, float, list[str]]]:
    return [(k.kind, k.end, round(k.after_s, 2), k.faults) for k in kills if k.faults]


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.timeout(600)  # 45 s alone, minutes beside other work
def test_encounters_analyses_exports_and_pulls_are_whole_after_a_kill(tmp_path: Path) -> None:
    kinds = dict.fromkeys(("scripted", "analysis", "export", "pull"), 1.0)
    done = run(12, random.randrange(10_000), tmp_path, kinds=kinds)
    assert faults(done) == [], report(done)
    assert {(kill.kind, kill.end) for kill in done} == {
        (kind, end)
        for kind in ("encounter, scripted engines", "analysis", "export", "pull")
        for end in ENDS
    }


@pytest.mark.engine
@pytest.mark.realtime
def test_an_encounter_with_the_real_engines_is_whole_after_a_kill(tmp_path: Path) -> None:
    done = run(3, random.randrange(10_000), tmp_path, kinds={"served": 1.0})
    assert faults(done) == [], report(done)
    assert [kill.began for kill in done] == [True] * 3


def test_a_plan_has_all_kinds_and_signals_and_the_right_number() -> None:
    made = plan(200, random.Random(1), {"scripted": 0.3, "served": 0.1, "pull": 0.2})
    assert len(made) == 200
    assert {end for _, end in made} == set(ENDS)
    assert [kind for kind, _ in made[-33:]] == ["served"] * 33


def test_the_report_counts_faults_and_the_most_that_was_lost() -> None:
    kills = [Kill("pull", "SIGKILL", 1.0), Kill("pull", "SIGKILL", 2.0, 0.4, ["half files: a"])]
    assert report(kills).splitlines()[1].split() == [
        *("pull", "SIGKILL", "2", "2", "0.40", "s", "1")
    ]
