"""How sure it is that words do what their code says: certain, possible, or not at all.

A debrief asserts only what is certain; what is possible it asks. A code that the coder found
(`coding.coder`) is certain where its sentence has a narrow form of the code and nothing that voids
it: no negation, no condition, no words of others. Without that it is possible. Broad forms tell
where words that the coder did not find may still do it, so that nothing is called undone that was
done in other words. The forms are in `data/grades.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal

from simvoice.coding.codebook import CODEBOOK
from simvoice.coding.context import stems
from simvoice.coding.forms import form
from simvoice.coding.text import Sentence, sentences

Grade = Literal["certain", "possible"]
"""certain: a debrief may assert it. possible: a debrief may ask about it."""

GIVEN: Final = 1.0
"""Confidence of a code that a person gave."""
GIVEN_BACK: Final = 2
"""Fewest words with meaning that a certain reflection shares with what the patient has just
said."""
MOST_WORDS: Final = 30
"""Most words of a sentence that certainly does what a code says, unless the code is `plain` or
`coded`: what a longer one does depends on more than a form in it."""
TOLD_WORDS: Final = 8
"""Fewest words of the patient that thanks for telling can be about."""
ADDRESS_WORDS: Final = 3
"""Most words of a sentence that only addresses someone: "Morning, Mrs. Tully"."""
SLIGHT: Final = 0.5
"""Signs of a broad form that needs no word of the patient's: they leave an item open, and no one is
asked about them."""
_OWN_SURE: Final = 0.95
"""Least confidence of a case's own code that is certain (`coder.SURE`)."""


@dataclass(frozen=True, slots=True)
class _Forms:
    """The forms of one code; see the head of `data/grades.toml`."""

    certain: re.Pattern[str] | None
    void: re.Pattern[str] | None
    possible: re.Pattern[str] | None
    anywhere: re.Pattern[str] | None
    first: int
    leads: bool
    opposite: bool
    silent: bool
    stays: bool
    form: str
    last: bool
    reflects: bool
    coded: bool
    plain: bool
    opens: re.Pattern[str] | None
    told: re.Pattern[str] | None
    called: re.Pattern[str] | None

    def fits(self, sentence: Sentence) -> bool:
        """Whether the sentence is a question or a statement as the code asks."""
        if not self.form:
            return True
        asks = sentence.asked or form(sentence) != "statement"
        return asks == (self.form == "question")

    def may_fit(self, sentence: Sentence) -> bool:
        """The same for broad forms: "What came back is not good." only begins like a question."""
        is_statement = self.form == "statement" and not sentence.asked
        return self.fits(sentence) or (is_statement and not self.reflects)


def grade(code: str, words: str, text: str, before: str = "", confidence: float = 0.0) -> Grade:
    """Return how sure a code is that the coder found in a turn.

    words: those that show the code; text: the whole turn. before: the patient's words since the
    learner's last turn. confidence: of the code, 0..1; it counts for a case's own codes. No code of
    the coder has 1: that is a code given by a person, which is certain.
    """
    if confidence >= GIVEN:
        return "certain"
    every = sentences(text)
    own = [each for each in every if _contains(each, words)] or list(every)
    for sentence in own:
        if code in CODEBOOK:
            found = _is_certain(code, sentence, every, before)
        else:
            found = _is_certain_own(sentence, confidence)
        if found:
            return "certain"
    return "possible"


def possible_words(
    code: str, text: str, before: str = "", about: Iterable[str] = ()
) -> tuple[str, float]:
    """Return the sentence of a turn that most likely does what a code says in words that the coder
    did not find, and how many signs it has of it; ("", 0.0) without one.

    before: as in `grade`. about: texts that say what the code means, for a case's own code: words
    that share some of their meaning may do it.
    """
    known = _forms().get(code)
    meaning = stems(" ".join(about)) - _NO_MEANING
    best, most = "", 0.0
    for sentence in sentences(text):
        if known is None:
            signs = float(len(meaning & stems(sentence.text)))
        elif known.possible is None or not known.may_fit(sentence):
            continue
        else:
            signs = float(len(known.possible.findall(sentence.plain)))
            if known.reflects and before:
                signs *= len(stems(sentence.text) & stems(before))
            if known.anywhere is not None and known.anywhere.search(sentence.plain):
                signs = max(signs, SLIGHT)
        if signs > most:
            best, most = sentence.text, signs
    return best, most


