"""`simvoice bench coder`: the coder beside annotators (AnnoMI) and on labelled suites of its own.

Nothing that ships is fitted to AnnoMI. But a handful of thresholds (`coding/behaviour.py`), the
forms of questions (`coding/forms.py`) and the choice of which openings the written examples cover
were made with its figures and its kinds of errors in view, so these figures are of development; a
test would need other conversations.
"""

from __future__ import annotations

import csv
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simvoice.coding.behaviour import main_behaviour
from simvoice.coding.coder import code
from simvoice.coding.context import UtteranceContext, in_place
from simvoice.errors import UsageError

# -- annomi -----------------------------------------------------------------------------------
# AnnoMI, read where somebody put it: what each clinician utterance does, by its annotators.
#
# Wu et al. 2022, the "even" table: one row for each utterance and annotator. Its licence is
# unclear: it is measured on, and nothing here learns from it.


TABLE = "annomi-even-transcripts.csv"
_COLUMNS = (
    "transcript_id",
    "mi_quality",
    "utterance_id",
    "interlocutor",
    "utterance_text",
    "annotator_id",
    "main_therapist_behaviour",
    "reflection_exists",
    "question_exists",
    "question_subtype",
)
_MAIN = {"therapist_input": "input"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One clinician utterance; a label is None where its annotators are evenly split."""

    text: str
    encounter: str
    skilled: bool
    """From an encounter that AnnoMI calls one of high quality."""
    question: bool | None
    openness: str | None
    """"open" or "closed", by the annotators who see a question; None without one."""
    reflection: bool | None
    before: str
    """The client's words since the clinician's last utterance."""
    main: str | None
    """"question", "reflection", "input" or "other"."""


def read(folder: Path) -> tuple[Labelled, ...]:
    """All clinician utterances, in the order of the table.

    Raises UsageError when the table is missing or has other columns.
    """
    table = folder / TABLE
    if not table.is_file():
        raise UsageError(f"there is no {TABLE} in {folder}; give its folder with --data")
    by_utterance: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    told: dict[str, dict[str, str]] = defaultdict(dict)
    before: dict[tuple[str, str], str] = {}
    with table.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise UsageError(f"{table} has no column {', '.join(missing)}; take AnnoMI's own table")
        for row in rows:
            encounter, number = row["transcript_id"], row["utterance_id"]
            if row["interlocutor"] != "therapist":
                told[encounter].setdefault(number, row["utterance_text"])
                continue
            if (encounter, number) not in by_utterance:
                before[encounter, number] = " ".join(told.pop(encounter, {}).values())
            by_utterance[encounter, number].append(row)
    if not by_utterance:
        raise UsageError(f"{table} holds no utterance of a therapist; take AnnoMI's own table")
    return tuple(_labelled(rows, before[key]) for key, rows in by_utterance.items())


def _labelled(rows: Sequence[dict[str, str]], before: str) -> Labelled:
    main = majority(row["main_therapist_behaviour"] for row in rows)
    subtypes = (row["question_subtype"] for row in rows)
    return Labelled(
        text=rows[0]["utterance_text"],
        encounter=rows[0]["transcript_id"],
        skilled=rows[0]["mi_quality"] == "high",
        question=_truth(row["question_exists"] for row in rows),
        openness=majority(name for name in subtypes if name in {"open", "closed"}),
        reflection=_truth(row["reflection_exists"] for row in rows),
        before=before,
        main=None if main is None else _MAIN.get(main, main),
    )


def _truth(values: Iterable[str]) -> bool | None:
    named = majority(value.lower() for value in values)
    return None if named is None else named == "true"


def majority(values: Iterable[str]) -> str | None:
    """The most frequent value; None when there is none, or when two are as frequent."""
    ranked = Counter(values).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


# -- labelled ---------------------------------------------------------------------------------
# Clinician utterances labelled by hand, as a recogniser gives them, and how well they are coded.
#
# They lie with the tests (`tests/coding/data`), each suite in two halves: one that was looked at
# while the rules were written, one that was labelled before and held out. Both are by the author of
# the rules, so the held-out half too is kinder than somebody else's words would be.


FOLDER = Path(__file__).resolve().parents[2] / "tests" / "coding" / "data"
HALVES = ("seen", "held-out")

EVENTS = (
    "introduction", "ask_perception", "ask_permission", "warning_shot", "empathy_name",
    "empathy_understand", "empathy_respect", "empathy_support", "empathy_explore", "normalising",
    "chunk_check", "teach_back", "summary", "plan", "safety_net", "invite_questions", "signpost",
)  # fmt: skip
"""What is labelled of SPIKES and NURSE. The headline is not: its words come with each case."""

_JARGON = {"unexplained": "jargon", "explained": "jargon_explained"}

LabelPair = tuple[str, str]
"""Name of a code, and the term for jargon or nothing."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What one utterance holds, and what was found in it."""

    text: str
    given: frozenset[LabelPair]
    found: frozenset[LabelPair]


def events(half: str, folder: Path = FOLDER) -> tuple[Labels, ...]:
    """The SPIKES and NURSE suite; half: "seen" or "held-out". Empty where the file is not."""
    return tuple(
        Labels(
            row["text"],
            frozenset((name, "") for name in row["codes"].split(",") if name),
            frozenset((each.name, "") for each in code(row["text"]) if each.name in EVENTS),
        )
        for row in _rows(folder / f"events-{half}.tsv")
    )


def jargon(half: str, folder: Path = FOLDER) -> tuple[Labels, ...]:
    """The jargon suite: each term, left unexplained or explained."""
    return tuple(
        Labels(
            row["text"],
            frozenset(
                (name, term)
                for column, name in _JARGON.items()
                for term in row[column].split(",")
                if term
            ),
            frozenset(
                (each.name, each.words.lower())
                for each in code(row["text"])
                if each.name in _JARGON.values()
            ),
        )
        for row in _rows(folder / f"jargon-{half}.tsv")
    )


def _rows(file: Path) -> Iterator[dict[str, str]]:
    if file.is_file():
        with file.open(encoding="utf-8", newline="") as lines:
            yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def f1_by_code(utterances: Iterable[Labels]) -> dict[str, float]:
    """F1 of each code that is labelled or found."""
    right: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for each in utterances:
        right.update(name for name, _ in each.given & each.found)
        named.update(name for name, _ in (*each.given, *each.found))
    return {name: 2 * right[name] / named[name] for name in sorted(named)}


def macro_f1(utterances: Iterable[Labels]) -> float | None:
    """Mean over codes, so that a rare code counts as much as a frequent one; None without any."""
    scores = f1_by_code(utterances)
    return sum(scores.values()) / len(scores) if scores else None


# -- coder ------------------------------------------------------------------------------------


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
class CodedUtterance:
    """What the coder makes of one utterance."""

    question: bool
    openness: str | None
    """Of the last question."""
    reflection: bool
    main: str
    took_ms: float


def run(folder: Path, quick: bool) -> dict[str, Any]:
    """The figures, ready for JSON. Raises UsageError when AnnoMI is not in the folder."""
    said = read(folder)[:: QUICK_EVERY if quick else 1]
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
        "macro_f1_both": _macro_f1(HALVES),
        "ms_per_utterance": round(float(took.mean()), 2),
        "ms_p95": round(float(np.quantile(took, 0.95)), 2),
        "ms_longest": round(float(took.max()), 2),
    }


