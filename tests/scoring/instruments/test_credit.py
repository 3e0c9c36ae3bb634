"""Credit needs the right moment and the right effect: when words that were said do not count."""

from __future__ import annotations

from typing import Any

import pytest

from simvoice.reading.reading import read
from simvoice.record.events import (
    Coded,
    ConcernShown,
    Ended,
    Interruption,
    JournalEntry,
    LearnerTurn,
)
from simvoice.scoring.instruments import credit
from simvoice.scoring.instruments.credit import families
from simvoice.scoring.instruments.judge import MAY_HAVE_LEFT_EARLY, Judge
from tests.planted.builder import (
    SoundlessAttempt,
    checkpoint,
    hold,
    learner_turn,
    patient_move,
    patient_speech,
    trust_step,
)
from tests.planted.talk import header

NEWS = "I am afraid it is cancer."
ASKS = "What have you been told?"


def said(turn: int, at_s: float, text: str, *codes: tuple[str, str]) -> LearnerTurn:
    found = tuple(Coded(code=name, words=words, confidence=0.9) for name, words in codes)
    return learner_turn(turn, at_s, text, *found)


def asked(turn: int, at_s: float, more: str = "") -> LearnerTurn:
    return said(turn, at_s, f"{ASKS} {more}".strip(), ("ask_perception", ASKS))


def told(turn: int, at_s: float) -> LearnerTurn:
    return said(turn, at_s, NEWS, ("headline", NEWS))


def judge(*entries: JournalEntry, **fields: Any) -> Judge:
    head = header().model_copy(update=fields)
    return Judge(read(SoundlessAttempt(entries, header=head)), head)


def void(code: str, *entries: JournalEntry, **fields: Any) -> str:
    """Why the last occurrence of a code earns no credit; empty when it does."""
    return judge(*entries, **fields).hits([code])[-1].void


def cut_off(turn: int, at_s: float, lost_words: int = 6) -> Interruption:
    return Interruption(
        turn=turn, start_s=at_s, stopped_s=at_s + 0.2, lost_s=2.0, lost_words=lost_words
    )


# -- the moment -------------------------------------------------------------------------------


def test_a_question_that_the_patient_can_answer_counts() -> None:
    entries = (
        patient_speech(1, 1.0, "I am here."),
        asked(2, 5.0),
        patient_speech(3, 8.0, "Nothing."),
    )
    assert void("ask_perception", *entries) == ""


@pytest.mark.parametrize(("lost", "why"), [(6, credit.CUT_OFF), (1, "")])
def test_what_cuts_the_patient_off_does_not_count(lost: int, why: str) -> None:
    entries = (
        patient_speech(1, 3.0, "I was going", "to tell you about my mother"),
        cut_off(2, 5.0, lost),
        asked(2, 5.0),
        patient_speech(3, 8.0, "Nothing."),
    )
    assert void("ask_perception", *entries) == why


def test_who_talks_on_after_a_question_leaves_no_room() -> None:
    more = "I ask because we have a lot to go through today and the clinic is full to the door."
    answer = patient_speech(3, 12.0, "Nothing.")
    before = patient_speech(1, 1.0, "I am here.")
    assert void("ask_perception", before, asked(2, 5.0, more), answer) == credit.NO_ROOM
    assert void("ask_perception", before, asked(2, 5.0, "I ask because it helps."), answer) == ""


def test_an_invitation_that_the_next_words_take_back_does_not_count() -> None:
    entries = (
        patient_speech(1, 1.0, "I am here."),
        asked(2, 4.0, "Actually, let us look at the form."),
        patient_speech(2, 9.0, "They told me nothing."),
    )
    assert void("ask_perception", *entries) == credit.TAKEN_BACK


def test_a_question_whose_answer_is_cut_off_or_never_awaited_does_not_count() -> None:
    before = patient_speech(1, 1.0, "I am here.")
    cut = (
        patient_speech(3, 8.0, "They said", "there was something in the picture"),
        cut_off(4, 9.0),
        said(4, 9.0, "Right."),
    )
    assert void("ask_perception", before, asked(2, 5.0), *cut) == credit.ANSWER_CUT
    went_on = said(3, 8.0, "Well.")
    assert void("ask_perception", before, asked(2, 5.0), went_on) == credit.NOT_AWAITED
    assert void("ask_perception", before, asked(2, 5.0)) == credit.NO_ANSWER