def may_stand_first(code: str, text: str) -> str:
    """Return the first sentence of an encounter's first turn where its place alone may do what a
    code says, such as a greeting in unusual words; empty otherwise."""
    known = _forms().get(code)
    first = next(iter(sentences(text)), None)
    if known is None or first is None or len(first.spoken) > known.first:
        return ""
    return first.text


def may_lead_to_news(code: str, text: str) -> str:
    """Return the last statement of these words, which stand right before the news, where its place
    alone may do what a code says, such as a warning in unusual words; empty otherwise."""
    known = _forms().get(code)
    if known is None or not known.leads:
        return ""
    states = (
        each.text
        for each in reversed(sentences(text))
        if not each.asked
        and len(each.spoken) > ADDRESS_WORDS
        and not any(_is_certain(other, each, (each,), "") for other in ("greeting", "introduction"))
        and _OWN_RESULT.search(each.plain) is None
    )
    return next(states, "")


_OWN_RESULT: Final = re.compile(
    r"^(?:\w+ ){0,3}(?:i|we) (?:do )?(?:have|got)(?: \w+){0,4} "
    r"(?:results?|report|biopsy|scan|tests?)$"
)
"""Words that say only that the news is there, such as "I have your pathology result"."""

_ASKS_TO_TELL: Final = re.compile(r"\b(?:tell me|help me|walk me|talk me|describe)\b")
"""Requests that are questions without a question mark."""

_REPAIRED: Final = re.compile(r",\s+(?:oh|no|wait|sorry|i mean|or rather),\s", re.IGNORECASE)
"""A speaker breaks a sentence off and says something else: "You will come, no, sit down."."""

_BARE_LIMIT: Final = re.compile(r"^(?:(?:so|and|well|um|oh) )*i do not know$")

_DAYTIME: Final = re.compile(r"^good (?:morning|afternoon|evening)(?: (?:mr|mrs|ms|miss) \w+)?$")

_ANSWER: Final = re.compile(r"^(?:good|fine|great|lovely|excellent|yes|no|nothing)(?: good)?$")
"""What a speaker says who answers an own question: "How are we doing? Good."."""

_NO_MEANING: Final = stems(
    "says asks names tells shows gives patient learner someone something word plainly anything "
    "before after first her him his what who that wants would say ask tell name make done doing"
)


def sentence_of(words: str, text: str) -> str:
    """Return the whole sentence of a turn that contains the words of a code; the words where none
    does."""
    found = (each.text for each in sentences(text) if _contains(each, words))
    return next(found, words)


def fits_cause(code: str, cause: str) -> bool:
    """Whether the cause that a case names is what a code says: "said what happens next" is, of a
    plan, and "said who does what" is not. A case's own code means what its author says."""
    if code not in CODEBOOK:
        return True
    known = _forms().get(code)
    called = known.called if known is not None else None
    return called is not None and called.search(cause.lower()) is not None


def has_broad_forms(code: str) -> bool:
    """Whether broad forms of a code are known, so that its absence can be told."""
    known = _forms().get(code)
    return known is not None and known.possible is not None


def may_be_asked(code: str, sentence: str, before: str = "") -> bool:
    """Whether a learner may be asked if a sentence does what a code says: it has a broad form of
    the code, and nothing that means the opposite. before: as in `grade`."""
    known = _forms().get(code)
    if known is None or known.possible is None:
        return True
    if known.reflects and (not before.strip() or before.rstrip().endswith("?")):
        return False  # nothing was said to give back, or it asked, and the words answer
    if code == "question_open" and grade("question_closed", sentence, sentence) == "certain":
        return False
    plain_words = " ".join(each.plain for each in sentences(sentence))
    is_opposite = known.opposite and known.void is not None and known.void.search(plain_words)
    if known.silent or is_opposite:
        return False
    return possible_words(code, sentence, before)[1] > SLIGHT


def is_found_by_coder(code: str) -> bool:
    """Whether only the coder finds a code, by the patterns of a case or by a list of words."""
    known = _forms().get(code)
    return known is None or known.coded


