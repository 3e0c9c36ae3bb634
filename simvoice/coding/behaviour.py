"""What an utterance is as a whole: a question, a reflection, input, or something else.

The four follow MITI's and AnnoMI's main behaviours. A question is found by its form; the rest by
what its statements lean to, each counted by its words, since clinicians tell in many words what
they give back in few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from simvoice.coding.features import fluent
from simvoice.coding.forms import Form, form, is_declarative
from simvoice.coding.leaning import Leaning, leaning
from simvoice.coding.text import Sentence, sentences

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
class Part:
    """One sentence, its form and what it leans to."""

    sentence: Sentence
    shape: Form
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


def part(sentence: Sentence) -> Part:
    """One sentence, looked at alone."""
    shape = form(sentence)
    states = shape == "statement" or is_declarative(sentence)
    words = len(fluent(sentence.plain).split())
    return Part(sentence, shape, leaning(sentence.plain), words, states)


def reflections(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The statements that give back, when the utterance as a whole gives back enough."""
    told = [each for each in parts if each.states]
    if _share([each.leaning.reflection for each in told], told) <= SHARE:
        return ()
    return tuple(each for each in told if each.leaning.reflection > REFLECTS)


def openness(parts: Sequence[Part]) -> Form:
    """Of the last question, which is the one that gets the answer; "statement" without any."""
    return next((each.shape for each in reversed(parts) if each.shape != "statement"), "statement")


def main_of(parts: Sequence[Part]) -> Main:
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


def _by_statements(parts: Sequence[Part], told: Sequence[Part], words: int) -> Main:
    gives_back = bool(reflections(parts))
    back = _share([each.leaning.reflection for each in told], told)
    tells = _share([each.leaning.input for each in told], told)
    if gives_back and back >= 0.8 * tells:
        return "reflection"
    surely = max(each.leaning.input for each in told) > SURELY_TELLS
    if tells > TELLS or (surely and words > SOME_LENGTH):
        return "input"
    return "reflection" if gives_back else "other"


def _share(values: Sequence[float], of: Sequence[Part]) -> float:
    words = sum(each.words for each in of)
    if not words:
        return 0.0
    return sum(value * each.words for value, each in zip(values, of, strict=True)) / words


def main_behaviour(text: str) -> Main:
    """The one thing that a spoken text mainly does."""
    return main_of(tuple(part(sentence) for sentence in sentences(text)))
