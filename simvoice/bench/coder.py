"""`simvoice bench coder`: the coder beside annotators (AnnoMI) and on labelled suites of its own.

Nothing that ships is fitted to AnnoMI. But a handful of thresholds (`coding/behaviour.py`), the
forms of questions (`coding/forms.py`) and the choice of which openings the written examples cover
were made with its figures and its kinds of errors in view, so these figures are of development; a
test would need other conversations.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simvoice.bench import annomi, labelled
from simvoice.bench.annomi import Labelled
from simvoice.coding.behaviour import main_behaviour
from simvoice.coding.coder import code
from simvoice.coding.context import Place, in_place

DRAWS = 200
QUICK_EVERY = 4
"""A quick run takes every fourth utterance."""

MEASURES = ("question", "open_closed", "reflection", "main")
YARDSTICKS: dict[str, dict[str, float]] = {
    "people_with_each_other": dict(zip(MEASURES, (0.87, 0.52, 0.66, 0.74), strict=True)),
    "rules_alone": dict(zip(MEASURES, (0.83, 0.53, 0.30, 0.61), strict=True)),
    "words_and_rules_trained_on_it": dict(zip(MEASURES, (0.84, 0.56, 0.55, 0.69), strict=True)),
    "minilm_trained_on_it": dict(zip(MEASURES, (0.84, 0.57, 0.62, 0.73), strict=True)),
    "wanted": dict(zip(MEASURES, (0.83, 0.55, 0.50, 0.66), strict=True)),
}
"""Kappa with punctuation; measured once on the same table, by cross-validation where trained."""

_MARK = re.compile(r"[^\w'\s]")


@dataclass(frozen=True, slots=True)
class Coded:
    """What the coder makes of one utterance."""

    question: bool
    openness: str | None
    """Of the last question."""
    reflection: bool
    main: str
    took_ms: float


def run(folder: Path, quick: bool) -> dict[str, Any]:
    """The figures, ready for JSON. Raises UsageError when AnnoMI is not in the folder."""
    said = annomi.read(folder)[:: QUICK_EVERY if quick else 1]
    coded_utterance("Hello.")  # reads rules and weights, as loading a case does before she speaks
    coded = [coded_utterance(each.text) for each in said]
    bare = [coded_utterance(without_marks(each.text)) for each in said]
    took = np.array([each.took_ms for each in coded])
    return {
        "utterances": len(said),
        "kappa": kappas(said, coded),
        "kappa_interval": intervals(said, coded),
        "kappa_without_marks": kappas(said, bare),
        "kappa_in_place": {"reflection": in_place_kappa(said, coded)},
        "yardsticks": YARDSTICKS,
        "simple_or_complex_reflection": "not scored: people agree on it with .21",
        "ratios": {
            name: _ratios(said, coded, skilled)
            for name, skilled in (("skilled", True), ("poor", False))
        },
        "macro_f1": _macro_f1(("held-out",)),
        "macro_f1_seen": _macro_f1(("seen",)),
        "macro_f1_both": _macro_f1(labelled.HALVES),
        "ms_per_utterance": round(float(took.mean()), 2),
        "ms_p95": round(float(np.quantile(took, 0.95)), 2),
        "ms_longest": round(float(took.max()), 2),
    }


def in_place_kappa(said: Sequence[Labelled], coded: Sequence[Coded]) -> float | None:
    """Of reflections, when the client's words before each utterance are known, as for a record."""
    pairs: list[tuple[Hashable, Hashable]] = []
    for each, alone in zip(said, coded, strict=True):
        if each.reflection is not None:
            placed = in_place(each.text, code(each.text), Place(each.before))
            gives_back = any(found.name == "reflection" for found in placed)
            pairs.append((each.reflection, alone.reflection or gives_back))
    return _rounded(kappa(pairs))


def without_marks(text: str) -> str:
    """As a recogniser without punctuation writes it."""
    return _MARK.sub(" ", text).lower()


