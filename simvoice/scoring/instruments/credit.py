"""When the learner's words earn no credit: the wrong moment, or the wrong effect on the patient.

A code says what a turn does by its words. Whether it was done well depends on what happened around
it: an invitation that cuts the patient off gives no room, and a plan means nothing to a patient who
has not taken in the news. When the patient spoke, what was cut off, and how trust and distress
moved is exact in the record; which feeling fits and what a summary gives back are judged by words.
Where the record does not say, credit stands.

`rule_text.void_reasons` has the reasons in words for the rules; `Credit.void` gives the reason for
one code of one turn. Only credit is void: what harms the patient counts at any moment.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import Final

from simvoice.coding.codebook import NEWS
from simvoice.coding.context import stems
from simvoice.coding.grade import Grade, grade, possible_words
from simvoice.coding.text import sentences
from simvoice.criteria.encounter import Evidence, Hit
from simvoice.display import count_noun, duration
from simvoice.reading.questions import AskedQuestion
from simvoice.record.events import (
    Checkpoint,
    Ended,
    Interruption,
    JournalEntry,
    LearnerTurn,
    PatientMove,
    PatientSpeech,
)
from simvoice.scoring.data_files import read_toml
from simvoice.scoring.instruments.rule_text import FEELS, INVITES, PLANS, SUMS_UP

CUT_WORDS: Final = 2
"""Fewest words of the patient that are lost when a turn cuts the patient off; a single word is an
overlap at the end."""
ROOM_WORDS: Final = 15
"""Words after the news in the same turn from which the news leaves no room."""
ANSWER_ROOM_WORDS: Final = 8
"""Words of statements after a question in the same turn from which the question leaves no room for
an answer: "You don't have to say." does."""
ANSWER_SHARE: Final = 0.5
"""Least share of the patient's words that must be delivered for an answer to be let finish."""
HEIGHT: Final = 0.02
"""The patient's distress is at its height while it is no more than this below its highest value
since the news, 0..1."""
HIGH_DISTRESS: Final = 0.6
"""Below this a patient can take in what is said, 0..1."""
CALMS_TURNS: Final = 3
"""Turns after the news within which a plan waits until the distress falls."""
STAYS_TURNS: Final = 3
"""Fewest turns of the learner after the news; who leaves earlier leaves the patient alone."""
CLOSING_TURNS: Final = 2
"""Last turns of the learner in which a closing may stand."""
LEFT_S: Final = 10.0
"""Most seconds between the patient's last words and an end that leaves them open."""
SHARED_STEMS: Final = 2
"""Fewest words with meaning that a summary shares with what the patient said."""

_CLAIMS: Final = re.compile(r"\byou(?:'ve| have)? (?:just )?(?:told|said)\b")
"""Words that claim to give back what the patient said."""
_TAKES_BACK: Final = re.compile(
    r"^(?:actually|anyway|but first|let us (?:look|go|move|start|talk))\b"
)
"""A sentence after an invitation that does not wait for what it invites."""
_TRUST, _DISTRESS = "trust", "distress"
_ROUNDING = 1e-6

CUT_OFF = "it cut the patient off"
NO_ROOM = f"{ANSWER_ROOM_WORDS} or more of your words followed it"
TAKEN_BACK = "your next words took it back"
NO_ANSWER = "no words of the patient followed it"
ANSWER_CUT = "your next words cut off the patient's answer"
NOT_AWAITED = "you spoke again before the patient did"
STEPPED_OVER = "the patient had just asked something"
NOT_THEIRS = "was it the patient's feeling?"
HURT = "trust fell in the patient's answer"
NO_EFFECT = "trust did not rise in the patient's answer"
TOO_SOON = "could the patient take it in then?"
LEFT_ALONE = f"the encounter ended fewer than {STAYS_TURNS} of your turns later"
NOT_SAID = "was it what the patient had said?"
"""What is open about credit that is void: facts of the record, and questions."""


@dataclass(frozen=True, slots=True)
class _Around:
    """One turn of the learner, and what happened around it."""

    turn: LearnerTurn
    cuts_off: bool
    """It took the turn from the patient, who lost words."""
    steps_over: bool
    """The patient asked something right before it, and never got an answer."""
    heard_before: str
    """All that the patient had said before the turn."""
    answer: tuple[PatientSpeech, ...] | None
    """What the patient said before the learner's next turn; None where the record has no word of
    the patient."""
    answer_is_cut: bool
    """The learner's next turn cut the answer off before its half."""
    is_last: bool
    trust_change: float | None
    """By the patient's move that answers the turn; None where the record has no move or no
    ledger."""
    distress: tuple[float, float] | None
    """(distress before the turn, highest since the news); None before the news, or unknown."""
    affects: frozenset[str]
    """Affects of the patient's lines before the turn."""


