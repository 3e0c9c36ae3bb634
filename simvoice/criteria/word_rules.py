"""Rules about what the learner said: codes, how often, in which order, and where."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import ClassVar, Final, Literal

from pydantic import Field

from simvoice.coding.codebook import CODEBOOK, NEWS, group, in_order
from simvoice.coding.grade import has_broad_forms
from simvoice.criteria.encounter import (
    MOST_EVIDENCE,
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

MOST_ASKED: Final = 2
"""Most quotes that an open item asks about: more would be a search, and not a question."""

_NEVER: Final = (1_000_000, 0)
"""A position after every turn."""

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
        return f"heard {often}{labels.codes(self.codes)}{where}; it is open {void}"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        if self.needs and not any(hit.is_certain for hit in encounter.hits(self.needs)):
            return _no_occasion(self.needs, encounter)
        closing = encounter.hits(_CLOSES)
        found = [
            h
            for h in (*encounter.hits(self.codes), *encounter.maybe(self.codes))
            if not _is_open_in_form_only(h, closing)
        ]
        surely = [hit for hit in found if hit.counts and hit.confidence >= LIKELY]
        perhaps = [hit for hit in found if hit not in surely]
        anywhere, occasions = surely, []
        for anchors, before in ((self.before, True), (self.after, False)):
            if not anchors:
                continue
            every = encounter.hits(anchors)
            sure = next((hit.position for hit in every if hit.is_certain), None)
            is_needed = not before or not NEWS.isdisjoint(anchors)
            if sure is None and (is_needed or not (every or surely)):
                return _no_occasion(anchors, encounter)
            if before and NEWS.isdisjoint(anchors):
                # what it must precede may stand in words that the coder does not know
                every = sorted((*every, *encounter.maybe(anchors)), key=lambda h: h.position)
            if not every:
                continue  # it came before what never came
            first = every[0].position
            if sure is not None:
                which = "came first" if before else "not after this"
                anchor = next(hit for hit in every if hit.position == sure)
                occasions.append(anchor.evidence_of(f"{which}: {anchor.label}"))
            sure = sure or _NEVER
            if before:
                perhaps += [h for h in surely if first <= h.position < sure]
                surely = [h for h in surely if h.position < first]
                perhaps = [h for h in perhaps if h.position < sure]
            else:  # what stands in the same turn is no answer to it
                perhaps += [h for h in surely if first[0] < h.position[0] <= sure[0]]
                surely = [h for h in surely if h.position[0] > sure[0]]
                perhaps = [h for h in perhaps if h.position[0] > first[0]]
        surely, perhaps = (
            [h for h in hits if self._is_in_turns(h, encounter.turn_count)]
            for hits in (surely, perhaps)
        )
        surely = distinct_hits(surely)
        if len(surely) >= self.at_least:
            shown = hit_evidence(surely)
            return RuleVerdict("met", shown, best_certainty(surely), float(len(surely)))
        perhaps = distinct_hits(sorted(perhaps, key=_best_first))
        value = float(len(surely))
        if len(surely) + len(perhaps) >= self.at_least:
            asked = [hit for hit in perhaps if hit.is_found][: max(0, MOST_ASKED - len(surely))]
            asked.sort(key=lambda h: h.position)
            return RuleVerdict("open", hit_evidence([*surely, *asked]), "low", value)
        if not all(map(has_broad_forms, self.codes)):
            # in a case's own codes, and in the news, what their forms miss may have been said
            return RuleVerdict("open", hit_evidence(surely), "low", value)
        late = [h.evidence_of(f"{h.label}, not where it counts") for h in distinct_hits(anywhere)]
        shown = hit_evidence(surely) or (*occasions, *late)[:MOST_EVIDENCE]
        return RuleVerdict("not met", shown, encounter.absence, value)

    def _is_in_turns(self, hit: Hit, turns: int) -> bool:
        number = hit.position[0]
        return (self.first_turns is None or number < self.first_turns) and (
            self.last_turns is None or number >= turns - self.last_turns
        )


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
        if self.needs and not any(hit.is_certain for hit in encounter.hits(self.needs)):
            return _no_occasion(self.needs, encounter)
        found = encounter.hits(self.codes)
        perhaps = encounter.maybe(code for code in self.codes if code in CODEBOOK)
        anchors = encounter.hits(self.before)
        sure = next((hit.position for hit in anchors if hit.is_certain), None)
        if sure is not None:
            found = [hit for hit in found if hit.position < sure]
            perhaps = [hit for hit in perhaps if hit.position < sure]
        first = anchors[0].position if anchors else None
        surely = distinct_hits(
            [hit for hit in found if hit.is_certain and (first is None or hit.position < first)]
        )
        value = float(len(surely))
        if len(surely) > self.at_most:
            return RuleVerdict("not met", hit_evidence(surely), best_certainty(surely), value)
        rest = distinct_hits([*surely, *(h for h in (*found, *perhaps) if h not in surely)])
        if len(rest) <= self.at_most:
            return RuleVerdict("met", hit_evidence(surely), encounter.absence, value)
        # of harm one doubt is asked about, and not two at once
        asked = [h for h in rest if h.is_found and (h.is_certain or not h.void)][:MOST_ASKED]
        asked.sort(key=lambda h: h.position)
        return RuleVerdict("open", hit_evidence(asked), "low", value)


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
        steps = [hits for hits in map(encounter.hits, self.steps) if hits]
        sure = [[hit for hit in hits if hit.is_certain] for hits in steps]
        firsts = [hits[0] for hits in sure if hits]
        if len(firsts) < self.least:
            why = f"an order needs {self.least} steps; simvoice is sure of {len(firsts)} here"
            return not_judged(why, hit_evidence(firsts))
        is_met = all(a.position < b.position for a, b in pairwise(firsts))
        shown = hit_evidence(firsts, len(firsts))
        if any(hits[0] is not found[0] for hits, found in zip(steps, sure, strict=True) if found):
            return RuleVerdict("open", shown, "low")
        if any(not found for found in sure):
            return RuleVerdict("open", shown, "low")
        return RuleVerdict(met_if(is_met), shown, worst_certainty(firsts))


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
        surely = len([hit for hit in over if hit.is_certain])
        compared = len([hit for hit in under if hit.is_certain])
        perhaps, more = encounter.maybe(self.under), encounter.maybe(self.over)
        least = surely / max(len(under), len(distinct_hits([*under, *perhaps])))
        shown = hit_evidence(over)
        if self.at_least is None:
            most = max(value, len(distinct_hits([*over, *more])) / max(1, compared))
            if set(self.over) <= set(self.under):
                most = min(1.0, most)
            return RuleVerdict("counted", shown, encounter.absence, value, least=least, most=most)
        if least >= self.at_least:
            return RuleVerdict("met", shown, encounter.absence, value)
        if len(over) + len(more) < self.at_least * max(1, compared):
            return RuleVerdict("not met", shown, encounter.absence, value)
        return RuleVerdict("open", shown, "low", value)


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
        perhaps = encounter.maybe(self.codes)
        surely = distinct_hits([hit for hit in (*found, *perhaps) if hit.is_certain])
        of = 1
        if self.per == "cue":
            if why := encounter.no_cues:
                return not_judged(why)
            of = len(encounter.responses)
        shown = hit_evidence([*surely, *(hit for hit in found if hit not in surely)])
        value, least = len(found) / of, len(surely) / of
        rest = distinct_hits([*found, *perhaps])
        most = len(rest) / of
        return RuleVerdict("counted", shown, encounter.absence, value, least=least, most=most)


def _no_occasion(codes: Iterable[str], encounter: JudgedEncounter) -> RuleVerdict:
    name = encounter.labels.codes(codes)
    return not_judged(f"it needs {name}, and simvoice is not sure of having heard that")


def _best_first(hit: Hit) -> tuple[bool, float, tuple[int, int]]:
    """Order possible evidence: what is certain, but void, first; then by confidence."""
    return (not hit.is_certain, -hit.confidence, hit.position)


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
