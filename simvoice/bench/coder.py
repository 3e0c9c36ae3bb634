"""`simvoice bench coder`: compare the coder with annotators (AnnoMI) and with our labelled suites.

Nothing that ships is fitted to AnnoMI. However, a few thresholds (`coding/behaviour.py`), the forms
of questions (`coding/forms.py`) and the openings that the written examples cover were chosen after
looking at its figures and errors. These are therefore development figures; a test would need other
conversations.
"""

from __future__ import annotations

import csv
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from simvoice.coding.behaviour import main_behaviour
from simvoice.coding.codebook import group, in_order
from simvoice.coding.coder import code
from simvoice.coding.context import UtteranceContext, code_in_context
from simvoice.errors import UsageError
from simvoice.scoring.raters.agreement import label_kappa

# -- AnnoMI ---------------------------------------------------------------------------------
# Wu et al. 2022, the "even" table: one row for each utterance and annotator. Its licence is
# unclear, so we only measure on it and learn nothing from it.

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
class LabelledUtterance:
    """A clinician utterance with its labels; a label is None where annotators are evenly split."""

    text: str
    encounter: str
    skilled: bool
    """Whether AnnoMI rates the encounter as of high quality."""
    question: bool | None
    openness: str | None
    """"open" or "closed", by the annotators who found a question; None without one."""
    reflection: bool | None
    before: str
    """The client's words since the clinician's last utterance."""
    main: str | None
    """"question", "reflection", "input" or "other"."""


def read_annomi(folder: Path) -> tuple[LabelledUtterance, ...]:
    """Return all clinician utterances, in the order of the table.

    Raises UsageError when the table is missing or has other columns.
    """
    table = folder / TABLE
    if not table.is_file():
        raise UsageError(f"{folder} contains no {TABLE}; give its folder with --data")
    by_utterance: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    client_words: dict[str, dict[str, str]] = defaultdict(dict)
    before: dict[tuple[str, str], str] = {}
    with table.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise UsageError(f"{table} has no column {', '.join(missing)}; use AnnoMI's table")
        for row in rows:
            encounter, number = row["transcript_id"], row["utterance_id"]
            if row["interlocutor"] != "therapist":
                client_words[encounter].setdefault(number, row["utterance_text"])
                continue
            if (encounter, number) not in by_utterance:
                before[encounter, number] = " ".join(client_words.pop(encounter, {}).values())
            by_utterance[encounter, number].append(row)
    if not by_utterance:
        raise UsageError(f"{table} contains no utterance of a therapist; use AnnoMI's table")
    return tuple(_labelled(rows, before[key]) for key, rows in by_utterance.items())


def _labelled(rows: Sequence[dict[str, str]], before: str) -> LabelledUtterance:
    main = majority(row["main_therapist_behaviour"] for row in rows)
    subtypes = (row["question_subtype"] for row in rows)
    return LabelledUtterance(
        text=rows[0]["utterance_text"],
        encounter=rows[0]["transcript_id"],
        skilled=rows[0]["mi_quality"] == "high",
        question=_as_bool(row["question_exists"] for row in rows),
        openness=majority(name for name in subtypes if name in {"open", "closed"}),
        reflection=_as_bool(row["reflection_exists"] for row in rows),
        before=before,
        main=None if main is None else _MAIN.get(main, main),
    )


def _as_bool(values: Iterable[str]) -> bool | None:
    name = majority(value.lower() for value in values)
    return None if name is None else name == "true"


def majority(values: Iterable[str]) -> str | None:
    """Return the most frequent value; None without values or for a tie."""
    ranked = Counter(values).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


# -- labelled suites ------------------------------------------------------------------------
# Clinician utterances as speech recognition writes them, labelled by hand (`tests/coding/data`).
# Each suite has two halves: one that was seen while the rules were written, and one that was
# labelled before and held out. The author of the rules wrote both, so even the held-out half is
# easier than utterances by other people.

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "coding" / "data"
HALVES = ("seen", "held-out")

EVENTS: Final = in_order(group("labelled"))
"""The labelled codes of SPIKES and NURSE. The headline is not among them: it differs by case."""