def coded_utterance(text: str) -> Coded:
    """By the shared rules, with the time it took."""
    start = time.perf_counter()
    codes = code(text)
    took_ms = 1000.0 * (time.perf_counter() - start)
    asked = [each.name for each in codes if each.name in {"question_open", "question_closed"}]
    return Coded(
        question=bool(asked),
        openness=asked[-1].removeprefix("question_") if asked else None,
        reflection=any(each.name == "reflection" for each in codes),
        main=main_behaviour(text),
        took_ms=took_ms,
    )


# -- agreement ------------------------------------------------------------------------------


def kappas(said: Sequence[Labelled], coded: Sequence[Coded]) -> dict[str, float | None]:
    """Cohen's kappa with the majority of annotators; utterances they are split on are left out.

    Open or closed is compared where both find a question, as between two annotators.
    """
    both = list(zip(said, coded, strict=True))
    pairs: dict[str, list[tuple[Hashable, Hashable]]] = {
        "question": [(s.question, c.question) for s, c in both if s.question is not None],
        "open_closed": [
            (s.openness, c.openness)
            for s, c in both
            if s.question and s.openness is not None and c.openness is not None
        ],
        "reflection": [(s.reflection, c.reflection) for s, c in both if s.reflection is not None],
        "main": [(s.main, c.main) for s, c in both if s.main is not None],
    }
    return {name: _rounded(kappa(pairs[name])) for name in MEASURES}


def intervals(
    said: Sequence[Labelled], coded: Sequence[Coded]
) -> dict[str, tuple[float, float] | None]:
    """95 % intervals of the kappas, by drawing whole encounters with replacement."""
    members: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(said):
        members[each.encounter].append(number)
    encounters = list(members.values())
    rng = np.random.default_rng(5)
    drawn: dict[str, list[float]] = {name: [] for name in MEASURES}
    for _ in range(DRAWS):
        chosen = rng.integers(0, len(encounters), len(encounters))
        numbers = [number for which in chosen for number in encounters[which]]
        found = kappas([said[n] for n in numbers], [coded[n] for n in numbers])
        for name, value in found.items():
            if value is not None:
                drawn[name].append(value)
    return {name: _spread(values) for name, values in drawn.items()}


def _spread(values: Sequence[float]) -> tuple[float, float] | None:
    if not values:
        return None
    low, high = np.quantile(values, (0.025, 0.975))
    return round(float(low), 3), round(float(high), 3)


def kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Agreement beyond chance, Cohen 1960; None where chance alone agrees always, or of nothing."""
    if not pairs:
        return None
    observed = sum(first == second for first, second in pairs) / len(pairs)
    ones, others = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(ones[name] * others[name] for name in ones) / len(pairs) ** 2
    return None if chance == 1.0 else (observed - chance) / (1.0 - chance)


def _ratios(said: Sequence[Labelled], coded: Sequence[Coded], skilled: bool) -> dict[str, Any]:
    """Reflections to input is what separates good from poor encounters; to questions, hardly."""
    both = [(s, c) for s, c in zip(said, coded, strict=True) if s.skilled == skilled]
    people = [(bool(s.question), bool(s.reflection), s.main) for s, _ in both]
    ours = [(c.question, c.reflection, c.main) for _, c in both]
    return {
        "reflections_to_input": {"people": _to_input(people), "ours": _to_input(ours)},
        "reflections_to_questions": {"people": _to_asked(people), "ours": _to_asked(ours)},
    }


_Act = tuple[bool, bool, str | None]
"""Asks; gives back; the main thing it does."""


def _to_input(acts: Sequence[_Act]) -> float | None:
    return _ratio(acts, lambda act: act[2] == "input")


def _to_asked(acts: Sequence[_Act]) -> float | None:
    return _ratio(acts, lambda act: act[0])


def _ratio(acts: Sequence[_Act], below: Callable[[_Act], bool]) -> float | None:
    count = sum(map(below, acts))
    return _rounded(sum(act[1] for act in acts) / count) if count else None


def _macro_f1(halves: Sequence[str]) -> dict[str, float | None]:
    """None where the suites, which lie with the tests, are not."""
    return {
        "events": _rounded(labelled.macro_f1(e for h in halves for e in labelled.events(h))),
        "jargon": _rounded(labelled.macro_f1(e for h in halves for e in labelled.jargon(h))),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
