"""Rules about what the learner said: codes, how often, in which order, and where."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import ClassVar, Final, Literal

from pydantic import Field

from simvoice.coding.codebook import NEWS, group, in_order
from simvoice.criteria.encounter import (
    MOST_EVIDENCE,
    Evidence,
    Hit,
    JudgedEncounter,
    Labels,
    RuleVerdict,
    best_certainty,
    distinct_hits,
    hit_evidence,
    met_if,
    not_judged,
    worst_certainty,
)
from simvoice.criteria.rule import Codes, RuleAnswer, SimpleRule

LIKELY: Final = 0.6
"""Least confidence of a code that makes an item met. Codes below it are included in counts, and
shown as possible evidence where the answer is yes or no."""

_CLOSES: Final = in_order(group("closes"))
"""Codes of questions that are open only in form: they ask for nothing that matters to the
patient."""


class SaysRule(SimpleRule):
    """The learner does one of these things."""

    kind: Literal["says"]
    codes: Codes
    at_least: int = Field(default=1, ge=1)
    before: tuple[str, ...] = ()
    """Before the first of these."""
    after: tuple[str, ...] = ()
    """After the first of these."""
    first_turns: int | None = Field(default=None, ge=1)
    """Within the learner's first so many turns."""
    last_turns: int | None = Field(default=None, ge=1)
    """Within the learner's last so many turns."""
    needs: tuple[str, ...] = ()
    """Only judged when one of these happened."""

    by_words: ClassVar[bool] = True

    def named_codes(self) -> frozenset[str]:
        """Every code that the rule names."""
        return frozenset((*self.codes, *self.before, *self.after, *self.needs))

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        often = "" if self.at_least == 1 else f"at least {self.at_least} times: "
        where = f", before {_first(self.before, labels)}" if self.before else ""
        where += f", after {_first(self.after, labels)}" if self.after else ""
        where += f" within your first {self.first_turns} turns" if self.first_turns else ""
        where += f" within your last {self.last_turns} turns" if self.last_turns else ""
        where += _where_there_was(self.needs, labels)
        if "question_open" in self.codes:
            where += f" ({labels.codes(_CLOSES)} asked as a question does not count)"
        void = labels.void(self.codes)
        return f"heard {often}{labels.codes(self.codes)}{where}; it does not count {void}"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        if self.needs and not encounter.hits(self.needs):
            return _no_occasion(self.needs, encounter)
        closing = encounter.hits(_CLOSES)
        of_kind = [h for h in encounter.hits(self.codes) if not _is_open_in_form_only(h, closing)]
        void = [hit for hit in of_kind if hit.void]
        likely = found = [h for h in of_kind if h.confidence >= LIKELY and not h.void]
        unlikely = [hit for hit in of_kind if hit.confidence < LIKELY and not hit.void]
        occasions: list[Evidence] = []
        for anchors, before in ((self.before, True), (self.after, False)):
            if not anchors:
                continue
            at = encounter.hits(anchors)
            if not at and before and found and NEWS.isdisjoint(anchors):
                continue  # it came before what never came
            if not at:
                return _no_occasion(anchors, encounter)
            first = at[0].position
            if before:
                found = [h for h in found if h.position < first]
            else:  # what stands in the same turn is no answer to it
                found = [h for h in found if h.position[0] > first[0]]
            which = "came first" if before else "not after this"
            occasions.append(at[0].evidence_of(f"{which}: {at[0].label}"))
        if self.first_turns is not None:
            found = [h for h in found if h.position[0] < self.first_turns]
        if self.last_turns is not None:
            found = [h for h in found if h.position[0] >= encounter.turn_count - self.last_turns]
        if len(found) >= self.at_least:
            shown = hit_evidence(distinct_hits(found))
            return RuleVerdict("met", shown, best_certainty(found), float(len(found)))
        elsewhere = [h.evidence_of(f"{h.label}, not where it counts") for h in likely]
        unsure = [h.evidence_of(f"perhaps {h.label}") for h in unlikely]
        lost = [h.evidence_of(f"{h.label}, but {h.void}") for h in distinct_hits(void)]
        shown = hit_evidence(found) or (*occasions, *lost, *elsewhere, *unsure)[:MOST_EVIDENCE]
        certainty = "low" if unlikely else encounter.absence
        return RuleVerdict("not met", shown, certainty, float(len(found)))


