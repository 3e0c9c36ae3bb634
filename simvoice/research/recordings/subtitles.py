"""Read subtitles, SRT and WebVTT, as editors, meeting programs and video sites write them.

WebVTT's voice tag (`<v Doctor>`) or the words before a colon (`DOCTOR: …`) name the speaker. Cues
are read one by one, so that a broken one is left out with its line: libraries refuse the
whole file.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.research.recordings.transcript_entry import (
    EntryCollector,
    TranscriptEntry,
    cannot_read,
)

_STAMP = r"(?:(\d{1,4})\s*:)?\s*(\d{1,2})\s*:\s*(\d{1,2})(?:\s*[.,]\s*(\d{1,6}))?"
_TIMES = re.compile(rf"^\s*{_STAMP}\s*-+>\s*{_STAMP}(?:\s.*)?$")
"""Hours may be missing, and the fraction may follow a point or a comma."""

_BLOCK = re.compile(r"^(?:NOTE|STYLE|REGION)(?:\s|$)")
"""Parts of WebVTT that are no cues."""

_VOICE = re.compile(r"<v(?:\.[^ <>]{0,200})?[ \t]{1,20}([^<>]{0,200})>")
_TAG = re.compile(r"<[^<>]{0,500}>|\{\\[^{}]{0,500}\}|</?[A-Za-z][^<>]*$|</?$")
"""Tags of WebVTT, SRT and SubStation; the last one may be cut off."""


@dataclass(frozen=True, slots=True)
class _Cue:
    line: int
    start_s: float
    end_s: float
    lines: tuple[str, ...]


def read(name: str, text: str, names: SpeakerNames) -> EntryCollector:
    """Return the entries: one for each cue, or for each speaker in it. Raises AudioFileError.

    names: labels with these count as speakers even where they occur once.
    """
    kind = "SRT" if name.casefold().endswith(".srt") else "VTT"
    is_vtt = text.lstrip().startswith("WEBVTT")
    if "-->" not in text and not is_vtt:
        raise cannot_read(name, kind)
    found = EntryCollector(name)
    cues = _without_repeats(list(_cues(text.split("\n"), is_vtt, found)))
    labels = _labels(cues, names)
    for cue in cues:
        for label, words in _spoken(cue, labels):
            found.add(TranscriptEntry(label, cue.start_s, cue.end_s, words), f"line {cue.line}")
    return found


# -- cues -----------------------------------------------------------------------------------


def _cues(lines: Sequence[str], is_vtt: bool, found: EntryCollector) -> Iterator[_Cue]:
    """Yield the cues; those without readable times are left out."""
    at = 0
    while at < len(lines):
        if "-->" not in lines[at]:
            at = _passed_over(lines, at, is_vtt, found)
            continue
        match = _TIMES.match(lines[at])
        end = _end_of_cue(lines, at + 1, is_vtt)
        if match is None:
            found.leave_out(f"line {at + 1}", "its times cannot be read")
        else:
            spoken = tuple(each.strip() for each in lines[at + 1 : end] if each.strip())
            stamps = match.groups()
            yield _Cue(at + 1, _seconds(stamps[:4]), _seconds(stamps[4:]), spoken)
        at = end


def _end_of_cue(lines: Sequence[str], at: int, is_vtt: bool) -> int:
    """Return the line after a cue's text.

    In SRT, a blank line may be part of the text; in WebVTT, a line of spaces is.
    """
    while at < len(lines) and "-->" not in lines[at]:
        if not (lines[at] if is_vtt else lines[at].strip()):
            following = _next_filled(lines, at)
            if is_vtt or following is None or _begins_cue(lines, following):
                return at
            at = following
            continue
        elif _begins_cue(lines, at):
            return at  # the blank line before the number is missing
        at += 1
    return at


def _begins_cue(lines: Sequence[str], at: int) -> bool:
    """Return whether a cue begins here: its times, or its number."""
    return "-->" in lines[at] or lines[at].strip().isdigit()


def _next_filled(lines: Sequence[str], at: int) -> int | None:
    return next((index for index in range(at, len(lines)) if lines[index].strip()), None)


def _passed_over(lines: Sequence[str], at: int, is_vtt: bool, found: EntryCollector) -> int:
    """Return the line after what is no cue; words among it are left out."""
    text = lines[at].strip()
    if not text or (at + 1 < len(lines) and "-->" in lines[at + 1]):
        return at + 1  # a blank line, or a cue's number or name
    end = next((i for i in range(at, len(lines)) if not lines[i].strip()), len(lines))
    if not (is_vtt and (text.startswith("WEBVTT") or _BLOCK.match(text))):
        stop = next((i for i in range(at, end) if "-->" in lines[i]), end)
        if stop < end:  # words directly above the times of the next cue
            end = stop
        if any(not each.strip().isdigit() for each in lines[at:end]):
            found.leave_out(f"line {at + 1}", "it has no times")
    return max(end, at + 1)


def _seconds(stamp: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in stamp)
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")


# -- captions that roll ---------------------------------------------------------------------

_ROLLING = 0.4
"""The share of cues that begin with the end of the one before from which captions roll: video
sites and live captions repeat every line, people hardly any."""

_FEWEST_CUES = 4

_ADJACENT_S = 0.2
"""Seconds between two cues of which the second may repeat the first."""


def _without_repeats(cues: list[_Cue]) -> list[_Cue]:
    """Return the cues without what captions that roll or grow repeat of the cue before."""
    plain = [
        replace(cue, lines=tuple(line for line in map(_plain, cue.lines) if line)) for cue in cues
    ]
    pairs = [(a, b) for a, b in pairwise(plain) if a.lines and b.lines]
    repeats = sum(_repeated(a, b) is not None for a, b in pairs)
    if len(cues) < _FEWEST_CUES or repeats < _ROLLING * max(1, len(pairs)):
        return cues
    found: list[_Cue] = []
    before: _Cue | None = None
    for cue in plain:
        new = _repeated(before, cue) if before is not None else None
        rest = cue.lines if new is None else new
        if rest:
            found.append(replace(cue, lines=rest))
        elif found:  # the same words go on
            found[-1] = replace(found[-1], end_s=max(found[-1].end_s, cue.end_s))
        before = cue
    return found


def _repeated(before: _Cue, cue: _Cue) -> tuple[str, ...] | None:
    """Return the new lines of a cue that begins with the end of the one before; else None."""
    if cue.start_s - before.end_s > _ADJACENT_S or not before.lines or not cue.lines:
        return None
    for size in range(min(len(before.lines), len(cue.lines)), 0, -1):
        if before.lines[-size:] == cue.lines[:size]:
            return cue.lines[size:]
    last, first = before.lines[-1], cue.lines[0]
    if len(before.lines) == 1 and first.startswith(last + " "):
        return (first[len(last) :].strip(), *cue.lines[1:])
    return None


def _plain(line: str) -> str:
    """Return a line without tags except the voice, with characters for their entities."""
    kept = _VOICE.sub(lambda match: f"\x00{match.group(1)}\x01", line)
    bare = html.unescape(_TAG.sub("", kept))
    voices = re.sub("\x00([^\x00\x01]*)\x01", r"<v \1>", bare)
    return " ".join(voices.replace("\u00a0", " ").split())


# -- who speaks -----------------------------------------------------------------------------

_LABEL = re.compile(r"^(?:[-–—]|>>)?\s*(?P<label>[^::]{1,60}?)\s*[::](?:\s+(?P<text>.*))?$")
"""Words, a colon and a space. Without the space it is text, as in "10:30"."""

_MOST_WORDS_IN_A_NAME = 6
_PARTICLES = frozenset(
    {"van", "von", "der", "den", "de", "la", "le", "del", "da", "di", "du", "bin", "al", "el"}
    | {"ter", "ten", "y", "of", "the"}
)
"""Words of names that are written small."""

_OPENERS = frozenset(
    {"remember", "note", "listen", "look", "well", "so", "question", "answer", "first", "second"}
    | {"third", "next", "finally", "also", "plan", "example", "warning", "important", "yes", "no"}
    | {"ok", "okay", "right", "now", "but", "and", "or", "because", "however", "then", "please"}
    | {"again", "anyway", "meaning", "result", "results"}
)
"""Words that begin a sentence and stand before a colon, as in "Remember: take it with food"."""

_NEARLY_ALL = 0.9
_MOSTLY = 0.4
"""Shares of cues with a label: where nearly all have one, each label is a name; where many have,
those that come again are names; else a colon belongs to the sentence."""


def _labels(cues: Sequence[_Cue], names: SpeakerNames) -> frozenset[str]:
    """Return the labels before a colon that name speakers."""
    per_cue = [
        {label for line in cue.lines if (label := _label_of(_plain(line))[0])} for cue in cues
    ]
    counts = Counter(label for labels in per_cue for label in labels)
    share = sum(bool(labels) for labels in per_cue) / max(1, len(cues))
    return frozenset(
        label
        for label, count in counts.items()
        if names.speaker_of(label) is not None
        or (
            _words_of(label)[0].casefold() not in _OPENERS
            and (share >= _NEARLY_ALL or (share >= _MOSTLY and count > 1))
        )
    )


def _label_of(line: str) -> tuple[str, str]:
    """Return what may be a label, and the text after it; an empty label when there is none."""
    match = _LABEL.match(line)
    if match is None or line.startswith("<v "):
        return "", line
    label = re.sub(r"^[\[(](.*)[\])]$", r"\1", match["label"].strip()).strip()
    words = _words_of(label)
    is_name = 0 < len(words) <= _MOST_WORDS_IN_A_NAME and (
        len(words) == 1
        or all(not word[0].islower() or word.casefold() in _PARTICLES for word in words)
    )
    return (label, match["text"] or "") if is_name and not label.isdigit() else ("", line)


def _words_of(label: str) -> list[str]:
    """Return the words of a label without what is in brackets, such as pronouns."""
    bare = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", label)
    return [word for word in re.split(r"[\s,]+", bare) if any(map(str.isalnum, word))] or [label]


def _spoken(cue: _Cue, labels: frozenset[str]) -> list[tuple[str, str]]:
    """Return label and words of each speaker in a cue."""
    found: list[tuple[str, str]] = []
    for line in map(_plain, cue.lines):
        for voice, text in _voices(line):
            label, words = (voice, text) if voice else _label_of(text)
            if not voice and label not in labels:
                label, words = "", text
            if label or not found:
                found.append((label, words.strip()))
            else:
                last, before = found.pop()
                found.append((last, f"{before} {words}".strip()))
    return [(label, words) for label, words in found if words]


def _voices(line: str) -> Iterator[tuple[str, str]]:
    """Yield the name in each voice tag and the words after it; an empty name before the first."""
    parts = re.split(r"<v ([^<>]*)>", line)
    if parts[0].strip():
        yield "", parts[0].strip()
    for voice, text in zip(parts[1::2], parts[2::2], strict=True):
        yield html.unescape(voice).strip(), text.strip()
