"""A voice of tones, for planting without a model: loud syllables with exact edges."""

from __future__ import annotations

import numpy as np

from simvoice.audio import RATE
from simvoice.ports import Speech, SpokenWord, VoiceStyle

SYLLABLE_S = 0.2
SILENCE_S = 0.05


class Hum:
    """Hums one syllable for each word, between 50 ms of silence. Implements `ports.Voice`."""

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """Speak one clause."""
        words = text.split()
        time_s = np.arange(round(SYLLABLE_S * len(words) * RATE)) / RATE
        phase = 2.0 * np.pi * (style.pitch_hz or 120.0) * time_s
        wave = np.sum([0.6**k * np.sin((k + 1) * phase) for k in range(8)], axis=0)
        beat = 0.3 + 0.7 * np.sin(np.pi * time_s / SYLLABLE_S) ** 2
        edge = np.zeros(round(SILENCE_S * RATE), np.float32)
        pcm = np.concatenate((edge, (0.1 * wave * beat).astype(np.float32), edge))
        ends = [SILENCE_S + SYLLABLE_S * (k + 1) for k in range(len(words))]
        spoken = [
            SpokenWord(word, end - SYLLABLE_S, end) for word, end in zip(words, ends, strict=True)
        ]
        return Speech(pcm, tuple(spoken), tuple(ends))
