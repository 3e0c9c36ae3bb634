"""How she sounds: her own voice, bent by what she feels."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from simvoice.patient.case import VoiceKnobs
from simvoice.patient.decisions import Affect


@dataclass(frozen=True, slots=True)
class Bend:
    """Ratios on her neutral voice, and a change of loudness."""

    pitch: float = 1.0
    pitch_range: float = 1.0
    duration: float = 1.0
    gain_db: float = 0.0


# Directions after Juslin & Laukka 2003 (doi 10.1037/0033-2909.129.5.770): sadness slow, low, flat
# and quiet; fear quick and high; anger quick, loud, wide; sizes kept small enough to stay natural
BENDS: Final = MappingProxyType(
    {
        "neutral": Bend(),
        "flat": Bend(pitch=0.97, pitch_range=0.65, duration=1.10, gain_db=-2.0),
        "tearful": Bend(pitch=1.04, pitch_range=0.80, duration=1.16, gain_db=-3.0),
        "anxious": Bend(pitch=1.06, pitch_range=1.10, duration=0.94),
        "angry": Bend(pitch=1.03, pitch_range=1.25, duration=0.95, gain_db=2.0),
        "warm": Bend(pitch=0.99, pitch_range=1.08, duration=1.04),
    }
)


def bent(knobs: VoiceKnobs, affect: Affect) -> VoiceKnobs:
    """Her voice with this affect, kept within what the knobs allow."""
    bend = BENDS[affect]
    pitch_hz = None if knobs.pitch_hz is None else min(350.0, knobs.pitch_hz * bend.pitch)
    return VoiceKnobs(
        formant_shift=knobs.formant_shift,
        pitch_hz=None if pitch_hz is None else round(pitch_hz, 1),
        pitch_range=round(min(2.0, max(0.3, knobs.pitch_range * bend.pitch_range)), 3),
        duration=round(min(1.6, max(0.7, knobs.duration * bend.duration)), 3),
        gain_db=min(6.0, max(-12.0, knobs.gain_db + bend.gain_db)),
    )
