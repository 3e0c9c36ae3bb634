"""The schema of a case: one patient and one encounter, as an educator writes it.

The docstrings of the classes and fields become the text of `scenarios/case.schema.json`.
"""

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
from simvoice.suggestion_kinds import suggestible

# -- reflection -------------------------------------------------------------------------------
# The part of a case that is spoken after it: what the patient says when asked how it felt.


MAX_REFLECTION_TOPICS: Final = 5
"""Most topics in a reflection: as much as a learner can take in before the rest of the debrief."""


class ReflectionLine(CasePart):
    """One thing the patient may say about a topic of the reflection."""

    when: Condition = Condition()
    endings: tuple[PartId, ...] = ()
    """The encounter reached one of these endings. Empty: any ending, or none."""
    marked: Wording = Field(alias="text")
    affect: Affect = "neutral"
    because: tuple[PartId, ...] = ()
    """Rules of the ledger that the line is based on, the most important first; when empty, those in
    `when`. Only rules that counted are named as a reason."""

    @property
    def text(self) -> str:
        """The text without marks."""
        return markup.plain(self.marked)


class ReflectionTopic(CasePart):
    """One topic of the reflection. The patient says the first remark whose condition holds, or
    nothing."""

    id: PartId
    remarks: tuple[ReflectionLine, ...] = Field(min_length=1)


# -- schema -----------------------------------------------------------------------------------


class Person(CasePart):
    """The patient."""

    name: Text
    short: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z'-]+$")]
    """The name in front of the patient's lines in the screenplay."""
    age: int = Field(ge=0, le=120)
    pronouns: Literal["she", "he", "they"] = "she"
    voice: VoiceKnobs = VoiceKnobs()
    bends: VoiceBends = VoiceBends()
    history: Text
    family: Text
    manner: Text
    """How the patient talks and behaves."""
    knows: tuple[Text, ...] = ()
    believes: tuple[Text, ...] = ()


class OwnCode(CasePart):
    """A code that only this case has, or this case's own patterns for a shared code."""

    means: Text | None = None
    """One sentence; required for a code that the codebook does not have."""
    form: Literal["any", "question", "statement"] = "any"
    any: tuple[Pattern, ...] = Field(min_length=1)
    """Regular expressions on the plain form of one sentence: lower case, contractions opened ("I'm"
    is "i am"), no punctuation."""
    certain: tuple[Pattern, ...] = ()
    """Narrow patterns of the sentences that certainly do it. A debrief asserts only these, and asks
    about the others."""
    unless: tuple[Pattern, ...] = ()
    """Patterns of sentences that do not get the code."""
    instead_of: tuple[PartId, ...] = ()
    """Codes that are dropped when this one is found."""


class FactGate(CasePart):
    """The condition under which the patient tells a fact."""

    when: Literal["volunteered", "asked", "trusted"]
    trust: Fraction | None = None
    after: tuple[PartId, ...] = ()
    """Beats that must happen first."""

    @model_validator(mode="after")
    def _require_trust(self) -> FactGate:
        if (self.when == "trusted") != (self.trust is not None):
            raise ValueError("give `trust` if, and only if, the gate says `when: trusted`")
        return self


class CaseFact(CasePart):
    """A fact about the patient."""

    id: PartId
    text: Text
    """One sentence in the third person."""
    gate: FactGate
    mentions: tuple[Pattern, ...] = ()
    """Regular expressions (case is ignored) for words that would reveal the fact. Required unless
    the fact is volunteered."""

    @model_validator(mode="after")
    def _require_mentions(self) -> CaseFact:
        if self.gate.when != "volunteered" and not self.mentions:
            raise ValueError(
                "a fact with a gate needs `mentions`: patterns of words that would reveal it"
            )
        return self


class Concern(CasePart):
    """A concern of the patient, and the lines that hint at it before the patient states it."""

    id: PartId
    text: Text
    cues: tuple[PartId, ...] = ()
    fact: PartId | None = None


class Variant(CasePart):
    """Another wording for another state of the patient. The first variant whose condition holds is
    used."""

    when: Condition
    marked: Wording = Field(alias="text")
    affect: Affect | None = None

    @property
    def text(self) -> str:
        """The text without marks."""
        return markup.plain(self.marked)