class AvoidsRule(SimpleRule):
    """The learner does none of these things, or few."""

    kind: Literal["avoids"]
    codes: Codes
    at_most: int = Field(default=0, ge=0)
    before: tuple[str, ...] = ()
    """Only what comes before the first of these counts; all of it where none of these happened."""
    needs: tuple[str, ...] = ()
    """Judged only when one of these happened: without an occasion there is nothing to avoid."""

    by_words: ClassVar[bool] = True

    def named_codes(self) -> frozenset[str]:
        """Every code that the rule names."""
        return frozenset((*self.codes, *self.before, *self.needs))

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        which = "" if len(self.codes) == 1 else " of these"
        few = f"heard at most {self.at_most}{which}"
        if self.at_most == 0:
            few = f"heard none{which}" if which else "not heard"
        until = f", before {_first(self.before, labels)}" if self.before else ""
        return f"{few}: {labels.codes(self.codes)}{until}{_where_there_was(self.needs, labels)}"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        if self.needs and not encounter.hits(self.needs):
            return _no_occasion(self.needs, encounter)
        found = distinct_hits(encounter.hits(self.codes))
        anchor = encounter.hits(self.before)[:1]
        if anchor:
            found = [hit for hit in found if hit.position < anchor[0].position]
        is_met = len(found) <= self.at_most
        certainty = encounter.absence if is_met else best_certainty(found)
        return RuleVerdict(met_if(is_met), hit_evidence(found), certainty, float(len(found)))


class OrderRule(SimpleRule):
    """The steps that happened came in this order, by the first time of each."""

    kind: Literal["order"]
    steps: tuple[Codes, ...] = Field(min_length=2)
    least: int = Field(default=2, ge=2)
    """The order is judged when at least so many of the steps happened."""

    by_words: ClassVar[bool] = True

    def named_codes(self) -> frozenset[str]:
        """Every code that the rule names."""
        return frozenset(code for step in self.steps for code in step)

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        return "in this order: " + "; ".join(labels.codes(step) for step in self.steps)

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        firsts = [hits[0] for hits in map(encounter.hits, self.steps) if hits]
        if len(firsts) < self.least:
            why = f"only {len(firsts)} of the steps happened, and an order needs {self.least}"
            return not_judged(why, hit_evidence(firsts))
        is_met = all(a.position < b.position for a, b in pairwise(firsts))
        return RuleVerdict(
            met_if(is_met), hit_evidence(firsts, len(firsts)), worst_certainty(firsts)
        )


class RatioRule(SimpleRule):
    """The count of some codes divided by the count of others."""

    kind: Literal["ratio"]
    over: Codes
    under: Codes
    at_least: float | None = None
    """None: the ratio is shown and nothing is judged."""

    by_words: ClassVar[bool] = True

    def named_codes(self) -> frozenset[str]:
        """Every code that the rule names."""
        return frozenset((*self.over, *self.under))

    def answer_kind(self) -> RuleAnswer:
        """A share where all that is counted above is counted below, too."""
        if self.at_least is not None:
            return "yes or no"
        return "share" if set(self.over) <= set(self.under) else "ratio"

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        over, under = labels.codes(self.over), labels.codes(self.under)
        if self.at_least is None:
            return f"how often there was {over}, compared with {under}"
        times = "" if self.at_least == 1.0 else f"{self.at_least:g} times "
        return f"{over}, at least {times}as often as {under}"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        over, under = encounter.hits(self.over), encounter.hits(self.under)
        if not under:
            name = encounter.labels.codes(self.under)
            return not_judged(f"nothing to compare with: no sign of {name}")
        value = len(over) / len(under)
        outcome = "counted" if self.at_least is None else met_if(value >= self.at_least)
        return RuleVerdict(outcome, hit_evidence(over), encounter.absence, value)


class CountRule(SimpleRule):
    """A count. It is not judged, because the source gives no threshold."""

    kind: Literal["count"]
    codes: Codes
    per: Literal["encounter", "cue"] = "encounter"

    by_words: ClassVar[bool] = True

    def named_codes(self) -> frozenset[str]:
        """Every code that the rule names."""
        return frozenset(self.codes)

    def answer_kind(self) -> RuleAnswer:
        """A whole number, or for each cue any number."""
        return "ratio" if self.per == "cue" else "count"

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        each = " for each cue" if self.per == "cue" else ""
        return f"how often there was {labels.codes(self.codes)}{each}"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        found = distinct_hits(encounter.hits(self.codes))
        value = float(len(found))
        if self.per == "cue":
            if why := encounter.no_cues:
                return not_judged(why)
            value /= len(encounter.responses)
        return RuleVerdict("counted", hit_evidence(found), encounter.absence, value)


def _no_occasion(codes: Iterable[str], encounter: JudgedEncounter) -> RuleVerdict:
    return not_judged(f"no occasion: there was no sign of {encounter.labels.codes(codes)}")


def _is_open_in_form_only(hit: Hit, closing: Iterable[Hit]) -> bool:
    """Whether a question is open only in form, such as "How was the parking?".

    closing: the codes of the encounter that ask for nothing that matters to the patient.
    """
    asked = hit.words.lower()
    return hit.code == "question_open" and any(
        each.position[0] == hit.position[0] and each.words.lower() in asked for each in closing
    )


def _first(codes: Iterable[str], labels: Labels) -> str:
    """The first occurrence of any of these codes, as a clause."""
    name = labels.codes(codes)
    return name if name.startswith("the news") else f"{name} was first heard"


def _where_there_was(codes: Iterable[str], labels: Labels) -> str:
    return f", where there was {labels.codes(codes)}" if codes else ""
