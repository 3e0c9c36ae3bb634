"""What the learner did with each cue and concern: VR-CoDES and VR-CoDES-P.

The patient's half needs no coding: the record says which of her lines are cues (`Header.shows`).
The learner's next turn is coded as explicit or not (does it take up what she said or felt) and as
providing or reducing space for more of it, with one of the 17 responses where the acts allow.

Sources: Del Piccolo et al. 2011, doi 10.1016/j.pec.2010.02.024; the responses by quadrant with
examples in BMC Nursing 2017, doi 10.1186/s12912-017-0220-8, table 3. Continuer and terminator:
Suchman et al. 1997; Pollak et al. 2007.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from simvoice.coding.text import plain
from simvoice.record.events import (
    Backchannel,
    ConcernShown,
    Hold,
    JournalEntry,
    LearnerTurn,
    PatientSpeech,
)
from simvoice.scoring.instruments.evidence import GUESSING, Certainty

SILENCE_S = 2.0
"""Seconds after a cue in which nobody speaks before the patient goes on herself, from which they
are an answer: the threshold of Bartels et al. 2016 and Gramling et al. 2022."""

Suchman = Literal["continuer", "terminator", "neither"]


@dataclass(frozen=True, slots=True)
class Quadrant:
    """Where a response stands."""

    explicit: bool
    provides: bool
    """True: gives room for more. False: takes it."""


_NR, _NP = Quadrant(False, False), Quadrant(False, True)
_ER, _EP = Quadrant(True, False), Quadrant(True, True)

RESPONSES: Final = MappingProxyType(
    {
        "ignoring": _NR,
        "shutting down": _NR,
        "information-advise, not explicit": _NR,
        "silence": _NP,
        "back-channel": _NP,
        "acknowledgement": _NP,
        "active invitation": _NP,
        "implicit empathy": _NP,
        "switching": _ER,
        "post-ponement": _ER,
        "information-advise, explicit": _ER,
        "active blocking": _ER,
        "content acknowledgement": _EP,
        "content exploration": _EP,
        "affective acknowledgement": _EP,
        "affective exploration": _EP,
        "empathic response": _EP,
    }
)
"""The 17 responses and their quadrants."""

_INFORMS = ("information-advise, explicit", "information-advise, not explicit")
_BLOCKS = ("active blocking", "shutting down")
_LEAVES = ("switching", "ignoring")
_EMPATHY = ("empathic response", "implicit empathy")
_ASKS = ("content exploration", "ignoring")

_ACTS: Final = MappingProxyType(
    {
        "closing": _LEAVES,
        "empathy_name": ("affective acknowledgement", "affective acknowledgement"),
        "empathy_explore": ("affective exploration", "active invitation"),
        "empathy_understand": _EMPATHY,
        "empathy_respect": _EMPATHY,
        "empathy_support": _EMPATHY,
        "i_wish": _EMPATHY,
        "sorry_for": _EMPATHY,
        "reflection": ("content acknowledgement", "content acknowledgement"),
        "summary": ("content acknowledgement", "content acknowledgement"),
        "ask_concerns": ("affective exploration", "active invitation"),
        "elicit": ("content exploration", "active invitation"),
        "silence_offer": ("active invitation", "active invitation"),
        "question_open": ("content exploration", "active invitation"),
        "invite_questions": ("content exploration", "active invitation"),
        "hostility": _BLOCKS,
        "blaming": _BLOCKS,
        "confront": _BLOCKS,
        "minimising": _BLOCKS,
        "postponing": ("post-ponement", "post-ponement"),
        "subject_change": _LEAVES,
        "small_talk": _LEAVES,
        "reassurance": _INFORMS,
        "fixing": _INFORMS,
        "headline": _INFORMS,
        "headline_jargon": _INFORMS,
        "good_news": _INFORMS,
        "hedged_news": _INFORMS,
        "warning_shot": _INFORMS,
        "honest_limits": _INFORMS,
        "hope": _INFORMS,
        "plan": _INFORMS,
        "ask_perception": _ASKS,
        "ask_permission": _ASKS,
        "check_understanding": _ASKS,
        "question_closed": _ASKS,
        "jargon": _INFORMS,
        "acknowledge": ("acknowledgement", "acknowledgement"),
    }
)
"""Code to response, when the turn takes up her words and when it does not. The first code that a
turn carries decides, in this order: a goodbye first, which leaves no room whatever comes with it;
what gives room before what takes it; an acknowledgement only where nothing else was done."""

_EXPLORES = frozenset({"empathy_explore", "ask_concerns", "elicit", "question_open"})
_POINTS_BACK = re.compile(r"\b(?:that|this|it|so)\b")
"""A question with one of these is about what was said: "Tell me more about that."."""

# an open question of these kinds has a subject of its own
_OWN_SUBJECT = frozenset({"ask_perception", "ask_permission", "check_understanding"})

_LETTERS = 5
"""Letters that two words have to share to be one word in two forms: "insured", "insurance"."""
_COMMON_WORDS = """
all and any are ask but can did does for get got had has her him his how its let lot may not now
off one our out own put saw say see she the they too try two use was way who why yes yet you about
after again always another anything because been before being come could done doing even every
everything from going have having here just know like little make many maybe more most much must
need never nothing only other over really right said same says should since some somebody someone
something still such sure take tell than thank that their them then there these thing things think
this those thought time told very want well went were what when where which while will with without
would your yours
"""
_COMMON = frozenset(_COMMON_WORDS.split())
"""Words that two speakers share without meaning the same; shorter ones are never compared."""


@dataclass(frozen=True, slots=True)
class Response:
    """A cue or concern that sounded, and what the learner did with it."""

    concern: str
    """By id."""
    concern_text: str
    kind: Literal["cue", "concern"]
    line: str
    cue: str
    """Her words, as they were heard."""
    cue_start_s: float
    cue_end_s: float
    response: str | None
    """One of RESPONSES; None when the acts do not allow one, or nobody answered."""
    explicit: bool | None
    provides: bool | None
    suchman: Suchman
    words: str
    """The learner's words that show it."""
    at_s: float | None
    """When the answer began; None without one."""
    latency_s: float | None
    """Seconds from her last sound to the learner's first; below zero where he cut in. None for
    silences and where nobody answered."""
    certainty: Certainty


