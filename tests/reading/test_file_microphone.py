"""A sound file instead of a microphone (`simvoice talk --mic FILE`) ends before the encounter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simvoice.audio import RATE
from simvoice.reading.reading import Reading, read
from tests.planted import builder
from tests.planted.talk import END_S, LEARNER_VOICE, entries, header, sound

TAIL_S = 20.0
"""As long as `devices.wav.WavLine` goes on after the file."""


def recorded(root: Path, kind: str) -> Reading:
    """Read an attempt whose noisy microphone ends 20 s before the encounter."""
    learner = sound(noise_dbfs=-50.0)[0]
    patient = sound(noise_dbfs=-200.0)[1]
    padding = np.zeros(round(TAIL_S * RATE), np.int16)
    padded = (np.concatenate((learner, padding)), np.concatenate((patient, padding)))
    return read(builder.record(root, header(devices={"kind": kind}), entries(), padded))


def test_the_silence_after_the_file_is_neither_lost_nor_the_room(tmp_path: Path) -> None:
    reading = recorded(tmp_path, "file")
    assert reading.sound is not None
    quality = reading.sound.learner.quality
    assert quality.lost == 0.0
    assert quality.noise_dbfs == pytest.approx(-50.0, abs=1.5)
    spoken_s = float(np.diff(reading.sound.learner.speech, axis=1).sum())
    assert spoken_s == pytest.approx(sum(b - a for a, b in LEARNER_VOICE), abs=1.5)
    assert reading.sound.length_s == pytest.approx(END_S + TAIL_S)


def test_a_microphone_that_falls_silent_is_still_seen(tmp_path: Path) -> None:
    reading = recorded(tmp_path, "sound-card")
    assert reading.sound is not None
    quality = reading.sound.learner.quality
    assert quality.lost > 0.1 or quality.noise_dbfs < -55.0
