"""Code how the learner answered each cue and concern, after VR-CoDES and VR-CoDES-P.

The patient's half needs no coding: the record says which of the patient's lines are cues
(`Header.shows`). The learner's next turn is coded as explicit or not (whether it takes up what the
patient said or felt) and as providing or reducing space for more, with one of the 17 responses
where the codes of the turn allow.

Sources: Del Piccolo et al. 2011, doi 10.1016/j.pec.2010.02.024; the responses by quadrant with
examples in BMC Nursing 2017, doi 10.1186/s12912-017-0220-8, table 3. Continuer and terminator:
Suchman et al. 1997; Pollak et al. 2007.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

from simvoice.coding.codebook import CODEBOOK, group
from simvoice.coding.grade import (
    GIVEN_BACK,
    Grade,
    grade,
    is_found_by_coder,
    possible_words,
    sentence_of,
)
from simvoice.coding.text import plain
from simvoice.criteria.encounter import Certainty
from simvoice.record.events import (
    Backchannel,
    Coded,
    ConcernShown,
    Hold,
    JournalEntry,
    LearnerTurn,
    PatientMove,
    PatientSpeech,
)
from simvoice.scoring.data_files import read_toml
from simvoice.scoring.instruments.evidence import GUESSING

SILENCE_S = 2.0
"""Shortest silence between a cue and the patient's next line that counts as an answer, seconds: the
threshold of Bartels et al. 2016 and Gramling et al. 2022."""

Suchman = Literal["continuer", "terminator", "neither"]


@dataclass(frozen=True, slots=True)
class Quadrant:
    """The quadrant of a response."""

    explicit: bool
    """Whether it takes up what the patient said or felt."""
    provides: bool
    """True: provides space for more. False: reduces it."""


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


@cache
def _answers() -> Mapping[str, tuple[str, str]]:
    """Code to (response when the turn takes up the patient's words, response when it does not), in
    the order of `data/answers.toml`: the first code that a turn has decides."""
    found: dict[str, tuple[str, str]] = {}
    for answer in read_toml("answers.toml")["answer"]:
        pair = (answer["taken_up"], answer["not_taken_up"])
        if unknown := [*(set(answer["codes"]) - CODEBOOK.keys()), *(set(pair) - RESPONSES.keys())]:
            raise ValueError(f"answers.toml names unknown codes or responses: {sorted(unknown)}")
        found |= dict.fromkeys(answer["codes"], pair)
    return MappingProxyType(found)


_ASKS_FOR_MORE: Final = group("asks_for_more")
_POINTS_BACK = re.compile(r"\b(?:that|this|it|so)\b")
"""A question with one of these words is about what the patient said: "Tell me more about that."."""

_OWN_SUBJECT: Final = group("own_subject")

_QUESTIONS: Final = group("questions") | {"invite_questions"}
_TAG: Final = re.compile(
    r"\b(?:is (?:that|this|it) (?:okay|all right|fine|clear)|"
    r"(?:does|do|would|will) (?:that|this|it) (?:work|suit|sound|make sense)|any questions)\b"
)
"""A question that only asks whether the learner's own words suit the patient."""
_ANY_SUBJECT: Final = frozenset({"question_open", "invite_questions"})
"""Codes that may leave the cue for another subject."""
_NARROW = 0.7
"""Confidence of a code that only a narrow form shows."""

_LETTERS = 5
"""Letters that two forms of one word share at the start: "insured", "insurance"."""
_COMMON_WORDS = """
all and any are ask but can did does for get got had has her him his how its let lot may not now
off one our out own put saw say see she the they too try two use was way who why yes yet you about
after again always another anything because been before being come could done doing even every
everything from going have having here just know like little make many maybe more most much must
need never nothing only other over really right said same says should since some somebody someone
something still such sure take tell than thank that their them then there these thing things think
this those thought time told very want well went were what when where which while will with without
would your yours
two three four five six seven eight nine ten eleven twelve hundred clock okay right
"""
_COMMON = frozenset(_COMMON_WORDS.split())
"""Words that do not show a shared subject; words of less than three letters never count."""


@dataclass(frozen=True, slots=True)
class Response:
    """A cue or concern that was delivered, and the learner's answer."""

    concern: str
    """Id of the concern."""
    concern_text: str
    kind: Literal["cue", "concern"]
    line: str
    cue: str
    """The patient's words, as delivered."""
    cue_start_s: float
    cue_end_s: float
    response: str | None
    """One of RESPONSES; None when the codes do not allow one, or the learner did not answer."""
    explicit: bool | None
    provides: bool | None
    suchman: Suchman
    words: str
    """The learner's words that show the response."""
    at_s: float | None
    """Start of the answer; None without an answer."""
    latency_s: float | None
    """Seconds from the patient's last sound to the learner's first; negative where the learner cut
    in. None for silences and without an answer."""
    certainty: Certainty
    grade: Grade = "certain"
    """possible: the words may be another response, so the learner is asked."""
    said: str = ""
    """The learner's whole turn; empty without words."""


WORDLESS: Final = frozenset({"silence", "back-channel"})
"""The responses without words."""


def responses(
    entries: Sequence[JournalEntry], shows: Sequence[ConcernShown]
) -> tuple[Response, ...]:
    """Every cue and concern that was delivered, in order, each with its answer.

    A concern that the patient shows several times before the learner's next turn counts once.
    """
    found: list[Response] = []
    for patient_turn in _patient_turns(entries):
        seen: set[str] = set()
        for speech in reversed(patient_turn.speeches):  # the last piece of a line is answered
            for each in (s for s in shows if s.line == speech.line_id and speech.heard):
                if each.concern not in seen:
                    seen.add(each.concern)
                    found.append(_answer_to(each, patient_turn, speech))
    return tuple(sorted(found, key=lambda r: (r.cue_start_s, r.concern)))


# -- which answer belongs to which cue ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer to a cue."""

    name: str | None
    explicit: bool | None
    words: str
    certainty: Certainty
    grade: Grade = "certain"
    said: str = ""


@dataclass(frozen=True, slots=True)
class _PatientTurn:
    """What the patient said before the learner took a turn, and that turn."""

    speeches: tuple[PatientSpeech, ...]
    holds: tuple[Hold, ...]
    backchannels: tuple[Backchannel, ...]
    prompts: frozenset[int]
    """Numbers of the moves with which the patient prompts a learner who says nothing."""
    next_turn: LearnerTurn | None

    @property
    def until_s(self) -> float:
        """Session seconds at which the learner began; infinity when the learner did not."""
        return self.next_turn.start_s if self.next_turn is not None else float("inf")


def _patient_turns(entries: Sequence[JournalEntry]) -> list[_PatientTurn]:
    turns = sorted((e for e in entries if isinstance(e, LearnerTurn)), key=lambda t: t.start_s)
    speeches = sorted((e for e in entries if isinstance(e, PatientSpeech)), key=lambda s: s.start_s)
    holds = tuple(e for e in entries if isinstance(e, Hold))
    backchannels = tuple(e for e in entries if isinstance(e, Backchannel))
    prompts = frozenset(
        e.turn for e in entries if isinstance(e, PatientMove) and e.kind == "prompt"
    )
    patient_turns = []
    since_s = float("-inf")
    for turn in (*turns, None):
        until_s = turn.start_s if turn is not None else float("inf")
        own = tuple(s for s in speeches if since_s <= s.start_s < until_s)
        if own:
            patient_turns.append(_PatientTurn(own, holds, backchannels, prompts, turn))
        since_s = until_s
    return patient_turns


def _answer_to(shown: ConcernShown, patient_turn: _PatientTurn, speech: PatientSpeech) -> Response:
    following = [s for s in patient_turn.speeches if s.start_s > speech.start_s]
    next_line = next((s for s in following if s.line_id != speech.line_id), None)
    until_s = patient_turn.until_s if next_line is None else next_line.start_s
    held = next(
        (h for h in patient_turn.holds if h.outcome == "held" and _follows(h, speech, until_s)),
        None,
    )
    silence_s = next_line.start_s - speech.end_s if next_line is not None else 0.0
    backchannel = next(
        (b for b in patient_turn.backchannels if speech.start_s < b.start_s <= speech.end_s + 1.0),
        None,
    )
    turn = patient_turn.next_turn
    if next_line is not None and next_line.turn in patient_turn.prompts:
        return _response(shown, speech, _Answer("ignoring", False, "", "high"), None, None)
    if held is not None or silence_s >= SILENCE_S:
        next_stems: frozenset[str] = _stems(following[0].heard) if following else frozenset()
        subject = _subject(shown, speech) | next_stems
        later = _code_answer(turn, subject, speech.heard) if turn is not None else None
        if turn is not None and later is not None and _takes_it_up(later, turn, subject):
            return _response(shown, speech, later, turn.start_s, None)
        at_s = held.start_s if held is not None else speech.end_s
        return _response(shown, speech, _Answer("silence", False, "", "high"), at_s, None)
    if next_line is not None and backchannel is not None:
        answer = _Answer("back-channel", False, backchannel.text, "high")
        return _response(shown, speech, answer, backchannel.start_s, None)
    if turn is None:
        return _response(shown, speech, _Answer(None, None, "", "high"), None, None)
    latency_s = turn.start_s - patient_turn.speeches[-1].end_s
    answer = _code_answer(turn, _subject(shown, speech), speech.heard)
    return _response(shown, speech, answer, turn.start_s, latency_s)


def _subject(shown: ConcernShown, speech: PatientSpeech) -> frozenset[str]:
    return _stems(speech.heard) | _stems(shown.text)


def _takes_it_up(answer: _Answer, turn: LearnerTurn, subject: frozenset[str]) -> bool:
    """Whether a turn after a silence answers the cue before the silence.

    The patient may have changed the subject in between, so the turn must share words with the cue
    and provide space.
    """
    shares = bool(subject & _stems(turn.text))
    return shares and answer.name is not None and RESPONSES[answer.name].provides


def _follows(hold: Hold, speech: PatientSpeech, until_s: float) -> bool:
    """Whether a hold came after the patient's words and before `until_s`.

    Speech and holds are timed separately, so they may overlap by a few hundredths of a second.
    """
    return speech.end_s - 0.05 <= hold.start_s < until_s


def _response(
    shown: ConcernShown,
    speech: PatientSpeech,
    answer: _Answer,
    at_s: float | None,
    latency_s: float | None,
) -> Response:
    quadrant = RESPONSES[answer.name] if answer.name is not None else None
    return Response(
        concern=shown.concern,
        concern_text=shown.text,
        kind=shown.kind,
        line=shown.line,
        cue=speech.heard,
        cue_start_s=speech.start_s,
        cue_end_s=speech.end_s,
        response=answer.name,
        explicit=answer.explicit,
        provides=quadrant.provides if quadrant else None,
        suchman=_suchman(answer.name, quadrant),
        words=answer.words,
        at_s=at_s,
        latency_s=latency_s,
        certainty=answer.certainty,
        grade=answer.grade,
        said=answer.said,
    )


def _suchman(name: str | None, quadrant: Quadrant | None) -> Suchman:
    """Continuers and terminators are statements: keeping silent is neither."""
    if quadrant is None or name in {"silence", "back-channel", "acknowledgement"}:
        return "neither"
    return "continuer" if quadrant.provides else "terminator"


# -- coding an answer -----------------------------------------------------------------------


def _code_answer(turn: LearnerTurn, subject: frozenset[str], cue: str) -> _Answer:
    takes_up = bool(subject & _stems(turn.text))
    found = {each.code: each for each in reversed(turn.codes)}
    _add_narrow_forms(found, turn, cue)
    if not _OWN_SUBJECT.isdisjoint(found):
        found.pop("question_open", None)
    in_order = [code for code in _answers() if code in found]
    sure = (
        code
        for code in in_order
        if code != "acknowledge"
        and _grade_answer(_answers()[code][0], found[code], turn, cue) == "certain"
    )
    code = next(iter(in_order), None)
    if code != "closing":
        code = next(sure, code)
    if code is not None:
        about = takes_up or (code in _ASKS_FOR_MORE and _POINTS_BACK.search(plain(turn.text)))
        name = _answers()[code][0 if about else 1]
        certainty: Certainty = "low" if turn.avg_logprob < GUESSING else "fair"
        explicit = RESPONSES[name].explicit
        grade_ = _grade_answer(name, found[code], turn, cue)
        return _Answer(name, explicit, found[code].words, certainty, grade_, turn.text)
    name_or_none = None if takes_up or found else "ignoring"
    is_explicit = takes_up if name_or_none is None else False
    return _Answer(name_or_none, is_explicit, turn.text, "low", "possible", turn.text)


def _add_narrow_forms(found: dict[str, Coded], turn: LearnerTurn, cue: str) -> None:
    """Add the codes with a narrow form in the turn that the coder did not find."""
    for code in _answers():
        if code in found or is_found_by_coder(code):
            continue
        words, _ = possible_words(code, turn.text, cue)
        if words and grade(code, words, turn.text, cue) == "certain":
            found[code] = Coded(code=code, words=words, confidence=_NARROW)


def _grade_answer(name: str, code: Coded, turn: LearnerTurn, cue: str) -> Grade:
    """How sure a response by words is. What leaves out or passes over a cue is never certain: the
    words may be about it in another way."""
    quadrant = RESPONSES[name]
    reduces = name in ("active blocking", "post-ponement")
    if turn.avg_logprob < GUESSING or not (quadrant.provides or reduces):
        return "possible"
    is_question = code.code in _QUESTIONS
    own = sentence_of(code.words, turn.text) if is_question else turn.text
    if is_question and _TAG.search(plain(own)):
        return "possible"  # it asks about the learner's own words
    shared = len(_stems(cue) & _stems(own))
    shares = shared > 0
    if quadrant.explicit and not shares:
        return "possible"
    if is_question and shared < GIVEN_BACK and not _POINTS_BACK.search(plain(own)):
        return "possible"  # one word may stand in both by chance: "home", "work"
    if code.code in _ANY_SUBJECT and not (shares or _POINTS_BACK.search(plain(code.words))):
        return "possible"
    return grade(code.code, code.words, turn.text, cue, code.confidence)


def _stems(text: str) -> frozenset[str]:
    """The first `_LETTERS` letters of the words that carry meaning."""
    words = plain(text).split()
    return frozenset(w[:_LETTERS] for w in words if len(w) >= 3 and w not in _COMMON)