_JARGON = {"unexplained": "jargon", "explained": "jargon_explained"}

LabelPair = tuple[str, str]
"""Name of a code, and the term for jargon, else empty."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """The true labels of an utterance, and those that the coder found."""

    text: str
    given: frozenset[LabelPair]
    found: frozenset[LabelPair]


def events(half: str, folder: Path = FOLDER) -> tuple[LabelledText, ...]:
    """Return the SPIKES and NURSE suite; empty without its file. half: "seen" or "held-out"."""
    return tuple(
        LabelledText(
            row["text"],
            frozenset((name, "") for name in row["codes"].split(",") if name),
            frozenset((each.name, "") for each in code(row["text"]) if each.name in EVENTS),
        )
        for row in _rows(folder / f"events-{half}.tsv")
    )


def jargon(half: str, folder: Path = FOLDER) -> tuple[LabelledText, ...]:
    """Return the jargon suite: terms that are explained and terms that are not."""
    return tuple(
        LabelledText(
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


def f1_by_code(utterances: Iterable[LabelledText]) -> dict[str, float]:
    """Return F1 of each code that is labelled or found."""
    right: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for each in utterances:
        right.update(name for name, _ in each.given & each.found)
        named.update(name for name, _ in (*each.given, *each.found))
    return {name: 2 * right[name] / named[name] for name in sorted(named)}


def macro_f1(utterances: Iterable[LabelledText]) -> float | None:
    """Return the mean F1 over codes, rare and frequent ones alike; None without codes."""
    scores = f1_by_code(utterances)
    return sum(scores.values()) / len(scores) if scores else None


# -- the bench ------------------------------------------------------------------------------

DRAWS = 200
QUICK_EVERY = 4
"""A quick run uses every fourth utterance."""

MEASURES = ("question", "open_closed", "reflection", "main")
YARDSTICKS: dict[str, dict[str, float]] = {
    "people_with_each_other": dict(zip(MEASURES, (0.87, 0.52, 0.66, 0.74), strict=True)),
    "rules_alone": dict(zip(MEASURES, (0.83, 0.53, 0.30, 0.61), strict=True)),
    "words_and_rules_trained_on_it": dict(zip(MEASURES, (0.84, 0.56, 0.55, 0.69), strict=True)),
    "minilm_trained_on_it": dict(zip(MEASURES, (0.84, 0.57, 0.62, 0.73), strict=True)),
    "wanted": dict(zip(MEASURES, (0.83, 0.55, 0.50, 0.66), strict=True)),
}
"""Kappa with punctuation, measured once on the same table; trained ones by cross-validation."""

_MARK = re.compile(r"[^\w'\s]")


@dataclass(frozen=True, slots=True)
class CodedUtterance:
    """The coder's result for one utterance."""

    question: bool
    openness: str | None
    """"open" or "closed", of the last question; None without one."""
    reflection: bool
    main: str
    took_ms: float


def run(folder: Path, quick: bool) -> dict[str, Any]:
    """Return the figures as JSON data. Raises UsageError when AnnoMI is not in the folder."""
    labelled = read_annomi(folder)[:: QUICK_EVERY if quick else 1]
    coded_utterance("Hello.")  # loads rules and weights, as an encounter does before it starts
    coded = [coded_utterance(each.text) for each in labelled]
    bare = [coded_utterance(without_punctuation(each.text)) for each in labelled]
    took = np.array([each.took_ms for each in coded])
    return {
        "utterances": len(labelled),
        "kappa": kappas(labelled, coded),
        "kappa_interval": intervals(labelled, coded),
        "kappa_without_marks": kappas(labelled, bare),
        "kappa_in_place": {"reflection": kappa_in_context(labelled, coded)},
        "yardsticks": YARDSTICKS,
        "simple_or_complex_reflection": "not scored: people agree on it with .21",
        "ratios": {
            name: _ratios(labelled, coded, skilled)
            for name, skilled in (("skilled", True), ("poor", False))
        },
        "macro_f1": _macro_f1(("held-out",)),
        "macro_f1_seen": _macro_f1(("seen",)),
        "macro_f1_both": _macro_f1(HALVES),
        "ms_per_utterance": round(float(took.mean()), 2),
        "ms_p95": round(float(np.quantile(took, 0.95)), 2),
        "ms_longest": round(float(took.max()), 2),
    }


