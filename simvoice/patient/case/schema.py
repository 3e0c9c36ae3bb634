"""The shape of a case: one patient, one encounter, as an educator writes it."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import (
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from simvoice import markup
from simvoice.coding.coder import Coder, rule
from simvoice.criteria import CriticalItem
from simvoice.patient.case.fields import (
    CaseId,
    CasePart,
    Condition,
    Fraction,
    LedgerDelta,
    PartId,
    Pattern,
    Seconds,
    Text,
    VoiceBends,
    VoiceKnobs,
    Wording,
)
from simvoice.patient.decisions import Affect

# -- reflection -------------------------------------------------------------------------------
# The part of a case that is spoken after it: what the patient says when asked how it felt.


LONGEST_TELLING: Final = 5
"""Things she says at the most: what a learner can take in before looking at anything else."""


class ReflectionLine(CasePart):
    """One way it may have been for her."""

    when: Condition = Condition()
    endings: tuple[PartId, ...] = ()
    """Endings, any of them; empty for every one, and for an encounter that broke off."""
    marked: Wording = Field(alias="text")
    affect: Affect = "neutral"
    because: tuple[PartId, ...] = ()
    """Rules of the ledger that it stands on, the weightiest first; without them those of `when`.
    Only the ones that have counted are given as a reason."""

    @property
    def text(self) -> str:
        """Its plain words."""
        return markup.plain(self.marked)


class ReflectionTopic(CasePart):
    """One thing she comes back to. The first remark that holds is made; without one, none."""

    id: PartId
    remarks: tuple[ReflectionLine, ...] = Field(min_length=1)


# -- schema -----------------------------------------------------------------------------------


class Person(CasePart):
    """The patient."""

    name: Text
    short: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z'-]+$")]
    """The name at the start of her lines in the screenplay."""
    age: int = Field(ge=0, le=120)
    pronouns: Literal["she", "he", "they"] = "she"
    voice: VoiceKnobs = VoiceKnobs()
    bends: VoiceBends = VoiceBends()
    history: Text
    family: Text
    manner: Text
    """How she talks and carries herself."""
    knows: tuple[Text, ...] = ()
    believes: tuple[Text, ...] = ()


class OwnCode(CasePart):
    """What an utterance can do in this case alone, or in this case's own words."""

    means: Text | None = None
    """One sentence; needed for a code that the codebook does not have."""
    form: Literal["any", "question", "statement"] = "any"
    any: tuple[Pattern, ...] = Field(min_length=1)
    """Regular expressions on the plain form of one sentence: lower case, contractions opened
    ("I'm" is "i am"), no marks."""
    unless: tuple[Pattern, ...] = ()
    """Patterns that take it back."""
    instead_of: tuple[PartId, ...] = ()
    """Codes that are not meant where this one shows."""


class FactGate(CasePart):
    """When a fact may be told."""

    when: Literal["volunteered", "asked", "trusted"]
    trust: Fraction | None = None
    after: tuple[PartId, ...] = ()
    """Beats that have to happen first."""

    @model_validator(mode="after")
    def _trust_fits(self) -> FactGate:
        if (self.when == "trusted") != (self.trust is not None):
            raise ValueError("a gate gives `trust` exactly when it says `when: trusted`")
        return self


class CaseFact(CasePart):
    """Something that is true of her."""

    id: PartId
    text: Text
    """One sentence in the third person."""
    gate: FactGate
    mentions: tuple[Pattern, ...] = ()
    """Regular expressions, without case, that would betray it; needed unless volunteered."""

    @model_validator(mode="after")
    def _can_be_guarded(self) -> CaseFact:
        if self.gate.when != "volunteered" and not self.mentions:
            raise ValueError("a fact with a gate needs `mentions`, the words that would betray it")
        return self


class Concern(CasePart):
    """What troubles her, and the lines that let it show before she says it."""

    id: PartId
    text: Text
    cues: tuple[PartId, ...] = ()
    fact: PartId | None = None


class Variant(CasePart):
    """Another wording when she is in another state; the first that holds is said."""

    when: Condition
    marked: Wording = Field(alias="text")
    affect: Affect | None = None

    @property
    def text(self) -> str:
        """Its plain words."""
        return markup.plain(self.marked)


class AnswerReply(CasePart):
    """What she says to one kind of answer."""

    on: tuple[PartId, ...] = Field(min_length=1)
    lines: tuple[PartId, ...] = Field(min_length=1)


class Question(CasePart):
    """This line asks something, and waits for an answer."""

    answered_by: tuple[PartId, ...] = ()
    """Codes that count as an answer."""
    words: tuple[Pattern, ...] = ()
    """Regular expressions on the learner's words that count as an answer."""
    yes: PartId | None = None
    """The beat that a yes brings about."""
    no: PartId | None = None
    replies: tuple[AnswerReply, ...] = ()


