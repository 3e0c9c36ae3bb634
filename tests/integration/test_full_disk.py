"""A disk that really fills up under an encounter: a small file system, filled to its last byte."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from simvoice.app.simulator import Simulator
from simvoice.audio import RATE
from simvoice.devices.simulated import SimulatedLine
from simvoice.record.events import PatientSpeech
from simvoice.record.store import Store
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.runtime.observer import Caption, Observation
from simvoice.simulate.learner import AfterPatient, LearnerScript, ScriptStep
from tests.integration.conftest import SMALL, Say

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

SIZE_MB = 260
"""Enough for an encounter to begin, which wants 200 MB."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory, which takes root and Linux."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        assert os.environ.get("CI") != "true", "CI has to be able to mount a file system"
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(place: Path) -> None:
    """Leave no byte."""
    with (place / "ballast").open("wb", buffering=0) as ballast:
        piece = b"\0" * 2**20
        while piece:
            try:
                ballast.write(piece)
            except OSError:
                piece = piece[: len(piece) // 2]


def test_the_encounter_ends_with_a_sentence_and_all_until_then_is_kept(
    simulator: Simulator, say: Say, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "store", Store(small_disk / "attempts"))
    clips = [say("Good morning. What happened to your wrist?"), say("Who is at home with you?")]
    line = SimulatedLine(
        LearnerScript(tuple(ScriptStep(AfterPatient(0.9), clip) for clip in clips)),
        tail_s=30.0,
        limit_s=90.0,
    )

    def watch(sight: Observation) -> None:
        if isinstance(sight, Caption) and sight.who == "learner":
            fill(small_disk)

    encounter = simulator.encounter(SMALL, line, observer=watch, options=EncounterOptions(seed=1))
    finished = encounter.run()
    assert finished.reason == "fault"
    assert "disk is full" in finished.message

    (small_disk / "ballast").unlink()
    kept = simulator.attempt(encounter.attempt)
    assert kept.state == "complete"
    assert kept.ended is not None
    assert kept.ended.reason == "fault"
    speeches = [entry for entry in kept.entries if isinstance(entry, PatientSpeech)]
    assert speeches[0].line_id == "opening"
    learner, patient = kept.audio()
    assert len(learner) == len(patient) > speeches[0].end_s * RATE
