"""`simvoice bench stt`: compare the short encoder window with stock faster-whisper, in pairs."""

from __future__ import annotations

import csv
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile  # type: ignore[import-untyped]

from simvoice import paths
from simvoice.audio import RATE, Pcm
from simvoice.bench.stage import utterances
from simvoice.engines.stt.whisper import Whisper, repeats
from simvoice.engines.tts.clips import to_rate
from simvoice.engines.tts.piper import Piper
from simvoice.engines.tts.praat_voice import ShapedVoice
from simvoice.engines.tts.speech_cache import CachedVoice
from simvoice.models import manifest

# -- word errors ----------------------------------------------------------------------------

_SAME = {
    "dr": "doctor",
    "mr": "mister",
    "mrs": "missus",
    "ok": "okay",
    "mmhm": "mhm",
    "mmhmm": "mhm",
    "umhum": "mhm",
    "uhuh": "uhhuh",
}
_JOINED = re.compile(r"\b(mm|um|uh)[- ]?(hmm?|hum|huh|uh)\b")
_OTHER = re.compile(r"[^a-z0-9' ]")


def normalised_words(text: str) -> list[str]:
    """Return lower-case words without punctuation, with abbreviations spelled out."""
    plain = _JOINED.sub(r"\1\2", text.lower().replace("’", "'"))
    words = _OTHER.sub(" ", plain).split()
    return [_SAME.get(word.strip("'"), word.strip("'")) for word in words]


def word_errors(spoken: Sequence[str], recognised: Sequence[str]) -> int:
    """Return the fewest substitutions, insertions and deletions (Wagner & Fischer 1974)."""
    row = list(range(len(recognised) + 1))
    for count, word in enumerate(spoken, 1):
        before, row[0] = row[0], count
        for column, other in enumerate(recognised, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (word != other)),
            )
    return row[-1]


# -- the bench ------------------------------------------------------------------------------

LONGEST_S = 8.0
BEAM_EVERY = 5
"""The library's default, beam 5, is timed on every fifth utterance only, for context."""

BANDS_S = ((0.0, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0))


@dataclass(frozen=True, slots=True)
class KnownSpeech:
    """Speech with known words."""

    text: str
    pcm: Pcm
    real: bool
    """Whether a person speaks; else it is synthesised."""


