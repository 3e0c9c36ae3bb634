"""Praat's TextGrids, read with pympi-ling: long or short, in any of Praat's encodings."""

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
"""Praat writes 0.00002 as 2e-05, in which pympi sees 5."""

_WORD_TIER = re.compile(r"\bwords?\b", re.IGNORECASE)
_NO_SPEECH_TIER = re.compile(
    r"\b(phones?|phonemes?|syllables?|turns?|silences?|pauses|overlaps?|between|notes?|comments?|"
    r"events?|interruptions?|acknowledgements?|holds?|machine)\b",
    re.IGNORECASE,
)
"""Tiers that hold something else than what somebody said, our own among them."""

_FILLERS = re.compile(
    r"^(?:<?sil(?:ence)?>?|<?sp>?|<eps>|#|<p>|xxx|speech|backchannel|noise)?$", re.IGNORECASE
)
"""What aligners, transcribers and we ourselves write where no words are known."""


def read(name: str, text: str) -> tuple[list[TranscriptEntry], float]:
    """What the interval tiers say, and how long the grid lasts, seconds. Raises AudioFileError."""
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
            _label(tier.name), float(a), float(b), _clean(said), is_word=_holds_words(tier.name)
        )
        for tier in tiers
        for a, b, said in tier.intervals
        if not _FILLERS.match(_clean(said))
    ]
    if not found:
        raise AudioFileError(
            f"the TextGrid {name!r} has no interval with words in it; take it away, or analyse "
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


def _holds_words(tier: str) -> bool:
    return _WORD_TIER.search(tier.replace("_", " ")) is not None


def _label(tier: str) -> str:
    """A tier's name without "words": the tiers of one speaker share their label."""
    return " ".join(_WORD_TIER.sub(" ", tier.replace("_", " ")).split()).strip(" -:")


def _clean(said: str) -> str:
    """Without the marks of transcribers, such as <UNSURE>…</UNSURE> and <UNIN/>."""
    return " ".join(re.sub(r"</?[A-Za-z_]+/?>", " ", said).split())


def _broken(name: str) -> AudioFileError:
    return AudioFileError(
        f"{name!r} cannot be read as a TextGrid; open it in Praat and save it again, or analyse "
        "without it: --no-transcript"
    )