def test_without_a_word_of_the_patient_a_question_counts() -> None:
    assert void("ask_perception", asked(1, 5.0)) == ""


@pytest.mark.parametrize(
    ("turns_later", "distress", "why"),
    [
        (1, (0.8, 0.5), credit.TOO_SOON),  # right after the news, whatever the ledger says
        (2, (0.8, 0.8), credit.TOO_SOON),  # at its height
        (2, (0.8, 0.7), ""),
        (2, (0.5, 0.5), ""),  # never high
        (4, (0.8, 0.8), ""),  # the patient had time
    ],
)
def test_a_plan_counts_once_the_patient_can_take_it_in(
    turns_later: int, distress: tuple[float, float], why: str
) -> None:
    entries: list[JournalEntry] = [told(1, 1.0), patient_speech(2, 4.0, "Oh.")]
    entries.append(patient_move(2, 4.0, ledger={"distress": distress[0]}))
    for number in range(1, turns_later):
        at_s = 10.0 * number
        entries += [
            said(2 * number + 1, at_s, "Mm."),
            patient_speech(2 * number + 2, at_s + 4.0, "Yes."),
        ]
        entries.append(patient_move(2 * number + 2, at_s + 4.0, ledger={"distress": distress[1]}))
    plan = "On Thursday you see the surgeon."
    entries += [said(99, 90.0, plan, ("plan", plan)), patient_speech(100, 94.0, "Fine.")]
    assert void("plan", *entries) == why


def test_the_news_does_not_count_for_who_leaves_right_after_it() -> None:
    entries = [told(1, 1.0), patient_speech(2, 4.0, "Oh.")]
    end = Ended(at_s=99.0, reason="learner")
    assert void("headline", *entries, end) == credit.LEFT_ALONE
    later = [said(n, 10.0 * n, "I am here.") for n in (3, 5, 7)]
    assert void("headline", *entries, *later, end) == ""
    fault = Ended(at_s=99.0, reason="fault")
    assert void("headline", *entries, fault) == ""


# -- the effect -------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "why"), [(0.6, ""), (0.5, credit.NO_EFFECT), (0.4, credit.HURT)])
def test_a_feeling_counts_when_the_patient_is_met(after: float, why: str) -> None:
    words = "You sound scared"
    steps = (trust_step("named a feeling", 0.5, after),) if after != 0.5 else ()
    move = patient_move(2, 8.0, *steps, ledger={"trust": after})
    entries = (
        patient_speech(1, 1.0, "I am scared."),
        said(2, 5.0, words, ("empathy_name", words)),
        move,
        patient_speech(2, 8.0, "Yes."),
    )
    assert void("empathy_name", *entries) == why


@pytest.mark.parametrize(
    ("affect", "patient", "words", "why"),
    [
        ("anxious", "I do not sleep.", "You must be furious", credit.NOT_THEIRS),
        ("anxious", "I do not sleep.", "You must be frightened", ""),
        ("angry", "I do not sleep.", "You must be furious", ""),
        ("anxious", "I am so angry.", "You must be furious", ""),  # in the patient's own words
        ("anxious", "I do not sleep.", "That must be hard", ""),  # names no feeling
    ],
)
def test_a_named_feeling_must_be_the_patient_s(
    affect: str, patient: str, words: str, why: str
) -> None:
    shown = checkpoint(1, 1.0).model_copy(update={"move": {"text": patient, "affect": affect}})
    entries = (
        shown,
        patient_speech(1, 1.0, patient),
        said(2, 5.0, words, ("empathy_name", words)),
        patient_speech(3, 8.0, "Hm."),
    )
    assert void("empathy_name", *entries) == why


def test_a_summary_has_words_of_the_patient() -> None:
    patient = patient_speech(1, 1.0, "My husband lost his job at the mill.")
    fair, false = "So your husband lost his job.", "So you are positive about the surgery."
    for text, why in ((fair, ""), (false, credit.NOT_SAID)):
        entries = (patient, said(2, 5.0, text, ("summary", text)), patient_speech(3, 9.0, "Yes."))
        assert void("summary", *entries) == why


