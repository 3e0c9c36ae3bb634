"""Why the patient told something, or never did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.record.events import LearnerTurn, LedgerStep, PatientMove, PatientSpeech, Tellable
from simvoice.record.store import Attempt
from tests.planted_talk import record

MOTHER = Tellable(id="mother", text="Her mother died.", when="trusted", trust=0.5)
SINK = Tellable(id="sink", text="She is afraid of the sink.", when="trusted", trust=0.7)
PILLS = Tellable(id="pills", text="She takes one tablet.", when="asked")
WORK = Tellable(id="work", text="She runs a kitchen.", when="volunteered")
ALL = (MOTHER, SINK, PILLS, WORK)


@pytest.fixture(scope="module")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Attempt:
    return record(tmp_path_factory.mktemp("attempts"))


def move(turn: int, at_s: float, trust: float, *steps: LedgerStep, tells: str = "") -> PatientMove:
    return PatientMove(
        turn=turn,
        at_s=at_s,
        kind="answer",
        line_id="a",
        reason="r",
        steps=steps,
        ledger={"trust": trust},
        disclosed=(tells,) if tells else (),
    )


def step(before: float, after: float, cause: str) -> LedgerStep:
    return LedgerStep(name="trust", before=before, after=after, cause=cause)


def speech(turn: int, at_s: float) -> PatientSpeech:
    said = "It was my mother."
    return PatientSpeech(
        turn=turn, line_id="a", start_s=at_s, end_s=at_s + 1, text=said, heard=said
    )


def debrief(attempt: Attempt, *entries: PatientMove | PatientSpeech) -> Debrief:
    header = attempt.header.model_copy(update={"tellable": ALL})
    return build_debrief(
        replace(attempt, header=header, entries=entries, audio_path=None, _sound=[])
    )


def test_what_was_earned_names_what_raised_trust(attempt: Attempt) -> None:
    found = debrief(
        attempt,
        move(1, 10.0, 0.45, step(0.4, 0.45, "asked openly")),
        move(2, 65.0, 0.57, step(0.45, 0.57, "let the silence stand")),
        move(3, 70.0, 0.57, tells="mother"),
        speech(3, 71.0),
    )
    (told,) = found.told
    assert told.text == "Her mother died."
    assert told.why == (
        "Told from a trust of 50 on; it stood at 57. What had raised it most: "
        "let the silence stand (1:05), asked openly (0:10)."
    )
    assert found.not_told == 3


def test_what_was_never_told_says_what_it_would_have_taken_and_not_what_it_is(
    attempt: Attempt,
) -> None:
    found = debrief(
        attempt,
        move(1, 10.0, 0.55, step(0.4, 0.55, "named the feeling")),
        move(2, 80.0, 0.45, step(0.55, 0.45, "cut her off")),
    )
    whys = [each.why for each in found.kept]
    assert whys == [
        "Something would have been told from 0:10 on, when trust had reached 50; nothing that was "
        "asked led there.",
        "Something is told from a trust of 70 on; it never rose above 55. What cost most: cut her "
        "off (1:20).",
        "Something is told to whoever asks for it; nobody did.",
    ]
    assert [each.at_s for each in found.kept] == [10.0, 80.0, None]
    text = found.model_dump_json()
    assert not any(fact.text in text for fact in ALL)


def test_a_cause_is_timed_by_the_words_that_it_was(attempt: Attempt) -> None:
    said = LearnerTurn(
        turn=1, start_s=6.0, end_s=9.0, text="Well.", avg_logprob=-0.1, no_speech_prob=0.0
    )
    header = attempt.header.model_copy(update={"tellable": (SINK,)})
    entries = (said, move(1, 10.0, 0.3, step(0.4, 0.3, "cut her off")))
    made = build_debrief(
        replace(attempt, header=header, entries=entries, audio_path=None, _sound=[])
    )
    (kept,) = made.kept
    assert kept.why.endswith("What cost most: cut her off (0:06).")


def test_an_encounter_in_which_nothing_moved_has_its_sentence_too(attempt: Attempt) -> None:
    assert "it never rose above 0." in debrief(attempt).kept[0].why


def test_what_trust_never_came_up_to_is_said_once(attempt: Attempt) -> None:
    far = tuple(
        Tellable(id=f"f{n}", text=f"Fact {n}", when="trusted", trust=n / 100) for n in (62, 70, 70)
    )
    header = attempt.header.model_copy(update={"tellable": far})
    moved = (move(1, 10.0, 0.45, step(0.4, 0.45, "asked openly")),)
    found = build_debrief(
        replace(attempt, header=header, entries=moved, audio_path=None, _sound=[])
    )
    assert [each.why for each in found.kept] == [
        "3 things are told from a trust of 62 and 70 on; it never rose above 45."
    ]
    assert found.not_told == 3
