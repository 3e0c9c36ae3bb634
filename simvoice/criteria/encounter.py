"""What a rule may ask of an encounter, and the verdict that it gives.

`scoring.instruments.judge.Judge` answers the questions from a reading. The types here know nothing
of records or readings, so that records, cases and instruments can share the rules.

Certainty has three steps that a page can show. No step is a probability: `simvoice agree` measures
how often each item is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from simvoice.coding.grade import Grade

# -- verdict and evidence ---------------------------------------------------------------------

ItemOutcome = Literal["met", "not met", "open", "not judged", "counted"]
"""met: by evidence that is certain. not met: neither certain nor possible evidence. open: what was
found is only possible, so the learner is asked. counted: a number without a threshold."""

Certainty = Literal["high", "fair", "low"]
"""high: the judgement rests on times, or on a code that needs the form of the sentence. fair: it
rests on single words, or on words that were not found. low: the recogniser was guessing, or the
words that were found are weak evidence."""

CERTAINTIES: tuple[Certainty, ...] = ("low", "fair", "high")
"""All steps, the lowest first."""

MOST_EVIDENCE = 4
"""Most quotes that one judgement shows."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words or a moment that a judgement rests on."""

    at_s: float
    """Session seconds at which the turn or moment begins."""
    end_s: float
    who: Literal["learner", "patient"]
    quote: str
    """The words; empty for a moment without words, such as a silence."""
    shows: str
    """What the evidence shows, by the codebook, by VR-CoDES or by the timing."""
    grade: Grade = "certain"
    """possible: it may show it, and the learner is asked."""


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """The result of a rule."""

    outcome: ItemOutcome
    evidence: tuple[Evidence, ...] = ()
    certainty: Certainty | None = None
    value: float | None = None
    """A count, a share 0..1, a ratio, or the metric in its unit."""
    reason: str = ""
    """Why the item was not judged; a clause."""
    least: float | None = None
    """The value from what is certain alone; None where the value itself is exact."""
    most: float | None = None
    """The value with all that is possible."""


def not_judged(reason: str, evidence: tuple[Evidence, ...] = ()) -> RuleVerdict:
    """The verdict of a rule that cannot be judged. reason: a clause."""
    return RuleVerdict("not judged", evidence, reason=reason)


def met_if(is_met: bool) -> ItemOutcome:
    """ "met" or "not met"."""
    return "met" if is_met else "not met"


# -- codes that were found --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """One code in one of the learner's turns."""

    position: tuple[int, int]
    """(number of the turn, number of the code within the turn), each from 0."""
    code: str
    label: str
    """The name of the code in a sentence."""
    words: str
    """The learner's words that show it."""
    offset: int
    """Number of characters before the words in the turn; negative where they are not found."""
    confidence: float
    """Of the code, 0..1."""
    certainty: Certainty
    at_s: float
    """Session seconds at which the turn begins."""
    end_s: float
    void: str = ""
    """Why it earns no credit, a clause that follows "but"; empty when it does."""
    grade: Grade = "certain"
    """Whether the words certainly do what the code says."""
    sentence: str = ""
    """The whole sentence, for the reader; empty for the words alone."""
    is_found: bool = True
    """Whether both the coder and a form, or a narrow form, found it. Words that only one broad sign
    speaks for leave an item open, and no one is asked about them."""

    @property
    def is_certain(self) -> bool:
        """Whether the words certainly do what the code says."""
        return self.grade == "certain"

    @property
    def counts(self) -> bool:
        """Whether it certainly earns credit."""
        return self.is_certain and not self.void

    @property
    def evidence(self) -> Evidence:
        """The words as evidence of the code."""
        return self.evidence_of(self.label)

    def evidence_of(self, what: str) -> Evidence:
        """The words as evidence of `what`; as a question where that is only possible."""
        shows = what if self.is_certain else f"was this {what}?"
        joint = "; " if self.is_certain else " "
        grade: Grade = "certain" if self.counts else "possible"
        shows = joint.join(part for part in (shows, self.void) if part)
        quote = self.sentence or self.words
        return Evidence(self.at_s, self.end_s, "learner", quote, shows, grade)


def best_certainty(found: Sequence[Hit]) -> Certainty:
    """The highest certainty of these codes, at least one."""
    return max((hit.certainty for hit in found), key=CERTAINTIES.index)


def worst_certainty(found: Sequence[Hit]) -> Certainty:
    """The lowest certainty of these codes, at least one."""
    return min((hit.certainty for hit in found), key=CERTAINTIES.index)


def distinct_hits(found: Sequence[Hit]) -> list[Hit]:
    """The codes without those whose words overlap with an earlier one, so that words count once."""
    distinct: list[Hit] = []
    for hit in found:
        if not any(_overlap(hit, each) for each in distinct):
            distinct.append(hit)
    return distinct


def _overlap(one: Hit, other: Hit) -> bool:
    """Whether the words of two codes overlap in one turn."""
    if one.position[0] != other.position[0] or min(one.offset, other.offset) < 0:
        return False
    begins_within = one.offset < other.offset + len(other.words)
    return begins_within and other.offset < one.offset + len(one.words)


def hit_evidence(found: Sequence[Hit], most: int = MOST_EVIDENCE) -> tuple[Evidence, ...]:
    """The first `most` codes that were found, as evidence."""
    return tuple(hit.evidence for hit in found if hit.is_found)[:most]