def test_families_are_found_in_whole_words() -> None:
    assert families("You sound SCARED, and a bit mad.") == {"fear", "anger"}
    assert families("That is a madrigal.") == frozenset()


# -- what follows for items ---------------------------------------------------------------------


def test_void_words_are_shown_with_the_reason() -> None:
    entries = (
        patient_speech(1, 3.0, "I was going", "to tell you about my mother"),
        cut_off(2, 5.0),
        asked(2, 5.0),
        patient_speech(3, 8.0, "Nothing."),
        told(4, 20.0),
        patient_speech(5, 24.0, "Oh."),
        *(said(n, 10.0 * n, "I am here.") for n in (6, 7, 8)),
    )
    at = judge(*entries)
    verdict = at.item("spikes-perception")
    assert verdict is not None
    assert verdict.outcome == "open"
    assert any(e.quote == ASKS and e.shows.endswith(credit.CUT_OFF) for e in verdict.evidence)


def test_who_leaves_in_the_middle_gets_no_credit_for_what_was_avoided() -> None:
    talk = [patient_speech(1, 1.0, "Hello."), told(2, 5.0), patient_speech(3, 9.0, "Oh.")]
    end = Ended(at_s=30.0, reason="learner")
    verdict = judge(*talk, end).item("spikes-emotion-no-comfort")
    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (
        "not judged",
        MAY_HAVE_LEFT_EARLY,
    )
    later = [said(n, 10.0 * n, "I am here.") for n in (3, 5, 7)]
    verdict = judge(*talk, *later, end).item("spikes-emotion-no-comfort")
    assert verdict is not None
    assert verdict.outcome == "met"


def question(line: str, at_s: float) -> JournalEntry:
    return patient_speech(int(at_s), at_s, "Will I die?", line_id=line)


def mind_at(at_s: float, *asked_lines: str) -> JournalEntry:
    found = checkpoint(int(at_s), at_s)
    return found.model_copy(update={"mind": {"asked": list(asked_lines)}})


def test_questions_count_as_answered_by_what_the_patient_took_for_an_answer() -> None:
    entries = (
        question("q_die", 5.0),
        said(1, 9.0, "I do not know yet."),
        mind_at(12.0, "q_die"),
        question("q_work", 13.0),
        said(2, 20.0, "Well."),
        mind_at(22.0, "q_die"),
        patient_speech(23, 23.0, "Hm."),
    )
    at = judge(*entries, asks=("q_die", "q_work"))
    assert at.questions is not None
    assert [each.is_answered for each in at.questions] == [True, None]
    verdict = at.item("listening-questions")
    assert verdict is not None
    assert (verdict.outcome, verdict.value) == ("open", 0.5)
    alone = judge(*entries[3:4], said(0, 1.0, "Hello."), asks=("q_die", "q_work")).questions
    assert alone is not None
    assert [each.is_answered for each in alone] == [False]
    assert judge(*entries, asks=None).questions is None
    text = "The receptor status will tell us more."
    technical = said(1, 9.0, text, ("jargon", "receptor status"))
    unclear = judge(entries[0], technical, mind_at(12.0, "q_die"), asks=("q_die",)).questions
    assert unclear is not None
    assert [each.is_answered for each in unclear] == [None]


def test_a_question_asked_again_may_have_been_answered_the_first_time() -> None:
    entries = (
        question("q_die", 5.0),
        said(1, 9.0, "It is a coin toss, maybe a bit better."),
        mind_at(12.0),
        said(2, 20.0, "I will come back."),
        mind_at(22.0),
        question("q_die", 23.0),
    )
    at = judge(*entries, asks=("q_die",))
    assert at.questions is not None
    (asked,) = at.questions
    assert (asked.is_answered, asked.evidence.at_s) == (None, 5.0)
    assert "It is a coin toss" in asked.evidence.shows
    (never,) = judge(question("q_die", 5.0), question("q_die", 23.0), asks=("q_die",)).questions
    assert never.is_answered is False


