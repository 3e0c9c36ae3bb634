"""Recognise the words of a long channel, cut into pieces of the length that Whisper accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from simvoice.audio import RATE, Pcm, Pcm16, samples, to_float
from simvoice.ports import TranscribedWord
from simvoice.research.analysis.conversation import ConversationUtterance, ConversationWord
from simvoice.sentences import ends_sentence
from simvoice.timing.intervals import Intervals, bridge

_LONGEST_S = 28.0
"""Seconds of the longest piece; Whisper's window is 30."""

_TOGETHER_S = 1.0
"""Seconds of the longest pause inside a piece: recognition needs the sentence around a word."""

_MARGIN_S = 0.2
"""Seconds added before and after a piece: detected speech misses weak first and last sounds."""

_UTTERANCE_PAUSE_S = 1.0
"""Seconds of pause between a speaker's words at which a new utterance begins."""

_SENTENCE_PAUSE_S = 0.3
"""The same after a full stop or question mark. The mark alone may belong to an abbreviation."""


def recognise_words(
    recognise: Callable[[Pcm], Sequence[TranscribedWord]], pcm: Pcm16, voice: Intervals
) -> list[TranscribedWord]:
    """Return the words of a channel, with times in seconds from its start.

    pcm: int16 [n], 16 kHz. voice: the stretches of speech in it.
    """
    found: list[TranscribedWord] = []
    lasts_s = len(pcm) / RATE
    for start_s, end_s in pieces(voice):
        begin_s, finish_s = max(0.0, start_s - _MARGIN_S), min(lasts_s, end_s + _MARGIN_S)
        piece = to_float(pcm[samples(begin_s) : samples(finish_s)])
        found += [
            TranscribedWord(word.text, begin_s + word.start_s, begin_s + word.end_s, word.prob)
            for word in recognise(piece)
        ]
    return found


def pieces(voice: Intervals) -> Iterator[tuple[float, float]]:
    """Yield stretches of voice joined over short pauses, none longer than `_LONGEST_S`.

    A longer stretch is cut in its longest pause; without a pause it is cut every `_LONGEST_S`.
    """
    for start_s, end_s in bridge(voice, _TOGETHER_S):
        inside = voice[(voice[:, 0] >= start_s - 1e-9) & (voice[:, 1] <= end_s + 1e-9)]
        yield from _cut(inside)


def _cut(inside: Intervals) -> Iterator[tuple[float, float]]:
    start_s, end_s = float(inside[0, 0]), float(inside[-1, 1])
    if end_s - start_s <= _LONGEST_S:
        yield start_s, end_s
    elif len(inside) > 1:
        widest = int((inside[1:, 0] - inside[:-1, 1]).argmax()) + 1
        yield from _cut(inside[:widest])
        yield from _cut(inside[widest:])
    else:
        while start_s < end_s:
            yield start_s, min(start_s + _LONGEST_S, end_s)
            start_s += _LONGEST_S


def utterances_of(words: Sequence[ConversationWord]) -> list[ConversationUtterance]:
    """Group words into utterances, which end at a pause or at a word of the other speaker."""
    found: list[list[ConversationWord]] = []
    for word in sorted(words, key=lambda w: (w.start_s, w.end_s)):
        last = found[-1][-1] if found else None
        if last is None or last.who != word.who or word.start_s - last.end_s >= _pause_after(last):
            found.append([word])
        else:
            found[-1].append(word)
    return [
        ConversationUtterance(
            who=group[0].who,
            start_s=group[0].start_s,
            end_s=max(word.end_s for word in group),
            text=" ".join(word.text.strip() for word in group),
        )
        for group in found
    ]


def _pause_after(word: ConversationWord) -> float:
    return _SENTENCE_PAUSE_S if ends_sentence(word.text) else _UTTERANCE_PAUSE_S
