"""Remove the patient's voice from the microphone with WebRTC's echo canceller, AEC3."""

from __future__ import annotations

import importlib.util

import numpy as np

from simvoice.audio import FRAME, RATE, Pcm16
from simvoice.errors import LibraryMissing

LAG_S = 128 / RATE
"""Seconds by which the canceller delays the microphone: two of its filter blocks of 64."""


def canceller_available() -> bool:
    """Return whether the library is installed."""
    return importlib.util.find_spec("pywebrtc_audio") is not None


class EchoCanceller:
    """Removes the speaker's sound from the microphone, frame by frame.

    It finds and follows the delay between the two (0..0.5 s). The output is `LAG_S` late. Not
    thread-safe.
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
        """Return the microphone's frame without the echo, int16 [320].

        reference: the frame last written to the speaker, int16 [320].
        """
        return np.asarray(self._aec.process(microphone, reference), dtype=np.int16)


SILENCE: Pcm16 = np.zeros(FRAME, np.int16)
"""The reference before the first written frame."""
