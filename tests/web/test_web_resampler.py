"""The resampler of the page's audio thread, in the browser: what it passes and what it damps."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.web.conftest import Watched

pytestmark = pytest.mark.browser

Samples = NDArray[np.float64]

SECONDS = 0.1
ALIASING_DB = -60.0
"""What folds or mirrors must be weaker than this, relative to the tone that it comes from."""

RESAMPLE = """
async ([from, to, seconds, tones]) => {
  const { Resampler } = await import("/static/resampler.js");
  return JSON.stringify(tones.map((hz) => {
    const resampler = new Resampler(from, to);
    const made = [];
    for (let k = 0; k < seconds * from; k += 1) {
      resampler.push(Math.sin((2 * Math.PI * hz * k) / from), (value) => made.push(value));
    }
    return made;
  }));
}
"""

DELAY = """
async ([from, to, at]) => {
  const { Resampler } = await import("/static/resampler.js");
  const resampler = new Resampler(from, to);
  const made = [];
  for (let k = 0; k < 4 * at; k += 1) resampler.push(Number(k === at), (value) => made.push(value));
  const loudest = made.indexOf(Math.max(...made));
  return [loudest / to - at / from, resampler.delayS];
}
"""
"""A click at input sample `at`: when it comes out, and when the resampler says so, seconds."""


def fit(sound: Samples, rate: int, hz: float) -> tuple[Samples, Samples]:
    """Return the tone of `hz` in a sound, and the rest, both without the start."""
    at = np.arange(sound.size) / rate
    waves = np.stack([np.cos(2 * np.pi * hz * at), np.sin(2 * np.pi * hz * at)], axis=1)
    settled = slice(sound.size // 4, None)
    share, *_ = np.linalg.lstsq(waves[settled], sound[settled], rcond=None)
    tone: Samples = (waves @ share)[settled]
    return tone, sound[settled] - tone


def db(sound: Samples) -> float:
    """Return the level relative to a sine of amplitude 1."""
    return float(10 * np.log10(2 * np.mean(sound**2) + 1e-20))


@pytest.mark.parametrize("rates", [(48_000, 16_000), (44_100, 16_000), (16_000, 44_100)])
def test_speech_passes_and_nothing_folds_or_mirrors(
    address: str, browse: Callable[..., Watched], rates: tuple[int, int]
) -> None:
    page = browse().page
    page.goto(address)
    source, target = rates
    tones = [hz for hz in (100, 431, 1234, 3057, 6990, 8013, 8510, 9990, 15_020) if 2 * hz < source]
    made = json.loads(page.evaluate(RESAMPLE, [source, target, SECONDS, tones]))
    for hz, sound in zip(tones, map(np.array, made), strict=True):
        assert sound.size == pytest.approx(SECONDS * target, abs=1)
        if 2 * hz < min(rates):
            tone, rest = fit(sound, target, hz)
            assert db(tone) == pytest.approx(0.0, abs=0.1), hz
            assert db(rest) < ALIASING_DB, hz
        else:
            assert db(sound[sound.size // 4 :]) < ALIASING_DB, hz
    passed_s, stated_s = page.evaluate(DELAY, [source, target, source // 20])
    assert passed_s == pytest.approx(stated_s, abs=1.0 / min(rates))
