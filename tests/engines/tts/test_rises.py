"""Final rises in a synthesised voice, with and without one planted by Praat's resynthesis."""

from __future__ import annotations

import numpy as np
import parselmouth  # type: ignore[import-not-found]
import pytest
from parselmouth.praat import call  # type: ignore[import-not-found]

from simvoice.audio import RATE, Pcm, Pcm16
from simvoice.ports import Voice, VoiceStyle
from simvoice.timing.prosody import RISES, final_rise

SENTENCES = (
    "You came here alone.",
    "Your sister is driving you home.",
    "You were hoping for something else.",
    "You have had this pain since March.",
    "He was with you last night.",
    "You stopped taking the tablets.",
    "You'd rather wait.",
    "You take it with food.",
    "You've told your daughter.",
    "You work at the school.",
    "You have two children.",
    "You live by yourself.",
    "You haven't slept.",
    "You want to go on with it.",
    "They told you it was nothing.",
    "You are on your own with this.",
    "You felt it yourself.",
    "Your husband knows about it.",
    "This was on Tuesday.",
    "It hurts when you walk.",
)
VOICES = (
    VoiceStyle(formant_shift=0.97, pitch_hz=112.0),
    VoiceStyle(formant_shift=1.15, pitch_hz=200.0),
)
RAMP_S = 0.3


def rising(pcm: Pcm, semitones: float) -> Pcm:
    """Return the clip with a pitch that rises by `semitones` in its last `RAMP_S` seconds."""
    sound = parselmouth.Sound(pcm.astype(np.float64), float(RATE))
    manipulation = call(sound, "To Manipulation", 0.01, 75, 500)
    tier = call(manipulation, "Extract pitch tier")
    points = [
        (call(tier, "Get time from index", k), call(tier, "Get value at index", k))
        for k in range(1, call(tier, "Get number of points") + 1)
    ]
    turn_s = points[-1][0] - RAMP_S
    before = [(at_s, hz) for at_s, hz in points if at_s < turn_s]
    level_hz = float(np.median([hz for _, hz in before[-8:]]))
    made = call("Create PitchTier", "made", 0.0, sound.xmax)
    for at_s, hz in before:
        call(made, "Add point", at_s, hz)
    for share in np.linspace(0.0, 1.0, 11):
        call(made, "Add point", turn_s + RAMP_S * share, level_hz * 2.0 ** (semitones * share / 12))
    call([manipulation, made], "Replace pitch tier")
    return np.asarray(call(manipulation, "Get resynthesis (overlap-add)").values[0], np.float32)


def share(clips: list[Pcm]) -> float:
    """Return the share of the clips in which a rise is detected."""
    rises = [final_rise(_pcm16(clip)) for clip in clips]
    return sum(each is not None and RISES[0] <= each <= RISES[1] for each in rises) / len(rises)


def _pcm16(pcm: Pcm) -> Pcm16:
    return np.asarray(np.clip(pcm, -1.0, 1.0) * 32767.0, dtype=np.int16)


@pytest.mark.engine
def test_rises_are_mostly_found_and_rarely_found_where_there_is_none(people: Voice) -> None:
    statements = [
        people.speak(text, voice).pcm
        for _ in range(3)  # Piper draws random inputs: of 40 clips mostly 1 rises, sometimes 5
        for text in SENTENCES
        for voice in VOICES
    ]
    falling = [rising(pcm, -4.0) for pcm in statements]
    assert share(statements) <= 0.15
    assert share(falling) <= 0.1
    assert share([rising(pcm, 6.0) for pcm in statements]) >= 0.5
    assert share([rising(pcm, 9.0) for pcm in statements]) >= 0.65