@dataclass(slots=True)
class Tally:
    """Times and errors of one way to transcribe, over all utterances."""

    took_ms: list[float] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    def add(self, speech: KnownSpeech, transcript: str, took_ms: float) -> None:
        """Add one utterance."""
        words = normalised_words(speech.text)
        found = normalised_words(transcript)
        self.took_ms.append(took_ms)
        self.wrong.append(word_errors(words, found))
        # A text written twice is a repetition, unless the speaker repeats, as in "no, no, no, no".
        twice = found[: len(found) // 2] * 2 == found and words != found
        longer = len(found) > 2 * len(words) + 2
        invented = repeats(transcript) and not repeats(speech.text)
        if (found and twice) or longer or invented:
            self.repeated.append(transcript)


def run(quick: bool) -> dict[str, Any]:
    """Return the figures as JSON data. Raises ModelMissing or ModelAltered.

    quick: about 25 utterances instead of about 245.
    """
    whisper = Whisper(manifest.locate(manifest.profile()["stt"]))
    speeches = [u for u in _all(quick) if u.pcm.size <= LONGEST_S * RATE]
    ours, stock, beam = Tally(), Tally(), Tally()
    fallbacks = 0
    for number, utterance in enumerate(speeches):
        # The first one alternates, so that neither always benefits from warm caches.
        ways = [_ours(whisper), _stock(whisper, 1)]
        tallies = [ours, stock]
        for which in (0, 1) if number % 2 else (1, 0):
            found, took_ms = _timed(ways[which], utterance.pcm)
            tallies[which].add(utterance, found.text, took_ms)
            fallbacks += which == 0 and found.path == "stock"
        if number % BEAM_EVERY == 0:
            found, took_ms = _timed(_stock(whisper, 5), utterance.pcm)
            beam.add(utterance, found.text, took_ms)
    return _report(speeches, ours, stock, beam, fallbacks)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A transcript and the path that gave it."""

    text: str
    path: str


def _ours(whisper: Whisper) -> Callable[[Pcm], Recognised]:
    def transcribe(pcm: Pcm) -> Recognised:
        found = whisper.transcribe(pcm)
        return Recognised(found.text, found.path)

    return transcribe


def _stock(whisper: Whisper, beam_size: int) -> Callable[[Pcm], Recognised]:
    def transcribe(pcm: Pcm) -> Recognised:
        return Recognised(whisper.transcribe_stock(pcm, beam_size), "stock")

    return transcribe


def _timed(way: Callable[[Pcm], Recognised], pcm: Pcm) -> tuple[Recognised, float]:
    start = time.perf_counter()
    found = way(pcm)
    return found, 1000.0 * (time.perf_counter() - start)


# -- planted speech ------------------------------------------------------------------------


def _all(quick: bool) -> list[KnownSpeech]:
    return [*_synthetic(quick), *_real()]


def _synthetic(quick: bool) -> list[KnownSpeech]:
    name = manifest.profile()["voice"]
    digest = manifest.model(name).files[0].sha256
    shaped = ShapedVoice(Piper(manifest.locate(name)))
    try:
        voice = CachedVoice(shaped, paths.cache_dir() / "bench-speech", digest)
        return [
            KnownSpeech(text, voice.speak(text, person).pcm, real=False)
            for text, person in utterances(quick)
        ]
    finally:
        shaped.close()


def _real() -> Iterator[KnownSpeech]:
    """Yield recordings of read sentences with transcripts; none without their folder."""
    folder = speech_folder()
    table = folder / "transcripts.tsv" if folder else None
    if folder is None or table is None or not table.is_file():
        return
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            pcm, rate = soundfile.read(folder / row["file"], dtype="float32", always_2d=True)
            yield KnownSpeech(row["text"], to_rate(pcm.mean(axis=1), rate), real=True)


def speech_folder() -> Path | None:
    """Return `$SIMVOICE_DATA/speech`, else `shared/data/speech` beside the checkout, else None."""
    given = os.environ.get("SIMVOICE_DATA")
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = (Path(given) if given else beside) / "speech"
    return folder if folder.is_dir() else None


# -- figures ------------------------------------------------------------------------------


def _report(
    speeches: Sequence[KnownSpeech], ours: Tally, stock: Tally, beam: Tally, fallbacks: int
) -> dict[str, Any]:
    seconds = np.array([u.pcm.size / RATE for u in speeches])
    words = np.array([len(normalised_words(u.text)) for u in speeches])
    real = np.array([u.real for u in speeches])
    ratios = np.array(stock.took_ms) / np.array(ours.took_ms)
    every = np.arange(0, len(speeches), BEAM_EVERY)
    beam_ratios = np.array(beam.took_ms) / np.array(ours.took_ms)[every]
    return {
        "model": manifest.profile()["stt"],
        "utterances": len(speeches),
        "real_utterances": int(real.sum()),
        "speedup": _rounded(np.median(ratios)),
        "speedup_spread": [_rounded(q) for q in np.quantile(ratios, (0.05, 0.95))],
        "speedup_against_default_beam": _rounded(np.median(beam_ratios)),
        "wer": _rate(ours, words),
        "wer_stock": _rate(stock, words),
        "wer_real": _rate(ours, words, real),
        "wer_real_stock": _rate(stock, words, real),
        "repetitions": len(ours.repeated),
        "repetitions_stock": len(stock.repeated),
        "short_utterances": int((seconds < 2.0).sum()),
        "fallbacks": fallbacks,
        "by_duration": [
            _band(low, high, (seconds >= low) & (seconds < high), ours, stock)
            for low, high in BANDS_S
            if ((seconds >= low) & (seconds < high)).any()
        ],
    }


def _band(low: float, high: float, inside: np.ndarray, ours: Tally, stock: Tally) -> dict[str, Any]:
    mine = np.array(ours.took_ms)[inside]
    theirs = np.array(stock.took_ms)[inside]
    return {
        "from_s": low,
        "to_s": high,
        "utterances": int(inside.sum()),
        "ms": _rounded(np.median(mine), 0),
        "ms_p95": _rounded(np.quantile(mine, 0.95), 0),
        "stock_ms": _rounded(np.median(theirs), 0),
        "stock_ms_p95": _rounded(np.quantile(theirs, 0.95), 0),
        "speedup": _rounded(np.median(theirs / mine)),
    }


def _rate(tally: Tally, words: np.ndarray, chosen: np.ndarray | None = None) -> float | None:
    mask = np.ones(words.size, bool) if chosen is None else chosen
    total = int(words[mask].sum())
    return _rounded(np.array(tally.wrong)[mask].sum() / total, 4) if total else None


def _rounded(value: float | np.floating[Any], digits: int = 2) -> float:
    return round(float(value), digits)
