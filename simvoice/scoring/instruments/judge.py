"""From the record and an instrument to what was met, what was not, and what nobody can tell.

Pure, and from the record alone: the codes of the learner's turns as they were written down, the
metrics, and the answers to cues. Every judgement carries the words it stands on, or says why there
is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, pairwise, zip_longest

from simvoice import criteria as r
from simvoice.record.events import Header, Hold, Interruption, LearnerTurn
from simvoice.scoring.instruments.coded_turns import code_turns_in_context, never_rises
from simvoice.scoring.instruments.cues import Response, responses
from simvoice.scoring.instruments.evidence import (
    CERTAINTIES,
    MOST_EVIDENCE,
    Certainty,
    Evidence,
    Hit,
    ItemOutcome,
    RuleVerdict,
    absence_certainty,
    best_certainty,
    distinct_hits,
    hit_evidence,
    silence_evidence,
    worst_certainty,
)
from simvoice.scoring.instruments.instrument import Instrument, Item, items
from simvoice.scoring.instruments.patient_side import judge_patient_rule
from simvoice.scoring.instruments.rule_text import CLOSES, code_label, codes_in_words, rule_in_words
from simvoice.scoring.metrics.reading import Reading
from simvoice.scoring.metrics.registry import Measured, measure_reading
from simvoice.scoring.metrics.shares import ItemShare, share
from simvoice.scoring.raters.questions import resolve_rule

_HOLDS = {"holds_held": "held", "holds_filled": "filled"}
"""Metric to the outcome of the silences that it counts."""
LIKELY = 0.6
"""Confidence of a code from which it holds up a yes. Below, it is counted where counts have their
interval, and shown as a maybe where a yes or no is asked."""


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """One item in one attempt."""

    item: Item
    verdict: RuleVerdict
    rule: str
    """In words; empty where the item is a human's."""


@dataclass(frozen=True, slots=True)
class ScoredInstrument:
    """One instrument in one attempt."""

    instrument: Instrument
    judged: tuple[JudgedItem, ...]

    def count(self, outcome: ItemOutcome) -> int:
        """How many items came out so."""
        return sum(each.verdict.outcome == outcome for each in self.judged)

    @property
    def share(self) -> float | None:
        """0..1: weight of what was met in the weight of what could be judged; None when less than
        half of the weight could be."""
        weights = {"met": 0.0, "not met": 0.0, "not judged": 0.0, "counted": 0.0}
        for each in self.judged:
            weights[each.verdict.outcome] += each.item.weight
        judged = weights["met"] + weights["not met"]
        if judged <= 0.0 or judged < weights["not judged"]:
            return None
        return weights["met"] / judged

    @property
    def share_with_interval(self) -> ItemShare | None:
        """The same with its interval; None where there is no share."""
        if self.share is None:
            return None
        return share(self._weights("met"), self._weights("not met"))

    def _weights(self, outcome: ItemOutcome) -> list[float]:
        return [each.item.weight for each in self.judged if each.verdict.outcome == outcome]


