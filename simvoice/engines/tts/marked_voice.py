"""A voice that follows the marks in a line: pauses, breaths, soft and slow words, a break.

The clause is synthesised whole and then cut between words, so that the intonation before a pause
is that of an unfinished sentence, as when a speaker searches for a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simvoice import markup
from simvoice.audio import RATE, Pcm, samples, voiced_span
from simvoice.engines.tts.clips import breath
from simvoice.errors import StageFailed
from simvoice.markup import Mark, Marked
from simvoice.ports import Speech, SpokenWord, Voice, VoiceStyle

QUIET_DB = -6.0
"""-10 dB sounds half as loud, and a learner at a kiosk would miss a voice softer than that."""
QUIET_DURATION = 1.08
SLOW_DURATION = 1.22
"""Clearly slower, but not drawled."""
QUIET_SHELF_DB = -5.0
QUIET_SHELF_HZ = 2000.0
"""A soft voice has less energy at high frequencies; a distant voice does not."""

CATCH_S = 0.17
"""Silence before the broken word, while the throat closes."""
BREAK_DURATION = 1.12
TREMOR_HZ = 6.0
TREMOR_DEPTH = 0.5
TREMOR_S = 0.45
"""Length of the tremor at the start of the broken word."""

MARGIN_S = 0.03
"""Kept around a piece, because a last consonant can be softer than the voice threshold."""
FADE_S = 0.004
"""Fade at each cut, because a cut through a voiced sound clicks."""
BREATH_AFTER_S = 0.06
BREATH_BEFORE_S = 0.08
"""Silences around a breath that stands without a pause."""

StretchSound = Callable[[Pcm, float], Pcm]
"""Maps float32 [n] and a ratio to float32 [n times ratio] at the same pitch."""


@dataclass(frozen=True, slots=True)
class _Manner:
    """The marked manner of one word."""

    quiet: bool = False
    slow: bool = False
    breaks: bool = False

    @property
    def duration(self) -> float:
        ratio = QUIET_DURATION if self.quiet else 1.0
        ratio *= SLOW_DURATION if self.slow else 1.0
        return ratio * (BREAK_DURATION if self.breaks else 1.0)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive words in one manner: the samples of the clip that are used."""

    start: int
    end: int
    lead: int
    """Samples before the voice begins."""
    tail: int
    """Samples after the voice ends."""

    @classmethod
    def of(cls, pcm: Pcm, span: tuple[int, int], *, begins: bool, ends: bool) -> _Piece:
        """Trim the silence at a side where a mark inserts its own.

        begins, ends: whether a mark stands before, or after, the piece.
        """
        start, end = span
        first, last = voiced_span(pcm[start:end])
        if last == 0:
            return cls(start, end, 0, 0)
        margin = samples(MARGIN_S)
        voice_start, voice_end = start + first, start + last
        start = max(start, voice_start - margin) if begins else start
        end = min(end, voice_end + margin) if ends else end
        return cls(start, end, voice_start - start, end - voice_end)


@dataclass(slots=True)
class _Track:
    """The new clip while it is assembled."""

    sounds: list[Pcm]
    words: list[SpokenWord]
    ends_s: list[float]
    at: int = 0

    def add(self, sound: Pcm) -> None:
        self.sounds.append(sound)
        self.at += sound.size

    def silence(self, count: int) -> None:
        self.add(np.zeros(max(0, count), np.float32))


class MarkedVoice:
    """A voice that reads marks. Fulfils `ports.Voice`."""

    def __init__(self, voice: Voice, stretch: StretchSound) -> None:
        """voice: speaks plain text, with word times. stretch: `Shaper.stretch`."""
        self._voice = voice
        self._stretch = stretch

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """Speak one clause or sentence with marks; a text without words gives an empty clip.

        Raises StageFailed.
        """
        try:
            line = markup.parse(text)
        except ValueError as error:
            raise StageFailed(f"the voice cannot read {text!r}: {error}") from error
        plain = self._voice.speak(line.text, style)
        # Marks are placed by word number. Where the voice counts words differently, omit them.
        if line.is_plain or not plain.words or len(plain.words) != len(markup.words(line.text)):
            return plain
        return apply_marks(plain, line, style, self._stretch)


