"""Judge the items of an instrument from the record: met, not met, counted or not judged.

The judgement uses only the record: the codes of the learner's turns, the metrics, and the answers
to cues. Every judgement has the evidence it rests on, or says why an item was not judged.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, get_args

from simvoice.coding.codebook import NEWS
from simvoice.coding.forms import form
from simvoice.coding.grade import Grade
from simvoice.coding.text import sentences
from simvoice.criteria import AvoidsRule
from simvoice.criteria.encounter import (
    Certainty,
    Evidence,
    FoundMetric,
    Hit,
    ItemOutcome,
    JudgedQuestion,
    JudgedSilence,
    RuleVerdict,
    not_judged,
)
from simvoice.display import count_noun, points
from simvoice.reading.questions import AskedQuestion
from simvoice.reading.reading import Reading
from simvoice.record.events import (
    Ended,
    Header,
    Hold,
    Interruption,
    LearnerTurn,
    PatientMove,
    PatientSpeech,
)
from simvoice.scoring.instruments.credit import Credit
from simvoice.scoring.instruments.cues import WORDLESS, Response, responses
from simvoice.scoring.instruments.evidence import (
    absence_certainty,
    hits_in,
    maybe_of,
    silence_evidence,
    surest,
    words_before,
)
from simvoice.scoring.instruments.instrument import Instrument, Item, items
from simvoice.scoring.instruments.patient_side import (
    facts_told,
    first_delivered,
    ledger_start,
    ledger_values,
    silences_kept,
)
from simvoice.scoring.instruments.rule_text import RuleLabels, rule_in_words
from simvoice.scoring.metrics.definitions import Moments, definition_of
from simvoice.scoring.metrics.registry import Measured, measure_reading
from simvoice.scoring.metrics.shares import ItemShare, share
from simvoice.scoring.raters.questions import resolve_rule

LEFT_EARLY: Final = (
    "the encounter ended soon after the news, or on a question or cue of the patient's, so it does "
    "not show what you avoided"
)
MAY_HAVE_LEFT_EARLY: Final = LEFT_EARLY.replace(
    "the encounter ended", "the encounter may have ended"
)
"""Why an item about what the learner avoids is not judged; the second where the end is open."""


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
        weights = dict.fromkeys(get_args(ItemOutcome), 0.0)
        for each in self.judged:
            weights[each.verdict.outcome] += each.item.weight
        judged = weights["met"] + weights["not met"]
        if judged <= 0.0 or judged < weights["not judged"] + weights["open"]:
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
    """Judges instruments and items in one attempt.

    It is the `criteria.encounter.JudgedEncounter` that each rule asks: its other methods and
    properties answer from the reading.
    """

    def __init__(self, reading: Reading, header: Header) -> None:
        turns = reading.of(LearnerTurn)
        self._turns = tuple(sorted(turns, key=lambda turn: turn.start_s))
        self._reading = reading
        self._maybe: dict[str, list[Hit | None]] = {}
        self._has_cues = bool(header.shows)
        self._shown_lines = frozenset(each.line for each in header.shows)
        means = {k: v for item in header.critical for k, v in item.means.items()}
        self.labels = RuleLabels(means)
        still_open = tuple(each for each in reading.questions or () if not each.is_answered)
        self._credit = Credit(reading.entries, self._turns, still_open)
        self.responses: tuple[Response, ...] = tuple(
            self._weigh(each) for each in responses(reading.entries, header.shows)
        )

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
            return JudgedItem(item, not_judged(item.why), "")
        rule = resolve_rule(item) or item.rule
        verdict = item.rule.judge(self)
        left = self.left_abruptly
        if isinstance(rule, AvoidsRule) and verdict.outcome == "met" and left is not None:
            verdict = not_judged(LEFT_EARLY if left.grade == "certain" else MAY_HAVE_LEFT_EARLY)
        return JudgedItem(item, verdict, rule_in_words(rule, item.means))

    def _weigh(self, response: Response) -> Response:
        """The response to a cue; words that leave the patient no room provide no space."""
        if not response.words or response.grade == "possible" or response.response in WORDLESS:
            return response
        own = [h for h in self._hits if h.at_s == response.at_s and h.words == response.words]
        return replace(response, grade="possible") if any(h.void for h in own) else response

    # -- what a rule may ask

    @property
    def turn_count(self) -> int:
        """Number of the learner's turns with words."""
        return len(self._turns)

    @cached_property
    def absence(self) -> Certainty:
        """Certainty that words which were not found were not said."""
        return absence_certainty(self._turns)

    @cached_property
    def _hits(self) -> tuple[Hit, ...]:
        found = hits_in(self._turns, self.labels.means, self._before)
        return tuple(replace(hit, void=self._credit.void(hit)) for hit in found)

    def hits(self, codes: Iterable[str]) -> list[Hit]:
        """Every time that the learner did one of these, in order."""
        wanted = frozenset(codes)
        return [hit for hit in self._hits if hit.code in wanted]

    @cached_property
    def _before(self) -> list[str]:
        return words_before(self._turns, self._reading.of(PatientSpeech))

    def earns_credit(self, at_s: float, words: str) -> bool:
        """Whether no code of these words, in the turn that begins at `at_s`, is void."""
        return not any(h.void for h in self._hits if h.at_s == at_s and h.words == words)

    def maybe(self, codes: Iterable[str]) -> list[Hit]:
        """The turns that may do one of these in words that no code was found for, in order."""
        found = surest([self._maybe_of(code) for code in codes])
        return [replace(hit, void=self._credit.void(hit)) for hit in found]

    def _maybe_of(self, code: str) -> list[Hit | None]:
        """`maybe_of` a code, found once: many items ask about the same codes."""
        if code not in self._maybe:
            self._maybe[code] = maybe_of(code, self._turns, self.labels.means, self._before)
        return self._maybe[code]

    @cached_property
    def _metrics(self) -> dict[str, Measured]:
        return {each.key: each for each in measure_reading(self._reading)}

    def metric(self, key: str) -> FoundMetric | None:
        """A metric by its key; None for an unknown one."""
        measured = self._metrics.get(key)
        if measured is None:
            return None
        moments = definition_of()[key].moments
        found = _moments_in(self._reading, moments) if moments is not None else []
        return FoundMetric(measured.value, measured.reason, tuple(found))

    @property
    def no_cues(self) -> str:
        """Why no answer to a cue can be judged, a clause; empty when there were cues."""
        if not self._has_cues:
            return "the record does not say which of the patient's lines were cues"
        return (
            "" if self.responses else "no line was spoken that the case marks as a cue or concern"
        )

    @cached_property
    def _told(self) -> dict[str, Evidence]:
        return facts_told(self._reading.entries)

    def told(self, fact: str) -> Evidence | None:
        """The line with which the patient told a fact completely; None when it was not told."""
        return self._told.get(fact)

    def delivered(self, lines: Iterable[str]) -> Evidence | None:
        """The first of these lines that was delivered, whole or in part; None when none was."""
        return first_delivered(frozenset(lines), self._reading.entries)

    def silences(self, after: Sequence[str]) -> list[JudgedSilence]:
        """The silences that the patient left after these beats or lines; after any when empty."""
        return silences_kept(after, self._reading.entries)

    @cached_property
    def talked_through(self) -> Evidence | None:
        """The news, where the learner talked on in the same turn; None otherwise."""
        return self._credit.talked_through(self.hits(NEWS))

    @cached_property
    def questions(self) -> tuple[JudgedQuestion, ...] | None:
        """The patient's questions, in order; None where the record does not say which lines ask."""
        if self._reading.questions is None:
            return None
        return tuple(map(self._judged_question, self._reading.questions))

    def _judged_question(self, asked: AskedQuestion) -> JudgedQuestion:
        """A question with the learner's next words. It has no answer for certain only where no
        words ever followed it; it has one where the patient took the words so, and they show it."""
        number = next((n for n, t in enumerate(self._turns) if t.end_s > asked.end_s), None)
        shown = Evidence(asked.start_s, asked.end_s, "patient", asked.words, "")
        if number is None and asked.before is not None:
            return self._judged_question(asked.before)  # what followed then may have answered it
        if number is None:
            return JudgedQuestion(False, replace(shown, shows="you said nothing after it"))
        reply = self._turns[number]
        is_answer = asked.is_answered and _is_answer(
            reply.text, [h for h in self._hits if h.position[0] == number]
        )
        shows = f"you said next: “{reply.text}”" + ("" if is_answer else " Was it an answer?")
        grade: Grade = "certain" if is_answer else "possible"
        return JudgedQuestion(is_answer or None, replace(shown, shows=shows, grade=grade))

    @cached_property
    def left_early(self) -> Evidence | None:
        """What the learner left, or may have left, behind at the end; None otherwise."""
        last = self.questions[-1] if self.questions else None
        if self.left_abruptly is not None:
            return self.left_abruptly
        if last is not None and not last.is_answered:
            return replace(last.evidence, grade="possible")
        known = {each.evidence.at_s for each in self.questions or ()}
        return self._asked_at_the_end(known) or self._left_unanswered(known)

    def _left_unanswered(self, known: Collection[float]) -> Evidence | None:
        """The patient's last line, after which the learner left without a word, where it asks
        something or answers what the learner asked last; None otherwise. known: as in
        `_asked_at_the_end`."""
        ends = self._reading.of(Ended)
        if not self._turns or not ends or ends[-1].reason != "learner":
            return None
        last = self._turns[-1]
        after = [s for s in self._reading.of(PatientSpeech) if s.heard and s.start_s > last.start_s]
        line = max(after, key=lambda speech: speech.start_s, default=None)
        if line is None or line.start_s in known:
            return None
        if "?" not in line.heard and not last.text.rstrip().endswith("?"):
            return None
        shows = "you left without a word after it"
        return Evidence(line.start_s, line.end_s, "patient", line.heard, shows, "possible")

    def _asked_at_the_end(self, known: Collection[float]) -> Evidence | None:
        """A question, by its mark, before the learner's last words, which may not answer it; None
        without one. known: the starts of the questions of which more is known."""
        if not self._turns:
            return None
        last = self._turns[-1]
        before = [
            s for s in self._reading.of(PatientSpeech) if s.heard and s.start_s < last.start_s
        ]
        line = max(before, key=lambda speech: speech.start_s, default=None)
        if line is None or not line.heard.rstrip().endswith("?") or line.start_s in known:
            return None
        shows = f"you said next: “{last.text}” Was it an answer?"
        return Evidence(line.start_s, line.end_s, "patient", line.heard, shows, "possible")

    @cached_property
    def left_abruptly(self) -> Evidence | None:
        """The end of an encounter that ended soon after the news, or on a question or cue of the
        patient's; None otherwise."""
        return self._credit.left_behind(self._shown_lines)

    def ledger(self, value: str) -> list[float]:
        """A value of the ledger after each of the patient's moves, 0..1; empty for an unknown
        one."""
        return ledger_values(value, self._reading.entries)

    @property
    def last_words(self) -> Evidence | None:
        """The learner's last turn; None when the learner said nothing."""
        last = self._turns[-1] if self._turns else None
        if last is None:
            return None
        return Evidence(last.start_s, last.end_s, "learner", last.text, "your last words")

    @property
    def was_ended(self) -> bool:
        """Whether a speaker or the clock ended the encounter; False where it broke off."""
        ends = self._reading.of(Ended)
        return bool(ends) and ends[-1].reason in ("learner", "closed", "patient", "time")

    def ledger_course(self, value: str) -> Evidence | None:
        """A value of the ledger at the start and at the end, as evidence; None for an unknown
        one."""
        moves = [e for e in self._reading.of(PatientMove) if value in e.ledger]
        start = self.ledger_start(value)
        if not moves or start is None:
            return None
        last = moves[-1]
        shows = (
            f"{value} was {points(start)} at the start and {points(last.ledger[value])} at the end"
        )
        return Evidence(last.at_s, last.at_s, "patient", "", shows.replace("_", " "))

    def ledger_start(self, value: str) -> float | None:
        """A value of the ledger before the patient's first move, 0..1; None for an unknown one."""
        return ledger_start(value, self._reading.entries)

    def item(self, item_id: str) -> RuleVerdict | None:
        """The verdict on an item of an instrument; None for an unknown one."""
        other = items().get(item_id)
        return None if other is None else self.judge_item(other).verdict


