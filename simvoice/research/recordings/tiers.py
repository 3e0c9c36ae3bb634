"""Tell what the tiers of Praat and ELAN hold by their names: utterances, words or no speech."""

from __future__ import annotations

import re

_WORD_TIER = re.compile(r"\bwords?\b", re.IGNORECASE)
_NO_SPEECH_TIER = re.compile(
    r"\b(phones?|phonemes?|syllables?|turns?|silences?|pauses|overlaps?|between|notes?|comments?|"
    r"events?|interruptions?|acknowledgements?|holds?|machine)\b",
    re.IGNORECASE,
)
"""Names of tiers without transcribed speech, including those of our own exports."""

_FILLERS = re.compile(
    r"^(?:<?sil(?:ence)?>?|<?sp>?|<eps>|#|<p>|xxx|speech|backchannel|noise)?$", re.IGNORECASE
)
"""Labels without words, as aligners, transcribers and our own exports write them."""


def holds_speech(tier: str) -> bool:
    """Return whether a tier of this name holds transcribed speech."""
    return _NO_SPEECH_TIER.search(tier.replace("_", " ")) is None


def holds_words(tier: str) -> bool:
    """Return whether each entry of a tier of this name is one word."""
    return _WORD_TIER.search(tier.replace("_", " ")) is not None


def speaker_label(tier: str) -> str:
    """Return a tier's name without "words": all tiers of one speaker then share a label."""
    return " ".join(_WORD_TIER.sub(" ", tier.replace("_", " ")).split()).strip(" -:")


def has_no_words(text: str) -> bool:
    """Return whether a label stands for silence or noise."""
    return _FILLERS.match(text) is not None


def without_marks(text: str) -> str:
    """Remove the marks of transcribers, such as <UNSURE>…</UNSURE> and <UNIN/>."""
    return " ".join(re.sub(r"</?[A-Za-z_]+/?>", " ", text).split())
