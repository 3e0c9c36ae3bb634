"""A case from a door note alone, its problems, and the answers of its patient."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from simvoice.errors import CaseError, UsageError
from simvoice.patient.case.load import CASE_FILE, load_case
from simvoice.patient.case.suite import load_suite
from simvoice.patient.checking.check import check
from simvoice.workbench.asking import Asked
from simvoice.workbench.cards import CaseDraft
from simvoice.workbench.changes import removed, saved
from simvoice.workbench.note import DoorNote, case_from_note, read_note
from simvoice.workbench.problems import read_draft
from simvoice.workbench.questions import counted, grouped

NOTE = """\
Mrs. Hilde Brandt, 67, has come for the result of the CT scan of her chest. The scan shows a tumour
in the left lung. You are a nurse on the ward. She knows that "something was seen".

You have ten minutes. Tell her the result and agree what happens next. Say goodbye at the end.
"""


def test_a_note_says_who_the_patient_is() -> None:
    found = read_note(NOTE)
    assert (found.name, found.age, found.pronouns) == ("Hilde Brandt", "67", "she")
    assert (found.learner, found.minutes, found.key_words) == ("Nurse", "10", "tumour")
    bare = read_note("A man aged 50 waits for his operation.")
    assert (bare.name, bare.age, bare.pronouns, bare.minutes) == ("", "50", "he", "8")
    assert bare.key_words == "operation"
    for text in ("", " \n", "x" * 6_001):
        with pytest.raises(CaseError):
            read_note(text)


def test_a_field_that_cannot_be_used_is_a_sentence() -> None:
    good = read_note(NOTE)
    for wrong in (
        *({"name": ""}, {"name": "<b>"}, {"name": "x" * 201}, {"age": "old"}, {"age": "0"}),
        *({"pronouns": "it"}, {"minutes": "0"}, {"learner": "a doctor"}, {"key_words": ", *"}),
        {"key_words": ",".join("abcdefghijklmn")},
    ):
        with pytest.raises(CaseError):
            case_from_note(replace(good, **wrong), "hilde")


@pytest.mark.slow
@pytest.mark.parametrize(
    "note",
    [
        read_note(NOTE),
        DoorNote("A young man.", "Çağrı O'Neill-Åström", "19", "he", key_words="it's {0,3} (a"),
        DoorNote("Line: #1 'quoted'\n\n- a list\n  indented", "X", "120", "they", minutes="1"),
    ],
)  # fmt: skip
def test_every_note_becomes_a_case_that_passes_its_check(note: DoorNote, tmp_path: Path) -> None:
    if "{" in note.key_words:
        with pytest.raises(CaseError):
            case_from_note(replace(note, minutes="8"), "a-case")
        note = replace(note, key_words="it's broken, broken arm")
    files = case_from_note(replace(note, minutes=note.minutes or "8"), "a-case")
    reading = read_draft(CaseDraft(files))
    assert reading.problems == ()
    assert reading.can_be_checked
    folder = tmp_path / "a-case"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    case = load_case(folder / CASE_FILE)
    assert case.door_note.strip() == note.text.strip()
    report = check(case, load_suite(folder / CASE_FILE, case), None)  # by words alone
    assert report.findings == []
    assert report.is_earned
    assert report.unexpected_endings == []


def made() -> CaseDraft:
    return CaseDraft(case_from_note(read_note(NOTE), "hilde"))


def test_a_problem_is_at_the_card_that_it_concerns() -> None:
    draft = made()
    wrong = CaseDraft(
        saved(draft, "lines", "sister", {"text": "I sit up at night.", "exemplars": "Who?"})
    )
    found = {(p.part, p.card_id, p.path): p.sentence for p in read_draft(wrong).problems}
    assert set(found) == {("lines", "sister", "text"), ("lines", "sister", "exemplars")}
    assert "sleeps badly and sits in the kitchen" in found["lines", "sister", "text"]
    gone = read_draft(CaseDraft(removed(draft, "lines", "dodge")))
    assert gone.case is None
    assert {p.part for p in gone.problems} >= {"lines", "concerns", "probes"}
    empty = read_draft(CaseDraft(saved(draft, "about", "", {"title": "", "time.limit_s": ""})))
    assert [(p.part, p.path) for p in empty.problems] == [
        ("about", "title"),
        ("about", "time.limit_s"),
    ]
    for problem in (*gone.problems, *empty.problems):
        assert problem.sentence[0].isupper() or problem.sentence[0] == "“"
        assert "`" not in problem.sentence


def test_a_pattern_that_could_take_for_ever_is_named_and_never_used() -> None:
    draft = made()
    for part, card, path in (("facts", "nights", "mentions"), ("codes", "main_message", "any")):
        slow = CaseDraft(saved(draft, part, card, {path: r"(?:\w+ ?)+x(?:\w+ ?)+!"}))
        slow = CaseDraft(saved(slow, "lines", "help", {"text": "word " * 29}))
        reading = read_draft(slow)
        assert reading.case is None
        assert [(p.part, p.card_id, p.path) for p in reading.problems if not p.is_advice] == [
            (part, card, path)
        ]


def test_the_patient_answers_and_says_why() -> None:
    case = read_draft(made()).case
    assert case is not None
    asked = Asked(case, None)
    turns = asked.talk(["What worries you most?", "Do you like jazz from Portugal?", "(silence)"])
    assert turns[0].answer.startswith("Hello, Nurse")
    assert turns[1].line == "dodge"
    assert turns[1].alike[0].line == "burden"
    assert "takes a trust of 0.55; it is 0.5" in turns[1].alike[0].closed
    assert not turns[1].has_no_answer
    assert turns[2].has_no_answer
    assert turns[3].answer
    assert json.dumps([turn.to_json() for turn in turns])
    assert asked.talk(["What worries you most?"])[1] == turns[1]
    with pytest.raises(UsageError):
        asked.talk(["Hello."] * 61)


def test_questions_without_an_answer_stand_in_groups() -> None:
    questions = counted(
        ["Do you have a dog?", "Where did you go to school?"],
        ["do you have a dog", "Is there a dog at home?", "Do you have a dog?"],
    )
    assert [(q.text, q.times, q.of_learners) for q in questions] == [
        ("do you have a dog", 3, True),
        ("Is there a dog at home?", 1, True),
        ("Where did you go to school?", 1, False),
    ]
    groups = grouped(questions, None)
    assert [group.times for group in groups] == [4, 1]
    assert grouped([], None) == []
