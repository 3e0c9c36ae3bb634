"""The checks with a real sound server and real engines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile

from simvoice.audio import RATE
from simvoice.checkup.speed import SpeedCheck
from simvoice.simulate.signals import pink_noise
from tests.sound_server import SoundServer, missing_programs, sound_server

RUN_CHECKS = """
import json
from dataclasses import asdict
from simvoice.checkup.sound import check_sound
print(json.dumps([asdict(check) for check in check_sound(lambda sentence: None)]))
"""


def sound_checks(server: SoundServer) -> dict[str, Any]:
    """Run the sound checks in a separate process, and return them by name."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_CHECKS],
        env=server.env,
        capture_output=True,
        text=True,
        check=True,
    )
    return {check["name"]: check for check in json.loads(done.stdout)}


@pytest.mark.soundcard
@pytest.mark.realtime
def test_a_monitor_is_measured_and_named() -> None:
    missing = missing_programs()
    if missing:
        pytest.fail(f"{missing} not installed; on Debian: apt-get install pulseaudio-utils")
    with sound_server() as server:
        server.default_source("vloop")
        checks = sound_checks(server)
    assert set(checks) == {"PortAudio", "microphones", "loudspeakers", "microphone", "loop"}
    assert "digital silence" in checks["microphone"]["sentence"]
    assert "it is the loudspeaker's monitor" in checks["loop"]["sentence"]
    loop = checks["loop"]["facts"]
    assert loop["verdict"] == "loudspeaker"
    assert loop["echo_db"] == pytest.approx(0.0, abs=1.5)
    assert 0 < loop["delay_ms"] < 500


@pytest.mark.soundcard
@pytest.mark.realtime
def test_a_voice_and_headphones_are_detected(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "voice.wav", pink_noise(60.0, -22.0, 3), RATE)
    with sound_server() as server:
        play = ["paplay", "-d", "mic", str(tmp_path / "voice.wav")]
        with subprocess.Popen(play, env=server.env) as speaker:
            checks = sound_checks(server)
            speaker.terminate()
    assert checks["microphone"]["state"] == "ok"
    assert checks["microphone"]["facts"]["voice_dbfs"] == pytest.approx(-21.0, abs=3.0)
    assert checks["loop"]["facts"]["verdict"] == "headphones"


@pytest.mark.engine
def test_every_engine_is_measured_and_the_voice_is_understood() -> None:
    checks = {check.name: check for check in SpeedCheck().run()}
    assert set(checks) == {"voice and ear", "speed"}
    assert checks["voice and ear"].state == "ok"
    facts = checks["speed"].facts
    assert [name for name, number in facts.items() if number is None] == []
