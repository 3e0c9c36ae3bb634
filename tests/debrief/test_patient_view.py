"""Why the patient told a fact, or did not."""

from __future__ import annotations

from simvoice.record.events import LedgerStep, PatientMove, Tellable
from simvoice.record.store import Attempt
from tests.planted.builder import (
    debrief_of,
    learner_turn,
    patient_move,
    patient_speech,
    trust_step,
)

EARNS = ("let her silence stand", "gave her time")
MOTHER = Tellable(
    id="mother",
    text="Her mother died.",
    when="trusted",
    trust=0.5,
    after=("headline",),
    needs=("heard that it is cancer",),
)
SINK = Tellable(
    id="sink", text="She is afraid of the sink.", when="trusted", trust=0.7, earned_by=EARNS
)
PILLS = Tellable(
    id="pills", text="She takes one tablet.", when="asked", asked_by="Do you take anything?"
)
WORK = Tellable(id="work", text="She runs a kitchen.", when="volunteered")
ALL = (MOTHER, SINK, PILLS, WORK)


def move(turn: int, at_s: float, trust: float, *steps: LedgerStep, tells: str = "") -> PatientMove:
    told = (tells,) if tells else ()
    return patient_move(turn, at_s, *steps, ledger={"trust": trust}, disclosed=told)


def test_a_told_fact_is_shown_by_the_words_that_told_it(attempt: Attempt) -> None:
    found = debrief_of(
        attempt,
        move(1, 10.0, 0.45, trust_step("asked openly", 0.4, 0.45)),
        move(2, 65.0, 0.57, trust_step("let the silence stand", 0.45, 0.57)),
        move(3, 70.0, 0.57, tells="mother"),
        patient_speech(3, 71.0, "It was my mother."),
        tellable=ALL,
    )
    (told,) = found.told
    assert (told.words, told.text) == ("It was my mother.", "Her mother died.")
    assert told.why == "Ines tells this only when there is trust enough."
    assert found.not_told == 3


def test_an_untold_fact_has_a_reason_and_is_not_revealed(
    attempt: Attempt,
) -> None:
    found = debrief_of(
        attempt,
        move(1, 10.0, 0.55, trust_step("named the feeling", 0.4, 0.55)),
        move(2, 80.0, 0.45, trust_step("cut her off", 0.55, 0.45)),
        tellable=ALL,
    )
    whys = [each.why for each in found.kept]
    assert whys == [
        "From 0:10 on there was trust enough for something more. It comes after this: “heard that "
        "it is cancer”.",
        "There is something that Ines tells only with more trust than there was. What earns most "
        "of it here: “let her silence stand”, “gave her time”. Trust fell most at 1:20.",
        "There is something that Ines tells when asked. Asking opens it: “Do you take anything?”",
        "There is something that Ines tells when asked.",
    ]
    assert [each.at_s for each in found.kept] == [10.0, 80.0, None, None]
    text = found.model_dump_json()
    assert not any(fact.text in text for fact in ALL)


def test_a_cause_has_the_time_of_its_words(attempt: Attempt) -> None:
    said = learner_turn(1, 6.0, "Well.", end_s=9.0)
    moved = move(1, 10.0, 0.3, trust_step("cut her off", 0.4, 0.3))
    made = debrief_of(attempt, said, moved, tellable=(SINK,))
    (untold,) = made.kept
    assert untold.why.endswith("Trust fell most at 0:06.")


def test_an_encounter_without_changes_has_a_sentence_too(attempt: Attempt) -> None:
    assert "only with more trust" in debrief_of(attempt, tellable=ALL).kept[0].why


def test_facts_out_of_reach_share_one_sentence(attempt: Attempt) -> None:
    far = tuple(
        Tellable(id=f"f{n}", text=f"Fact {n}", when="trusted", trust=n / 100) for n in (62, 70, 70)
    )
    moved = move(1, 10.0, 0.45, trust_step("asked openly", 0.4, 0.45))
    found = debrief_of(attempt, moved, tellable=far)
    assert [each.why for each in found.kept] == [
        "There are 3 things that Ines tells only with more trust than there was."
    ]
    assert found.not_told == 3