def responses(
    entries: Sequence[JournalEntry], shows: Sequence[ConcernShown]
) -> tuple[Response, ...]:
    """Every cue and concern that sounded, in order, each with the answer it got.

    A line that was said in pieces, or shows the same concern twice in one breath, counts once.
    """
    found: list[Response] = []
    for breath in _exchanges(entries):
        seen: set[str] = set()
        for speech in reversed(breath.speeches):  # a line goes on: its last piece is answered
            for each in (s for s in shows if s.line == speech.line_id and speech.heard):
                if each.concern not in seen:
                    seen.add(each.concern)
                    found.append(_answer_to(each, breath, speech))
    return tuple(sorted(found, key=lambda r: (r.cue_start_s, r.concern)))


# -- who answered what ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Answer:
    """What answered a cue."""

    name: str | None
    explicit: bool | None
    words: str
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What the patient said until the learner took a turn, and that turn."""

    speeches: tuple[PatientSpeech, ...]
    holds: tuple[Hold, ...]
    backchannels: tuple[Backchannel, ...]
    turn: LearnerTurn | None

    @property
    def until_s(self) -> float:
        """When the learner began; never, when nobody did."""
        return self.turn.start_s if self.turn is not None else float("inf")


def _exchanges(entries: Sequence[JournalEntry]) -> list[_Exchange]:
    turns = sorted((e for e in entries if isinstance(e, LearnerTurn)), key=lambda t: t.start_s)
    speeches = sorted((e for e in entries if isinstance(e, PatientSpeech)), key=lambda s: s.start_s)
    holds = tuple(e for e in entries if isinstance(e, Hold))
    channels = tuple(e for e in entries if isinstance(e, Backchannel))
    breaths = []
    since_s = float("-inf")
    for turn in (*turns, None):
        until_s = turn.start_s if turn is not None else float("inf")
        mine = tuple(s for s in speeches if since_s <= s.start_s < until_s)
        if mine:
            breaths.append(_Exchange(mine, holds, channels, turn))
        since_s = until_s
    return breaths


def _answer_to(shown: ConcernShown, breath: _Exchange, speech: PatientSpeech) -> Response:
    following = [s for s in breath.speeches if s.start_s > speech.start_s]
    gone_on = next((s for s in following if s.line_id != speech.line_id), None)
    until_s = breath.until_s if gone_on is None else gone_on.start_s
    held = next(
        (h for h in breath.holds if h.outcome == "held" and _follows(h, speech, until_s)), None
    )
    silent_s = gone_on.start_s - speech.end_s if gone_on is not None else 0.0
    murmur = next(
        (b for b in breath.backchannels if speech.start_s < b.start_s <= speech.end_s + 1.0), None
    )
    turn = breath.turn
    if held is not None or silent_s >= SILENCE_S:
        then = _stems(following[0].heard) if following else frozenset()
        subject = _subject(shown, speech) | then
        later = _code_answer(turn, subject) if turn is not None else None
        if turn is not None and later is not None and _takes_it_up(later, turn, subject):
            return _response(shown, speech, later, turn.start_s, None)
        at_s = held.start_s if held is not None else speech.end_s
        return _response(shown, speech, _Answer("silence", False, "", "high"), at_s, None)
    if gone_on is not None and murmur is not None:
        act = _Answer("back-channel", False, murmur.text, "high")
        return _response(shown, speech, act, murmur.start_s, None)
    if turn is None:
        return _response(shown, speech, _Answer(None, None, "", "high"), None, None)
    latency_s = round(turn.start_s - breath.speeches[-1].end_s, 3)
    act = _code_answer(turn, _subject(shown, speech))
    return _response(shown, speech, act, turn.start_s, latency_s)


def _subject(shown: ConcernShown, speech: PatientSpeech) -> frozenset[str]:
    return _stems(speech.heard) | _stems(shown.text)


def _takes_it_up(act: _Answer, turn: LearnerTurn, subject: frozenset[str]) -> bool:
    """After a silence that was let stand she may have come to something else: only words that share
    hers answer what she showed before it, and only where they leave her room."""
    shares = bool(subject & _stems(turn.text))
    return shares and act.name is not None and RESPONSES[act.name].provides


def _follows(hold: Hold, speech: PatientSpeech, until_s: float) -> bool:
    """Whether a silence came between her words and what came next. Speech and silence are timed
    apart, so they may overlap by a few hundredths."""
    return speech.end_s - 0.05 <= hold.start_s < until_s


def _response(
    shown: ConcernShown,
    speech: PatientSpeech,
    act: _Answer,
    at_s: float | None,
    latency_s: float | None,
) -> Response:
    quadrant = RESPONSES[act.name] if act.name is not None else None
    return Response(
        concern=shown.concern,
        concern_text=shown.text,
        kind=shown.kind,
        line=shown.line,
        cue=speech.heard,
        cue_start_s=speech.start_s,
        cue_end_s=speech.end_s,
        response=act.name,
        explicit=act.explicit,
        provides=quadrant.provides if quadrant else None,
        suchman=_suchman(act.name, quadrant),
        words=act.words,
        at_s=at_s,
        latency_s=latency_s,
        certainty=act.certainty,
    )


def _suchman(name: str | None, quadrant: Quadrant | None) -> Suchman:
    """Continuers and terminators are statements: keeping silent is neither."""
    if quadrant is None or name in {"silence", "back-channel", "acknowledgement"}:
        return "neither"
    return "continuer" if quadrant.provides else "terminator"


# -- what a turn does with a cue ------------------------------------------------------------


def _code_answer(turn: LearnerTurn, subject: frozenset[str]) -> _Answer:
    takes_up = bool(subject & _stems(turn.text))
    found = {each.code: each for each in reversed(turn.codes)}
    if not _OWN_SUBJECT.isdisjoint(found):
        found.pop("question_open", None)
    code = next((code for code in _ACTS if code in found), None)
    if code is not None:
        about = takes_up or (code in _EXPLORES and _POINTS_BACK.search(plain(turn.text)))
        name = _ACTS[code][0 if about else 1]
        sure: Certainty = "low" if turn.avg_logprob < GUESSING else "fair"
        return _Answer(name, RESPONSES[name].explicit, found[code].words, sure)
    if takes_up or found:
        return _Answer(None, takes_up, turn.text, "low")
    return _Answer("ignoring", False, turn.text, "low")


def _stems(text: str) -> frozenset[str]:
    """The first letters of the words that carry meaning."""
    words = plain(text).split()
    return frozenset(w[:_LETTERS] for w in words if len(w) >= 3 and w not in _COMMON)