class AnswerReply(CasePart):
    """The patient's reply to one kind of answer."""

    on: tuple[PartId, ...] = Field(min_length=1)
    lines: tuple[PartId, ...] = Field(min_length=1)


class Question(CasePart):
    """The question that a line asks. The patient then waits for an answer."""

    answered_by: tuple[PartId, ...] = ()
    """Codes that count as an answer."""
    words: tuple[Pattern, ...] = ()
    """Regular expressions; learner's words that match count as an answer."""
    yes: PartId | None = None
    """The beat that the answer "yes" starts."""
    no: PartId | None = None
    replies: tuple[AnswerReply, ...] = ()


class HoldWindow(CasePart):
    """A silence that the patient keeps after hard news, a cue or a hard question."""

    window_s: float = Field(gt=0.0, le=30.0)
    held: tuple[PartId, ...] = Field(min_length=1)
    """Lines for a silence that the learner lets stand. The patient says the first one allowed."""
    filled: tuple[PartId, ...] = Field(min_length=1)
    """Lines for a silence that the learner fills."""
    spares: tuple[PartId, ...] = ()
    """Codes that may fill the silence without harm."""


class CaseLine(CasePart):
    """A line that the patient can say."""

    id: PartId
    marked: Wording = Field(alias="text")
    exemplars: tuple[Text, ...] = ()
    """What learners say that this line answers: six or more, in different words."""
    tells: tuple[PartId, ...] = ()
    """Facts that the line tells."""
    when: Condition = Condition()
    affect: Affect = "neutral"
    variants: tuple[Variant, ...] = ()
    marked_again: Wording | None = Field(default=None, alias="again")
    """The wording for when the learner asks the same again."""
    instead: PartId | None = None
    """The line to say instead while the gate of a fact is closed."""
    follows: tuple[PartId, ...] = ()
    """Lines that this line continues ("tell me more")."""
    asks: Question | None = None
    silence_before_s: Seconds = 0.0
    hold: HoldWindow | None = None
    """The silence after the line. What the patient says next depends on the learner."""

    @property
    def text(self) -> str:
        """The text without marks."""
        return markup.plain(self.marked)

    @property
    def again(self) -> str | None:
        """The text of `again` without marks."""
        return markup.plain(self.marked_again) if self.marked_again else None

    @property
    def wordings(self) -> tuple[tuple[str, Affect], ...]:
        """Every wording with its marks, and its affect."""
        found: list[tuple[str, Affect]] = [(self.marked, self.affect)]
        found += [(each.marked, each.affect or self.affect) for each in self.variants]
        if self.marked_again:
            found.append((self.marked_again, self.affect))
        return tuple(found)

    @property
    def texts(self) -> tuple[tuple[str, Affect], ...]:
        """Every wording without marks, and its affect."""
        return tuple((markup.plain(marked), affect) for marked, affect in self.wordings)


class Beat(CasePart):
    """A moment that the encounter turns on, such as the news."""

    id: PartId
    label: Text
    on: tuple[PartId, ...] = ()
    """Codes that start the beat. Empty: only an answer to a question starts it."""
    when: Condition = Condition()
    lines: tuple[PartId, ...] = Field(min_length=1)
    hold: HoldWindow | None = None


class Reaction(CasePart):
    """What the patient says in reaction to something that the learner does."""

    id: PartId
    on: tuple[PartId, ...] = Field(min_length=1)
    """Codes and stimuli, any of them."""
    when: Condition = Condition()
    lines: tuple[PartId, ...] = Field(min_length=1)
    over_questions: bool = False
    """The reaction comes before the answer to the learner's question."""
    at_most: int | None = Field(default=None, ge=1)


def _suggestible(schema: dict[str, Any]) -> None:
    """List the kinds in the schema, so that an editor offers them."""
    schema["anyOf"][0] = {"type": "string", "enum": list(suggestible())}


