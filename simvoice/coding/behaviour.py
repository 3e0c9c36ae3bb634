"""Classify whole utterances (question, reflection, input, other) and the questions in them."""

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
# The features of a sentence for the linear model: its words, how it begins, whom it mentions.


_DISFLUENT = re.compile(r"\b(?:um|uh|uhm|er|erm|hm)\b")
_REPEATED = re.compile(r"\b(\w+)(?: \1\b)+")
_OPENERS = frozenset(
    {
        "so", "and", "but", "okay", "yeah", "well", "right", "mm", "hmm", "oh", "because",
        "like", "then", "now",
    }
)  # fmt: skip
_SECOND_PERSON = frozenset({"you", "your", "yourself"})
_FIRST_PERSON = frozenset({"i", "me", "my", "we", "us", "our"})
_LENGTHS = (2, 4, 8, 14, 25)
"""Upper limits of the length classes, in words."""
NGRAM_WORDS = 40
"""Words at the start of a sentence that give pairs and triples; later words count only alone."""


def fluent(plain: str) -> str:
    """The text without hesitations and repeated words: "so um so you you" gives "so you"."""
    return _REPEATED.sub(r"\1", " ".join(_DISFLUENT.sub(" ", plain).split()))


def features(plain: str) -> frozenset[str]:
    """The names of all features of a sentence in plain form; see `text.Sentence.plain`."""
    words = fluent(plain).split()
    found = {"bias", *words}
    edged = ["<", *words[:NGRAM_WORDS], ">"]
    found.update(" ".join(pair) for pair in pairwise(edged))
    found.update(" ".join(three) for three in zip(edged, edged[1:], edged[2:], strict=False))
    found.add(f"#words {sum(len(words) > longest for longest in _LENGTHS)}")
    found.add(f"#hers {min(2, sum(word in _SECOND_PERSON for word in words))}")
    found.add(f"#ours {min(2, sum(word in _FIRST_PERSON for word in words))}")
    start = next((n for n, word in enumerate(words) if word not in _OPENERS), len(words))
    found.update(f"#from {' '.join(words[start : start + n])}" for n in (1, 2, 3))
    return frozenset(found)


# -- kind of a statement ----------------------------------------------------------------------
# A linear model on words: does a statement reflect, inform, or neither?
#
# `scripts/fit_coder.py` fits it on sentences written for it (`scripts/coder-examples.tsv`), poor
# encounters included: advice, warnings and news that begin with "you" are no reflections.


@dataclass(frozen=True, slots=True)
class StatementProbabilities:
    """Probabilities of the three kinds of statement; they add up to 1."""

    reflection: float
    """The statement gives back what the patient said, meant or felt."""
    input: float
    """The statement informs, advises, warns or confronts."""
    other: float
    """The statement shows listening, greets, thanks, praises, supports or announces what comes."""


@cache
def _weights() -> dict[str, tuple[float, float, float]]:
    """Feature to its weights, in the order of the fields of `StatementProbabilities`."""
    data = files("simvoice.coding") / "data" / "leaning.json"
    return {name: (r, i, o) for name, (r, i, o) in json.loads(data.read_text("utf-8")).items()}


def statement_probabilities(plain: str) -> StatementProbabilities:
    """The probabilities for one sentence in plain form; see `text.Sentence.plain`."""
    known = _weights()
    hits = [known[name] for name in features(plain) if name in known]
    sums = [math.fsum(hit[kind] for hit in hits) for kind in range(3)]
    highest = max(sums)
    shares = [math.exp(value - highest) for value in sums]
    total = sum(shares)
    return StatementProbabilities(*(share / total for share in shares))


# -- main behaviour ---------------------------------------------------------------------------


MainBehaviour = Literal["question", "reflection", "input", "other"]

REFLECTION_LEAST = 0.4
"""Least probability of a reflection; below a half, because there are three kinds."""
REFLECTION_SHARE_LEAST = 0.4
"""The same for an utterance: the mean over the words of all its statements."""
SURELY_REFLECTS = 0.9
"""A statement with a question mark is a question unless its probability of a reflection is above
this."""
INPUT_SHARE_LEAST, INPUT_LEAST = 0.4, 0.6
"""Least mean probability of input over all statements, or least probability of input in one
statement of an utterance with more than `SOME_LENGTH` words."""
SOME_LENGTH = 8
"""Words."""
QUESTION_SHARE_LEAST = 0.3
"""A question with a smaller share of the words of a long utterance does not make it a question."""
LONG_STATEMENTS = 30
"""More words of statements than this make an utterance long."""


@dataclass(frozen=True, slots=True)
class SentenceAnalysis:
    """One sentence with its form and the probabilities of its kind."""

    sentence: Sentence
    shape: QuestionForm
    probabilities: StatementProbabilities
    words: int
    """Number of words without hesitations and repetitions."""
    states: bool
    """The sentence is worded as a statement, with or without a question mark."""

    @property
    def asks(self) -> bool:
        """Whether the sentence asks more than it reflects."""
        reflects = self.states and self.probabilities.reflection > SURELY_REFLECTS
        return self.shape != "statement" and not reflects


def analyse(sentence: Sentence) -> SentenceAnalysis:
    """Analyse one sentence by itself."""
    shape = form(sentence)
    states = shape == "statement" or is_declarative(sentence)
    words = len(fluent(sentence.plain).split())
    return SentenceAnalysis(sentence, shape, statement_probabilities(sentence.plain), words, states)


