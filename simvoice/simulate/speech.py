"""Turn text into a spoken clip with planted pauses and known times.

    "I was wondering <pause 0.8> whether you slept."

A sentence is synthesised whole and then cut at the pause, so that the intonation before it is that
of an unfinished sentence, as when a speaker thinks.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import struct
import tempfile
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np

from simvoice.audio import RATE, Pcm, samples, voiced_span
from simvoice.errors import SettingError, SimvoiceError
from simvoice.markup import PAUSE
from simvoice.ports import Speech, SpokenWord, Voice, VoiceStyle
from simvoice.safe_text import shortened
from simvoice.sentences import split_sentences
from simvoice.simulate.learner import LearnerClip

LEVEL_DBFS = -23.0
"""RMS of the voiced parts, as of a learner at arm's length from a laptop."""
MARGIN_S = 0.03
"""Kept before the onset and after the offset, so that trimming makes no click."""
SENTENCE_GAP_S = 0.25
MAX_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words and the silence planted after them."""

    text: str
    pause_s: float
    """0 when no pause follows."""


def parse(text: str) -> list[Piece]:
    """Split a text at its `<pause seconds>` marks. Raises SettingError for a broken mark."""
    parts = PAUSE.split(text)
    texts = [" ".join(part.split()) for part in parts[0::2]]
    pauses = [float(part) for part in parts[1::2]] + [0.0]
    for piece in texts:
        if "<" in piece or ">" in piece:
            raise SettingError(
                f"{shortened(piece)!r} contains a broken mark; write a pause as <pause 0.8>"
            )
    if not any(texts):
        raise SettingError(f"{shortened(text)!r} contains no words; add some")
    if max(pauses) > MAX_PAUSE_S:
        raise SettingError(f"a pause is at most {MAX_PAUSE_S:g} s, not {max(pauses):g}")
    if not all(texts):
        raise SettingError(f"a pause in {shortened(text)!r} needs words on both sides; move it")
    return [Piece(piece, pause_s) for piece, pause_s in zip(texts, pauses, strict=True)]


def build_clip(
    voice: Voice,
    text: str,
    style: VoiceStyle | None = None,
    *,
    level_dbfs: float = LEVEL_DBFS,
) -> LearnerClip:
    """Return `text` as a clip, in which `<pause s>` marks are silences of exactly this length.

    level_dbfs: RMS of the voiced parts. Raises SettingError when the text has no words or a broken
    mark.
    """
    style = style or VoiceStyle()
    pieces = parse(text)
    plain = " ".join(piece.text for piece in pieces)
    whole = _speak(voice, plain, style)
    starts = np.cumsum([len(piece.text.split()) for piece in pieces])[:-1].tolist()
    if len(whole.words) == len(plain.split()):
        cuts = [whole.cut_before(index) for index in starts]
        return _assemble(_split(whole, cuts), pieces, plain, level_dbfs)
    # Where the voice counts words differently ("3 weeks"), it speaks each piece separately.
    parts = [_speak(voice, piece.text, style) for piece in pieces]
    return _assemble(parts, pieces, plain, level_dbfs)


_DAMAGED = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error, TokenError, SyntaxError),
)
"""What numpy raises for a file with other bytes."""


def cached_clip(
    voice: Voice,
    voice_id: str,
    text: str,
    style: VoiceStyle | None,
    folder: Path,
) -> LearnerClip:
    """As `build_clip`, but store the clip: later calls read the same samples from `folder`.

    voice_id: identifies the voice and its model; another one gives another clip.
    """
    style = style or VoiceStyle()
    key = json.dumps([2, voice_id, text, asdict(style)], sort_keys=True)
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
    if path.exists():
        try:
            return _load(path)
        except _DAMAGED:
            path.unlink(missing_ok=True)
    clip = build_clip(voice, text, style)
    _save(clip, path)
    return clip


def _speak(voice: Voice, text: str, style: VoiceStyle) -> Speech:
    sounds: list[Pcm] = []
    words: list[SpokenWord] = []
    at = 0
    gap = np.zeros(samples(SENTENCE_GAP_S), np.float32)
    for sentence in split_sentences(text):
        spoken = voice.speak(sentence, style)
        if at:
            sounds.append(gap)
            at += len(gap)
        words += [_shift(word, at / RATE) for word in spoken.words]
        sounds.append(spoken.pcm)
        at += len(spoken.pcm)
    pcm = np.concatenate(sounds)
    if voiced_span(pcm)[1] == 0:
        raise SimvoiceError(f"the voice gave no sound for {shortened(text)!r}; use other words")
    return Speech(pcm, tuple(words))


def _split(speech: Speech, cuts: list[int]) -> list[Speech]:
    edges = [0, *cuts, len(speech.pcm)]
    parts = []
    for start, end in itertools.pairwise(edges):
        middle = [(word.start_s + word.end_s) / 2 * RATE for word in speech.words]
        words = [
            _shift(word, -start / RATE)
            for word, at in zip(speech.words, middle, strict=True)
            if start <= at < end
        ]
        parts.append(Speech(speech.pcm[start:end], tuple(words)))
    return parts


def _assemble(
    parts: list[Speech], pieces: list[Piece], text: str, level_dbfs: float
) -> LearnerClip:
    margin = samples(MARGIN_S)
    sounds: list[Pcm] = []
    words: list[SpokenWord] = []
    pauses: list[tuple[float, float]] = []
    first, last = 0, len(parts) - 1
    at = 0
    onset = offset = 0
    for i, (part, piece) in enumerate(zip(parts, pieces, strict=True)):
        start, end = voiced_span(part.pcm)
        lead = min(margin, start) if i == first else 0
        tail = min(margin, len(part.pcm) - end) if i == last else 0
        sound = _fade(part.pcm[start - lead : end + tail])
        words += [_shift(word, (at - start + lead) / RATE) for word in part.words]
        if i == first:
            onset = lead
        at += len(sound)
        sounds.append(sound)
        offset = at - tail
        if i != last:
            silence = samples(piece.pause_s)
            pauses.append((at / RATE, (at + silence) / RATE))
            sounds.append(np.zeros(silence, np.float32))
            at += silence
    pcm = _set_level(np.concatenate(sounds), level_dbfs)
    clamped = tuple(_clamp(word, len(pcm) / RATE) for word in words)
    return LearnerClip(text, pcm, onset / RATE, offset / RATE, clamped, tuple(pauses))


def _fade(pcm: Pcm) -> Pcm:
    # 3 ms: a cut through a voiced sound clicks, and a detector detects a click as voice.
    n = min(samples(0.003), len(pcm) // 2)
    out = pcm.astype(np.float32, copy=True)
    if n:
        ramp = np.linspace(0.0, 1.0, n, dtype=np.float32)
        out[:n] *= ramp
        out[-n:] *= ramp[::-1]
    return out


def _set_level(pcm: Pcm, level_dbfs: float) -> Pcm:
    power = pcm.astype(np.float64) ** 2
    voiced = power[power > power.max() * 1e-4]
    gain = 10.0 ** (level_dbfs / 20.0) / float(np.sqrt(np.mean(voiced)))
    gain = min(gain, 0.98 / float(np.abs(pcm).max()))
    return pcm * np.float32(gain)


def _shift(word: SpokenWord, by_s: float) -> SpokenWord:
    return SpokenWord(word.text, word.start_s + by_s, word.end_s + by_s)


def _clamp(word: SpokenWord, end_s: float) -> SpokenWord:
    return SpokenWord(word.text, min(max(0.0, word.start_s), end_s), min(word.end_s, end_s))


def _save(clip: LearnerClip, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = json.dumps(
        {
            "text": clip.text,
            "onset_s": clip.onset_s,
            "offset_s": clip.offset_s,
            "words": [asdict(word) for word in clip.words],
            "pauses": clip.pauses,
        }
    )
    # Write to a temporary file first, because two benches may build the same clip at once.
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        np.savez(file, pcm=clip.pcm, meta=np.array(meta))
    os.replace(temporary, path)


def _load(path: Path) -> LearnerClip:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        meta = json.loads(str(stored["meta"]))
        pcm: Pcm = stored["pcm"].astype(np.float32)
    return LearnerClip(
        meta["text"],
        pcm,
        meta["onset_s"],
        meta["offset_s"],
        tuple(SpokenWord(**word) for word in meta["words"]),
        tuple((a, b) for a, b in meta["pauses"]),
    )