class LedgerRule(CasePart):
    """How something that the learner does changes the ledger."""

    id: PartId
    on: tuple[PartId, ...] = Field(min_length=1)
    """Codes and stimuli, any of them."""
    unless: tuple[PartId, ...] = ()
    """Codes and stimuli with which the rule does not count."""
    when: Condition = Condition()
    moves: dict[PartId, LedgerDelta] = Field(min_length=1)
    cause: Text
    """What the learner did, in words that the debrief shows. It completes a sentence that begins
    with "You", in the past tense, and also stands alone: "cut her off"."""
    suggests: PartId | None = Field(default=None, json_schema_extra=_suggestible)
    """What the learner could try instead, as one kind of suggestion; docs/writing-a-case.md lists
    them. `nothing`: the learner could not have done better. A rule that lowers trust needs
    `suggests` or `instead`."""
    at_most: int | None = Field(default=None, ge=1)
    """Most times that the rule counts in one encounter."""
    instead: Wording | None = None
    """A sentence that the learner could try instead, for a rule that does harm."""

    @model_validator(mode="after")
    def _limit_suggestion(self) -> LedgerRule:
        harm = self.moves.get("trust", 0.0) < 0.0 or self.moves.get("distress", 0.0) > 0.0
        for field in ("suggests", "instead"):
            if getattr(self, field) and not harm:
                raise ValueError(
                    f"`{field}` is only for a rule that lowers trust or raises distress; remove it"
                )
        return self


class LedgerValue(CasePart):
    """One value of the ledger."""

    start: Fraction
    low: Text
    """What a low value means for the patient."""
    high: Text
    slows_from: Fraction = 1.0
    """Above this value each increase is smaller, in proportion to the distance that is left to 1: a
    high value is harder to raise further."""


class Prompts(CasePart):
    """What the patient says when no one speaks: one level after the other, then nothing."""

    levels: tuple[tuple[PartId, ...], ...] = Field(min_length=1)
    """One line is said for each level. The time of each level is a turn-taking setting
    (`prompt_after_s`)."""
    asked: tuple[PartId, ...] = ()
    """Lines for when the patient asked something and the learner does not answer. They come before
    the levels."""


class Pools(CasePart):
    """Lines for what the case does not foresee. Each is said once."""

    unclear: tuple[PartId, ...] = Field(min_length=1)
    """The patient does not know what the learner means."""
    unheard: tuple[PartId, ...] = Field(min_length=1)
    """The patient could not make out the words."""
    unknown: tuple[PartId, ...] = Field(min_length=1)
    """The patient has no answer."""
    acknowledge: tuple[PartId, ...] = Field(min_length=1)
    """There is nothing to answer."""
    told_already: tuple[PartId, ...] = Field(min_length=1)
    """The learner asked that before."""
    go_on: tuple[PartId, ...] = Field(min_length=1)
    """The learner invites the patient to say more, and there is nothing more to say."""
    lost_thread: tuple[PartId, ...] = ()
    """The encounter goes on after it was cut off, and the patient lost the thread. The line must
    fit everywhere. Empty: those of `unheard`."""


class Ending(CasePart):
    """One way in which the encounter can end."""

    id: PartId
    title: Text
    on: tuple[Literal["closing", "time", "overwhelmed", "left"], ...] = Field(min_length=1)
    """What ends the encounter. `closing`: the learner says goodbye; `time`: the time is over;
    `overwhelmed`: the patient cannot take more; `left`: the learner left without a word."""
    when: Condition = Condition()
    lines: tuple[PartId, ...] = ()
    """What the patient says. Required unless the learner left."""
    meaning: Text
    """What this ending means; shown in the debrief."""


class Never(CasePart):
    """Words that a language model may not make the patient say."""

    pattern: Pattern
    """Regular expression; case is ignored."""
    before: PartId | None = None
    """The rule applies only until this beat."""


class Improvisation(CasePart):
    """What the language model may do where no line of the case fits."""

    allowed: bool = True
    max_words: int = Field(default=22, ge=4, le=40)
    temperature: float = Field(default=0.5, ge=0.0, le=1.5)
    never: tuple[Never, ...] = ()


