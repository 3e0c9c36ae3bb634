"""Evidence from the record: codes that were found, silences, and how sure the words are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from simvoice.coding.codebook import CODEBOOK, NEWS, group
from simvoice.coding.grade import (
    Grade,
    grade,
    is_found_by_coder,
    may_be_asked,
    may_lead_to_news,
    may_stand_first,
    possible_words,
    sentence_of,
)
from simvoice.criteria.encounter import Certainty, Evidence, Hit
from simvoice.display import duration
from simvoice.record.events import Coded, Hold, LearnerTurn, PatientSpeech
from simvoice.scoring.instruments.rule_text import code_label

GUESSING = -1.0
"""Mean log-probability of a token below which Whisper's text is a guess (Whisper's threshold)."""

_FORMAL = 0.85
"""Least confidence of a code that rests on the form of the sentence and not only on its words."""
_GUESSED_SHARE = 0.2
"""Share of guessed turns above which words that were not found may have been said."""


def words_certainty(turn: LearnerTurn, confidence: float) -> Certainty:
    """Certainty of a code that was found. confidence: of the code, 0..1."""
    if turn.avg_logprob < GUESSING:
        return "low"
    return "high" if confidence >= _FORMAL else "fair"


def absence_certainty(turns: Sequence[LearnerTurn]) -> Certainty:
    """Certainty that words do not occur in these turns."""
    guessed = sum(turn.avg_logprob < GUESSING for turn in turns)
    return "low" if guessed > _GUESSED_SHARE * len(turns) else "fair"


def words_before(turns: Sequence[LearnerTurn], speeches: Sequence[PatientSpeech]) -> list[str]:
    """The patient's words before each turn, since the turn before it. turns: in order of time."""
    since = [float("-inf"), *(turn.start_s for turn in turns)]
    return [
        " ".join(s.heard for s in speeches if since_s <= s.start_s < turn.start_s).strip()
        for since_s, turn in zip(since, turns, strict=False)
    ]


def code_grade(turn: LearnerTurn, code: Coded, before: str) -> Grade:
    """How sure a code of a turn is. before: the patient's words since the turn before it."""
    if turn.avg_logprob < GUESSING or _leads_to_nothing(turn, code) or _is_half_plain(turn, code):
        return "possible"
    return grade(code.code, code.words, turn.text, before, code.confidence)


_LEADS_UP = group("leads_up")


def _leads_to_nothing(turn: LearnerTurn, code: Coded) -> bool:
    """Whether words that lead up to the news follow it in the same turn, or share its sentence."""
    if code.code not in _LEADS_UP:
        return False
    told = [each.words for each in turn.codes if each.code in NEWS]
    at = turn.text.find(code.words)
    sentence = sentence_of(code.words, turn.text)
    return any(0 <= turn.text.find(words) < at or words in sentence for words in told)


def _is_half_plain(turn: LearnerTurn, code: Coded) -> bool:
    """Whether the news in plain words shares its sentence with clinicians' words for it."""
    if code.code != "headline":
        return False
    sentence = sentence_of(code.words, turn.text)
    return any(each.code == "headline_jargon" and each.words in sentence for each in turn.codes)


def hits_in(
    turns: Sequence[LearnerTurn], means: Mapping[str, str], before: Sequence[str]
) -> tuple[Hit, ...]:
    """Every code of these turns, in order. means: of the codes that only the case has. before: the
    patient's words before each turn (`words_before`)."""
    return tuple(
        _hit(turn, code, (number, within), means, before[number])
        for number, turn in enumerate(turns)
        for within, code in enumerate(turn.codes)
    )


def _hit(
    turn: LearnerTurn, code: Coded, position: tuple[int, int], means: Mapping[str, str], before: str
) -> Hit:
    sentence = sentence_of(code.words, turn.text)
    grade_ = code_grade(turn, code, before)
    return Hit(
        position=position,
        code=code.code,
        label=code_label(code.code, means),
        words=code.words,
        offset=turn.text.find(code.words),
        confidence=code.confidence,
        certainty=words_certainty(turn, code.confidence),
        at_s=turn.start_s,
        end_s=turn.end_s,
        grade=grade_,
        sentence=sentence,
        is_found=grade_ == "certain" or may_be_asked(code.code, sentence, before),
    )


_WITHIN_FIRST, _WITHIN_LAST = -1, 1_000
"""Number of a possible sentence within its turn: before every code, where it ends before the news
in that turn; otherwise after every code."""
_FOUND_BY_FORM = 0.7
"""Confidence of words with a narrow form of a code that the coder did not find."""
_MOST_SIGNS = 0.5
"""Most confidence of words with only broad forms of a code."""


def maybe_of(
    code: str,
    turns: Sequence[LearnerTurn],
    means: Mapping[str, str],
    before: Sequence[str],
) -> list[Hit | None]:
    """For each turn the sentence that is surest to have a code in words that the coder found no
    code for; None without one."""
    return [
        _maybe(code, turn, number, means, before[number], _by_place(code, turns, number))
        for number, turn in enumerate(turns)
    ]


def surest(by_code: Iterable[Sequence[Hit | None]]) -> list[Hit]:
    """The surest sentence of each turn, in order. by_code: what `maybe_of` returns of each code."""
    found = []
    for hits in zip(*by_code, strict=True):
        some = (hit for hit in hits if hit is not None)
        best = max(some, key=lambda hit: hit.confidence, default=None)
        if best is not None:
            found.append(best)
    return found


def _by_place(code: str, turns: Sequence[LearnerTurn], number: int) -> str:
    """The sentence of a turn that may have a code by where it stands; empty without one."""
    turn = turns[number]
    if number == 0 and (first := may_stand_first(code, turn.text)):
        return first
    told = [turn.text.find(each.words) for each in turn.codes if each.code in NEWS]
    if told:
        return may_lead_to_news(code, turn.text[: max(0, min(told))])
    after = turns[number + 1].codes if number + 1 < len(turns) else ()
    tells_next = any(each.code in NEWS for each in after)
    return may_lead_to_news(code, turn.text) if tells_next else ""


def _maybe(
    code: str,
    turn: LearnerTurn,
    number: int,
    means: Mapping[str, str],
    before: str,
    by_place: str,
) -> Hit | None:
    """The sentence of a turn that may have a code; None without one. by_place: the sentence that
    may have it by where it stands."""
    words, signs = possible_words(code, turn.text, before, [means[code]] if code in means else [])
    words = words or by_place
    if not words:
        return None
    sure = code in CODEBOOK and not is_found_by_coder(code) and turn.avg_logprob >= GUESSING
    sure = sure and grade(code, words, turn.text, before) == "certain"
    end = turn.text.find(words) + len(words)
    told = [turn.text.find(each.words) for each in turn.codes if each.code in NEWS]
    return Hit(
        position=(number, _WITHIN_FIRST if any(end <= at for at in told) else _WITHIN_LAST),
        code=code,
        label=code_label(code, means),
        words=words,
        offset=turn.text.find(words),
        confidence=_FOUND_BY_FORM if sure else min(_MOST_SIGNS, signs / 10.0),
        certainty="fair" if sure else "low",
        at_s=turn.start_s,
        end_s=turn.end_s,
        grade="certain" if sure else "possible",
        is_found=sure,
    )


def silence_evidence(hold: Hold, ended: str = "filled") -> Evidence:
    """A hold as evidence. ended: how the learner ended it, where the learner did."""
    length = duration(hold.end_s - hold.start_s)
    shows = f"let stand for {length}" if hold.outcome == "held" else f"{ended} after {length}"
    return Evidence(hold.start_s, hold.end_s, "patient", "", shows)
