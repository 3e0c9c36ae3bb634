"""Judge the items of an instrument from the record: met, not met, counted or not judged.

The judgement uses only the record: the codes of the learner's turns, the metrics, and the answers
to cues. Every judgement has the evidence it rests on, or says why an item was not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, pairwise, zip_longest

from simvoice import criteria as r
from simvoice.reading.reading import Reading
from simvoice.record.events import Header, Hold, Interruption, LearnerTurn
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
from simvoice.scoring.metrics.registry import Measured, measure_reading
from simvoice.scoring.metrics.shares import ItemShare, share
from simvoice.scoring.raters.questions import resolve_rule

_HOLDS = {"holds_held": "held", "holds_filled": "filled"}
"""Metric to the outcome of the holds that it counts."""
LIKELY = 0.6
"""Least confidence of a code that makes an item met. Codes below it are included in counts, and
shown as possible evidence where the answer is yes or no."""


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """One item, judged in one attempt."""

    item: Item
    verdict: RuleVerdict
    rule: str
    """The rule in words; empty where the item is left to a human."""


@dataclass(frozen=True, slots=True)
class ScoredInstrument:
    """One instrument, judged in one attempt."""

    instrument: Instrument
    judged: tuple[JudgedItem, ...]

    def count(self, outcome: ItemOutcome) -> int:
        """Number of items with this outcome."""
        return sum(each.verdict.outcome == outcome for each in self.judged)

    @property
    def share(self) -> float | None:
        """Weight of the items met divided by the weight of the items judged, 0..1; None when less
        than half of the weight could be judged."""
        weights = {"met": 0.0, "not met": 0.0, "not judged": 0.0, "counted": 0.0}
        for each in self.judged:
            weights[each.verdict.outcome] += each.item.weight
        judged = weights["met"] + weights["not met"]
        if judged <= 0.0 or judged < weights["not judged"]:
            return None
        return weights["met"] / judged

    @property
    def share_with_interval(self) -> ItemShare | None:
        """The share with its interval; None where there is no share."""
        if self.share is None:
            return None
        return share(self._weights("met"), self._weights("not met"))

    def _weights(self, outcome: ItemOutcome) -> list[float]:
        return [each.item.weight for each in self.judged if each.verdict.outcome == outcome]


class Judge:
    """Judges instruments and items in one attempt."""

    def __init__(self, reading: Reading, header: Header) -> None:
        entries = reading.entries
        turns = (entry for entry in entries if isinstance(entry, LearnerTurn))
        self._turns = tuple(sorted(turns, key=lambda turn: turn.start_s))
        self._reading = reading
        self._has_cues = bool(header.shows)
        self._means = {k: v for item in header.critical for k, v in item.means.items()}
        self.responses: tuple[Response, ...] = responses(entries, header.shows)

    def score(self, instrument: Instrument) -> ScoredInstrument:
        """Judge every item of an instrument."""
        items = tuple(self.judge_item(item) for item in instrument.items)
        return ScoredInstrument(instrument, items)

    def score_all(self, instruments: Iterable[Instrument]) -> tuple[ScoredInstrument, ...]:
        """Judge every item of several instruments."""
        return tuple(self.score(each) for each in instruments)

    def judge_item(self, item: Item) -> JudgedItem:
        """Judge one item."""
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
                return self.judge_item(other).verdict if other is not None else unknown
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

    def _hits_of(self, codes: Iterable[str]) -> list[Hit]:
        wanted = frozenset(codes)
        return [hit for hit in self._hits if hit.code.code in wanted]

    def _codes_in_words(self, codes: Iterable[str]) -> str:
        return codes_in_words(codes, self._means)

    def _no_occasion(self, codes: Iterable[str]) -> RuleVerdict:
        why = f"no occasion: there was no sign of {self._codes_in_words(codes)}"
        return RuleVerdict("not judged", reason=why)

    def _says(self, rule: r.SaysRule) -> RuleVerdict:
        if rule.needs and not self._hits_of(rule.needs):
            return self._no_occasion(rule.needs)
        of_kind = [hit for hit in self._hits_of(rule.codes) if not self._is_open_in_form_only(hit)]
        likely = found = [hit for hit in of_kind if hit.code.confidence >= LIKELY]
        unlikely = [hit for hit in of_kind if hit.code.confidence < LIKELY]
        occasions: list[Evidence] = []
        for anchors, before in ((rule.before, True), (rule.after, False)):
            if not anchors:
                continue
            at = self._hits_of(anchors)
            if not at:
                return self._no_occasion(anchors)
            first = at[0].position
            found = [h for h in found if (h.position < first if before else h.position > first)]
            which = "came first" if before else "not after this"
            occasions.append(at[0].evidence_of(f"{which}: {at[0].label}"))
        if rule.first_turns is not None:
            found = [h for h in found if h.position[0] < rule.first_turns]
        if rule.last_turns is not None:
            found = [h for h in found if h.position[0] >= len(self._turns) - rule.last_turns]
        if len(found) >= rule.at_least:
            return RuleVerdict(
                "met", hit_evidence(distinct_hits(found)), best_certainty(found), float(len(found))
            )
        elsewhere = [h.evidence_of(f"{h.label}, not where it counts") for h in likely]
        unsure = [h.evidence_of(f"perhaps {h.label}") for h in unlikely]
        shown = hit_evidence(found) or (*occasions, *elsewhere, *unsure)[:MOST_EVIDENCE]
        certainty = "low" if unlikely else absence_certainty(self._turns)
        return RuleVerdict("not met", shown, certainty, float(len(found)))

    def _is_open_in_form_only(self, hit: Hit) -> bool:
        """Whether a question is open only in form, such as "How was the parking?"."""
        if hit.code.code != "question_open":
            return False
        asked = hit.code.words.lower()
        return any(code.code in CLOSES and code.words.lower() in asked for code in hit.turn.codes)

    def _avoids(self, rule: r.AvoidsRule) -> RuleVerdict:
        if rule.needs and not self._hits_of(rule.needs):
            return self._no_occasion(rule.needs)
        found = distinct_hits(self._hits_of(rule.codes))
        if len(found) > rule.at_most:
            return RuleVerdict(
                "not met", hit_evidence(found), best_certainty(found), float(len(found))
            )
        return RuleVerdict(
            "met", hit_evidence(found), absence_certainty(self._turns), float(len(found))
        )

    def _order(self, rule: r.OrderRule) -> RuleVerdict:
        firsts = [hits[0] for hits in map(self._hits_of, rule.steps) if hits]
        if len(firsts) < rule.least:
            return RuleVerdict(
                "not judged",
                hit_evidence(firsts),
                reason=f"only {len(firsts)} of the steps happened, and an order needs {rule.least}",
            )
        in_order = all(a.position < b.position for a, b in pairwise(firsts))
        outcome: ItemOutcome = "met" if in_order else "not met"
        return RuleVerdict(outcome, hit_evidence(firsts, len(firsts)), worst_certainty(firsts))

    def _ratio(self, rule: r.RatioRule) -> RuleVerdict:
        over, under = self._hits_of(rule.over), self._hits_of(rule.under)
        if not under:
            return RuleVerdict(
                "not judged",
                reason=f"nothing to compare with: no sign of {self._codes_in_words(rule.under)}",
            )
        value = len(over) / len(under)
        outcome: ItemOutcome = "counted"
        if rule.at_least is not None:
            outcome = "met" if value >= rule.at_least else "not met"
        return RuleVerdict(
            outcome, hit_evidence(over), absence_certainty(self._turns), round(value, 3)
        )

    def _count(self, rule: r.CountRule) -> RuleVerdict:
        found = distinct_hits(self._hits_of(rule.codes))
        value = float(len(found))
        if rule.per == "cue":
            why = self._no_cues()
            if why:
                return RuleVerdict("not judged", reason=why)
            value = round(value / len(self.responses), 3)
        return RuleVerdict("counted", hit_evidence(found), absence_certainty(self._turns), value)

    # -- metrics

    def _metric(self, rule: r.MetricRule) -> RuleVerdict:
        if rule.metric not in self._metrics:
            return RuleVerdict("not judged", reason=f"simvoice has no metric {rule.metric}")
        measured = self._metrics[rule.metric]
        if measured.value is None:
            return RuleVerdict("not judged", reason=measured.reason)
        value = measured.value
        reaches_least = rule.at_least is None or value >= rule.at_least
        within_most = rule.at_most is None or value <= rule.at_most
        moments = _metric_evidence(self._reading, rule.metric)
        return RuleVerdict(
            "met" if reaches_least and within_most else "not met", moments, "high", value
        )

    # -- answers to cues

    def _no_cues(self) -> str:
        if not self._has_cues:
            return "the record does not say which of the patient's lines were cues"
        return "" if self.responses else "the patient showed no cue or concern"

    def _answers(self, rule: r.AnswersRule) -> RuleVerdict:
        why = self._no_cues()
        coded = [each for each in self.responses if _answer(each, rule.how) is not None]
        if why or not coded:
            return RuleVerdict("not judged", reason=why or "no answer to a cue could be coded")
        answered = [each for each in coded if _answer(each, rule.how)]
        share = round(len(answered) / len(coded), 3)
        if rule.at_least is None:
            return RuleVerdict("counted", _answer_quotes(answered), "fair", share)
        if share >= rule.at_least:
            return RuleVerdict("met", _answer_quotes(answered), "fair", share)
        lacking = [each for each in coded if not _answer(each, rule.how)]
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


# -- combining the parts of a rule ----------------------------------------------------------


def _combine_all(parts: Sequence[RuleVerdict]) -> RuleVerdict:
    """Not met when any part is not met; otherwise not judged when any part is not judged."""
    for outcome in ("not met", "not judged"):
        bad = next((each for each in parts if each.outcome == outcome), None)
        if bad is not None:
            return bad
    # evidence of each part, so that each can be checked
    by_turns = chain.from_iterable(zip_longest(*(each.evidence for each in parts)))
    evidence = tuple(dict.fromkeys(e for e in by_turns if e is not None))[:MOST_EVIDENCE]
    return RuleVerdict(
        "met", tuple(sorted(evidence, key=lambda each: each.at_s)), _lowest_certainty(parts)
    )


def _combine_any(parts: Sequence[RuleVerdict]) -> RuleVerdict:
    """Met when any part is met; otherwise not judged when any part is not judged, because that part
    might have been met."""
    for outcome in ("met", "not judged"):
        good = next((each for each in parts if each.outcome == outcome), None)
        if good is not None:
            return good
    return replace(parts[0], certainty=_lowest_certainty(parts))


def _lowest_certainty(parts: Sequence[RuleVerdict]) -> Certainty | None:
    sure = [each.certainty for each in parts if each.certainty is not None]
    return min(sure, key=CERTAINTIES.index, default=None)


def _metric_evidence(reading: Reading, metric: str) -> tuple[Evidence, ...]:
    """The moments that a metric counts; empty for metrics of the whole conversation."""
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
    """Whether a cue was answered in the way `how`; None when the answer has no code."""
    if how == "continuer":
        return response.suchman == "continuer" if response.response is not None else None
    return response.provides if how == "provides" else response.explicit


def _answered_by(each: Response) -> str:
    words = f": “{each.words}”" if each.words else ""
    if each.response is None and each.explicit:
        return f"taken up in words that no code fits{words}"
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
