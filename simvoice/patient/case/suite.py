"""Questions a case has to answer rightly, in words that are not among its exemplars."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from pydantic import Field, ValidationError

from simvoice.coding.text import plain
from simvoice.errors import CaseError
from simvoice.patient.case.fields import CasePart, Fraction, PartId, Text
from simvoice.patient.case.load import SUITE_FILE, parse, to_plain
from simvoice.patient.case.schema import Case
from simvoice.patient.decisions import PatientState
from simvoice.patient.retrieval import exemplars


class Probe(CasePart):
    """One question, in one situation."""

    ask: Text
    expect: tuple[PartId, ...] = Field(min_length=1)
    """Lines any of which is right."""
    after: tuple[PartId, ...] = ()
    """Beats that have happened."""
    told: tuple[PartId, ...] = ()
    """Facts she has told."""
    said: tuple[PartId, ...] = ()
    """Lines she has said before."""
    last: PartId | None = None
    """The line she said last."""
    trust: Fraction | None = None
    understanding: Fraction | None = None

    def put(self, state: PatientState) -> PatientState:
        """The state in which it is asked."""
        given = {"trust": self.trust, "understanding": self.understanding}
        ledger = tuple(
            (name, value if given.get(name) is None else float(given[name] or 0.0))
            for name, value in state.ledger
        )
        return replace(
            state,
            ledger=ledger,
            beats=frozenset(self.after),
            disclosed=frozenset(self.told),
            said=(*self.said, *((self.last,) if self.last else ())),
            last_line=self.last,
            turns=3,
        )


class SuiteLearner(CasePart):
    """A kind of learner who talks with her in text, by seed."""

    kind: PartId
    start: tuple[Text, ...] = ()
    middle: tuple[Text, ...] = Field(min_length=1)
    """Entries as in `talk`: words, "(silence)", or words after "(cuts in) "."""
    end: tuple[Text, ...] = ()
    ordered: bool = False
    """The middle is played as written, instead of a draw from it."""
    turns: int = Field(default=14, ge=1, le=60)
    """How many entries are drawn."""
    questions: Fraction = 0.0
    """Share of entries that are questions from the probes and exemplars."""
    silences: Fraction = 0.0
    cuts_in: Fraction = 0.0
    joined: int = Field(default=1, ge=1, le=12)
    """So many entries said in one breath."""
    ends: tuple[PartId, ...] = ()
    """Endings it may reach; any when empty."""


class Suite(CasePart):
    """All the probes and learners of a case."""

    probes: tuple[Probe, ...] = Field(min_length=1)
    learners: tuple[SuiteLearner, ...] = ()


def load_suite(case_file: Path, case: Case) -> Suite | None:
    """The suite beside a case; None when there is none. Raises CaseError."""
    path = case_file.with_name(SUITE_FILE)
    if not path.is_file():
        return None
    data = parse(path.read_bytes(), path)
    try:
        suite = Suite.model_validate_json(json.dumps(to_plain(data)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CaseError(f"{path}: {where}: {first['msg']}; mend it") from None
    _check(path, suite, case)
    return suite


def _check(path: Path, suite: Suite, case: Case) -> None:
    lines = {line.id for line in case.lines}
    endings = {ending.id for ending in case.endings}
    known = {plain(text) for _, text in exemplars(case)}
    for number, probe in enumerate(suite.probes):
        where = f"{path}: probes.{number}"
        for name in probe.expect:
            if name not in lines:
                raise CaseError(f"{where}: expects the line {name!r}, which is not there; name one")
        if plain(probe.ask) in known:
            raise CaseError(f"{where}: {probe.ask!r} is an exemplar; ask it in other words")
    for learner in suite.learners:
        for name in learner.ends:
            if name not in endings:
                reason = f"expects the ending {name!r}, which is not there; name one"
                raise CaseError(f"{path}: learners.{learner.kind}: {reason}")
