"""The critical items that authors give their cases: found by skilled learners, missed by poor ones."""

from __future__ import annotations

import pytest

from simvoice import paths
from simvoice.audio import Pcm16
from simvoice.errors import AttemptError
from simvoice.patient.case import Case
from simvoice.patient.critical import for_record
from simvoice.patient.load import load_case, locate_case
from simvoice.patient.mind import Patient
from simvoice.record.events import Header, JournalEntry
from simvoice.scoring.instruments import critical
from simvoice.scoring.judging import Judge, Sheet
from simvoice.scoring.reading import read
from tests.planted_talk import header
from tests.text_attempt import played, steps_of

CASES = (
    "angry-relative",
    "behaviour-change",
    "breast-biopsy",
    "goals-of-care",
    "medication-error",
    "sudden-death",
)


class Talk:
    def __init__(self, entries: tuple[JournalEntry, ...]) -> None:
        self.entries = entries
        self.duration_s = 400.0

    def audio(self) -> tuple[Pcm16, Pcm16]:
        raise AttemptError("the sound was not kept")


def head_of(case: Case) -> Header:
    return header().model_copy(update={"case_id": case.id, "critical": for_record(case)})


def sheet(case_id: str, learner: str) -> Sheet:
    path = locate_case(case_id, paths.scenarios_dir())
    case = load_case(path)
    entries = played(Patient(case, None), steps_of(path.parent / learner))
    head = head_of(case)
    instrument = critical(case.id, head.critical)
    assert instrument is not None
    return Judge(read(Talk(entries)), head).sheet(instrument)


def outcomes(of: Sheet) -> dict[str, str]:
    return {
        each.item.id.split(f"{of.instrument.id}-")[1]: each.verdict.outcome for each in of.judged
    }


@pytest.mark.parametrize("case", CASES)
def test_the_skilled_learner_of_a_demo_misses_nothing_critical(case: str) -> None:
    found = outcomes(sheet(case, "demo.yaml"))
    assert set(found.values()) == {"met"}, found


@pytest.mark.parametrize("case", CASES)
def test_the_poor_learner_of_a_demo_misses_what_is_critical(case: str) -> None:
    found = outcomes(sheet(case, "demo-poor.yaml"))
    assert list(found.values()).count("not met") >= 2, found
