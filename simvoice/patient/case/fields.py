"""The basic types of a case: names, texts, numbers, conditions and stimuli."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from simvoice import markup
from simvoice.strict_model import StrictModel

# -- types of fields --------------------------------------------------------------------------


LONGEST_PATTERN: Final = 1_000
"""Characters. The longest of a shipped case has 430."""


def _compiles(pattern: str) -> str:
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(
            f"a pattern has at most {LONGEST_PATTERN:,} letters; split it into several"
        )
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as error:
        raise ValueError(f"not a regular expression ({error}); correct the pattern") from None
    except RecursionError:
        raise ValueError("its brackets are too deep; write it more simply") from None
    if not pattern.strip():
        raise ValueError("an empty pattern matches everything; write words into it")
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
"""Words; about 11 s of speech. A patient who talks longer lectures."""


def _speakable(text: str) -> str:
    text = markup.checked(text)
    plain = markup.plain(text)
    if len(plain.split()) > LONGEST_LINE:
        raise ValueError(f"a line has at most {LONGEST_LINE} words; split it into two lines")
    if set(plain) & set("*_#[]{}|\\"):
        raise ValueError(f"a line is plain speech; the only marks allowed are {markup.WAYS}")
    return text


Wording = Annotated[Text, AfterValidator(_speakable)]
"""A text with the marks of `simvoice.markup`. Only the voice reads the marks."""


class CasePart(StrictModel):
    """Base of every part of a case: a number in quotes is no number, as authors expect of YAML."""

    # Dump fields under the names that authors write, so that a dump can be read back.
    model_config = ConfigDict(strict=True, serialize_by_alias=True)


class VoiceKnobs(CasePart):
    """The sound of the patient's voice; see `ports.VoiceStyle`."""

    formant_shift: float = Field(default=1.0, ge=0.7, le=1.4)
    pitch_hz: float | None = Field(default=None, ge=60.0, le=350.0)
    pitch_range: float = Field(default=1.0, ge=0.3, le=2.0)
    duration: float = Field(default=1.0, ge=0.7, le=1.6)
    """Pace: above 1 is slower."""
    gain_db: float = Field(default=0.0, ge=-12.0, le=6.0)


class VoiceBends(CasePart):
    """How far the patient's voice follows what the patient feels: 0 is not at all, 1 is the usual
    amount."""

    affect: float = Field(default=1.0, ge=0.0, le=2.0)
    """The effect of a line's affect."""
    ledger: float = Field(default=1.0, ge=0.0, le=2.0)
    """The effect of trust and distress. At 0 they add no pauses either."""


class Condition(CasePart):
    """A condition. Every part that is given must hold; an empty condition always holds."""

    after: tuple[PartId, ...] = ()
    """Beats that have happened."""
    before: tuple[PartId, ...] = ()
    """Beats that have not happened."""
    told: tuple[PartId, ...] = ()
    """Facts that the patient has told."""
    untold: tuple[PartId, ...] = ()
    """Facts that the patient has not told."""
    said: tuple[PartId, ...] = ()
    """Lines that the patient has said."""
    unsaid: tuple[PartId, ...] = ()
    """Lines that the patient has not said."""
    at_least: dict[PartId, Fraction] = Field(default_factory=dict)
    """Least ledger values, by name."""
    at_most: dict[PartId, Fraction] = Field(default_factory=dict)
    """Greatest ledger values, by name."""
    turns: int = Field(default=0, ge=0)
    """The learner has had at least this many turns."""
    turns_at_most: int | None = Field(default=None, ge=0)
    """The learner has had at most this many turns."""
    counted: dict[PartId, Times] = Field(default_factory=dict)
    """Rules of the ledger, by id, that have counted at least this often."""
    any_counted: tuple[PartId, ...] = ()
    """At least one of these rules has counted."""
    uncounted: tuple[PartId, ...] = ()
    """None of these rules has counted."""


# -- stimuli ----------------------------------------------------------------------------------
# Events other than words that rules and reactions can name like codes.


STIMULI: Final = MappingProxyType(
    {
        "turn": "Any turn of the learner.",
        "statement": "A turn without a question.",
        "interruption": "The learner interrupted the patient.",
        "talked_over_tears": "The learner interrupted a tearful line.",
        "hold_filled": "The learner filled a silence that the patient kept.",
        "hold_spared": "The learner broke the silence, but with care.",
        "hold_held": "The learner let the silence stand.",
        "monologue": "The learner talked for a long time.",
        "jargon_run": "Several technical words in one turn.",
        "empathy": "Any empathic statement.",
        "cue_met": "The patient hinted at a concern, and the learner took it up.",
        "cue_missed": "The patient hinted at a concern, and the learner passed over it.",
        "premature_reassurance": "Comfort before the patient told any concern.",
        "earned_reassurance": "Comfort after the patient told a concern.",
        "dodge": "The patient asked something and got no answer.",
        "answered": "The patient asked something and got an answer.",
        "blunt_news": "The news without a warning before it.",
        "empty_silence": "No one spoke until the patient did.",
        "froze": "The patient asked something, and the learner said nothing.",
    }
)
"""Name to one-sentence definition."""

MONOLOGUE_WORDS: Final = 90
"""Words; about 40 s of speech at 135 words a minute."""
MONOLOGUE_S: Final = 40.0
JARGON_RUN: Final = 3
"""Unexplained technical words in one turn."""
