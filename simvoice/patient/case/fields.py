"""What the parts of a case are made of: names, texts, numbers, conditions and stimuli."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from simvoice import markup

# -- fields -----------------------------------------------------------------------------------
# What the parts of a case are made of: names, texts, numbers, and a voice's knobs.


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if not pattern.strip():
        raise ValueError("an empty pattern matches everything")
    return pattern


PartId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
CaseId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True, pattern=r"\S")]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
LedgerDelta = Annotated[float, Field(ge=-1.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0)]
Times = Annotated[int, Field(ge=1)]
Pattern = Annotated[str, AfterValidator(_compiles)]

LONGEST_LINE = 30
"""Words. About 11 s of speech: longer, and a patient lectures."""


def _speakable(text: str) -> str:
    text = markup.checked(text)
    plain = markup.plain(text)
    if len(plain.split()) > LONGEST_LINE:
        raise ValueError(f"a line has at most {LONGEST_LINE} words; split it")
    if set(plain) & set("*_#[]{}|\\"):
        raise ValueError(f"a line is plain speech; the only marks in it are {markup.WAYS}")
    return text


Wording = Annotated[Text, AfterValidator(_speakable)]
"""Words with the marks of `simvoice.markup`; only the voice reads the marks."""


class CasePart(BaseModel):
    """Base of every part of a case."""

    # dumped under the names that authors write, so that it can be read back
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True)


class VoiceKnobs(CasePart):
    """Who it sounds like; see `ports.VoiceStyle`."""

    formant_shift: float = Field(default=1.0, ge=0.7, le=1.4)
    pitch_hz: float | None = Field(default=None, ge=60.0, le=350.0)
    pitch_range: float = Field(default=1.0, ge=0.3, le=2.0)
    duration: float = Field(default=1.0, ge=0.7, le=1.6)
    """Pace: above 1 is slower."""
    gain_db: float = Field(default=0.0, ge=-12.0, le=6.0)


class VoiceBends(CasePart):
    """How far her voice follows what she feels; 0 not at all, 1 as it usually does."""

    affect: float = Field(default=1.0, ge=0.0, le=2.0)
    """The affect of a line."""
    ledger: float = Field(default=1.0, ge=0.0, le=2.0)
    """Her trust and distress; at 0 they add no pauses either."""


class Condition(CasePart):
    """A condition; every part that is given has to hold. Empty always holds."""

    after: tuple[PartId, ...] = ()
    """Beats that have happened."""
    before: tuple[PartId, ...] = ()
    """Beats that have not."""
    told: tuple[PartId, ...] = ()
    """Facts she has told."""
    untold: tuple[PartId, ...] = ()
    said: tuple[PartId, ...] = ()
    """Lines she has said."""
    unsaid: tuple[PartId, ...] = ()
    at_least: dict[PartId, Fraction] = Field(default_factory=dict)
    """Ledger values, by name."""
    at_most: dict[PartId, Fraction] = Field(default_factory=dict)
    turns: int = Field(default=0, ge=0)
    """At least so many turns of the learner's."""
    turns_at_most: int | None = Field(default=None, ge=0)
    counted: dict[PartId, Times] = Field(default_factory=dict)
    """Rules of the ledger that have counted at least so often, by id."""
    any_counted: tuple[PartId, ...] = ()
    """Rules of which at least one has counted."""
    uncounted: tuple[PartId, ...] = ()
    """Rules that have not."""


# -- stimuli ----------------------------------------------------------------------------------
# What happens to the patient besides words: names that rules and reactions may use like codes.


STIMULI: Final = MappingProxyType(
    {
        "turn": "Any turn of the learner's.",
        "statement": "A turn without a question.",
        "interruption": "The learner cut the patient off.",
        "talked_over_tears": "The learner cut the patient off in a tearful line.",
        "hold_filled": "The learner filled a silence that the patient kept.",
        "hold_spared": "The learner broke it, but with care.",
        "hold_held": "The learner let it stand.",
        "monologue": "The learner talked on for long.",
        "jargon_run": "Several technical words in one turn.",
        "empathy": "Any empathic statement.",
        "cue_met": "The patient let a concern show, and the learner took it up.",
        "cue_missed": "The patient let a concern show, and the learner went past it.",
        "premature_reassurance": "Comfort before any of the patient's concerns was told.",
        "earned_reassurance": "Comfort after one of the patient's concerns was told.",
        "dodge": "The patient asked something and got no answer.",
        "answered": "The patient asked something and got an answer.",
        "blunt_news": "The news without a warning before it.",
        "empty_silence": "Nobody spoke, and the patient had to.",
        "froze": "The patient had asked something, and the learner said nothing.",
    }
)
"""Name to one-sentence definition."""

MONOLOGUE_WORDS: Final = 90
"""About 40 s of talk at 135 words a minute."""
MONOLOGUE_S: Final = 40.0
JARGON_RUN: Final = 3
"""Unexplained technical words in one turn."""
