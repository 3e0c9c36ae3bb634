"""Find in which moods each line is likely to be said, by playing the case in text.

To synthesise every wording in every mood takes longer than a learner needs to read the door note.
The case is therefore played with the learners of its suite, and the wordings and moods that occur
are synthesised first, the most frequent before the rare.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

import simvoice
from simvoice.patient import ledger
from simvoice.patient.case.schema import Case
from simvoice.patient.case.suite import Suite
from simvoice.patient.checking.check import script
from simvoice.patient.checking.text_conversation import TextConversation
from simvoice.patient.decisions import Affect, Mood
from simvoice.patient.mind import Patient
from simvoice.patient.voice import MOODS, SpokenLine, mood_of, spoken_line

REHEARSED_CONVERSATIONS = 60
"""Number of conversations; they take about a second."""

COVERAGE = 0.95
"""Least share of the patient's turns that begin with a prepared clause when the encounter may
start."""


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """The spoken lines to synthesise, in this order."""

    lines: tuple[SpokenLine, ...]
    first: int
    """Number of lines that must be ready before the encounter starts."""
    likely: int
    """Number of lines that are a wording in its likeliest mood, or that occurred in a
    conversation."""


def rehearse(
    case: Case, suite: Suite | None, conversations: int = REHEARSED_CONVERSATIONS
) -> Counter[SpokenLine]:
    """How often each wording was said in each mood; empty without learners in the suite."""
    said: Counter[SpokenLine] = Counter()
    learners = suite.learners if suite else ()
    if suite is None or not learners:
        return said
    patient = Patient(case, None)
    for seed in range(conversations):
        talk = TextConversation(patient, seed=seed)
        talk.open()
        for entry in script(case, suite, learners[seed % len(learners)], seed):
            talk.do(entry)
            if talk.ending:
                break
        moves = [exchange.decision.move for exchange in talk.exchanges]
        said.update(SpokenLine(m.spoken, m.affect, m.mood) for m in moves if m.line_id and m.spoken)
    return said


_STORED: TypeAdapter[list[tuple[SpokenLine, int]]] = TypeAdapter(list[tuple[SpokenLine, int]])


def rehearsed(folder: Path, case: Case, suite: Suite | None) -> Counter[SpokenLine]:
    """Return what `rehearse` returns, from a file in `folder` when it was done before.

    It saves some seconds of each start. Another case, suite or version of the code that decides
    what a patient says is rehearsed again.
    """
    if suite is None or not suite.learners:
        return Counter()
    hashed = hashlib.sha256(f"{_code_sha256()} {case.sha256} ".encode())
    hashed.update(suite.model_dump_json().encode())
    path = folder / f"rehearsal-{hashed.hexdigest()[:32]}.json"
    with suppress(OSError, ValidationError):
        return Counter(dict(_STORED.validate_json(path.read_bytes())))
    said = rehearse(case, suite, REHEARSED_CONVERSATIONS)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with suppress(OSError):  # it is rehearsed again next time
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(_STORED.dump_json(list(said.items())))
        partial.replace(path)
    return said


@cache
def _code_sha256() -> str:
    """Return the hash of all code and data that decide what a patient says."""
    package = Path(simvoice.__file__).parent
    hashed = hashlib.sha256()
    for room in ("coding", "criteria", "patient"):
        for path in sorted((package / room).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                hashed.update(f"{path.name} {path.stat().st_size} ".encode())
                hashed.update(path.read_bytes())
    return hashed.hexdigest()


def plan_speech(case: Case, said: Counter[SpokenLine]) -> SpeechPlan:
    """The plan: every wording in its likeliest mood, then the others that occurred, the most
    frequent first, then the rest."""
    opening = next(line for line in case.lines if line.id == case.opening)
    lines = (opening, *(line for line in case.lines if line is not opening))
    start = mood_of(ledger.start(case, 0))
    usual_mood = _usual_moods(case, said)
    wordings = [(line, wording) for line in lines for wording in line.wordings]
    likeliest = [
        _likeliest(case, wording, said, usual_mood.get(line.when.after, start))
        for line, wording in wordings
    ]
    others = [spoken_line(case, *wording, mood) for _, wording in wordings for mood in MOODS]
    least = len(set(likeliest))
    occurred = [each for each, _ in said.most_common()]
    wanted = tuple(dict.fromkeys([*likeliest, *occurred, *others]))
    return SpeechPlan(wanted, _first_needed(wanted, least, said), len({*likeliest, *occurred}))


def _likeliest(
    case: Case, wording: tuple[str, Affect], said: Counter[SpokenLine], default: Mood
) -> SpokenLine:
    candidates = [spoken_line(case, *wording, mood) for mood in MOODS]
    best = max(candidates, key=lambda candidate: said[candidate])
    return best if said[best] else spoken_line(case, *wording, default)


def _usual_moods(case: Case, said: Counter[SpokenLine]) -> dict[tuple[str, ...], Mood]:
    """The most frequent mood of lines after the same beats."""
    counts: dict[tuple[str, ...], Counter[Mood]] = {}
    for line in case.lines:
        moods = counts.setdefault(line.when.after, Counter())
        for mood in MOODS:
            moods[mood] += sum(said[spoken_line(case, *each, mood)] for each in line.wordings)
    return {after: moods.most_common(1)[0][0] for after, moods in counts.items() if moods.total()}


def _first_needed(wanted: Sequence[SpokenLine], least: int, said: Counter[SpokenLine]) -> int:
    """How many lines from the start cover `COVERAGE` of all that was said; at least `least`."""
    total = said.total()
    covered = 0
    for number, each in enumerate(wanted):
        if number >= least and covered >= COVERAGE * total:
            return number
        covered += said[each]
    return len(wanted)