def kappa_in_context(
    labelled: Sequence[LabelledUtterance], coded: Sequence[CodedUtterance]
) -> float | None:
    """Return kappa of reflections when the client's words before each utterance are known."""
    pairs: list[tuple[Hashable, Hashable]] = []
    for each, alone in zip(labelled, coded, strict=True):
        if each.reflection is not None:
            codes = code_in_context(each.text, code(each.text), UtteranceContext(each.before))
            is_reflection = any(found.name == "reflection" for found in codes)
            pairs.append((each.reflection, alone.reflection or is_reflection))
    return _rounded(label_kappa(pairs))


def without_punctuation(text: str) -> str:
    """Return the text as a recogniser without punctuation writes it."""
    return _MARK.sub(" ", text).lower()


def coded_utterance(text: str) -> CodedUtterance:
    """Code an utterance and measure the time."""
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


def kappas(
    labelled: Sequence[LabelledUtterance], coded: Sequence[CodedUtterance]
) -> dict[str, float | None]:
    """Return Cohen's kappa with the majority of annotators; evenly split ones are left out.

    Open or closed is compared where both find a question, as between two annotators.
    """
    both = list(zip(labelled, coded, strict=True))
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
    return {name: _rounded(label_kappa(pairs[name])) for name in MEASURES}


def intervals(
    labelled: Sequence[LabelledUtterance], coded: Sequence[CodedUtterance]
) -> dict[str, tuple[float, float] | None]:
    """Return 95 % intervals of the kappas, by drawing whole encounters with replacement."""
    members: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(labelled):
        members[each.encounter].append(number)
    encounters = list(members.values())
    rng = np.random.default_rng(5)
    drawn: dict[str, list[float]] = {name: [] for name in MEASURES}
    for _ in range(DRAWS):
        chosen = rng.integers(0, len(encounters), len(encounters))
        numbers = [number for which in chosen for number in encounters[which]]
        found = kappas([labelled[n] for n in numbers], [coded[n] for n in numbers])
        for name, value in found.items():
            if value is not None:
                drawn[name].append(value)
    return {name: _spread(values) for name, values in drawn.items()}


def _spread(values: Sequence[float]) -> tuple[float, float] | None:
    if not values:
        return None
    low, high = np.quantile(values, (0.025, 0.975))
    return round(float(low), 3), round(float(high), 3)


def _ratios(
    labelled: Sequence[LabelledUtterance], coded: Sequence[CodedUtterance], skilled: bool
) -> dict[str, Any]:
    """Return ratios of reflections to input, which separate good from poor encounters, and of
    reflections to questions, which hardly do."""
    both = [(s, c) for s, c in zip(labelled, coded, strict=True) if s.skilled == skilled]
    people = [(bool(s.question), bool(s.reflection), s.main) for s, _ in both]
    ours = [(c.question, c.reflection, c.main) for _, c in both]
    return {
        "reflections_to_input": {"people": _to_input(people), "ours": _to_input(ours)},
        "reflections_to_questions": {"people": _to_asked(people), "ours": _to_asked(ours)},
    }


_Act = tuple[bool, bool, str | None]
"""Whether it asks, whether it reflects, and its main behaviour."""


def _to_input(acts: Sequence[_Act]) -> float | None:
    return _ratio(acts, lambda act: act[2] == "input")


def _to_asked(acts: Sequence[_Act]) -> float | None:
    return _ratio(acts, lambda act: act[0])


def _ratio(acts: Sequence[_Act], below: Callable[[_Act], bool]) -> float | None:
    count = sum(map(below, acts))
    return _rounded(sum(act[1] for act in acts) / count) if count else None


def _macro_f1(halves: Sequence[str]) -> dict[str, float | None]:
    """Return macro F1 by suite; None where the suites, part of the tests, are missing."""
    return {
        "events": _rounded(macro_f1(e for h in halves for e in events(h))),
        "jargon": _rounded(macro_f1(e for h in halves for e in jargon(h))),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