# -- what else a rule may ask for -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FoundMetric:
    """The value of a metric in the encounter."""

    value: float | None
    """In the unit of the metric; None where it is not measurable."""
    reason: str
    """Why there is no value; empty when there is one."""
    moments: tuple[Evidence, ...]
    """What the metric counts, in order; empty for a metric of the whole conversation."""


@dataclass(frozen=True, slots=True)
class JudgedSilence:
    """A silence that the patient left after hard news."""

    outcome: Literal["held", "filled", "broken with care"]
    """held: the learner let it stand. broken with care: the learner ended it with words that raised
    the patient's trust. filled: the learner ended it with other words."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """A question of the patient's."""

    is_answered: bool | None
    """None where the learner spoke after it, and the words may or may not answer it."""
    evidence: Evidence


class CueResponse(Protocol):
    """A cue or concern of the patient, and how the learner answered it, by VR-CoDES."""

    @property
    def cue(self) -> str:
        """The patient's words."""
        ...

    @property
    def cue_start_s(self) -> float:
        """Session seconds."""
        ...

    @property
    def cue_end_s(self) -> float:
        """Session seconds."""
        ...

    @property
    def response(self) -> str | None:
        """Name of the response; None when the codes do not allow one, or without an answer."""
        ...

    @property
    def explicit(self) -> bool | None:
        """Whether it takes up what the patient said or felt; None where not known."""
        ...

    @property
    def provides(self) -> bool | None:
        """Whether it gives space for more; None where not known."""
        ...

    @property
    def suchman(self) -> Literal["continuer", "terminator", "neither"]:
        """Whether it is a continuer or a terminator (Suchman et al. 1997)."""
        ...

    @property
    def words(self) -> str:
        """The learner's words that show the response; may be empty."""
        ...

    @property
    def at_s(self) -> float | None:
        """Session seconds at which the answer begins; None without any answer."""
        ...

    @property
    def said(self) -> str:
        """The learner's whole turn; empty without words."""
        ...

    @property
    def grade(self) -> Grade:
        """Whether the response is certain."""
        ...


class Labels(Protocol):
    """The names of codes and metrics in a sentence."""

    def codes(self, codes: Iterable[str]) -> str:
        """These codes as a list, such as "a warning or the news"."""
        ...

    def metric(self, key: str) -> str:
        """The name of a metric; its key in plain letters where it is unknown."""
        ...

    def void(self, codes: Iterable[str]) -> str:
        """Where these codes earn no credit, a clause such as "where it cuts the patient off"."""
        ...


class JudgedEncounter(Protocol):
    """What a rule may ask of the encounter that it judges."""

    @property
    def labels(self) -> Labels:
        """Names for the reasons of verdicts."""
        ...

    @property
    def turn_count(self) -> int:
        """Number of the learner's turns with words."""
        ...

    @property
    def absence(self) -> Certainty:
        """Certainty that words which were not found were not said."""
        ...

    def hits(self, codes: Iterable[str]) -> list[Hit]:
        """Every time that the learner did one of these, in order, certainly or possibly."""
        ...

    def maybe(self, codes: Iterable[str]) -> list[Hit]:
        """The turns that may do one of these in words that no code was found for, in order."""
        ...

    def metric(self, key: str) -> FoundMetric | None:
        """A metric by its key; None for an unknown one."""
        ...

    @property
    def no_cues(self) -> str:
        """Why no answer to a cue can be judged, a clause; empty when there were cues."""
        ...

    @property
    def responses(self) -> Sequence[CueResponse]:
        """Every cue and concern that was delivered, in order, with its answer."""
        ...

    def told(self, fact: str) -> Evidence | None:
        """The line with which the patient told a fact completely; None when it was not told."""
        ...

    def delivered(self, lines: Iterable[str]) -> Evidence | None:
        """The first of these lines that was delivered, whole or in part; None when none was."""
        ...

    def silences(self, after: Sequence[str]) -> Sequence[JudgedSilence]:
        """The silences that the patient left after these beats or lines; after any when empty."""
        ...

    @property
    def talked_through(self) -> Evidence | None:
        """The news, where the learner talked on in the same turn and left the patient no silence;
        None otherwise."""
        ...

    @property
    def questions(self) -> Sequence[JudgedQuestion] | None:
        """The patient's questions, in order; None where the record does not say which lines ask."""
        ...

    @property
    def left_early(self) -> Evidence | None:
        """What the learner left behind by ending the encounter in the middle; None for an encounter
        that came to its end, and for one that was cut off by a fault."""
        ...

    def ledger(self, value: str) -> Sequence[float]:
        """A value of the ledger after each of the patient's moves, 0..1; empty for an unknown
        one."""
        ...

    @property
    def last_words(self) -> Evidence | None:
        """The learner's last turn; None when the learner said nothing."""
        ...

    @property
    def was_ended(self) -> bool:
        """Whether a speaker or the clock ended the encounter; False where it broke off."""
        ...

    def ledger_course(self, value: str) -> Evidence | None:
        """A value of the ledger at the start and at the end, as evidence; None for an unknown
        one."""
        ...

    def ledger_start(self, value: str) -> float | None:
        """A value of the ledger before the patient's first move, 0..1; None for an unknown one."""
        ...

    def item(self, item_id: str) -> RuleVerdict | None:
        """The verdict on an item of an instrument; None for an unknown one."""
        ...
