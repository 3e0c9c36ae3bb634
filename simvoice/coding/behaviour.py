"""What an utterance is as a whole: a question, a reflection, input, or something else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Literal

from simvoice.coding.codebook import QUESTIONS, Code
from simvoice.coding.forms import QuestionForm, form, is_declarative, question_starts
from simvoice.coding.text import Sentence, sentences

# -- features ---------------------------------------------------------------------------------
# What the linear model sees of a sentence: its words, how it begins, whom it speaks of.


_DISFLUENT = re.compile(r"\b(?:um|uh|uhm|er|erm|hm)\b")
_TWICE = re.compile(r"\b(\w+)(?: \1\b)+")
_OPENERS = frozenset(
    {
        "so", "and", "but", "okay", "yeah", "well", "right", "mm", "hmm", "oh", "because",
        "like", "then", "now",
    }
)  # fmt: skip
_HERS = frozenset({"you", "your", "yourself"})
_OURS = frozenset({"i", "me", "my", "we", "us", "our"})
_LENGTHS = (2, 4, 8, 14, 25)
"""Words; a sentence is in the first class that it fits in."""
LONGEST = 40
"""Words. What a longer run says is in its single words."""


def fluent(plain: str) -> str:
    """Without hesitations and repeated words: "so um so you you" is "so you"."""
    return _TWICE.sub(r"\1", " ".join(_DISFLUENT.sub(" ", plain).split()))


def features(plain: str) -> frozenset[str]:
    """Names of all that holds for a sentence in plain form; see `text.Sentence.plain`."""
    words = fluent(plain).split()
    found = {"bias", *words}
    edged = ["<", *words[:LONGEST], ">"]
    found.update(" ".join(pair) for pair in pairwise(edged))
    found.update(" ".join(three) for three in zip(edged, edged[1:], edged[2:], strict=False))
    found.add(f"#words {sum(len(words) > longest for longest in _LENGTHS)}")
    found.add(f"#hers {min(2, sum(word in _HERS for word in words))}")
    found.add(f"#ours {min(2, sum(word in _OURS for word in words))}")
    start = next((n for n, word in enumerate(words) if word not in _OPENERS), len(words))
    found.update(f"#from {' '.join(words[start : start + n])}" for n in (1, 2, 3))
    return frozenset(found)


# -- leaning ----------------------------------------------------------------------------------
# Does a statement give back, tell, or neither: a linear model on words.
#
# Fitted by `scripts/fit_coder.py` on sentences written for it (`scripts/coder-examples.tsv`), poor
# encounters included: advice, warnings and news that begin with "you" give nothing back.


@dataclass(frozen=True, slots=True)
class Leaning:
    """How likely a statement does each of three things; together 1."""

    reflection: float
    """Gives back what the patient said, meant or felt."""
    input: float
    """Informs, advises, warns, confronts."""
    other: float
    """Shows listening, greets, thanks, praises, supports, says what comes."""


@cache
def _weights() -> dict[str, tuple[float, float, float]]:
    """Feature to its weights, in the order of `Leaning`."""
    data = files("simvoice.coding") / "data" / "leaning.json"
    return {name: (r, i, o) for name, (r, i, o) in json.loads(data.read_text("utf-8")).items()}


def leaning(plain: str) -> Leaning:
    """Of one sentence in plain form; see `text.Sentence.plain`."""
    known = _weights()
    hits = [known[name] for name in features(plain) if name in known]
    sums = [math.fsum(hit[which] for hit in hits) for which in range(3)]
    highest = max(sums)
    shares = [math.exp(value - highest) for value in sums]
    whole = sum(shares)
    return Leaning(*(share / whole for share in shares))


# -- behaviour --------------------------------------------------------------------------------


Main = Literal["question", "reflection", "input", "other"]

REFLECTS = 0.4
"""Probability from which a statement gives back: three things it may do, so below a half."""
SHARE = 0.4
"""The same for the utterance, over the words of all its statements."""
SURELY = 0.9
"""A statement with a question mark asks, unless it gives back as surely as this."""
TELLS, SURELY_TELLS = 0.4, 0.6
"""Share of input over all statements; probability in one, in an utterance of some length."""
SOME_LENGTH = 8
"""Words."""
ASIDE = 0.3
"""A question that is a smaller part of a long utterance does not make it one."""
LONG = 30
"""Words of statements."""


@dataclass(frozen=True, slots=True)
class SentencePart:
    """One sentence, its form and what it leans to."""

    sentence: Sentence
    shape: QuestionForm
    leaning: Leaning
    words: int
    """Without hesitations and repetitions."""
    states: bool
    """Worded as a statement, with or without a question mark."""

    @property
    def asks(self) -> bool:
        """Asks more than it gives back."""
        gives_back = self.states and self.leaning.reflection > SURELY
        return self.shape != "statement" and not gives_back


def part(sentence: Sentence) -> SentencePart:
    """One sentence, looked at alone."""
    shape = form(sentence)
    states = shape == "statement" or is_declarative(sentence)
    words = len(fluent(sentence.plain).split())
    return SentencePart(sentence, shape, leaning(sentence.plain), words, states)


def reflections(parts: Sequence[SentencePart]) -> tuple[SentencePart, ...]:
    """The statements that give back, when the utterance as a whole gives back enough."""
    told = [each for each in parts if each.states]
    if _share([each.leaning.reflection for each in told], told) <= SHARE:
        return ()
    return tuple(each for each in told if each.leaning.reflection > REFLECTS)


def openness(parts: Sequence[SentencePart]) -> QuestionForm:
    """Of the last question, which is the one that gets the answer; "statement" without any."""
    return next((each.shape for each in reversed(parts) if each.shape != "statement"), "statement")


def main_of(parts: Sequence[SentencePart]) -> Main:
    """The one thing the utterance mainly does."""
    told = [each for each in parts if each.states and each.words]
    asking = sum(each.words for each in parts if each.asks)
    stating = sum(each.words for each in told)
    is_question = openness(parts) != "statement"
    is_aside = stating > LONG and asking < ASIDE * (asking + stating)
    if not told or (asking and not is_aside):
        return "question" if is_question else "other"
    by_statements = _by_statements(parts, told, stating)
    # a mark alone asks when the words do nothing else
    asks_by_mark = is_question and not asking and by_statements != "reflection"
    return (
        "question" if asks_by_mark or (is_question and by_statements == "other") else by_statements
    )


def _by_statements(parts: Sequence[SentencePart], told: Sequence[SentencePart], words: int) -> Main:
    gives_back = bool(reflections(parts))
    back = _share([each.leaning.reflection for each in told], told)
    tells = _share([each.leaning.input for each in told], told)
    if gives_back and back >= 0.8 * tells:
        return "reflection"
    surely = max(each.leaning.input for each in told) > SURELY_TELLS
    if tells > TELLS or (surely and words > SOME_LENGTH):
        return "input"
    return "reflection" if gives_back else "other"


def _share(values: Sequence[float], of: Sequence[SentencePart]) -> float:
    words = sum(each.words for each in of)
    if not words:
        return 0.0
    return sum(value * each.words for value, each in zip(values, of, strict=True)) / words


def main_behaviour(text: str) -> Main:
    """The one thing that a spoken text mainly does."""
    return main_of(tuple(part(sentence) for sentence in sentences(text)))


# -- questions --------------------------------------------------------------------------------
# How a question is asked: one at a time, or several; open to any answer, or to the wanted one.


TAGGED, GUESSED = 0.8, 0.6
"""Confidence: the wanted answer is in the words; several questions without marks."""

APART = 4
"""Words between two questions of an unmarked run, below which they are one ("do you know why")."""

_END_MARKS = " .?!…"
_TAG_AUX = r"(?:is|are|was|were|do|does|did|have|has|had|would|can|could|will|should)"
_LEADS = re.compile(
    rf"\b\w+ \w+.* {_TAG_AUX} not (?:it|you|he|she|they|there|that|we|i)$|"  # "…, don't you?"
    rf"\bnot\b.* {_TAG_AUX} (?:it|you|he|she|they|there)$|"  # "you don't smoke, do you?"
    rf"^(?:\w+ ){{0,2}}{_TAG_AUX} not (?:you|it|that|he|she|they|this)\b|"  # "Don't you think …?"
    r"\byou (?:would|do|will) agree\b|\bsurely\b|\b(?:no|not|never|nothing)\b.* (?:right|correct)$|"
    r"^(?:so |and |but )*you (?:\w+ ){1,}(?:right|correct|yes|yeah)$"
)


def leading(part: SentencePart) -> list[Code]:
    """A question that holds its answer; nothing otherwise."""
    match = _LEADS.search(part.sentence.plain)
    if match is None or len(part.sentence.spoken) < 3:
        return []
    return [Code("question_leading", part.sentence.words_at(*match.span()), TAGGED)]


def multiple(parts: Sequence[SentencePart]) -> list[Code]:
    """Several questions in one utterance; one that only checks what was told does not count."""
    asked = [each for each in parts if each.asks]
    if len(asked) > 1:
        words = " ".join(each.sentence.text for each in asked)
        return [Code("question_multiple", words, TAGGED)]
    for each in asked:
        starts = question_starts(each.sentence)
        if any(later - first > APART for first, later in pairwise(starts)):
            return [Code("question_multiple", each.sentence.text, GUESSED)]
    return []


def ends_asking(text: str, codes: Iterable[Code]) -> bool:
    """Whether the last sentence of `text`, of which `codes` are, asks something or invites her to
    go on."""
    spoken = text.rstrip(_END_MARKS)
    asking = (code for code in codes if code.name in QUESTIONS or code.name == "elicit")
    return any(code.words and spoken.endswith(code.words.rstrip(_END_MARKS)) for code in asking)
