"""Find the line that answers a question: by meaning, by words and by what the question does."""

from __future__ import annotations

import math
import os
import re
import struct
import tomllib
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from tokenize import TokenError
from typing import Final, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from simvoice.coding.codebook import QUESTIONS, group
from simvoice.coding.coder import Coder, code
from simvoice.coding.forms import form, is_declarative
from simvoice.coding.text import Sentence, plain, sentences
from simvoice.patient.case.schema import Case, CaseLine
from simvoice.patient.decisions import PatientState
from simvoice.patient.ledger import holds, is_open, variant
from simvoice.ports import Embedder

# -- words ------------------------------------------------------------------------------------
# Similarity of two texts by their words.


Vector = dict[str, float]

_ENDINGS = ("ings", "ing", "edly", "ed", "ies", "es", "s", "ly")


def stem(word: str) -> str:
    """The word without a common ending; short words stay."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> list[str]:
    """The stems of a text, in order."""
    return [stem(word) for word in plain(text).split()]


@cache
def everyday(kind: str) -> frozenset[str]:
    """Stems of the words in `data/everyday.toml`. kind: "function" or "feeling"."""
    text = (files("simvoice.patient") / "data" / "everyday.toml").read_text(encoding="utf-8")
    return frozenset(stem(word) for word in str(tomllib.loads(text)[kind]).split())


def content(text: str) -> list[str]:
    """The stems of a text without function words, in order."""
    return [each for each in stems(text) if each not in everyday("function")]


def overlap(one: str, other: str) -> float:
    """Share of the shorter text's distinct content stems that the other text has, 0..1."""
    first, second = set(content(one)), set(content(other))
    shorter = min(len(first), len(second))
    return len(first & second) / shorter if shorter else 0.0


class WordIndex:
    """Exemplars as weighted bags of stems; rare words have more weight."""

    def __init__(self, texts: Sequence[str]) -> None:
        bags = [Counter(stems(text)) for text in texts]
        seen = Counter(word for bag in bags for word in bag)
        total = len(bags) + 1
        self._weight = {word: math.log(total / count) for word, count in seen.items()}
        self._rare = math.log(total)
        self._rows = [self._vector(bag) for bag in bags]

    def similarity(self, text: str) -> list[float]:
        """Cosine of a text to each exemplar, 0..1, in their order."""
        query = self._vector(Counter(stems(text)))
        return [_dot(query, row) for row in self._rows]

    def _vector(self, bag: Counter[str]) -> Vector:
        raw = {word: n * self._weight.get(word, self._rare) for word, n in bag.items()}
        length = math.sqrt(sum(value * value for value in raw.values()))
        return {word: value / length for word, value in raw.items()} if length else {}


def _dot(one: Vector, other: Vector) -> float:
    if len(other) < len(one):
        one, other = other, one
    return sum(weight * other.get(word, 0.0) for word, weight in one.items())


# -- index ------------------------------------------------------------------------------------
# The exemplars of a case as embeddings, computed once and stored.


def exemplars(case: Case) -> tuple[tuple[str, str], ...]:
    """(line id, exemplar) for every exemplar, in the case's order."""
    return tuple((line.id, text) for line in case.lines for text in line.exemplars)


def unalias(case: Case, text: str) -> str:
    """A text with the case's aliases replaced by their meaning ("Pete" by "your husband")."""
    if not case.aliases:
        return text
    known = {name.lower(): meaning for name, meaning in case.aliases.items()}
    names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    return re.sub(
        rf"\b(?:your )?({names})\b",
        lambda found: known[found.group(1).lower()],
        text,
        flags=re.IGNORECASE,
    )


_DAMAGED = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, RuntimeError, MemoryError),
    *(BadZipFile, zlib.error, struct.error, TokenError, SyntaxError),
)
"""What numpy raises for a file with other bytes."""


