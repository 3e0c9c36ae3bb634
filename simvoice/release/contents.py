"""The levels of a release, and the files that each of them holds."""

from __future__ import annotations

from enum import StrEnum

from simvoice.record.files import CLOSED, FLAC, HEADER, JOURNAL, WAV
from simvoice.record.ratings import OBJECTIONS
from simvoice.record.reflection import LARGEST_REFLECTION, REFLECTION

NUMBERS = "numbers.json"
"""The file of the numbers of an attempt (`release.numbers.ReleasedNumbers`)."""


class Contents(StrEnum):
    """How much of an attempt is released. Each value holds all that the ones below it hold."""

    SOUND = "sound"
    WORDS = "words"
    NUMBERS = "numbers"

    @property
    def label(self) -> str:
        """What it is called on a page."""
        return _LABELS[self]

    @property
    def rank(self) -> int:
        """A number that is larger for a level that holds more."""
        return _ORDER.index(self)

    @property
    def holds_sound(self) -> bool:
        """Return True when the recording can be heard."""
        return self is Contents.SOUND

    @property
    def holds_words(self) -> bool:
        """Return True when what was said can be read."""
        return self is not Contents.NUMBERS

    @property
    def shown(self) -> tuple[str, ...]:
        """What an educator sees and hears, in words."""
        return _SHOWN[self]

    @property
    def withheld(self) -> tuple[str, ...]:
        """What an educator does not get, in words."""
        return tuple(part for part in _SHOWN[Contents.SOUND] if part not in self.shown)


_ORDER = (Contents.NUMBERS, Contents.WORDS, Contents.SOUND)

_LABELS = {
    Contents.SOUND: "Sound, words and numbers",
    Contents.WORDS: "Words and numbers",
    Contents.NUMBERS: "Numbers only",
}

_NUMBERS_SHOWN = (
    "your name, the case, the day and how long it took",
    "the numbers: who spoke how much, pauses, silences, interruptions, kinds of questions",
    "how many items of each list were met",
)
_WORDS_SHOWN = (
    *_NUMBERS_SHOWN,
    "everything that you and the patient said, in writing",
    "the whole debrief, with its suggestions and the items you met and missed",
    "what you wrote: about your own moments before the debrief, as answers to questions, and as "
    "objections",
)
_SHOWN = {
    Contents.NUMBERS: _NUMBERS_SHOWN,
    Contents.WORDS: _WORDS_SHOWN,
    Contents.SOUND: (*_WORDS_SHOWN, "the recording, with your voice"),
}

# -- files ------------------------------------------------------------------------------------

_MEGABYTE = 1_000_000

LARGEST_FILE = {
    HEADER: _MEGABYTE,
    JOURNAL: 50 * _MEGABYTE,
    CLOSED: 10_000,
    NUMBERS: _MEGABYTE,
    OBJECTIONS: _MEGABYTE,
    REFLECTION: LARGEST_REFLECTION,
    FLAC: 300 * _MEGABYTE,
    WAV: 300 * _MEGABYTE,
}
"""Every file that a release can hold, and the most bytes that it may have.

An encounter of 45 minutes has 180 MB of unpacked sound and 0.5 MB of journal."""

NEEDED = (HEADER, JOURNAL, CLOSED, NUMBERS)
"""The files of every release. Without words, the journal holds only start and end."""

LARGEST_RELEASE = 320 * _MEGABYTE
"""Bytes of all files of a release together."""

_SOUNDS = frozenset({FLAC, WAV})


def allowed_files(contents: Contents) -> frozenset[str]:
    """Return the names of the files that a release of this level may hold."""
    names = set(LARGEST_FILE)
    if not contents.holds_sound:
        names -= _SOUNDS
    if not contents.holds_words:
        names -= {OBJECTIONS, REFLECTION}
    return frozenset(names)


def describe_file(name: str, contents: Contents) -> str:
    """Return what a file of a release holds, in words for the learner."""
    if name == HEADER:
        if contents.holds_words:
            return "the case, the patient's name, the name you entered, versions and microphone"
        return "the case, the patient's name and the version of simvoice"
    if name == JOURNAL:
        if contents.holds_words:
            return "what was said and when, and what the patient decided"
        return "when it began, how long it lasted and why it ended; no words"
    return {
        CLOSED: "the mark of a complete record",
        NUMBERS: "the numbers of the debrief; no words",
        OBJECTIONS: "your objections to the debrief",
        REFLECTION: "what you wrote about your own moments before the debrief",
        FLAC: "the recording: your voice and the patient's",
        WAV: "the recording: your voice and the patient's",
    }[name]
