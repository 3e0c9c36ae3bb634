"""A case by another author, from encounter to suggestions: no words of ours decide what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from simvoice.app.attempt_header import build_header, turn_taking_of
from simvoice.audio import RATE
from simvoice.debrief.model import Debrief
from simvoice.patient.case.load import load_case
from simvoice.patient.mind import Patient
from simvoice.record.events import Interruption, LedgerStep, PatientMove
from tests.conversation.world import World
from tests.planted.builder import debrief_of, record

CASE: Final = load_case(Path(__file__).parent / "cases" / "wheezy-nights" / "case.yaml")


def met(*said: tuple[float, float, str]) -> World:
    """Return an encounter with the father, played by the real session in virtual time.

    said: (first second, last second, words) of each turn of the nurse, who then leaves.
    """
    world = World(mind=Patient(CASE, None))  # type: ignore[arg-type]
    for turn in said:
        world.learner(*turn)
    return world.end(said[-1][1] + 10.0).run(said[-1][1] + 12.0)


def debrief_on(world: World, folder: Path) -> Debrief:
    header = build_header(
        CASE,
        attempt="20261128-120000-wheezy-nights-test",
        line=world.line.facts,
        turn_taking=turn_taking_of(CASE),
        models={},
        seed=1,
        learner="",
    )
    silence = np.zeros(RATE, dtype=np.int16)
    attempt = record(folder, header, world.notes, (silence, silence))
    return debrief_of(attempt, *world.notes)


def steps_of(world: World) -> list[LedgerStep]:
    return [step for move in world.entries(PatientMove) for step in move.steps]


HARSH: Final = (
    (8.0, 10.0, "Here is a leaflet about the blue inhaler."),
    (14.0, 16.0, "Are you sure you gave her enough puffs?"),
    (18.5, 21.0, "Well I read that in her notes this morning too."),
    (26.0, 29.0, "She could have stopped breathing in the night."),
)


def test_the_record_has_what_each_rule_suggests_in_its_author_s_words() -> None:
    world = met(*HARSH)
    assert len(world.entries(Interruption)) == 1
    told = [(each.cause, each.suggests) for each in steps_of(world) if each.name == "trust"]
    assert told == [
        ("handed over paper where an answer was due", "answer_question"),
        ("counted the puffs after him", "avoid_blame"),
        ("trod on the end of his sentence", "let_finish"),
        ("spelled out how the night might have gone", "nothing"),
    ]
    assert all(each.after_you for each in steps_of(world))


def test_the_costliest_two_are_suggested_and_what_suggests_nothing_is_not(tmp_path: Path) -> None:
    debrief = debrief_on(met(*HARSH), tmp_path)
    blame, question = debrief.suggestions
    assert (blame.kind, blame.title) == ("avoid_blame", "Do not blame")
    assert blame.why == (
        "At 0:14 Idris Bello's trust fell from 45 to 30 and distress rose from 40 to 50. Would "
        "other words have been better?"
    )
    assert blame.sentence == "You were up all night with her. How did you get through it?"
    assert blame.words == "Are you sure you gave her enough puffs?"
    assert blame.moment is not None
    assert blame.moment.again_turn is not None
    assert question.kind == "answer_question"
    assert question.why == (
        "At 0:08 Idris Bello's trust fell from 50 to 45. Idris Bello had asked: “Was it "
        "something I did?” Would other words have been better?"
    )
    assert question.sentence == (
        "You asked me something. I don't know yet, and I'll find out and come back to you."
    )
    assert debrief.keep == ""


def test_a_loss_of_trust_that_suggests_nothing_is_still_a_turning_point(tmp_path: Path) -> None:
    debrief = debrief_on(met(*HARSH), tmp_path)
    assert [(point.causes, point.rose) for point in debrief.turning_points] == [
        (("handed over paper where an answer was due",), False),
        (("counted the puffs after him",), False),
        (("spelled out how the night might have gone",), False),
    ]
    assert [point.words for point in debrief.turning_points] == [HARSH[n][2] for n in (0, 1, 3)]


def test_a_sentence_without_a_kind_is_suggested_under_the_general_title(tmp_path: Path) -> None:
    marked = (8.0, 11.0, "It is not your fault, and I give last night four out of ten.")
    (only,) = debrief_on(met(marked), tmp_path).suggestions
    assert (only.kind, only.title) == ("try_another_way", "Try another way")
    assert only.sentence == "Which part of the night was hardest?"
    assert "trust fell from 62 to 56. Would other words have been better?" in only.why


def test_an_encounter_without_a_mistake_says_what_to_keep(tmp_path: Path) -> None:
    kind = (8.0, 12.0, "It is not your fault. I can see how frightening that was for you.")
    debrief = debrief_on(met(kind), tmp_path)
    assert debrief.suggestions == ()
    assert debrief.keep == (f"Idris Bello's trust rose most after “{kind[2]}” (0:08).")
    (point,) = debrief.turning_points
    assert (point.causes, point.rose) == (
        ("pulled up a chair on the father's side of it",),
        True,
    )
