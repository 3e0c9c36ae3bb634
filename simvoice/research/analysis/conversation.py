"""The shape of an analysed conversation: what exports and pictures are made from.

One JSON file each. All times are seconds from the start of the recording (an attempt's session
seconds), to the microsecond.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from simvoice.timing.turns import Speaker

Who = Speaker

FORMAT = 1
"""Of the JSON; raised when a reader of the older one would misread the newer."""

EventKind = Literal[
    "pause",
    "gap",
    "overlap_between",
    "overlap_within",
    "silence",
    "hold",
    "interruption",
    "interruption_attempt",
    "early_start",
    "simultaneous_start",
    "backchannel",
    "machine",
]

_PLACES = 6
"""Decimals kept: microseconds, far below one sample, and free of the noise of floating point."""

Rounded = Annotated[float, AfterValidator(lambda value: round(value, _PLACES) + 0.0)]
"""A float that reads the same on every machine; never minus zero."""


class ConversationPart(BaseModel):
    """Base of all parts: frozen, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SpeechStretch(ConversationPart):
    """A stretch of one speaker's voice."""

    who: Who
    start_s: Rounded
    end_s: Rounded
    kind: Literal["speech", "backchannel", "noise"] = "speech"


class ConversationUtterance(ConversationPart):
    """Something one of them said, with its words."""

    who: Who
    start_s: Rounded
    end_s: Rounded
    text: str
    unsaid: str = ""
    """What the simulated patient never got to say of it."""


class ConversationWord(ConversationPart):
    """One word and when it sounded."""

    who: Who
    start_s: Rounded
    end_s: Rounded
    text: str
    prob: Rounded | None = None
    """0..1, the recogniser's; None when the word was not recognised but known."""


class ConversationTurn(ConversationPart):
    """From a speaker's first sound to the last before the other takes the floor."""

    who: Who
    start_s: Rounded
    end_s: Rounded
    speech_s: Rounded
    """Seconds of it in which the voice sounds."""
    text: str = ""


class ConversationEvent(ConversationPart):
    """Something between the two, or within one of them."""

    kind: EventKind
    start_s: Rounded
    end_s: Rounded
    length_s: Rounded
    """Seconds, without the machine's own delay."""
    owner: Who | None = None
    """Whose pause, interruption or acknowledgement; whose turn a gap or silence was."""
    breaker: Who | None = None
    """Who ended it by speaking."""
    silence: str = ""
    """Of a silence: its kind."""
    outcome: str = ""
    """Of a hold: held or filled."""
    words_lost: int | None = None
    seconds_lost: Rounded | None = None
    text: str = ""


class Value(ConversationPart):
    """One metric's value here, or the reason why there is none."""

    key: str
    value: Rounded | None
    low: Rounded | None = None
    """Ends of the 90 % interval, where calibration knows them."""
    high: Rounded | None = None
    error: str
    reason: str


class LedgerPoint(ConversationPart):
    """The simulated patient's trust, distress and understanding from one moment on, 0..1."""

    at_s: Rounded
    values: dict[str, float]


class InputFile(ConversationPart):
    """One file it was made from."""

    name: str
    sha256: str
    role: Literal["sound", "transcript", "journal"]
    rate: int | None = None
    """Hertz, of the sound."""
    channels: int | None = None
    subtype: str = ""
    length_s: Rounded | None = None


class Conversation(ConversationPart):
    """One conversation, analysed."""

    format: Literal[1] = 1
    id: str
    """Names its files; letters, digits, dot, dash and underscore only."""
    kind: Literal["attempt", "recording"]
    title: str
    learner: str
    """The name shown; empty when none was given."""
    patient: str
    when: str = ""
    """ISO 8601 with zone; empty when not known."""
    case_id: str = ""
    visit: tuple[str, ...] = ()
    """What kind of visit it was, in the words of `scoring.norms`; what norms may be shown."""
    length_s: Rounded
    learner_channel: Literal["left", "right", "first file", "second file"]
    words_from: Literal["", "journal", "transcript", "whisper"] = ""
    inputs: tuple[InputFile, ...]
    simvoice: str
    """The version that made it."""
    fingerprint: str
    """SHA-256 over inputs, version and options: equal means nothing would change."""
    notes: tuple[str, ...] = ()
    stretches: tuple[SpeechStretch, ...]
    utterances: tuple[ConversationUtterance, ...] = ()
    words: tuple[ConversationWord, ...] = ()
    turns: tuple[ConversationTurn, ...]
    events: tuple[ConversationEvent, ...]
    metrics: tuple[Value, ...]
    ledger: tuple[LedgerPoint, ...] = ()

    def name_of(self, who: Who) -> str:
        """As people read it."""
        shown = self.learner if who == "learner" else self.patient
        return shown or who
