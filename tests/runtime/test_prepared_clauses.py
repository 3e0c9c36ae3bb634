"""Clauses that are prepared before an encounter, of a case that comes with simvoice."""

from __future__ import annotations

import pytest

from simvoice import markup, paths
from simvoice.conversation.step_context import move_clauses
from simvoice.patient.case.load import load_case, locate_case
from simvoice.patient.case.suite import load_suite
from simvoice.patient.checking.rehearsal import SpeechPlan, plan_speech, rehearse
from simvoice.patient.checking.text_conversation import TextConversation
from simvoice.patient.mind import Patient
from simvoice.runtime import spoken_lines

pytestmark = pytest.mark.slow

Made = tuple[Patient, SpeechPlan]


@pytest.fixture(scope="module")
def made() -> Made:
    path = locate_case("breast-biopsy", paths.scenarios_dir())
    case = load_case(path)
    return Patient(case, None), plan_speech(case, rehearse(case, load_suite(path, case), 20))


def test_the_likely_first_clauses_are_prepared_first(made: Made) -> None:
    patient, plan = made
    likely = spoken_lines.first_clauses(plan, patient.style, likely_only=True)
    every = spoken_lines.first_clauses(plan, patient.style, likely_only=False)
    assert likely == every[: len(likely)]
    assert len(likely) < len(every) / 2
    assert set(every) <= set(likely) | set(spoken_lines.remaining_clauses(plan, patient.style))


def test_no_clause_is_prepared_twice(made: Made) -> None:
    patient, plan = made
    later = spoken_lines.remaining_clauses(plan, patient.style)
    assert len(later) == len(set(later))


def test_every_answer_begins_with_a_prepared_clause(made: Made) -> None:
    patient, plan = made
    ready = set(spoken_lines.first_clauses(plan, patient.style, likely_only=False))
    talk = TextConversation(patient, seed=5)
    talk.open()
    for said in (
        "Good morning, I'm Doctor Lind.",
        "What worries you most?",
        "I'm afraid it is bad news.",
        "The biopsy shows that it is breast cancer.",
        "(cuts in) It's only a small one, you'll be fine.",
        "Why did you wait so long?",
        "I'm so sorry.",
        "Can I get you some water?",
        "On Thursday you will see the surgeon.",
    ):
        move = talk.do(said).move
        assert move.line_id, said
        first = move_clauses(move, None)[1][0]
        assert (first, patient.style(move.affect, move.mood)) in ready
        assert markup.plain(first) in move.text