class EncounterTime(CasePart):
    """How long the encounter lasts."""

    limit_s: float = Field(gt=0.0)
    kind: Literal["soft", "hard"]
    """`soft`: the patient notices and ends the encounter. `hard`: a bell ends it."""


class Moment(CasePart):
    """A moment at which a drill can begin: one skill, tried again and again."""

    id: PartId
    title: Text
    skill: Text
    """What the learner is to do there, in one sentence that the learner reads."""
    at: PartId
    """The patient's line at which the drill begins. The patient says it, then it is the learner's
    turn."""
    before: tuple[Text, ...] = Field(default=(), max_length=30)
    """What the learner says from the opening until then, one turn each. `(silence)`: the learner
    lets a silence stand. `(cuts in) ` before the words: the learner interrupts."""


class Source(CasePart):
    """A source that the case is based on."""

    cite: Text
    doi: Text | None = None


COMPLETE: Final = 2
"""The `format` from which a case is written as this release asks."""


class Case(CasePart):
    """A case: one patient and one encounter."""

    id: CaseId
    format: Literal[1, 2] = 1
    """2: causes of rules complete a sentence that begins with "You", and every rule that lowers
    trust says what the debrief suggests. 1: a case of release 0.1, which may do neither. It can
    still be used, and `simvoice cases check` asks for 2."""
    course: Text
    """The subject that the case trains, for example "Breaking bad news"."""
    title: Text
    summary: Text
    """One sentence for learners who choose a case. It must not give anything away."""
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
    """The paragraph at the start of the screenplay. It must not contain a gated fact."""
    ledger: dict[PartId, LedgerValue]
    opening: PartId
    facts: tuple[CaseFact, ...]
    concerns: tuple[Concern, ...] = ()
    codes: dict[PartId, OwnCode] = Field(default_factory=dict)
    """Codes of this case, such as the words of the news."""
    jargon: dict[Text, Text] = Field(default_factory=dict)
    """Technical words of this case in plain form, each with everyday words. They are added to the
    shared list."""
    must_ask: tuple[PartId, ...] = ()
    """Lines with questions that the patient must ask, in this order."""
    beats: tuple[Beat, ...]
    reactions: tuple[Reaction, ...] = ()
    rules: tuple[LedgerRule, ...]
    prompts: Prompts
    pools: Pools
    afterwards: tuple[ReflectionTopic, ...] = Field(default=(), max_length=MAX_REFLECTION_TOPICS)
    """The reflection by the patient: what the patient says after the encounter about how it felt.
    See `patient.reflection`."""
    endings: tuple[Ending, ...] = Field(min_length=1)
    aliases: dict[Text, Text] = Field(default_factory=dict)
    """Names and words in the learner's questions, each with its meaning: "pete" is "your
    husband"."""
    moments: tuple[Moment, ...] = ()
    """Where drills can begin."""
    improvise: Improvisation = Improvisation()
    floor: dict[PartId, float] = Field(default_factory=dict)
    """Turn-taking settings of this case, by name."""
    instruments: tuple[Text, ...] = ()
    critical_items: tuple[CriticalItem, ...] = ()
    """Items that every learner must do in this case, whatever the instruments contain."""
    sources: tuple[Source, ...] = Field(min_length=1)
    lines: tuple[CaseLine, ...] = Field(min_length=1)
    sha256: str = ""
    """SHA-256 of the case file; set by `load.load_case`."""

    @cached_property
    def coder(self) -> Coder:
        """The coder with the shared codes and this case's own codes."""
        own = [
            rule(
                name,
                c.any,
                form=c.form,
                unless=c.unless,
                instead_of=c.instead_of,
                certain=c.certain,
            )
            for name, c in self.codes.items()
        ]
        return Coder(own, self.jargon)

    @cached_property
    def windows(self) -> dict[str, HoldWindow]:
        """The silences after beats and lines, by the id of the beat or line."""
        found = {beat.id: beat.hold for beat in self.beats if beat.hold is not None}
        return found | {line.id: line.hold for line in self.lines if line.hold is not None}

    @field_validator("ledger")
    @classmethod
    def _require_values(cls, ledger: dict[str, LedgerValue]) -> dict[str, LedgerValue]:
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