class Judge:
    """Judges the items of one attempt."""

    def __init__(self, reading: Reading, header: Header) -> None:
        entries = code_turns_in_context(reading.entries, header.shows, reading.rises or never_rises)
        turns = (entry for entry in entries if isinstance(entry, LearnerTurn))
        self._turns = tuple(sorted(turns, key=lambda turn: turn.start_s))
        self._reading = reading
        self._says_cues = bool(header.shows)
        self._means = {k: v for item in header.critical for k, v in item.means.items()}
        self.responses: tuple[Response, ...] = responses(entries, header.shows)

    def sheet(self, instrument: Instrument) -> ScoredInstrument:
        """Every item of an instrument."""
        return ScoredInstrument(instrument, tuple(self.item(item) for item in instrument.items))

    def sheets(self, chosen: Iterable[Instrument]) -> tuple[ScoredInstrument, ...]:
        """Several instruments."""
        return tuple(self.sheet(each) for each in chosen)

    def item(self, item: Item) -> JudgedItem:
        """One item."""
        if item.rule is None:
            return JudgedItem(item, RuleVerdict("not judged", reason=item.why), "")
        rule = resolve_rule(item) or item.rule
        return JudgedItem(item, self._judge(item.rule), rule_in_words(rule, item.means))

    @cached_property
    def _hits(self) -> tuple[Hit, ...]:
        return tuple(
            Hit((number, within), turn, code, code_label(code.code, self._means))
            for number, turn in enumerate(self._turns)
            for within, code in enumerate(turn.codes)
        )

    @cached_property
    def _metrics(self) -> dict[str, Measured]:
        return {each.key: each for each in measure_reading(self._reading)}

    def _judge(self, rule: r.ItemRule) -> RuleVerdict:
        match rule:
            case r.AllOfRule():
                return _combine_all([self._judge(each) for each in rule.rules])
            case r.AnyOfRule():
                return _combine_any([self._judge(each) for each in rule.rules])
            case r.ItemIsRule():
                other = items().get(rule.item)
                unknown = RuleVerdict("not judged", reason=f"simvoice has no item {rule.item}")
                return self.item(other).verdict if other is not None else unknown
        if not self._turns:
            return RuleVerdict("not judged", reason="no words of yours were recognised")
        match rule:
            case r.SaysRule():
                return self._says(rule)
            case r.AvoidsRule():
                return self._avoids(rule)
            case r.OrderRule():
                return self._order(rule)
            case r.MetricRule():
                return self._metric(rule)
            case r.RatioRule():
                return self._ratio(rule)
            case r.CountRule():
                return self._count(rule)
            case r.AnswersRule():
                return self._answers(rule)
            case r.CountAnswersRule():
                return self._count_answers(rule)
            case (
                r.ToldRule()
                | r.HearsRule()
                | r.ReachedRule()
                | r.SilenceRule()
                | r.LedgerValueRule()
            ):
                return judge_patient_rule(rule, self._reading.entries)

    # -- codes

    def _of(self, codes: Iterable[str]) -> list[Hit]:
        wanted = frozenset(codes)
        return [hit for hit in self._hits if hit.code.code in wanted]

    def _name(self, codes: Iterable[str]) -> str:
        return codes_in_words(codes, self._means)

    def _no_occasion(self, codes: Iterable[str]) -> RuleVerdict:
        why = f"no occasion: nothing was heard of {self._name(codes)}"
        return RuleVerdict("not judged", reason=why)

    def _says(self, rule: r.SaysRule) -> RuleVerdict:
        if rule.needs and not self._of(rule.needs):
            return self._no_occasion(rule.needs)
        of_kind = [hit for hit in self._of(rule.codes) if not self._closes(hit)]
        every = found = [hit for hit in of_kind if hit.code.confidence >= LIKELY]
        maybe = [hit for hit in of_kind if hit.code.confidence < LIKELY]
        occasions: list[Evidence] = []
        for anchors, before in ((rule.before, True), (rule.after, False)):
            if not anchors:
                continue
            at = self._of(anchors)
            if not at:
                return self._no_occasion(anchors)
            first = at[0].place
            found = [h for h in found if (h.place < first if before else h.place > first)]
            which = "came first" if before else "not after this"
            occasions.append(at[0].showing(f"{which}: {at[0].label}"))
        if rule.first_turns is not None:
            found = [h for h in found if h.place[0] < rule.first_turns]
        if rule.last_turns is not None:
            found = [h for h in found if h.place[0] >= len(self._turns) - rule.last_turns]
        if len(found) >= rule.at_least:
            return RuleVerdict(
                "met", hit_evidence(distinct_hits(found)), best_certainty(found), float(len(found))
            )
        elsewhere = [h.showing(f"{h.label}, not where it counts") for h in every]
        unsure = [h.showing(f"perhaps {h.label}") for h in maybe]
        shown = hit_evidence(found) or (*occasions, *elsewhere, *unsure)[:MOST_EVIDENCE]
        sure = "low" if maybe else absence_certainty(self._turns)
        return RuleVerdict("not met", shown, sure, float(len(found)))

    def _closes(self, hit: Hit) -> bool:
        """An open question by its form alone: "How was the parking?", "Why did you not call?"."""
        if hit.code.code != "question_open":
            return False
        asked = hit.code.words.lower()
        return any(code.code in CLOSES and code.words.lower() in asked for code in hit.turn.codes)

    def _avoids(self, rule: r.AvoidsRule) -> RuleVerdict:
        if rule.needs and not self._of(rule.needs):
            return self._no_occasion(rule.needs)
        found = distinct_hits(self._of(rule.codes))
        if len(found) > rule.at_most:
            return RuleVerdict(
                "not met", hit_evidence(found), best_certainty(found), float(len(found))
            )
        return RuleVerdict(
            "met", hit_evidence(found), absence_certainty(self._turns), float(len(found))
        )

    def _order(self, rule: r.OrderRule) -> RuleVerdict:
        firsts = [hits[0] for hits in map(self._of, rule.steps) if hits]
        if len(firsts) < rule.least:
            return RuleVerdict(
                "not judged",
                hit_evidence(firsts),
                reason=f"only {len(firsts)} of the steps happened, and {rule.least} make an order",
            )
        in_order = all(a.place < b.place for a, b in pairwise(firsts))
        outcome: ItemOutcome = "met" if in_order else "not met"
        return RuleVerdict(outcome, hit_evidence(firsts, len(firsts)), worst_certainty(firsts))

    def _ratio(self, rule: r.RatioRule) -> RuleVerdict:
        over, under = self._of(rule.over), self._of(rule.under)
        if not under:
            return RuleVerdict(
                "not judged",
                reason=f"nothing to set against: not heard was {self._name(rule.under)}",
            )
        value = len(over) / len(under)
        outcome: ItemOutcome = "counted"
        if rule.at_least is not None:
            outcome = "met" if value >= rule.at_least else "not met"
        return RuleVerdict(
            outcome, hit_evidence(over), absence_certainty(self._turns), round(value, 3)
        )

    def _count(self, rule: r.CountRule) -> RuleVerdict:
        found = distinct_hits(self._of(rule.codes))
        value = float(len(found))
        if rule.per == "cue":
            why = self._no_cues()
            if why:
                return RuleVerdict("not judged", reason=why)
            value = round(value / len(self.responses), 3)
        sure = absence_certainty(self._turns)
        return RuleVerdict("counted", hit_evidence(found), sure, value)

    # -- metrics

    def _metric(self, rule: r.MetricRule) -> RuleVerdict:
        if rule.metric not in self._metrics:
            return RuleVerdict("not judged", reason=f"simvoice has no metric {rule.metric}")
        measured = self._metrics[rule.metric]
        if measured.value is None:
            return RuleVerdict("not judged", reason=measured.reason)
        value = measured.value
        low = rule.at_least is None or value >= rule.at_least
        high = rule.at_most is None or value <= rule.at_most
        moments = _metric_evidence(self._reading, rule.metric)
        return RuleVerdict("met" if low and high else "not met", moments, "high", value)

    # -- answers to cues

    def _no_cues(self) -> str:
        if not self._says_cues:
            return "the record does not say which of the patient's lines were cues"
        return "" if self.responses else "the patient let no concern show"

    def _answers(self, rule: r.AnswersRule) -> RuleVerdict:
        why = self._no_cues()
        told = [each for each in self.responses if _answer(each, rule.how) is not None]
        if why or not told:
            return RuleVerdict("not judged", reason=why or "no answer to a cue could be coded")
        given = [each for each in told if _answer(each, rule.how)]
        share = round(len(given) / len(told), 3)
        if rule.at_least is None:
            return RuleVerdict("counted", _answer_quotes(given), "fair", share)
        if share >= rule.at_least:
            return RuleVerdict("met", _answer_quotes(given), "fair", share)
        lacking = [each for each in told if not _answer(each, rule.how)]
        return RuleVerdict("not met", _answer_quotes(lacking), "fair", share)

    def _count_answers(self, rule: r.CountAnswersRule) -> RuleVerdict:
        why = self._no_cues()
        if why:
            return RuleVerdict("not judged", reason=why)
        found = [
            each
            for each in self.responses
            if rule.explicit in (None, each.explicit) and rule.provides in (None, each.provides)
        ]
        return RuleVerdict("counted", _answer_quotes(found), "fair", float(len(found)))


