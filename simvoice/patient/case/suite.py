"""The suite of a case: questions with known answers, and scripted learners."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from pydantic import Field, ValidationError

from simvoice.coding.text import plain
from simvoice.errors import CaseError
from simvoice.patient.case.fields import CasePart, Fraction, PartId, Text
from simvoice.patient.case.load import SUITE_FILE
from simvoice.patient.case.schema import Case
from simvoice.patient.decisions import PatientState
from simvoice.patient.retrieval import exemplars
from simvoice.safe_text import field_place, shortened
from simvoice.yaml_file import read_yaml


class Probe(CasePart):
    """One question in one state of the patient. Its words are not among the exemplars."""

    ask: Text
    expect: tuple[PartId, ...] = Field(min_length=1)
    """Lines that are right answers."""
    after: tuple[PartId, ...] = ()
    """Beats that have happened."""
    told: tuple[PartId, ...] = ()
    """Facts that the patient has told."""
    said: tuple[PartId, ...] = ()
    """Lines that the patient has said before."""
    last: PartId | None = None
    """The line that the patient said last."""
    trust: Fraction | None = None
    understanding: Fraction | None = None

    def apply_to(self, state: PatientState) -> PatientState:
        """`state` changed to the one in which the question is asked."""
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
    """A kind of learner, who talks with the patient in text; the seed decides what is drawn."""

    kind: PartId
    start: tuple[Text, ...] = ()
    middle: tuple[Text, ...] = Field(min_length=1)
    """Entries as in `checking.text_conversation`: words, "(silence)", or words after "(cuts in)
    "."""
    end: tuple[Text, ...] = ()
    ordered: bool = False
    """Play the middle as written, instead of drawing entries from it."""
    turns: int = Field(default=14, ge=1, le=60)
    """Number of entries to draw."""
    questions: Fraction = 0.0
    """Share of entries that are questions from the probes and exemplars."""
    silences: Fraction = 0.0
    """Share of entries that are silences."""
    cuts_in: Fraction = 0.0
    """Share of spoken entries that interrupt the patient."""
    joined: int = Field(default=1, ge=1, le=12)
    """Number of entries said as one turn."""
    ends: tuple[PartId, ...] = ()
    """Endings that this learner may reach; empty for any."""


class Suite(CasePart):
    """The probes and scripted learners of a case."""

    probes: tuple[Probe, ...] = Field(min_length=1)
    learners: tuple[SuiteLearner, ...] = ()


def load_suite(case_file: Path, case: Case) -> Suite | None:
    """The suite in the folder of a case; None if there is none. Raises CaseError."""
    path = case_file.with_name(SUITE_FILE)
    if not os.path.lexists(path):
        return None
    try:
        suite = Suite.model_validate_json(read_yaml(path).json)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = field_place(first["loc"], "the suite")
        raise CaseError(f"{path}: {where}: {shortened(first['msg'])}; correct it") from None
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
                raise CaseError(
                    f"{where}: expects the line {name!r}, which does not exist; correct it"
                )
        if plain(probe.ask) in known:
            raise CaseError(f"{where}: {probe.ask!r} is an exemplar; use other words")
    for learner in suite.learners:
        for name in learner.ends:
            if name not in endings:
                reason = f"expects the ending {name!r}, which does not exist; correct it"
                raise CaseError(f"{path}: learners.{learner.kind}: {reason}")
