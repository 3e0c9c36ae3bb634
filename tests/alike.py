"""Find a known sound in a recording."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

Sound = NDArray[Any]


def find(recorded: Sound, played: Sound, rate: int) -> tuple[Sound, Sound]:
    """Return `played` and the part of `recorded` that fits it best, both at eight times `rate`.

    The match is finer than a sample, because other resamplers do not keep the phase of ours.
    """
    fine = [soxr.resample(x.astype(np.float32), rate, 8 * rate) for x in (recorded, played)]
    size = 1 << int(np.ceil(np.log2(sum(len(x) for x in fine))))
    spectra = [np.fft.rfft(x, size) for x in fine]
    at = int(np.argmax(np.fft.irfft(spectra[0] * np.conj(spectra[1]))))
    return fine[1], fine[0][at : at + len(fine[1])]
