"""Tell a short acknowledgement (a backchannel) from words that ask for the turn."""

from __future__ import annotations

import re

import numpy as np

from simvoice.audio import RATE, Pcm

# -- backchannels -----------------------------------------------------------------------------
# Telling a short acknowledgement (a backchannel) from words that ask for the floor.


_ACKNOWLEDGEMENTS = (
    "mm", "mhm", "mmhm", "mm hm", "mm hmm", "mhmm", "hm", "hmm", "uh huh", "uhhuh", "uh hu",
    "ah", "aha", "oh", "ooh", "yeah", "yep", "yes", "yup", "ok", "okay", "k", "right", "sure",
    "i see", "of course", "i know", "go on", "oh dear", "oh no", "okay yeah", "i hear you",
    "mm mm", "uh", "um", "alright", "all right", "got it", "no",
)  # fmt: skip
"""After Yngve 1970 and the commonest ones in PriMock57's doctors; "I understand" is more than an
acknowledgement here, because in a bad-news talk it is an empathic statement of its own."""

_WORD = re.compile(r"[a-z']+")
_LONGEST_WORDS = 4


def lower_words(text: str) -> list[str]:
    """Lower-case words, without punctuation; a hyphen separates ("mm-hm" is two words)."""
    return _WORD.findall(text.lower())


def is_acknowledgement(text: str) -> bool:
    """True for "Mm-hm", "Okay, yeah", "I see, right": nothing but acknowledgements.

    A question mark makes it a question ("Right?"), which asks for an answer.
    """
    words = lower_words(text)
    if not words or len(words) > _LONGEST_WORDS or "?" in text:
        return False
    return _made_of_acknowledgements(tuple(words))


def may_become_acknowledgement(text: str) -> bool:
    """True when the words heard so far may be the beginning of nothing but acknowledgements."""
    words = tuple(lower_words(text))
    if not words:
        return True
    if len(words) > _LONGEST_WORDS or "?" in text:
        return False
    return any(
        _made_of_acknowledgements(words[:cut]) and _begins_one(words[cut:])
        for cut in range(len(words) + 1)
    )


def _made_of_acknowledgements(words: tuple[str, ...]) -> bool:
    if not words:
        return True
    return any(
        words[: len(phrase)] == phrase and _made_of_acknowledgements(words[len(phrase) :])
        for phrase in _PHRASES
    )


def _begins_one(words: tuple[str, ...]) -> bool:
    """The last word may be cut: a phrase that starts with these words, or with part of the last."""
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


# -- hum --------------------------------------------------------------------------------------
# Is it hummed? "Mm-hm" is said with closed lips, and closed lips let no high sound through.
#
# A recogniser asked for words makes some of it, with confidence; the spectrum tells it apart. In
# a nasal murmur nearly all sound lies at its first resonance near 250 Hz (Fujimura 1962,
# "Analysis of nasal consonants", JASA 34:1865); every vowel has a second formant that is louder
# than that by far.


HUMMED = 0.75
"""Share of hummed frames from which a short sound is a hum. Planted murmurs of eight speakers have
0.93 and more; of 60 spoken words and phrases none has more than 0.33 ("One moment.")."""

_FRAME = 320
_LOW_HZ, _HIGH_HZ = (80.0, 550.0), (700.0, 4000.0)
_BELOW_DB = -18.0
"""High sound this much below the low: murmurs have -26 to -29 dB, vowels -13 ("Who?") and more."""
_LOUD_DB = 20.0
"""Frames this far below the loudest are its edges or the breath in its middle."""


def hum_share(pcm: Pcm) -> float:
    """pcm: float32 [n], 16 kHz. Share of its loud frames that are hummed, 0..1; 0 for none."""
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