def apply_marks(plain: Speech, line: Marked, style: VoiceStyle, stretch: StretchSound) -> Speech:
    """Return the clip with the marks of `line` applied, and word and syllable times adjusted.

    plain: the words of the line without its marks.
    """
    count = len(plain.words)
    manners = [_manner(line, word) for word in range(count)]
    marks = {at: [mark for mark in line.marks if mark.at == at] for at in range(count + 1)}
    joints = [at for at in range(1, count) if marks[at] or manners[at] != manners[at - 1]]
    edges = [0, *(plain.cut_before(at) for at in joints), plain.pcm.size]
    bounds = [0, *joints, count]
    rms = _rms(plain.pcm)
    pieces = [
        _Piece.of(plain.pcm, span, begins=bool(marks[first]), ends=bool(marks[last]))
        for span, (first, last) in zip(pairwise(edges), pairwise(bounds), strict=True)
    ]
    track = _Track([], [], [])
    _add_marks(track, marks[0], rms, style, 0)
    for number, (piece, (first, last)) in enumerate(zip(pieces, pairwise(bounds), strict=True)):
        sound = _in_manner(plain.pcm[piece.start : piece.end], manners[first], piece.lead, stretch)
        _add_piece(track, plain, piece, (first, last), sound)
        lead = pieces[number + 1].lead if number + 1 < len(pieces) else 0
        _add_marks(track, marks[last], rms, style, piece.tail + lead)
    return Speech(np.concatenate(track.sounds), tuple(track.words), tuple(track.ends_s))


def _manner(line: Marked, word: int) -> _Manner:
    inside = {span.kind for span in line.spans if span.start <= word < span.end}
    breaks = any(mark.kind == "break" and mark.at == word for mark in line.marks)
    return _Manner("quiet" in inside, "slow" in inside, breaks)


def _in_manner(piece: Pcm, manner: _Manner, lead: int, stretch: StretchSound) -> Pcm:
    """lead: samples of the piece before its voice begins."""
    sound = stretch(piece, manner.duration).astype(np.float32, copy=True)
    if manner.quiet:
        sound = _soften(sound)
    if manner.breaks:
        sound *= _tremor(sound.size, lead)
    fade = min(samples(FADE_S), sound.size // 2)
    if fade:
        ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        sound[:fade] *= ramp
        sound[-fade:] *= ramp[::-1]
    return sound


def _soften(sound: Pcm) -> Pcm:
    spectrum = np.fft.rfft(sound)
    freqs = np.fft.rfftfreq(sound.size, 1.0 / RATE)
    share = 1.0 / (1.0 + (QUIET_SHELF_HZ / np.maximum(freqs, 1.0)) ** 2)
    spectrum *= 10.0 ** ((QUIET_DB + QUIET_SHELF_DB * share) / 20.0)
    soft: Pcm = np.fft.irfft(spectrum, sound.size).astype(np.float32)
    return soft


def _tremor(size: int, lead: int) -> Pcm:
    """Return the gain, 0..1, of a word that begins with a tremor."""
    time_s = np.maximum(0, np.arange(size) - lead) / RATE
    depth = TREMOR_DEPTH * np.clip(1.0 - time_s / TREMOR_S, 0.0, 1.0)
    gain: Pcm = (1.0 - depth * (0.5 + 0.5 * np.cos(2.0 * np.pi * TREMOR_HZ * time_s))).astype(
        np.float32
    )
    return gain


def _add_piece(
    track: _Track, plain: Speech, piece: _Piece, bounds: tuple[int, int], sound: Pcm
) -> None:
    """Add a piece with its words and syllable ends, and move and scale their times."""
    ratio = sound.size / max(1, piece.end - piece.start)
    start_s, end_s = track.at / RATE, (track.at + sound.size) / RATE

    def moved(at_s: float) -> float:
        return min(end_s, max(start_s, start_s + (at_s - piece.start / RATE) * ratio))

    words = plain.words[bounds[0] : bounds[1]]
    track.words += [SpokenWord(w.text, moved(w.start_s), moved(w.end_s)) for w in words]
    last_s = plain.words[bounds[0] - 1].end_s if bounds[0] else -1.0
    until_s = words[-1].end_s + 1e-9
    ends = [moved(at_s) for at_s in plain.syllable_ends_s if last_s + 1e-9 < at_s <= until_s]
    track.ends_s += [at_s for at_s in ends if not track.ends_s or at_s > track.ends_s[-1]]
    track.add(sound)


def _add_marks(
    track: _Track, marks: Sequence[Mark], rms: float, style: VoiceStyle, silent: int
) -> None:
    """Add the sound of the marks between two words.

    silent: samples of silence that the pieces on both sides have already.
    """
    for number, mark in enumerate(marks):
        match mark.kind:
            case "pause":
                track.silence(samples(mark.seconds) - silent)
            case "breath":
                paused = number > 0 and marks[number - 1].kind == "pause"
                track.silence(0 if paused or not track.at else samples(BREATH_BEFORE_S))
                track.add(breath(rms, style.formant_shift))
                track.silence(samples(BREATH_AFTER_S))
            case "break":
                track.silence(samples(CATCH_S))


def _rms(pcm: Pcm) -> float:
    """Return the RMS level of the voiced parts, 0..1."""
    power = pcm.astype(np.float64) ** 2
    peak = float(power.max(initial=0.0))
    return float(np.sqrt(np.mean(power[power > peak * 1e-4]))) if peak > 0.0 else 0.0