class CaseIndex:
    """The embeddings of the exemplars of a case."""

    def __init__(self, case_sha256: str, model_sha256: str, vectors: NDArray[np.float32]) -> None:
        """vectors: float32 [number of exemplars, d], unit rows, in `exemplars` order."""
        self.case_sha256 = case_sha256
        self.model_sha256 = model_sha256
        self.vectors = vectors

    @classmethod
    def build(cls, case: Case, embedder: Embedder, model_sha256: str = "") -> CaseIndex:
        """Embed every exemplar; takes seconds."""
        texts = [unalias(case, text) for _, text in exemplars(case)]
        return cls(case.sha256, model_sha256, np.asarray(embedder.embed(texts), np.float32))

    def similarity(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosine of a vector (float32 [d], unit length) to every exemplar, float32 [n]."""
        return np.asarray(self.vectors @ vector, np.float32)

    def save(self, folder: Path) -> Path:
        """Write the index to `folder` atomically; returns the file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _file_name(self.case_sha256, self.model_sha256)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.savez(file, vectors=self.vectors)
        partial.replace(path)
        return path

    @classmethod
    def load(cls, folder: Path, case: Case, model_sha256: str = "") -> CaseIndex | None:
        """The stored index of this case and model; None if there is no valid one."""
        path = folder / _file_name(case.sha256, model_sha256)
        try:
            # numpy does not close a file that it cannot read
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                vectors = np.asarray(stored["vectors"], np.float32)
        except _DAMAGED:
            return None
        fits = vectors.ndim == 2 and len(vectors) == len(exemplars(case))
        return cls(case.sha256, model_sha256, vectors) if fits else None

    @classmethod
    def cached(
        cls, folder: Path, case: Case, embedder: Embedder, model_sha256: str = ""
    ) -> CaseIndex:
        """The stored index, or a new one, which is then stored."""
        stored = cls.load(folder, case, model_sha256)
        if stored is not None:
            return stored
        index = cls.build(case, embedder, model_sha256)
        index.save(folder)
        return index


def _file_name(case_sha256: str, model_sha256: str) -> str:
    return f"index-{case_sha256[:16]}-{(model_sha256 or 'unpinned')[:16]}.npz"


SHARES = (0.5, 0.3, 0.2)
"""Weights of the best, second and third exemplar of a line. Several that agree are better evidence
than one that happens to share a word."""


def best_by_line(scores: Sequence[float], owners: Iterable[str]) -> dict[str, float]:
    """Line id to its score, the weighted mean of its best exemplars by `SHARES`."""
    found: dict[str, list[float]] = {}
    for score, owner in zip(scores, owners, strict=True):
        found.setdefault(owner, []).append(float(score))
    best: dict[str, float] = {}
    for owner, values in found.items():
        values.sort(reverse=True)
        padded = (values + [values[-1]] * len(SHARES))[: len(SHARES)]
        best[owner] = sum(share * value for share, value in zip(SHARES, padded, strict=True))
    return best


# -- the question in an utterance -------------------------------------------------------------
# The part of an utterance that asks something.


SHORT_QUESTION_WORDS = 7
"""Words. A short question may need the sentence before it: "And your mother?", "Which sort of
person are you?"."""
OWN_QUESTION_WORDS = 3
"""Least words of a question by itself: "Okay?" and "You see?" are none."""
POINTING_WORDS, POINTING_CONTENT_WORDS = 9, 2
"""Most words, and most content words, of a question that only refers to what was said."""

_COURTESIES: Final = group("courtesies")
"""Codes of sentences that no question refers to."""
_ASIDES: Final = group("asides")
"""Codes of sentences before a question that are not its subject; "Do you?" has no other subject."""
_REFERS = re.compile(
    r"\b(?:that|this|it|those|these|so|then|he|she|they|him|her|them|there|one|else)\b|"
    r"^(?:and |so |but )*(?:what|how) (?:do|did|would|are) you (?:think|feel|say|make)\b"
)
_OF_THAT = re.compile(
    r"\b(?:that|this|these|those) (?:sort|sorts|kind|kinds) of (?:thing|things|stuff|news)\b"
)
"""Refers to the content of the sentence before, at any length."""
_TAKES_BACK = re.compile(
    r"\b(?:that|this|it|all) (?:sound|okay|all right|alright|clear|help|make|fit|fair|right|"
    r"work|seem|feel)|\bwith me\b|\b(?:sound|thoughts|questions)\b|"
    r"^(?:and |so |but )*(?:what|how) (?:do|did|would) you (?:think|feel|say|make)(?: (?:of|about) "
    r"(?:that|this|it|all)(?: \w+)?)?$"
)
"""Asks for a response to the sentence before: "How does that sound?"."""

_POINTS = re.compile(
    r"(?<!\bafter )(?<!\bbefore )\b"
    r"(?:(?:that|those|these|then)(?: (?:is|was|time|with|by|all|now))?|"
    r"(?:that|it|this) (?:like|happen|happened|for|about|to you|for you|at all))$"
)
"""Ends with a reference to what was said."""


def focus(text: str) -> str:
    """The part of an utterance that asks: its last question, or else its last two sentences."""
    found = sentences(text)
    for number in range(len(found) - 1, -1, -1):
        if form(found[number]) != "statement":
            first = number - (number > 0 and _needs_context(found[number], found[number - 1]))
            return " ".join(each.text for each in found[first : number + 1])
    return " ".join(each.text for each in found[-2:])


def last_question(text: str) -> str:
    """The question at the end of an utterance, after other words; empty if there is none or it has
    no subject."""
    found = sentences(text)
    if len(found) < 2:
        return ""
    last = found[-1]
    asks = (
        form(last) != "statement"
        and not is_declarative(last)
        and len(last.spoken) >= OWN_QUESTION_WORDS
    )
    return last.text if asks and not _TAKES_BACK.search(last.plain) else ""


def points_back(asked: str) -> bool:
    """Whether a question has no subject of its own: "How long have you done that?"."""
    found = sentences(asked)
    if len(found) != 1 or len(found[0].spoken) > POINTING_WORDS:
        return False
    return (
        _POINTS.search(found[0].plain) is not None
        and len(content(found[0].plain)) <= POINTING_CONTENT_WORDS
    )


def _needs_context(question: Sentence, before: Sentence) -> bool:
    """Whether a question can only be understood with the sentence before it."""
    if len(question.spoken) > SHORT_QUESTION_WORDS and not _OF_THAT.search(question.plain):
        return False
    does = {each.name for each in code(before.text)}
    if not _COURTESIES.isdisjoint(does):
        return False
    is_bare = not content(question.plain) or _REFERS.search(question.plain) is not None
    return is_bare or _ASIDES.isdisjoint(does)


# -- retrieval --------------------------------------------------------------------------------
# Scores of the lines for a question, from meaning, words and what the question does.


MEANING, WORDS = 0.75, 0.25
"""Weights of the cosine by meaning and by words; fitted on the suite of the first case."""
SAME_ACT, OTHER_ACT = 0.04, -0.04
"""Added if the question does, or does not do, what the exemplar does (asks what the patient knows,
what the patient fears …). Without it a content word ("lump", "husband") pulls toward the wrong
act."""
FOLLOWS = 0.06
"""Added for a line that continues the patient's last line."""

_ACTS: Final = group("asks_what")


@dataclass(frozen=True, slots=True)
class MatchedReply:
    """What the patient says when the learner asks for a line."""

    line: CaseLine
    text: str
    how: Literal["say", "again", "instead", "told"]
    """`say`: the line; `again`: its second wording; `instead`: the line that stands in for it;
    `told`: it was said, and has no second wording left."""


@dataclass(frozen=True, slots=True)
class Match:
    """A reply and its similarity to the learner's words, about 0..1."""

    reply: MatchedReply
    score: float


class LineMatcher:
    """Match questions to the lines of a case by their exemplars."""

    def __init__(self, case: Case, index: CaseIndex | None) -> None:
        pairs = exemplars(case)
        self._lines = {line.id: line for line in case.lines}
        self._facts = {fact.id: fact for fact in case.facts}
        self._owners = tuple(owner for owner, _ in pairs)
        self._case = case
        self._words = WordIndex([unalias(case, text) for _, text in pairs])
        self._acts = tuple(acts(case.coder, text) for _, text in pairs)
        self._index = index

    def focus(self, text: str) -> str:
        """The part of an utterance to embed: the part that asks, with aliases replaced."""
        return unalias(self._case, focus(text))

    def ranked(
        self, state: PatientState, text: str, embedding: NDArray[np.float32] | None
    ) -> list[Match]:
        """All matches, best first; one for each text that the patient may say."""
        asked = self.focus(text)
        scores = self._scores(asked, embedding)
        doing = acts(self._case.coder, asked)
        for number, act in enumerate(self._acts):
            if doing or act:
                scores[number] += SAME_ACT if doing & act else OTHER_ACT
        best = best_by_line(scores.tolist(), self._owners)
        matches: dict[str, Match] = {}
        for line_id, score in best.items():
            line = self._lines[line_id]
            reply = self.resolve(state, line)
            if reply is None:
                continue
            score += FOLLOWS if state.last_line in line.follows else 0.0
            earlier = matches.get(reply.text)
            if earlier is None or earlier.score < score:
                matches[reply.text] = Match(reply, score)
        return sorted(matches.values(), key=lambda match: (-match.score, match.reply.line.id))

    def _scores(self, asked: str, embedding: NDArray[np.float32] | None) -> NDArray[np.float64]:
        words = np.array(self._words.similarity(asked), np.float64)
        if self._index is None or embedding is None:
            return words
        return MEANING * self._index.similarity(embedding).astype(np.float64) + WORDS * words

    def resolve(self, state: PatientState, line: CaseLine) -> MatchedReply | None:
        """The reply for a line that the learner asked for; None if the line does not fit now."""
        if not holds(line.when, state):
            return None
        if not self.gates_open(state, line, asked=True):
            if line.instead is None:
                return None
            other = self._lines[line.instead]
            if not holds(other.when, state):
                return None
            return self._reply_with(state, other, "instead")
        return self._reply_with(state, line, "say")

    def _reply_with(
        self, state: PatientState, line: CaseLine, how: Literal["say", "instead"]
    ) -> MatchedReply:
        if line.id not in state.said:
            return MatchedReply(line, current_wording(line, state), how)
        if line.again and line.again not in state.spoken:
            return MatchedReply(line, line.again, "again")
        return MatchedReply(line, line.text, "told")

    def gates_open(self, state: PatientState, line: CaseLine, *, asked: bool) -> bool:
        """Whether the patient may tell every fact of the line."""
        return all(is_open(self._facts[fact], state, asked=asked) for fact in line.tells)


def acts(coder: Coder, text: str) -> frozenset[str]:
    """The codes of an utterance that matter for choosing an answer."""
    return frozenset(each.name for each in coder.code(text)) & _ACTS


def is_question(names: Collection[str]) -> bool:
    """Whether the codes of an utterance contain a question."""
    return not QUESTIONS.isdisjoint(names)


def current_wording(line: CaseLine, state: PatientState) -> str:
    """The text of the line in this state."""
    fitting = variant(line, state)
    return fitting.text if fitting else line.text