class HoldWindow(CasePart):
    """A silence after a blow, a cue or a hard question."""

    window_s: float = Field(gt=0.0, le=30.0)
    held: tuple[PartId, ...] = Field(min_length=1)
    """What opens when the learner lets it stand; the first line allowed is said."""
    filled: tuple[PartId, ...] = Field(min_length=1)
    """What she says when it is filled."""
    spares: tuple[PartId, ...] = ()
    """Codes that may fill it without harm."""


class CaseLine(CasePart):
    """Something she can say."""

    id: PartId
    marked: Wording = Field(alias="text")
    exemplars: tuple[Text, ...] = ()
    """What a learner says that this answers: six or more, in different words."""
    tells: tuple[PartId, ...] = ()
    """Facts that are told by saying it."""
    when: Condition = Condition()
    affect: Affect = "neutral"
    variants: tuple[Variant, ...] = ()
    marked_again: Wording | None = Field(default=None, alias="again")
    """What she says when asked the same once more."""
    instead: PartId | None = None
    """The line said in its place while a gate is closed."""
    follows: tuple[PartId, ...] = ()
    """Lines it naturally goes on from ("tell me more")."""
    asks: Question | None = None
    silence_before_s: Seconds = 0.0
    hold: HoldWindow | None = None
    """After a cue or a hard thing said she goes quiet, and what comes depends on the learner."""

    @property
    def text(self) -> str:
        """Its plain words."""
        return markup.plain(self.marked)

    @property
    def again(self) -> str | None:
        """The plain words of `again`."""
        return markup.plain(self.marked_again) if self.marked_again else None

    @property
    def wordings(self) -> tuple[tuple[str, Affect], ...]:
        """Every wording as the author marked it, with its affect."""
        found: list[tuple[str, Affect]] = [(self.marked, self.affect)]
        found += [(each.marked, each.affect or self.affect) for each in self.variants]
        if self.marked_again:
            found.append((self.marked_again, self.affect))
        return tuple(found)

    @property
    def texts(self) -> tuple[tuple[str, Affect], ...]:
        """Every wording in plain words, with its affect."""
        return tuple((markup.plain(marked), affect) for marked, affect in self.wordings)


class Beat(CasePart):
    """A moment the encounter turns on."""

    id: PartId
    label: Text
    on: tuple[PartId, ...] = ()
    """Codes that bring it about; empty when only an answer to a question does."""
    when: Condition = Condition()
    lines: tuple[PartId, ...] = Field(min_length=1)
    hold: HoldWindow | None = None


class Reaction(CasePart):
    """What something the learner does makes her say."""

    id: PartId
    on: tuple[PartId, ...] = Field(min_length=1)
    """Codes and stimuli, any of them."""
    when: Condition = Condition()
    lines: tuple[PartId, ...] = Field(min_length=1)
    over_questions: bool = False
    """Said even when there was a question to answer."""
    at_most: int | None = Field(default=None, ge=1)


class LedgerRule(CasePart):
    """What something the learner does moves in her."""

    id: PartId
    on: tuple[PartId, ...] = Field(min_length=1)
    """Codes and stimuli, any of them."""
    unless: tuple[PartId, ...] = ()
    """Codes and stimuli that take it back."""
    when: Condition = Condition()
    moves: dict[PartId, LedgerDelta] = Field(min_length=1)
    cause: Text
    """In words an educator reads."""
    at_most: int | None = Field(default=None, ge=1)
    """How often it counts in one encounter."""
    instead: Wording | None = None
    """A sentence to try in place of the learner's words, for a rule that does harm."""

    @model_validator(mode="after")
    def _instead_of_harm(self) -> LedgerRule:
        harm = self.moves.get("trust", 0.0) < 0.0 or self.moves.get("distress", 0.0) > 0.0
        if self.instead and not harm:
            raise ValueError("`instead` is for a rule that lowers trust or raises distress")
        return self


class LedgerValue(CasePart):
    """One value of the ledger."""

    start: Fraction
    low: Text
    """What a low value means."""
    high: Text
    slows_from: Fraction = 1.0
    """From here on what raises it counts less, in proportion to the room that is left: the more
    of it there is, the harder more of it is to earn."""


class Prompts(CasePart):
    """What she says when nobody speaks, one level after the other, then nothing."""

    levels: tuple[tuple[PartId, ...], ...] = Field(min_length=1)
    """When each comes is a setting of the floor (`prompt_after_s`)."""
    asked: tuple[PartId, ...] = ()
    """When she has asked something and nobody answers; before the levels."""


class Pools(CasePart):
    """Lines for what no scene foresees; each is said once."""

    unclear: tuple[PartId, ...] = Field(min_length=1)
    """She does not know what is meant."""
    unheard: tuple[PartId, ...] = Field(min_length=1)
    """She could not hear it."""
    unknown: tuple[PartId, ...] = Field(min_length=1)
    """She has no answer to that."""
    acknowledge: tuple[PartId, ...] = Field(min_length=1)
    """Nothing to answer."""
    told_already: tuple[PartId, ...] = Field(min_length=1)
    """She was asked that before."""
    go_on: tuple[PartId, ...] = Field(min_length=1)
    """Invited to say more, with nothing more to say."""


