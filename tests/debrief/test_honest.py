"""Debriefs of incomplete encounters say what is missing and invent nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simvoice.criteria import AvoidsRule, CriticalItem, LedgerValueRule
from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.debrief.wording import NOT_ENGLISH, is_english
from simvoice.reading.reading import read
from simvoice.record.events import (
    ConcernShown,
    Discarded,
    Ended,
    LearnerTurn,
    LearnerVoice,
    PatientMove,
    PatientReflection,
    RecordedReflection,
    SimultaneousStart,
    Started,
)
from simvoice.record.recorder import Recorder
from simvoice.record.store import Attempt, Store
from tests.planted.builder import (
    debrief_of,
    learner_turn,
    ledger_step,
    patient_move,
    patient_speech,
    trust_step,
)
from tests.planted.talk import header

FOREIGN = {
    "German": "Guten Tag Frau Ward, ich bin Doktor Müller. Wir haben das Ergebnis der Biopsie, und "
    "es tut mir leid, es ist Krebs. Ich weiß, das ist schwer zu hören.",
    "Spanish": "Buenos días señora Ward, soy el doctor Pérez. Tenemos el resultado de la biopsia y "
    "lo siento mucho, es cáncer. Sé que no es fácil, he visto a su hija.",
    "Dutch": "Goedemorgen mevrouw Ward, ik ben dokter Jansen. We hebben de uitslag van de biopsie "
    "en het spijt me, het is kanker. Ik weet dat dit moeilijk is, we doen er alles aan.",
    "Polish": "Dzień dobry, pani Ward, jestem doktor Kowalski. Mamy wynik biopsji i bardzo mi "
    "przykro, to jest rak. Wiem, że to trudno usłyszeć, i co pani teraz myśli o tym.",
}
ENGLISH = (
    "Good morning Mrs Ward, I'm Doctor Miller. We have the result of the biopsy, and I'm sorry, "
    "it is cancer. I know that this is hard to hear."
)
CUE = ConcernShown(line="line1", concern="kin", text="Who raises her girls", kind="cue")
STILL_TRUSTS = CriticalItem(
    id="still_trusts",
    text="Keep some trust.",
    why="So it is.",
    rule=LedgerValueRule(kind="ledger", value="trust", at_least=0.2),
)
NO_BLAME = CriticalItem(
    id="no_blame",
    text="Do not attack.",
    why="So it is.",
    rule=AvoidsRule(kind="avoids", codes=("hostility",)),
)


# -- reflection by the patient --------------------------------------------------------------------


def test_the_reflection_is_shown_in_the_patient_s_words(attempt: Attempt) -> None:
    sure = RecordedReflection(text="You saw it.", why="named a feeling")
    perhaps = RecordedReflection(text="You let me finish.", why="let her finish")
    nowhere = RecordedReflection(text="Then you said it, just like that.", why="no warning")
    said = learner_turn(1, 5.0, "that is frightening", "empathy_name")
    words = said.codes[0].words
    moved = patient_move(
        1,
        8.0,
        trust_step("named a feeling", 0.4, 0.5, words=words),
        trust_step("let her finish", 0.5, 0.52),
    )
    ended = Ended(at_s=50.0, reason="learner")
    told = PatientReflection(at_s=50.0, said=(sure, perhaps, nowhere))
    debrief = debrief_of(attempt, said, moved, told, ended)
    (felt,) = debrief.felt
    assert (felt.text, felt.at_s, felt.words) == ("You saw it.", 5.0, "that is frightening")
    assert felt.why == "After your words, taken as “named a feeling”."
    assert debrief.felt_note == ""
    none = debrief_of(attempt, said, moved, told.model_copy(update={"said": (nowhere,)}), ended)
    assert (none.felt, "No moment of the record" in none.felt_note) == ((), True)


def test_a_reflection_on_a_move_plays_from_the_words_before_it(attempt: Attempt) -> None:
    moved = next(e for e in attempt.entries if isinstance(e, PatientMove))
    turn = next(e for e in attempt.entries if isinstance(e, LearnerTurn) and e.turn == moved.turn)
    felt = RecordedReflection(text="You said it plainly.", why=moved.steps[0].cause)
    debrief = debrief_of(attempt, turn, moved, PatientReflection(at_s=50.0, said=(felt,)))
    assert [f.at_s for f in debrief.felt] == [turn.start_s]
    assert turn.start_s < moved.at_s


def test_a_reflection_on_the_ending_plays_the_patient_s_last_words(attempt: Attempt) -> None:
    left = RecordedReflection(text="I got up.", why="it ended: She leaves", of_ending=True)
    entries = (patient_speech(1, 3.0, "Oh."), patient_speech(2, 9.0, "I have to go."))
    reflection = PatientReflection(at_s=12.0, said=(left,))
    by_patient = debrief_of(attempt, *entries, reflection, Ended(at_s=12.0, reason="patient"))
    assert [f.at_s for f in by_patient.felt] == [9.0]
    closed = (*entries, learner_turn(3, 11.0, "All right, goodbye."))
    by_learner = debrief_of(attempt, *closed, reflection, Ended(at_s=14.0, reason="learner"))
    assert by_learner.felt == ()


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        ("You didn't ask me what I'd like planted in it.", False),
        ("I went out, and nobody had told me what time.", False),
        ("You didn't get a promise.", True),
        ("I didn't find where to say no.", True),
    ],
)
def test_a_remark_on_the_ending_does_not_say_what_the_learner_left_unsaid(
    text: str, is_shown: bool, attempt: Attempt
) -> None:
    """It may have been said in words that the simulation does not know."""
    remark = RecordedReflection(text=text, why="it ended: She leaves", of_ending=True)
    entries = (patient_speech(1, 3.0, "Oh."), PatientReflection(at_s=12.0, said=(remark,)))
    debrief = debrief_of(attempt, *entries, Ended(at_s=12.0, reason="patient"))
    assert bool(debrief.felt) == is_shown


def test_a_record_without_reflection_says_so_and_invents_none(attempt: Attempt) -> None:
    older = debrief_of(attempt, Ended(at_s=50.0, reason="learner"))
    assert older.felt == ()
    assert older.felt_note == "The record does not contain what Ines says about how it felt."
    none = debrief_of(attempt, PatientReflection(at_s=50.0), Ended(at_s=50.0, reason="learner"))
    assert none.felt_note == "Ines had nothing to say about how it felt."
    for broken in (debrief_of(attempt), debrief_of(attempt, Ended(at_s=50.0, reason="fault"))):
        assert broken.felt_note == (
            "The encounter stopped early, so Ines could not say how it felt."
        )


# -- little or no content -------------------------------------------------------------------


def has_no_judgement(debrief: Debrief) -> bool:
    return not (
        debrief.felt or debrief.turning_points or debrief.suggestions or debrief.keep
    ) and all(
        item.outcome != "met" or not item.evidence
        for heading in debrief.headings
        for item in heading.items
    )


def test_an_empty_encounter_has_a_note_and_no_judgement(attempt: Attempt) -> None:
    for debrief in (debrief_of(attempt), debrief_of(attempt, Ended(at_s=0.0, reason="learner"))):
        assert has_no_judgement(debrief)
        assert any(note.startswith("No one spoke") for note in debrief.notes)
        assert {heading.share for heading in debrief.headings} == {None}
        assert debrief.felt_note


def test_a_learner_without_voice_is_not_judged(attempt: Attempt) -> None:
    waited = ledger_step("said nothing while she waited", -0.04)
    debrief = debrief_of(
        attempt,
        patient_speech(0, 1.0, "Hello. What did you find?"),
        patient_move(1, 12.0, waited),
        patient_speech(1, 12.0, "Are you there?"),
        Ended(at_s=20.0, reason="learner"),
    )
    assert debrief.suggestions == ()
    assert debrief.keep == ""
    assert any(note.startswith("Your voice was not heard") for note in debrief.notes)
    assert {h.share for h in debrief.headings} == {None}
    # the effect on the patient is still shown
    assert [p.causes for p in debrief.turning_points] == [("said nothing while she waited",)]


def test_voice_without_recognised_words_is_not_judged(attempt: Attempt) -> None:
    debrief = debrief_of(attempt, LearnerVoice(start_s=1.0, end_s=3.0, level_dbfs=-20.0))
    assert has_no_judgement(debrief)
    assert {h.share for h in debrief.headings} == {None}


def test_a_crashed_encounter_shows_what_was_recorded(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, header())
    recorder.add(Started(wall_time="2026-11-22T10:15:30+01:00"))
    for entry in (
        learner_turn(1, 1.0, "and so on"),
        patient_move(1, 4.0, ledger_step("cut her off", -0.08)),
    ):
        recorder.add(entry)
    recorder.abandon()
    store = Store(tmp_path)
    for found in (store.open(recorder.attempt), store.recover(recorder.attempt)):
        debrief = build_debrief(found, read(found))
        assert debrief.felt_note.startswith("The encounter stopped early")
        assert len(debrief.turning_points) == len(debrief.suggestions) == 1


def test_turning_points_and_suggestions_do_not_need_sound(attempt: Attempt) -> None:
    with_sound = build_debrief(attempt, read(attempt))
    silent = replace(attempt, audio_path=None, _sound=[])
    without = build_debrief(silent, read(silent))
    assert "The sound of this attempt was not stored." in without.notes
    assert not without.has_sound
    assert [p.words for p in without.turning_points] == [p.words for p in with_sound.turning_points]
    assert without.turning_points != ()
    assert [s.title for s in without.suggestions] == [s.title for s in with_sound.suggestions]


# -- another language -----------------------------------------------------------------------


def spoken_in(attempt: Attempt, text: str, avg_logprob: float = -0.3) -> Debrief:
    quarter = len(text) // 4
    first, second, third, last = (text[n * quarter :][:quarter] for n in range(4))
    last += text[4 * quarter :]
    return debrief_of(
        attempt,
        patient_speech(1, 0.5, "My girls are small."),
        learner_turn(1, 5.0, first, "hostility", "question_open", avg_logprob=avg_logprob),
        patient_move(1, 8.0, ledger_step("was rude to her", -0.2)).model_copy(
            update={"ledger": {"trust": 0.3}}
        ),
        patient_speech(2, 8.0, "I don't understand you."),
        learner_turn(2, 11.0, second, "minimising", avg_logprob=avg_logprob),
        learner_turn(3, 14.0, third, avg_logprob=avg_logprob),
        learner_turn(4, 17.0, last, avg_logprob=avg_logprob),
        Ended(at_s=20.0, reason="learner"),
        shows=(CUE,),
        critical=(STILL_TRUSTS, NO_BLAME),
    )


@pytest.mark.parametrize("language", sorted(FOREIGN))
def test_words_of_another_language_are_not_judged(attempt: Attempt, language: str) -> None:
    debrief = spoken_in(attempt, FOREIGN[language])
    assert any("do not look like English" in note for note in debrief.notes)
    items = {item.id: item for heading in debrief.headings for item in heading.items}
    by_words = items["empathy-no-blame"]
    assert (by_words.outcome, by_words.reason) == ("not judged", NOT_ENGLISH)
    assert by_words.evidence == ()
    assert items["listening-no-cutting-in"].outcome == "met"  # it depends on times
    critical = next(each for each in debrief.instruments if each.id == "critical")
    assert [item.outcome for item in critical.items] == ["met", "not judged"]
    assert debrief.suggestions == ()
    assert debrief.keep == ""
    assert [cue.response for cue in debrief.cues] == [None]


def test_the_same_in_english_is_judged(attempt: Attempt) -> None:
    debrief = spoken_in(attempt, ENGLISH)
    items = {item.id: item for heading in debrief.headings for item in heading.items}
    assert items["empathy-no-blame"].outcome == "not met"
    assert not any("English" in note for note in debrief.notes)
    assert debrief.suggestions


def turn(text: str, avg_logprob: float = -0.3) -> LearnerTurn:
    return learner_turn(1, 0.0, text, avg_logprob=avg_logprob)


def test_few_words_count_as_english() -> None:
    assert is_english([])
    assert is_english([turn("Guten Tag, wie geht es Ihnen heute?")])


def test_unsure_words_need_a_larger_share_of_english() -> None:
    gibberish = (
        "good tag from ward doctor miller via harvest air gibbon biopsy and the toot mere light "
        "crabs schwer zoo her in"
    )
    assert is_english([turn(gibberish)])
    assert not is_english([turn(gibberish, avg_logprob=-1.3)])
    assert is_english([turn(ENGLISH, avg_logprob=-1.3)])


def test_a_simultaneous_start_is_not_marked_as_an_interruption(attempt: Attempt) -> None:
    both = SimultaneousStart(turn=2, start_s=12.2, stopped_s=12.7, lost_s=1.5, lost_words=4)
    entries = (
        learner_turn(1, 5.0, "it is late"),
        patient_speech(1, 12.0, "So", "it is then, late."),
        both,
    )
    debrief = debrief_of(attempt, *entries, learner_turn(2, 12.2, "and we are closing"))
    (mark,) = [each for each in debrief.marks if each.kind == "together"]
    assert mark.label == "You and Ines started at the same time; Ines stopped."
    assert not [each for each in debrief.marks if each.kind == "interruption"]


def test_a_file_instead_of_the_microphone_is_named_at_the_end(attempt: Attempt) -> None:
    end = Ended(at_s=20.0, reason="closed")
    assert debrief_of(attempt, end).ended == "The page was closed at 0:20."
    from_file = debrief_of(attempt, end, devices={"kind": "file"}).ended
    assert from_file == "The sound file that replaced the microphone ended at 0:20."


def test_discarded_words_are_noted(attempt: Attempt) -> None:
    echo = Discarded(
        start_s=41.0, end_s=43.0, text="She rang for water.", reason="the patient's own words"
    )
    breath = Discarded(start_s=50.0, end_s=50.3, text="you", reason="too short to be a word")
    notes = debrief_of(attempt, learner_turn(1, 5.0, "hello"), echo, breath).notes
    assert [note for note in notes if "not counted as your speech" in note] == [
        "0:41: “She rang for water.” was not counted as your speech (the patient's own words), "
        "so it was not answered or judged."
    ]


def test_an_encounter_of_few_turns_has_no_share(attempt: Attempt) -> None:
    turns = [learner_turn(n, 5.0 * n, "hello and how is that", "empathy_name") for n in range(1, 5)]
    short, enough = (
        debrief_of(attempt, *turns[:3]).headings[2],
        debrief_of(attempt, *turns).headings[2],
    )
    assert short.share is None
    absent = [item for item in short.items if item.outcome == "not judged" and not item.human]
    assert {item.reason for item in absent} == {"you had fewer than 4 turns"}
    assert enough.share is not None