class Credit:
    """Says which of the learner's words earn no credit in one attempt."""

    def __init__(
        self,
        entries: Sequence[JournalEntry],
        turns: Sequence[LearnerTurn],
        open_questions: Sequence[AskedQuestion] = (),
    ) -> None:
        """turns: of the learner, in order of time. open_questions: those of the patient that never
        got an answer."""
        self._entries = entries
        self._turns = turns
        self._open_questions = open_questions

    def void(self, hit: Hit) -> str:
        """Why a code earns no credit, a clause; empty when it does."""
        around = self._around[hit.position[0]]
        if around.cuts_off:
            return CUT_OFF
        is_question = hit.words.rstrip().endswith("?")
        if hit.code in INVITES or is_question:
            return _no_room(hit, around, self._turns)
        if hit.code in FEELS:
            return STEPPED_OVER if around.steps_over else _misses_feeling(hit, around)
        if hit.code in PLANS and self._is_too_soon(hit.position[0], around):
            return TOO_SOON
        if hit.code in NEWS:
            return LEFT_ALONE if self._left and self._left_soon_after_news else ""
        if hit.code in SUMS_UP or (hit.code == "reflection" and _CLAIMS.search(hit.words.lower())):
            if around.steps_over:
                return STEPPED_OVER
            shared = stems(around.turn.text) & stems(around.heard_before)
            return NOT_SAID if around.answer is not None and len(shared) < SHARED_STEMS else ""
        return ""

    def _is_too_soon(self, number: int, around: _Around) -> bool:
        """Whether the news was told in this turn or the one before, or so few turns before that
        the patient's distress is still at its height."""
        news = self._news_turn
        if news is None or number < news:
            return False
        if number - news <= 1:
            return True
        if around.distress is None or number - news > CALMS_TURNS:
            return False
        now, highest = around.distress
        return now >= max(HIGH_DISTRESS, highest - HEIGHT)

    def talked_through(self, news: Sequence[Hit]) -> Evidence | None:
        """The first certain news, where the learner talked on in the same turn; None otherwise."""
        news = [hit for hit in news if hit.is_certain]
        if not news or len(_words_after(news[0], self._turns).split()) < ROOM_WORDS:
            return None
        return news[0].evidence_of(f"{news[0].label}, and more of your words")

    def left_behind(self, cues: Collection[str] = ()) -> Evidence | None:
        """The end of an encounter on a question or a cue of the patient's, or soon after the news;
        None otherwise. It is certain where the learner ended it within seconds of a question or
        cue, and the learner's last turns have no closing of any form.

        cues: the lines that are cues or concerns.
        """
        if not self._turns or not self._left:
            return None
        last = self._turns[-1]
        line = self._speeches[-1] if self._speeches else None
        if line is not None and line.start_s > last.start_s and not line.unsaid:
            is_open = line.heard.rstrip().endswith("?") or line.line_id in cues
            closes = any(_may_close(turn) for turn in self._turns[-CLOSING_TURNS:])
            ends = [e for e in self._entries if isinstance(e, Ended)]
            by_learner = ends[-1].reason == "learner" and ends[-1].at_s - line.end_s <= LEFT_S
            if is_open:
                grade: Grade = "certain" if by_learner and not closes else "possible"
                shows = f"the patient's last words; the encounter ended {_after(ends[-1], line)}"
                return Evidence(line.start_s, line.end_s, "patient", line.heard, shows, grade)
        after = self._turns_after_news
        if after is not None and self._left_soon_after_news:
            shows = f"your last words, {count_noun(after, 'turn')} after the news"
            return Evidence(last.start_s, last.end_s, "learner", last.text, shows, "possible")
        return None

    @cached_property
    def _left(self) -> bool:
        """Whether the encounter was not ended by the clock, a fault or a device. A goodbye that the
        patient takes is the learner's end, too."""
        ends = [e for e in self._entries if isinstance(e, Ended)]
        return bool(ends) and ends[-1].reason in ("learner", "closed", "patient")

    @cached_property
    def _around(self) -> tuple[_Around, ...]:
        return tuple(self._look_around(number) for number in range(len(self._turns)))

    def _look_around(self, number: int) -> _Around:
        turn = self._turns[number]
        following = self._turns[number + 1] if number + 1 < len(self._turns) else None
        since_s = self._turns[number - 1].start_s if number else float("-inf")
        until_s = following.start_s if following is not None else float("inf")
        speeches = self._speeches
        answer = tuple(s for s in speeches if turn.start_s < s.start_s < until_s)
        cut = following is not None and self._cuts_off(following)
        return _Around(
            turn=turn,
            cuts_off=self._cuts_off(turn),
            steps_over=any(since_s < each.start_s < turn.start_s for each in self._open_questions),
            heard_before=" ".join(s.heard for s in speeches if s.start_s < turn.start_s),
            answer=answer if speeches else None,
            answer_is_cut=cut and bool(answer) and _delivered_share(answer[-1]) < ANSWER_SHARE,
            is_last=following is None,
            trust_change=self._trust_change(turn),
            distress=self._distress(turn),
            affects=self._affects(turn.start_s),
        )

    def _cuts_off(self, turn: LearnerTurn) -> bool:
        return any(
            turn.start_s - 0.5 <= e.start_s <= turn.end_s and e.lost_words >= CUT_WORDS
            for e in self._interruptions
        )

    @cached_property
    def _interruptions(self) -> tuple[Interruption, ...]:
        return tuple(e for e in self._entries if isinstance(e, Interruption))

    @cached_property
    def _speeches(self) -> tuple[PatientSpeech, ...]:
        """What the patient said, in order; without lines of which nothing was delivered."""
        return tuple(e for e in self._entries if isinstance(e, PatientSpeech) and e.heard)

    @cached_property
    def _moves(self) -> tuple[PatientMove, ...]:
        return tuple(e for e in self._entries if isinstance(e, PatientMove))

    def _trust_change(self, turn: LearnerTurn) -> float | None:
        own = (m for m in self._moves if m.turn == turn.turn and m.at_s >= turn.start_s)
        move = min(own, key=lambda each: each.at_s, default=None)
        if move is None or _TRUST not in move.ledger:
            return None
        return sum(step.after - step.before for step in move.steps if step.name == _TRUST)

    @cached_property
    def _news_turn(self) -> int | None:
        told = (
            number
            for number, turn in enumerate(self._turns)
            if any(
                code.code in NEWS
                and grade(code.code, code.words, turn.text, "", code.confidence) == "certain"
                for code in turn.codes
            )
        )
        return next(told, None)

    @property
    def _turns_after_news(self) -> int | None:
        """Turns of the learner after the one that first told the news; None without news."""
        news = self._news_turn
        return None if news is None else len(self._turns) - 1 - news

    @property
    def _left_soon_after_news(self) -> bool:
        after = self._turns_after_news
        return after is not None and after < STAYS_TURNS

    def _distress(self, turn: LearnerTurn) -> tuple[float, float] | None:
        if self._news_turn is None:
            return None
        told_s = self._turns[self._news_turn].start_s
        since = [
            m.ledger[_DISTRESS]
            for m in self._moves
            if _DISTRESS in m.ledger and told_s <= m.at_s < turn.start_s
        ]
        return (since[-1], max(since)) if since else None

    def _affects(self, until_s: float) -> frozenset[str]:
        moves = (e.move for e in self._entries if isinstance(e, Checkpoint) and e.at_s < until_s)
        return frozenset(str(move.get("affect", "neutral")) for move in moves)