def reflections(parts: Sequence[SentenceAnalysis]) -> tuple[SentenceAnalysis, ...]:
    """The statements that reflect; empty if the utterance as a whole does not reflect enough."""
    statements = [each for each in parts if each.states]
    if (
        _mean_by_words([each.probabilities.reflection for each in statements], statements)
        <= REFLECTION_SHARE_LEAST
    ):
        return ()
    return tuple(each for each in statements if each.probabilities.reflection > REFLECTION_LEAST)


def last_question_form(parts: Sequence[SentenceAnalysis]) -> QuestionForm:
    """The form of the last question, which is the one that gets the answer; "statement" if there is
    none."""
    return next((each.shape for each in reversed(parts) if each.shape != "statement"), "statement")


def main_behaviour_of(parts: Sequence[SentenceAnalysis]) -> MainBehaviour:
    """The main behaviour of an utterance."""
    statements = [each for each in parts if each.states and each.words]
    asking = sum(each.words for each in parts if each.asks)
    stating = sum(each.words for each in statements)
    is_question = last_question_form(parts) != "statement"
    is_aside = stating > LONG_STATEMENTS and asking < QUESTION_SHARE_LEAST * (asking + stating)
    if not statements or (asking and not is_aside):
        return "question" if is_question else "other"
    by_statements = _by_statements(parts, statements, stating)
    # a question mark alone makes a question if the words do nothing else
    asks_by_mark = is_question and not asking and by_statements != "reflection"
    return (
        "question" if asks_by_mark or (is_question and by_statements == "other") else by_statements
    )


def _by_statements(
    parts: Sequence[SentenceAnalysis], statements: Sequence[SentenceAnalysis], words: int
) -> MainBehaviour:
    reflects = bool(reflections(parts))
    reflection = _mean_by_words([each.probabilities.reflection for each in statements], statements)
    input_share = _mean_by_words([each.probabilities.input for each in statements], statements)
    if reflects and reflection >= 0.8 * input_share:
        return "reflection"
    is_input = max(each.probabilities.input for each in statements) > INPUT_LEAST
    if input_share > INPUT_SHARE_LEAST or (is_input and words > SOME_LENGTH):
        return "input"
    return "reflection" if reflects else "other"


def _mean_by_words(values: Sequence[float], statements: Sequence[SentenceAnalysis]) -> float:
    words = sum(each.words for each in statements)
    if not words:
        return 0.0
    return sum(value * each.words for value, each in zip(values, statements, strict=True)) / words


def main_behaviour(text: str) -> MainBehaviour:
    """The main behaviour of a spoken text."""
    return main_behaviour_of(tuple(analyse(sentence) for sentence in sentences(text)))


# -- questions --------------------------------------------------------------------------------
# How a question is asked: one at a time or several, open or leading.


MARKED, UNMARKED = 0.8, 0.6
"""Confidence in a leading question and in several marked questions; in several questions without
marks."""

QUESTIONS_APART = 4
"""Least words between two questions without marks; closer ones are one question ("do you know
why")."""

_END_MARKS = " .?!…"
_TAG_AUX = r"(?:is|are|was|were|do|does|did|have|has|had|would|can|could|will|should)"
_LEADS = re.compile(
    rf"\b\w+ \w+.* {_TAG_AUX} not (?:it|you|he|she|they|there|that|we|i)$|"  # "…, don't you?"
    rf"\bnot\b.* {_TAG_AUX} (?:it|you|he|she|they|there)$|"  # "you don't smoke, do you?"
    rf"^(?:\w+ ){{0,2}}{_TAG_AUX} not (?:you|it|that|he|she|they|this)\b|"  # "Don't you think …?"
    r"\byou (?:would|do|will) agree\b|\bsurely\b|\b(?:no|not|never|nothing)\b.* (?:right|correct)$|"
    r"^(?:so |and |but )*you (?:\w+ ){1,}(?:right|correct|yes|yeah)$"
)


def leading_question(sentence: SentenceAnalysis) -> list[Code]:
    """The code of a question that suggests its answer; empty for other sentences."""
    match = _LEADS.search(sentence.sentence.plain)
    if match is None or len(sentence.sentence.spoken) < 3:
        return []
    return [Code("question_leading", sentence.sentence.words_at(*match.span()), MARKED)]


def multiple_questions(parts: Sequence[SentenceAnalysis]) -> list[Code]:
    """The code of several questions in one utterance; empty for fewer than two."""
    asked = [each for each in parts if each.asks]
    if len(asked) > 1:
        words = " ".join(each.sentence.text for each in asked)
        return [Code("question_multiple", words, MARKED)]
    for each in asked:
        starts = question_starts(each.sentence)
        if any(later - first > QUESTIONS_APART for first, later in pairwise(starts)):
            return [Code("question_multiple", each.sentence.text, UNMARKED)]
    return []


def ends_asking(text: str, codes: Iterable[Code]) -> bool:
    """Whether the last sentence of `text` asks something or invites the patient to continue.

    codes: the codes of `text`.
    """
    spoken = text.rstrip(_END_MARKS)
    asking = (code for code in codes if code.name in QUESTIONS or code.name == "elicit")
    return any(code.words and spoken.endswith(code.words.rstrip(_END_MARKS)) for code in asking)
