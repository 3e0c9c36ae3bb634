"""Keeping the patient's own voice out of the microphone: WebRTC's AEC3, or half duplex."""

from __future__ import annotations

import importlib.util

import numpy as np

from simvoice.audio import FRAME, RATE, Pcm16
from simvoice.errors import LibraryMissing

LAG_S = 128 / RATE
"""Seconds by which the canceller delays the microphone: two of its filter blocks of 64."""


def canceller_available() -> bool:
    """Is the library here?"""
    return importlib.util.find_spec("pywebrtc_audio") is not None


class EchoCanceller:
    """Takes what the speaker plays out of what the microphone hears, frame by frame.

    It finds the delay between the two by itself (0..0.5 s) and follows it. The microphone's
    sound comes out `LAG_S` later. Not for use from two threads.
    """

    def __init__(self) -> None:
        """Raises LibraryMissing when pywebrtc-audio is not installed."""
        if not canceller_available():
            raise LibraryMissing(
                "the echo canceller is not installed; run: pip install pywebrtc-audio, or use "
                "headphones"
            )
        import pywebrtc_audio

        self._aec = pywebrtc_audio.EchoCanceller(sample_rate=RATE, num_channels=1)

    def process(self, microphone: Pcm16, reference: Pcm16) -> Pcm16:
        """Both int16 [320]: the frame heard, and the frame written to the speaker last.

        Returns the frame without the echo, int16 [320].
        """
        return np.asarray(self._aec.process(microphone, reference), dtype=np.int16)


SILENCE: Pcm16 = np.zeros(FRAME, np.int16)
"""The reference before anything was written."""