# -- putting verdicts together --------------------------------------------------------------


def _combine_all(parts: Sequence[RuleVerdict]) -> RuleVerdict:
    """Not met when any is not; else not judged when any is not."""
    for outcome in ("not met", "not judged"):
        bad = next((each for each in parts if each.outcome == outcome), None)
        if bad is not None:
            return bad
    # of each part something, so that each can be checked
    by_turns = chain.from_iterable(zip_longest(*(each.evidence for each in parts)))
    evidence = tuple(dict.fromkeys(e for e in by_turns if e is not None))[:MOST_EVIDENCE]
    return RuleVerdict(
        "met", tuple(sorted(evidence, key=lambda each: each.at_s)), _lowest_certainty(parts)
    )


def _combine_any(parts: Sequence[RuleVerdict]) -> RuleVerdict:
    """Met when any is; else not judged when any is not, for that one might have been met."""
    for outcome in ("met", "not judged"):
        good = next((each for each in parts if each.outcome == outcome), None)
        if good is not None:
            return good
    return replace(parts[0], certainty=_lowest_certainty(parts))


def _lowest_certainty(parts: Sequence[RuleVerdict]) -> Certainty | None:
    sure = [each.certainty for each in parts if each.certainty is not None]
    return min(sure, key=CERTAINTIES.index, default=None)


def _metric_evidence(reading: Reading, metric: str) -> tuple[Evidence, ...]:
    """What a count of moments counts; other metrics are of the whole talk."""
    found: list[Evidence] = []
    if metric == "interruptions":
        found = [
            Evidence(e.start_s, e.stopped_s, "learner", "", _cut_off(e.lost_words))
            for e in reading.of(Interruption)
        ]
    elif metric in _HOLDS:
        found = [silence_evidence(e) for e in reading.of(Hold) if e.outcome == _HOLDS[metric]]
    return tuple(found[:MOST_EVIDENCE])


def _cut_off(words: int) -> str:
    if words == 0:
        return "the last word cut off"
    return "1 word cut off" if words == 1 else f"{words} words cut off"


def _answer(response: Response, how: str) -> bool | None:
    """Whether a cue was answered so; None when nobody can tell."""
    if how == "continuer":
        return response.suchman == "continuer" if response.response is not None else None
    return response.provides if how == "provides" else response.explicit


def _answered_by(each: Response) -> str:
    words = f": “{each.words}”" if each.words else ""
    if each.response is None and each.explicit:
        return f"taken up in words of no kind that can be coded{words}"
    return f"answered by {each.response or 'nothing that can be coded'}{words}"


def _answer_quotes(found: Sequence[Response]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            each.cue_start_s,
            each.cue_end_s,
            "patient",
            each.cue,
            _answered_by(each),
        )
        for each in found[:MOST_EVIDENCE]
    )
