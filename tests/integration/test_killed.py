"""`kill -9` in the middle of an encounter: what was said until a second ago is there."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from simvoice.app.simulator import Simulator
from simvoice.record.events import PatientSpeech
from simvoice.record.store import Attempt
from tests.integration.conftest import CASES, SMALL, Start, upto

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

LOST_S = 1.0


def answer(start: Start, *words: str) -> Any:
    out, err = start(*words, "--json", env=dict(os.environ)).communicate(timeout=60)
    assert err == ""
    return json.loads(out)


@pytest.fixture(scope="module")
def case() -> str:
    return str(CASES / SMALL / "case.yaml")


def test_a_killed_demo_is_listed_as_crashed_and_recovers_to_within_a_second(
    simulator: Simulator, run_simvoice: Start, home: Path, case: str
) -> None:
    before = set(simulator.store.ids())
    demo = run_simvoice("demo", case, env=dict(os.environ))
    upto(demo, "Ines Ward: I slipped")
    (attempt,) = set(simulator.store.ids()) - before
    printed = upto(demo, "You: ")
    demo.kill()
    demo.wait()

    listed = answer(run_simvoice, "attempts", "list")["attempts"]
    (crashed,) = [row for row in listed if row["id"] == attempt]
    assert crashed["state"] == "crashed"
    assert f"simvoice attempts recover {attempt}" in crashed["problem"]

    (recovered,) = answer(run_simvoice, "attempts", "recover", attempt)["recovered"]
    assert recovered["state"] == "complete"
    found: Attempt = simulator.store.open(attempt)
    speeches = [entry for entry in found.entries if isinstance(entry, PatientSpeech)]
    assert [speech.line_id for speech in speeches[:2]] == ["opening", "happened"]
    learner, patient = found.audio()
    assert len(learner) == len(patient)
    # a turn is printed with the time at which it began, once it is over
    stamp = re.findall(r"(\d+):(\d\d)\s+You: ", printed)[-1]
    assert len(learner) / 16_000 >= 60 * int(stamp[0]) + int(stamp[1]) - LOST_S
    assert found.ended is not None
    assert found.ended.reason == "fault"
