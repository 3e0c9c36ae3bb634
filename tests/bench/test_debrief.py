"""The debrief of the planted encounter is complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.bench import debrief as bench
from simvoice.debrief.build import build_debrief
from simvoice.reading.reading import read
from simvoice.record.store import Store


@pytest.mark.slow
def test_the_sound_of_the_planted_encounter_matches_its_journal(tmp_path: Path) -> None:
    planted = Store(tmp_path).open(bench.plant(tmp_path, 60))
    made = build_debrief(planted, read(planted))
    numbers = {number.key: number.value for number in made.numbers}
    # two rounds of 10.0 s and 12.8 s
    assert numbers["learner_speech"] == pytest.approx(20.0, abs=1.0)
    assert numbers["patient_speech"] == pytest.approx(25.6, abs=1.0)
    assert made.peaks is not None
    assert made.duration_s == 60.0


@pytest.mark.slow
def test_the_debrief_has_all_parts(tmp_path: Path) -> None:
    planted = Store(tmp_path).open(bench.plant(tmp_path, 60))
    made = build_debrief(planted, read(planted))
    assert len(made.turning_points) == 3
    assert len(made.suggestions) == 2
    assert made.unsaid
    assert made.cues
    # the planted words are few, so in each heading some items are open or not judged
    assert all(each.items for each in made.headings)
    assert {item.outcome for each in made.headings for item in each.items} >= {"met", "open"}
