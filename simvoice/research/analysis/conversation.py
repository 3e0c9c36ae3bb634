"""The data model of an analysed conversation, from which exports and pictures are made.

Each conversation is stored in one JSON file. All times are seconds from the start of the recording
(an attempt's session seconds), rounded to the microsecond.
"""

from __future__ import annotations

from typing import Literal

from simvoice.reading.timeline_events import EventKind
from simvoice.record.reflection import LearnerReflection
from simvoice.rounding import MetricValue, PreciseSeconds
from simvoice.strict_model import StrictModel
from simvoice.timing.turns import Speaker

Who = Speaker

FORMAT = 1
"""Version of the JSON; increased when older readers would misread the new one."""


class SpeechStretch(StrictModel):
    """A stretch of one speaker's voice."""

    who: Who
    start_s: PreciseSeconds
    end_s: PreciseSeconds
    kind: Literal["speech", "backchannel", "noise"] = "speech"


class ConversationUtterance(StrictModel):
    """One utterance of a speaker, with its text."""

    who: Who
    start_s: PreciseSeconds
    end_s: PreciseSeconds
    text: str
    unsaid: str = ""
    """The rest of the simulated patient's line that was not spoken."""


class ConversationWord(StrictModel):
    """One word with its times."""

    who: Who
    start_s: PreciseSeconds
    end_s: PreciseSeconds
    text: str
    prob: MetricValue | None = None
    """The recogniser's probability, 0..1; None when the word does not come from recognition."""


class ConversationTurn(StrictModel):
    """A turn: from a speaker's first sound to the last sound before the other's turn."""

    who: Who
    start_s: PreciseSeconds
    end_s: PreciseSeconds
    speech_s: PreciseSeconds
    """Seconds of speech in it."""
    text: str = ""

    @property
    def words(self) -> int | None:
        """Number of words; None when they are not known."""
        return len(self.text.split()) or None


class ConversationEvent(StrictModel):
    """An event between the speakers or within one speaker's turn."""

    kind: EventKind
    start_s: PreciseSeconds
    end_s: PreciseSeconds
    length_s: PreciseSeconds
    """Seconds, without the machine's delay."""
    owner: Who | None = None
    """The speaker who paused, interrupted or acknowledged; for a gap or silence, whose turn it was.
    """
    breaker: Who | None = None
    """The speaker who ended it by speaking."""
    silence: str = ""
    """The kind of a silence."""
    outcome: str = ""
    """For a hold: held or filled."""
    words_lost: int | None = None
    seconds_lost: PreciseSeconds | None = None
    text: str = ""


class Value(StrictModel):
    """The value of one metric, or the reason why it is missing."""

    key: str
    value: MetricValue | None
    low: MetricValue | None = None
    """Ends of the 90 % interval, where calibration gives one."""
    high: MetricValue | None = None
    error: str
    reason: str


class LedgerPoint(StrictModel):
    """The simulated patient's trust, distress and understanding from a moment on, 0..1."""

    at_s: PreciseSeconds
    values: dict[str, float]


class ConversationAnswer(StrictModel):
    """What the learner wrote after the encounter. It is scored by nothing."""

    question: str
    answer: str
    written_at: str = ""
    """ISO 8601 with zone; empty when nothing was written."""


class InputFile(StrictModel):
    """A file that the conversation was made from."""

    name: str
    sha256: str
    role: Literal["sound", "transcript", "journal", "answers", "reflection"]
    rate: int | None = None
    """Hertz; only for sound."""
    channels: int | None = None
    subtype: str = ""
    length_s: PreciseSeconds | None = None


class Conversation(StrictModel):
    """An analysed conversation."""

    format: Literal[1] = 1
    id: str
    """The start of its file names: letters, digits, dot, dash and underscore only."""
    kind: Literal["attempt", "recording"]
    title: str
    learner: str
    """The displayed name; empty when none was given."""
    patient: str
    when: str = ""
    """ISO 8601 with zone; empty when unknown."""
    case_id: str = ""
    visit: tuple[str, ...] = ()
    """The kinds of visit, as `scoring.metrics.norms` names them; they select the norms shown."""
    length_s: PreciseSeconds
    learner_channel: Literal["left", "right", "first file", "second file"]
    words_from: Literal["", "journal", "transcript", "whisper"] = ""
    inputs: tuple[InputFile, ...]
    simvoice: str
    """The version of simvoice that made it."""
    fingerprint: str
    """SHA-256 over inputs, version and options; equal fingerprints mean equal results."""
    notes: tuple[str, ...] = ()
    stretches: tuple[SpeechStretch, ...]
    utterances: tuple[ConversationUtterance, ...] = ()
    words: tuple[ConversationWord, ...] = ()
    turns: tuple[ConversationTurn, ...]
    events: tuple[ConversationEvent, ...]
    metrics: tuple[Value, ...]
    ledger: tuple[LedgerPoint, ...] = ()
    answers: tuple[ConversationAnswer, ...] = ()
    """To the questions of an assignment."""
    reflection: LearnerReflection | None = None
    """What the learner wrote before the debrief; None when nothing was asked. Not scored either."""

    def name_of(self, who: Who) -> str:
        """Return the displayed name, or the role when there is none."""
        shown = self.learner if who == "learner" else self.patient
        return shown or who