def _may_close(turn: LearnerTurn) -> bool:
    return any(code.code == "closing" for code in turn.codes) or bool(
        possible_words("closing", turn.text)[0]
    )


def _after(ended: Ended, line: PatientSpeech) -> str:
    return f"{duration(max(0.0, ended.at_s - line.end_s))} later"


def _words_after(hit: Hit, turns: Sequence[LearnerTurn]) -> str:
    """The words of its turn after a code; empty where the code's words are not found."""
    text = turns[hit.position[0]].text
    return text[hit.offset + len(hit.words) :] if hit.offset >= 0 else ""


def _no_room(hit: Hit, around: _Around, turns: Sequence[LearnerTurn]) -> str:
    after = sentences(_words_after(hit, turns))
    if sum(len(each.spoken) for each in after if not each.asked) >= ANSWER_ROOM_WORDS:
        return NO_ROOM
    if any(_TAKES_BACK.search(each.plain) for each in after):
        return TAKEN_BACK
    if around.answer is None:
        return ""
    if not around.answer:
        return NO_ANSWER if around.is_last else NOT_AWAITED
    return ANSWER_CUT if around.answer_is_cut else ""


def _misses_feeling(hit: Hit, around: _Around) -> str:
    if around.trust_change is not None and around.trust_change <= _ROUNDING:
        return HURT if around.trust_change < -_ROUNDING else NO_EFFECT
    named = families(hit.words)
    if not named or not around.affects:
        return ""
    feelings = _feelings()
    fitting = {family for affect in around.affects for family in feelings.shown.get(affect, ())}
    fitting |= families(around.heard_before)
    if around.distress is not None:
        fitting |= feelings.after_news
    return "" if named & fitting else NOT_THEIRS


def _delivered_share(speech: PatientSpeech) -> float:
    return len(speech.heard.split()) / max(1, len(speech.text.split()))


@dataclass(frozen=True, slots=True)
class _Feelings:
    """`data/feelings.toml`."""

    family: Mapping[str, str]
    """Word to its family."""
    shown: Mapping[str, frozenset[str]]
    """Affect to the families that fit it."""
    after_news: frozenset[str]


@cache
def _feelings() -> _Feelings:
    raw = read_toml("feelings.toml")
    family = {word: name for name, words in raw["words"].items() for word in words}
    shown = {affect: frozenset(names) for affect, names in raw["shown"].items()}
    return _Feelings(
        MappingProxyType(family), MappingProxyType(shown), frozenset(raw["always"]["after_news"])
    )


def families(text: str) -> frozenset[str]:
    """The families of the words for a feeling in a text."""
    words = re.findall(r"[a-z]+", text.lower())
    known = _feelings().family
    return frozenset(known[word] for word in words if word in known)