def test_who_leaves_with_a_question_open_did_not_stay() -> None:
    entries = (
        said(1, 1.0, "Hello."),
        mind_at(4.0),
        question("q_die", 5.0),
        Ended(at_s=9.0, reason="learner"),
    )
    verdict = judge(*entries, asks=("q_die",)).item("empathy-stayed")
    assert verdict is not None
    assert verdict.outcome == "not met"
    assert [(e.quote, e.shows) for e in verdict.evidence] == [
        ("Will I die?", "the patient's last words; the encounter ended 2.0 s later")
    ]


def test_a_closing_of_any_form_leaves_open_whether_the_learner_stayed() -> None:
    entries = (
        said(1, 1.0, "Take care, and good luck."),
        question("q_die", 5.0),
        Ended(at_s=9.0, reason="learner"),
    )
    verdict = judge(*entries, asks=()).item("empathy-stayed")
    assert verdict is not None
    assert verdict.outcome == "open"


@pytest.mark.parametrize(
    ("learner", "patient", "outcome"),
    [
        ("I'll be on my way.", "Already? I hoped you would explain the bill.", "open"),
        ("Shall we look at the stairs?", "I hold on to the wall now.", "open"),
        ("The bill goes to the insurer.", "That is one thing less.", "met"),
    ],
)
def test_a_line_that_asks_or_answers_at_the_end_leaves_open_whether_the_learner_stayed(
    learner: str, patient: str, outcome: str
) -> None:
    entries = (
        said(1, 1.0, learner),
        patient_speech(1, 5.0, patient),
        Ended(at_s=9.0, reason="learner"),
    )
    verdict = judge(*entries, asks=()).item("empathy-stayed")
    assert verdict is not None
    assert verdict.outcome == outcome


def test_the_silence_that_was_talked_away_is_not_met_rather_than_not_judged() -> None:
    text = (
        f"{NEWS} " + "Now the plan is that we start with a scan and then the team meets to decide."
    )
    talked = said(1, 1.0, text, ("headline", NEWS))
    after = patient_speech(2, 9.0, "Oh.")
    verdict = judge(talked, after).item("empathy-silence")
    assert verdict is not None
    assert verdict.outcome == "not met"
    verdict = judge(told(1, 1.0), after, hold(11.0, 17.0, "held")).item("empathy-silence")
    assert verdict is not None
    assert verdict.outcome == "met"


def test_a_kind_word_in_place_of_an_answer_does_not_count() -> None:
    words = "You sound scared"
    kind = said(1, 9.0, words, ("empathy_name", words))
    before, after = question("q_die", 5.0), patient_speech(12, 12.0, "Yes.")
    unanswered = (before, kind, mind_at(12.0), after, mind_at(20.0))
    assert void("empathy_name", *unanswered, asks=("q_die",)) == credit.STEPPED_OVER
    answered = (before, kind, mind_at(12.0), after, mind_at(20.0, "q_die"))
    assert void("empathy_name", *answered, asks=("q_die",)) == ""


def test_an_answer_to_a_cue_that_leaves_no_room_provides_no_space() -> None:
    cue = ConcernShown(line="q_die", concern="death", text="That she may die", kind="cue")
    ask = "What scares you most?"
    more = "While you think I will tell you that there is a diary and a group and also a website."
    for text, grade in ((ask, "certain"), (f"{ask} {more}", "possible")):
        entries = (
            question("q_die", 5.0),
            said(6, 9.0, text, ("empathy_explore", ask)),
            patient_speech(7, 20.0, "None."),
        )
        (response,) = judge(*entries, shows=(cue,)).responses
        assert response.grade == grade


def test_circling_counts_before_the_news_only() -> None:
    loss = "I am sorry for your loss."
    for turns, outcome in (
        ((told(1, 1.0), said(3, 9.0, loss, ("euphemism", loss))), "met"),
        ((said(1, 1.0, loss, ("euphemism", loss)), told(3, 9.0)), "open"),
    ):
        talk = [*turns, patient_speech(4, 13.0, "Oh.")]
        verdict = judge(*talk).item("spikes-knowledge-no-detour")
        assert verdict is not None
        assert verdict.outcome == outcome