_YES_NO: Final = frozenset({"affirm", "deny"})
_ANSWERING: Final = _YES_NO | {"honest_limits", "headline"}
"""Codes that answer a question by themselves."""
_TECHNICAL: Final = frozenset({"jargon", "headline_jargon"})
_NO_ANSWER: Final = re.compile(r"\b(?:summar\w*|recap|you (?:said|told)|what i hear)\b")
"""Words that give back in place of an answer."""
_ANSWER_WORDS: Final = 4
"""Fewest words of a statement that answers a question by itself."""


def _is_answer(reply: str, codes: Sequence[Hit]) -> bool:
    """Whether words that the patient took as an answer show that they are one: they have a code
    that answers, or they state something in words that the patient knows."""
    if any(hit.code in _TECHNICAL and hit.is_certain for hit in codes):
        return False
    if any(hit.code in _ANSWERING and (hit.is_certain or hit.code in _YES_NO) for hit in codes):
        return True
    if _NO_ANSWER.search(reply.lower()) or "?" in reply:
        return False
    every = sentences(reply)
    return any(form(each) == "statement" and len(each.spoken) >= _ANSWER_WORDS for each in every)


def _moments_in(reading: Reading, moments: Moments) -> list[Evidence]:
    """The moments that a metric counts, as evidence."""
    match moments:
        case "interruptions":
            return [
                Evidence(e.start_s, e.stopped_s, "learner", "", _cut_off(e.lost_words))
                for e in reading.of(Interruption)
            ]
        case "holds held":
            return [silence_evidence(e) for e in reading.of(Hold) if e.outcome == "held"]
        case "holds filled":
            return [silence_evidence(e) for e in reading.of(Hold) if e.outcome == "filled"]


def _cut_off(words: int) -> str:
    if words == 0:
        return "the last word cut off"
    return f"{count_noun(words, 'word')} cut off"
