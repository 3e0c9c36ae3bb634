"""Run Praat in a separate process: `python -m simvoice.engines.tts.praat_worker`.

Praat holds the interpreter lock while it works (61 ms for 6 s of speech), which would block the
loop that moves sound every 20 ms. The worker reads requests from standard input and answers on
standard output until its input ends; `praat_protocol` defines the format.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import BinaryIO

import numpy as np
import parselmouth  # type: ignore[import-not-found]
from parselmouth.praat import call  # type: ignore[import-not-found]

from simvoice.audio import RATE, Pcm
from simvoice.engines.tts.praat_protocol import ANSWER, REFUSED, REQUEST, read_exactly

PITCH_FLOOR_HZ = 60.0
"""The creak of a low male voice; with a lower floor Praat finds pitch in noise."""

PITCH_CEILING_HZ = 500.0

SHORTEST_S = 0.1
"""Praat needs three periods of the lowest pitch in a window; shorter clips are padded."""


def change_voice(
    pcm: Pcm, formant: float, pitch_hz: float, pitch_range: float, duration: float
) -> Pcm:
    """Apply Praat's "Change gender": float32 [n] at 16 kHz to float32 [n times duration].

    A clip without voiced sound keeps its pitch. Raises parselmouth.PraatError.
    """
    short = max(0, round(SHORTEST_S * RATE) - pcm.size)
    sound = parselmouth.Sound(np.pad(pcm, (0, short)).astype(np.float64), float(RATE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", parselmouth.PraatWarning)  # "no voiced segments"
        changed = call(
            sound,
            "Change gender",
            PITCH_FLOOR_HZ,
            PITCH_CEILING_HZ,
            formant,
            pitch_hz,
            pitch_range,
            duration,
        )
    values = np.asarray(changed.values[0], dtype=np.float32)
    fitted = np.zeros(round(pcm.size * duration), np.float32)
    fitted[: values.size] = values[: fitted.size]
    return fitted


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until their stream ends."""
    while head := read_exactly(requests, REQUEST.size):
        count, formant, pitch_hz, pitch_range, duration = REQUEST.unpack(head)
        body = read_exactly(requests, 4 * count)
        if body is None:
            return
        try:
            given = np.frombuffer(body, np.float32)
            pcm = change_voice(given, formant, pitch_hz, pitch_range, duration)
            answers.write(ANSWER.pack(pcm.size) + pcm.tobytes())
        except parselmouth.PraatError:
            answers.write(ANSWER.pack(REFUSED))
        answers.flush()


def main() -> None:
    """Serve on standard input and output; other output of the process goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
