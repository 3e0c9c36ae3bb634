"""The whole, on real models: one simulator, one home and one learner's voice for all tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from simvoice import paths
from simvoice.app.simulator import Simulator
from simvoice.audio import RATE, Pcm
from simvoice.engines.threads import set_environment
from simvoice.models import manifest
from simvoice.ports import VoiceStyle
from simvoice.simulate.learner import LearnerClip
from simvoice.simulate.speech import cached_clip

set_environment()

HOUSE = Path(__file__).resolve().parents[2]
CASES = Path(__file__).parent / "cases"
SMALL = "sore-wrist"
"""A case whose lines are made in seconds."""

LEARNER = VoiceStyle(formant_shift=0.97, pitch_hz=112.0)

Say = Callable[[str], LearnerClip]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """SIMVOICE_HOME of these tests, and a scenarios folder that holds the small case too."""
    folder = tmp_path_factory.mktemp("home")
    scenarios = tmp_path_factory.mktemp("scenarios")
    for case in (CASES / SMALL, paths.scenarios_dir() / "breast-biopsy"):
        shutil.copytree(case, scenarios / case.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMVOICE_HOME", str(folder))
        patch.setattr(paths, "scenarios_dir", lambda: scenarios)
        yield folder


@pytest.fixture(scope="package")
def simulator(home: Path) -> Simulator:
    """With all engines, and every line of the small case made sound."""
    made = Simulator(attempts=home / "attempts", every_case=True)
    made.make_ready(SMALL)
    return made


@pytest.fixture(scope="package")
def say(simulator: Simulator, home: Path) -> Say:
    """A sentence in the learner's voice."""
    voice_id = manifest.digests([simulator.profile["voice"]])["voice"]

    def spoken(text: str) -> LearnerClip:
        return cached_clip(simulator.engines().voice, voice_id, text, LEARNER, home / "clips")

    return spoken


@pytest.fixture(scope="module")
def run_simvoice(home: Path) -> Iterator[Start]:
    """`run_simvoice("demo", CASE, **environment)` begins a process of the command."""
    begun: list[subprocess.Popen[str]] = []

    def start(*words: str, env: dict[str, str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "simvoice", *words],
            cwd=HOUSE,
            env=env | {"SIMVOICE_HOME": str(home), "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def upto(process: subprocess.Popen[str], words: str) -> str:
    """Blocks until the process prints a line with these words; returns all up to it."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"it ended without {words!r}: {process.communicate()}")


def write_wav(path: Path, *parts: Pcm | float) -> Path:
    """Sounds and silences (seconds) one after the other, as a WAV."""
    sounds = [np.zeros(round(p * RATE), np.float32) if isinstance(p, float) else p for p in parts]
    soundfile.write(path, np.concatenate(sounds), RATE, subtype="PCM_16")
    return path