def in_place_kappa(said: Sequence[Labelled], coded: Sequence[CodedUtterance]) -> float | None:
    """Of reflections, when the client's words before each utterance are known, as for a record."""
    pairs: list[tuple[Hashable, Hashable]] = []
    for each, alone in zip(said, coded, strict=True):
        if each.reflection is not None:
            placed = in_place(each.text, code(each.text), UtteranceContext(each.before))
            gives_back = any(found.name == "reflection" for found in placed)
            pairs.append((each.reflection, alone.reflection or gives_back))
    return _rounded(kappa(pairs))


def without_marks(text: str) -> str:
    """As a recogniser without punctuation writes it."""
    return _MARK.sub(" ", text).lower()


def coded_utterance(text: str) -> CodedUtterance:
    """By the shared rules, with the time it took."""
    start = time.perf_counter()
    codes = code(text)
    took_ms = 1000.0 * (time.perf_counter() - start)
    asked = [each.name for each in codes if each.name in {"question_open", "question_closed"}]
    return CodedUtterance(
        question=bool(asked),
        openness=asked[-1].removeprefix("question_") if asked else None,
        reflection=any(each.name == "reflection" for each in codes),
        main=main_behaviour(text),
        took_ms=took_ms,
    )


# -- agreement ------------------------------------------------------------------------------


def kappas(said: Sequence[Labelled], coded: Sequence[CodedUtterance]) -> dict[str, float | None]:
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
    said: Sequence[Labelled], coded: Sequence[CodedUtterance]
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


def _ratios(
    said: Sequence[Labelled], coded: Sequence[CodedUtterance], skilled: bool
) -> dict[str, Any]:
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
        "events": _rounded(macro_f1(e for h in halves for e in events(h))),
        "jargon": _rounded(macro_f1(e for h in halves for e in jargon(h))),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
