"""Read Praat's TextGrids with pympi-ling: long or short, in any of Praat's encodings."""

from __future__ import annotations

import io
import re

import pympi  # type: ignore[import-untyped]

from simvoice.errors import AudioFileError
from simvoice.research.recordings.transcript_entry import TranscriptEntry

_EXPONENT = re.compile(
    r"^(?P<head>\s*(?:(?:xmin|xmax|number|time)\s*=\s*)?)"
    r"(?P<number>-?\d+(?:\.\d+)?[eE][-+]?\d+)(?P<tail>\s*)$",
    re.MULTILINE,
)
"""Numbers with an exponent: Praat writes 0.00002 as 2e-05, which pympi reads as 5."""

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


def read(name: str, text: str) -> tuple[list[TranscriptEntry], float]:
    """Return the entries of the interval tiers, and the grid's length in seconds.

    Raises AudioFileError.
    """
    if "TextGrid" not in text[:200]:
        raise _broken(name)
    grid = _grid(name, text)
    tiers = [
        tier
        for tier in grid.tiers
        if tier.tier_type == "IntervalTier" and not _NO_SPEECH_TIER.search(tier.name)
    ]
    found = [
        TranscriptEntry(
            _label(tier.name), float(a), float(b), _clean(text), is_word=_has_words(tier.name)
        )
        for tier in tiers
        for a, b, text in tier.intervals
        if not _FILLERS.match(_clean(text))
    ]
    if not found:
        raise AudioFileError(
            f"the TextGrid {name!r} has no interval with words; remove it, or analyse "
            "without it: --no-transcript"
        )
    return found, float(grid.xmax)


def _grid(name: str, text: str) -> pympi.TextGrid:
    plain = _EXPONENT.sub(lambda m: f"{m['head']}{float(m['number']):.12f}{m['tail']}", text)
    grid = pympi.TextGrid(xmax=0.0)
    try:
        grid.from_file(io.BytesIO(plain.encode("utf-8")), "utf-8")
    except (AttributeError, IndexError, ValueError, StopIteration, RuntimeError) as error:
        raise _broken(name) from error
    except Exception as error:
        if type(error) is not Exception:  # pympi raises the bare class for a tier it does not know
            raise
        raise _broken(name) from error
    return grid


def _has_words(tier: str) -> bool:
    return _WORD_TIER.search(tier.replace("_", " ")) is not None


def _label(tier: str) -> str:
    """Return a tier's name without "words": all tiers of one speaker then share a label."""
    return " ".join(_WORD_TIER.sub(" ", tier.replace("_", " ")).split()).strip(" -:")


def _clean(text: str) -> str:
    """Remove the marks of transcribers, such as <UNSURE>…</UNSURE> and <UNIN/>."""
    return " ".join(re.sub(r"</?[A-Za-z_]+/?>", " ", text).split())


def _broken(name: str) -> AudioFileError:
    return AudioFileError(
        f"{name!r} cannot be read as a TextGrid; open it in Praat and save it again, or analyse "
        "without it: --no-transcript"
    )