def _is_certain(code: str, sentence: Sentence, turn: Sequence[Sentence], before: str) -> bool:
    """Whether one sentence of a turn certainly does what a code says."""
    known = _forms().get(code)
    is_last = sentence is turn[-1]
    if known is None or not known.fits(sentence) or (known.last and not is_last):
        return False
    if known.form == "question" and not (sentence.asked or _ASKS_TO_TELL.search(sentence.plain)):
        return False  # "What happens now is …" begins like a question
    if not (known.plain or known.coded) and len(sentence.spoken) > MOST_WORDS:
        return False
    if not known.plain and _REPAIRED.search(sentence.text):
        return False
    if known.form == "question" and _is_answered(sentence, turn):
        return False
    if known.void is not None and known.void.search(sentence.plain):
        return False
    thanks = known.told is not None and known.told.search(sentence.plain) is not None
    if thanks and (len(before.split()) < TOLD_WORDS or any(map(_closes, turn))):
        return False  # a courtesy: the patient told nothing, or it is a goodbye
    if code == "honest_limits" and _BARE_LIMIT.search(sentence.plain) and "?" not in before:
        return False  # a filler: the patient asked nothing
    if code == "greeting" and is_last and len(turn) > 1 and _DAYTIME.search(sentence.plain):
        return False  # "Good afternoon." after other words may be a goodbye
    if known.stays and any(map(_closes, turn)):
        return False  # who says goodbye in the same breath does not stay
    if known.reflects and _shared(sentence, before) < GIVEN_BACK:
        return False
    if known.reflects and stems(sentence.text) <= stems(before):
        return True  # an echo
    if known.opens is not None and known.opens.search(sentence.plain):
        return all(len(each.spoken) <= ADDRESS_WORDS for each in turn[: turn.index(sentence)])
    return known.coded or (
        known.certain is not None and known.certain.search(sentence.plain) is not None
    )


def _is_answered(question: Sentence, turn: Sequence[Sentence]) -> bool:
    """Whether the speaker's next words in the turn answer the question."""
    then = turn[turn.index(question) + 1 :][:1]
    return any(_ANSWER.search(each.plain) is not None for each in then)


def _closes(sentence: Sentence) -> bool:
    closing = _forms()["closing"].certain
    return closing is not None and closing.search(sentence.plain) is not None


def _shared(sentence: Sentence, before: str) -> int:
    """Number of the words with meaning that a sentence shares with the patient's last words."""
    return len(stems(sentence.text) & stems(before))


def _is_certain_own(sentence: Sentence, confidence: float) -> bool:
    is_whole = len(sentence.spoken) <= MOST_WORDS and not _REPAIRED.search(sentence.text)
    return is_whole and confidence >= _OWN_SURE and _own_void().search(sentence.plain) is None


def _contains(sentence: Sentence, words: str) -> bool:
    return bool(words) and words.strip(" .,;:?!…").lower() in sentence.text.lower()


@cache
def _raw() -> dict[str, Any]:
    path = files("simvoice.coding") / "data" / "grades.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def _own_void() -> re.Pattern[str]:
    return re.compile("|".join(_raw()["own"]["any"]))


@cache
def _forms() -> Mapping[str, _Forms]:
    """Code to its forms. Raises ValueError for a code that the codebook does not have."""
    codes = _raw()["codes"]
    common = _raw()["void"]["any"]
    return MappingProxyType({name: _read(name, codes, common) for name in codes})


def _read(name: str, codes: Mapping[str, Any], common: list[str]) -> _Forms:
    raw = codes[name]
    if "inherits" in raw:
        return _read(raw["inherits"], codes, common)
    void = [*raw.get("void", ()), *([] if raw.get("plain") else common)]
    return _Forms(
        certain=_any_of(raw.get("certain", ())),
        void=_any_of(void),
        possible=_any_of(raw.get("possible", ())),
        anywhere=_any_of(raw.get("anywhere", ())),
        first=raw.get("first", 0),
        leads=raw.get("leads", False),
        opposite=raw.get("opposite", False),
        silent=raw.get("silent", False),
        stays=raw.get("stays", False),
        form=raw.get("form", ""),
        last=raw.get("last", False),
        reflects=raw.get("reflects", False),
        coded=raw.get("coded", False),
        plain=raw.get("plain", False),
        opens=_any_of(raw.get("opens", ())),
        told=_any_of(raw.get("told", ())),
        called=_any_of(raw.get("called", ())),
    )


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    given = list(patterns)
    return re.compile("|".join(f"(?:{each})" for each in given)) if given else None