class Ending(CasePart):
    """How it can end."""

    id: PartId
    title: Text
    on: tuple[Literal["closing", "time", "overwhelmed", "left"], ...] = Field(min_length=1)
    """What ends it: the learner says goodbye, the time is over, she can bear no more, or the
    learner left without a word."""
    when: Condition = Condition()
    lines: tuple[PartId, ...] = ()
    """What she says; needed unless the learner has left."""
    meaning: Text
    """For the debrief."""


class Never(CasePart):
    """Something she may not be made to say."""

    pattern: Pattern
    """Regular expression, without case."""
    before: PartId | None = None
    """Only until this beat has happened."""


class Improvisation(CasePart):
    """How far the language model may go where nobody wrote a line."""

    allowed: bool = True
    max_words: int = Field(default=22, ge=4, le=40)
    temperature: float = Field(default=0.5, ge=0.0, le=1.5)
    never: tuple[Never, ...] = ()


class EncounterTime(CasePart):
    """How long the encounter lasts."""

    limit_s: float = Field(gt=0.0)
    kind: Literal["soft", "hard"]
    """Soft: she notices and ends it herself. Hard: a bell."""


class Source(CasePart):
    """What the case is built on."""

    cite: Text
    doi: Text | None = None


class Case(CasePart):
    """A whole case."""

    id: CaseId
    course: Text
    """What it trains, in words: "Breaking bad news"."""
    title: Text
    summary: Text
    """One sentence for whoever chooses a case; it gives nothing away."""
    objectives: tuple[Text, ...] = Field(min_length=1)
    level: Text
    learner: Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]+$")] = "Doctor"
    """Who the learner is to the patient: Doctor, Nurse, Pharmacist."""
    setting: Text
    door_note: Text
    reading_time_s: Seconds
    time: EncounterTime
    person: Person
    scene: Text
    """The paragraph the screenplay begins with; nothing gated may be in it."""
    ledger: dict[PartId, LedgerValue]
    opening: PartId
    facts: tuple[CaseFact, ...]
    concerns: tuple[Concern, ...] = ()
    codes: dict[PartId, OwnCode] = Field(default_factory=dict)
    """What utterances do in this case: the words of the news, and codes of its own."""
    jargon: dict[Text, Text] = Field(default_factory=dict)
    """Technical words of this case, in plain form, to everyday words; beside the shared ones."""
    must_ask: tuple[PartId, ...] = ()
    """Questions she has to ask, in the order she gets to them."""
    beats: tuple[Beat, ...]
    reactions: tuple[Reaction, ...] = ()
    rules: tuple[LedgerRule, ...]
    prompts: Prompts
    pools: Pools
    afterwards: tuple[ReflectionTopic, ...] = Field(default=(), max_length=LONGEST_TELLING)
    """What she says when she is asked afterwards how it felt; see `recollection`."""
    endings: tuple[Ending, ...] = Field(min_length=1)
    aliases: dict[Text, Text] = Field(default_factory=dict)
    """Names and words in questions, by what they mean to her: "pete" is "your husband"."""
    improvise: Improvisation = Improvisation()
    floor: dict[PartId, float] = Field(default_factory=dict)
    """The case's own numbers for the floor, by setting."""
    instruments: tuple[Text, ...] = ()
    critical_items: tuple[CriticalItem, ...] = ()
    """What nobody may miss in this case, whatever the instruments say."""
    sources: tuple[Source, ...] = Field(min_length=1)
    lines: tuple[CaseLine, ...] = Field(min_length=1)
    sha256: str = ""
    """Of the file it came from; set by `load.load_case`."""

    @cached_property
    def coder(self) -> Coder:
        """The shared codes and this case's own."""
        own = [
            rule(name, c.any, form=c.form, unless=c.unless, instead_of=c.instead_of)
            for name, c in self.codes.items()
        ]
        return Coder(own, self.jargon)

    @cached_property
    def windows(self) -> dict[str, HoldWindow]:
        """The silences that beats and lines leave, by the name of the beat or line."""
        found = {beat.id: beat.hold for beat in self.beats if beat.hold is not None}
        return found | {line.id: line.hold for line in self.lines if line.hold is not None}

    @field_validator("ledger")
    @classmethod
    def _has_the_three(cls, ledger: dict[str, LedgerValue]) -> dict[str, LedgerValue]:
        missing = {"trust", "distress", "understanding"} - set(ledger)
        if missing:
            raise ValueError(f"the ledger needs {', '.join(sorted(missing))}")
        return ledger


def case_schema() -> dict[str, Any]:
    """The JSON Schema of a case file."""
    schema = Case.model_json_schema()
    schema["properties"].pop("sha256")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A case of simvoice",
    }
