"""Tell a short acknowledgement (a backchannel) from words that ask for the turn."""

from __future__ import annotations

import re

import numpy as np

from simvoice.audio import RATE, Pcm

# -- by words

_ACKNOWLEDGEMENTS = (
    "mm", "mhm", "mmhm", "mm hm", "mm hmm", "mhmm", "hm", "hmm", "uh huh", "uhhuh", "uh hu",
    "ah", "aha", "oh", "ooh", "yeah", "yep", "yes", "yup", "ok", "okay", "k", "right", "sure",
    "i see", "of course", "i know", "go on", "oh dear", "oh no", "okay yeah", "i hear you",
    "mm mm", "uh", "um", "alright", "all right", "got it", "no",
)  # fmt: skip
"""After Yngve 1970, and the most frequent ones of PriMock57's doctors. "I understand" is not in the
list, because in a bad-news talk it is an empathic statement."""

_WORD = re.compile(r"[a-z']+")
_LONGEST_WORDS = 4


def lower_words(text: str) -> list[str]:
    """Return the words in lower case, without punctuation; "mm-hm" is two words."""
    return _WORD.findall(text.lower())


def is_acknowledgement(text: str) -> bool:
    """Return True for "Mm-hm", "Okay, yeah", "I see, right": only acknowledgements.

    A question mark makes it a question ("Right?"), which asks for an answer.
    """
    words = lower_words(text)
    if not words or len(words) > _LONGEST_WORDS or "?" in text:
        return False
    return _made_of_acknowledgements(tuple(words))


def may_become_acknowledgement(text: str) -> bool:
    """Return True when the words so far may be the start of only acknowledgements."""
    words = tuple(lower_words(text))
    if not words:
        return True
    if len(words) > _LONGEST_WORDS or "?" in text:
        return False
    return any(
        _made_of_acknowledgements(words[:cut]) and _starts_phrase(words[cut:])
        for cut in range(len(words) + 1)
    )


def _made_of_acknowledgements(words: tuple[str, ...]) -> bool:
    if not words:
        return True
    return any(
        words[: len(phrase)] == phrase and _made_of_acknowledgements(words[len(phrase) :])
        for phrase in _PHRASES
    )


def _starts_phrase(words: tuple[str, ...]) -> bool:
    """Return True when a phrase starts with these words; the last word may be cut off."""
    if not words:
        return True
    *whole, last = words
    return any(
        len(phrase) >= len(words)
        and list(phrase[: len(whole)]) == whole
        and phrase[len(whole)].startswith(last)
        for phrase in _PHRASES
    )


_PHRASES = tuple(tuple(phrase.split()) for phrase in _ACKNOWLEDGEMENTS)


# -- by sound
# "Mm-hm" is said with closed lips, which let no high frequencies through. Speech recognition turns
# some hums into confident words, but the spectrum tells them apart: in a nasal murmur nearly all
# energy is at its first resonance near 250 Hz (Fujimura 1962, "Analysis of nasal consonants", JASA
# 34:1865), and the second formant of every vowel is much louder than that.

HUMMED = 0.75
"""Share of hummed frames from which on a short sound is a hum. Synthetic murmurs of eight speakers
have at least 0.93; of 60 spoken words and phrases none has more than 0.33 ("One moment.")."""
_FRAME = 320
_LOW_HZ, _HIGH_HZ = (80.0, 550.0), (700.0, 4000.0)
_BELOW_DB = -18.0
"""High band relative to the low band: murmurs have -26 to -29 dB, vowels at least -13 ("Who?")."""
_LOUD_DB = 20.0
"""Frames this far below the loudest are the edges of the sound, or a breath inside it."""


def hum_share(pcm: Pcm) -> float:
    """Return the share of loud frames that are hummed, 0..1; 0 for an empty sound.

    pcm: float32 [n], 16 kHz.
    """
    count = len(pcm) // _FRAME
    if count == 0:
        return 0.0
    frames = pcm[: count * _FRAME].reshape(count, _FRAME) * np.hanning(_FRAME)
    power = np.abs(np.fft.rfft(frames, 512, axis=1)) ** 2
    hertz = np.fft.rfftfreq(512, 1 / RATE)
    low, high = (
        power[:, (hertz >= first) & (hertz < last)].sum(axis=1) + 1e-12
        for first, last in (_LOW_HZ, _HIGH_HZ)
    )
    level_db = 10.0 * np.log10(low + high)
    loud = level_db > level_db.max() - _LOUD_DB
    return float(np.mean(10.0 * np.log10(high[loud] / low[loud]) < _BELOW_DB))
