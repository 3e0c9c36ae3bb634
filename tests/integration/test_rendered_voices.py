"""A patient whose lines were rendered on another computer speaks here without synthesis."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice import paths
from simvoice.app.simulator import Simulator
from simvoice.devices.simulated import SimulatedLine
from simvoice.engines.tts.clip_pack import ClipPack
from simvoice.engines.tts.speech_cache import CachedVoice
from simvoice.record.events import PatientSpeech
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.simulate.learner import AfterPatient, LearnerScript, ScriptStep
from tests.integration.conftest import SMALL, Say

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

WORDS = ("Good morning. What happened to your wrist?", "Thank you for coming in. Goodbye.")


@pytest.fixture
def kiosk(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A computer with an empty data folder, and the pack that `simulator` has rendered."""
    rendered = simulator.render(SMALL, tmp_path / "hub")
    assert rendered is not None
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path / "kiosk"))
    paths.hub_voices_dir().mkdir(parents=True)
    rendered.rename(paths.hub_voices_dir() / rendered.name)
    return Simulator(attempts=tmp_path / "attempts", every_case=True)


def test_an_encounter_with_rendered_lines_needs_no_synthesis(kiosk: Simulator, say: Say) -> None:
    clips = [say(words) for words in WORDS]
    kiosk.make_ready(SMALL)
    voice = kiosk.engines().voice
    assert isinstance(voice, CachedVoice)
    assert voice.synthesised == 0
    script = LearnerScript(tuple(ScriptStep(AfterPatient(0.9), clip) for clip in clips))
    encounter = kiosk.encounter(
        SMALL, SimulatedLine(script, tail_s=6.0, limit_s=60.0), options=EncounterOptions(seed=1)
    )
    assert encounter.run().reason == "patient"
    entries = kiosk.attempt(encounter.attempt).entries
    said = [entry.line_id for entry in entries if isinstance(entry, PatientSpeech)]
    assert said == ["opening", "happened", "goodbye"]
    assert voice.synthesised == 0
    assert not (paths.cache_dir() / "speech").exists()


def test_a_pack_rendered_twice_has_the_same_bytes(simulator: Simulator, tmp_path: Path) -> None:
    first, second = (simulator.render(SMALL, tmp_path / name) for name in ("a", "b"))
    assert first is not None
    assert second is not None
    assert first.read_bytes() == second.read_bytes()
    pack = ClipPack(first)
    assert len(pack) > 10
    assert pack.about.case_sha256 == simulator.case(SMALL).sha256
    pack.close()
    assert simulator.render(SMALL, tmp_path / "c", cancelled=lambda: True) is None
    assert not (tmp_path / "c").exists()
