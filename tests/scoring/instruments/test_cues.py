"""The learner's answer to each cue of the patient."""

from __future__ import annotations

import pytest

from simvoice.record.events import (
    Backchannel,
    Coded,
    ConcernShown,
    JournalEntry,
)
from simvoice.scoring.instruments.cues import RESPONSES, Response, responses
from tests.planted.builder import hold, learner_turn, patient_speech

JOB = ConcernShown(
    line="job", concern="livelihood", text="That she loses the insurance", kind="cue"
)
SINK = ConcernShown(line="sink", concern="josie", text="That Josie will nurse her", kind="concern")


def cue(
    line: str = "job", start_s: float = 0.0, delivered: str = "My job insures us all."
) -> JournalEntry:
    return patient_speech(1, start_s, delivered, line_id=line)


def turn(text: str, *codes: str, start_s: float = 2.5, logprob: float = -0.2) -> JournalEntry:
    found = [Coded(code=code, words=f"words of {code}") for code in codes]
    return learner_turn(2, start_s, text, *found, avg_logprob=logprob)


def only(*entries: JournalEntry) -> Response:
    (found,) = responses(entries, (JOB, SINK))
    return found


def test_there_are_17_responses_in_four_quadrants() -> None:
    counts = [(r.explicit, r.provides) for r in RESPONSES.values()]
    assert len(counts) == 17
    assert {q: counts.count(q) for q in set(counts)} == {
        (False, False): 3,
        (False, True): 5,
        (True, False): 4,
        (True, True): 5,
    }


@pytest.mark.parametrize(
    ("text", "codes", "response"),
    [
        ("You sound frightened.", ("empathy_name",), "affective acknowledgement"),
        ("I can understand that.", ("empathy_understand",), "implicit empathy"),
        ("Of course the job weighs on you.", ("empathy_understand",), "empathic response"),
        ("Tell me more.", ("question_open", "elicit"), "active invitation"),
        ("What does the job give you?", ("question_open",), "content exploration"),
        ("Is it a job with insurance?", ("question_closed",), "content exploration"),
        ("Do you have allergies?", ("question_closed",), "ignoring"),
        ("What have they told you?", ("question_open", "ask_perception"), "ignoring"),
        ("So you carry them all.", ("reflection",), "content acknowledgement"),
        ("Don't worry about the insurance.", ("reassurance",), "information-advise, explicit"),
        ("You see the surgeon.", ("plan",), "information-advise, not explicit"),
        ("Let's talk about the scan.", ("subject_change",), "ignoring"),
        ("The job can wait, the scan.", ("subject_change",), "switching"),
        ("It's not that bad.", ("minimising",), "shutting down"),
        ("Okay.", ("acknowledge",), "acknowledgement"),
        ("Okay. You should rest.", ("acknowledge", "fixing"), "information-advise, not explicit"),
        (
            "That is scary. You should rest.",
            ("empathy_name", "fixing"),
            "affective acknowledgement",
        ),
        ("It lies to the left.", (), "ignoring"),
        ("Thank you for your trust. Goodbye.", ("empathy_respect", "closing"), "ignoring"),
        ("I'm sorry about the job. Goodbye.", ("sorry_for", "closing"), "switching"),
        ("What scares you most right now?", ("empathy_explore",), "active invitation"),
        ("What scares you most about that?", ("empathy_explore",), "affective exploration"),
        ("Would you want intubation?", ("question_closed", "jargon"), "ignoring"),
    ],
)
def test_the_codes_of_a_turn_decide_its_response(
    text: str, codes: tuple[str, ...], response: str
) -> None:
    found = only(cue(), turn(text, *codes))
    assert found.response == response
    assert (found.explicit, found.provides) == (
        RESPONSES[response].explicit,
        RESPONSES[response].provides,
    )


@pytest.mark.parametrize(
    ("cue_words", "text", "code", "grade"),
    [
        ("Home by April. There's a job.", "Who is at home with you?", "question_open", "possible"),
        (
            "She should work for customs.",
            "How do you unwind after work?",
            "question_open",
            "possible",
        ),
        ("They walk round me.", "Do you walk a lot?", "question_closed", "possible"),
        ("Home by April. There's a job.", "What is the job in April?", "question_open", "certain"),
        ("I lie awake over the job.", "What about it keeps you awake?", "question_open", "certain"),
    ],
)
def test_a_question_that_shares_one_word_by_chance_is_asked_about(
    cue_words: str, text: str, code: str, grade: str
) -> None:
    found = only(cue(delivered=cue_words), learner_turn(2, 2.5, text, code))
    assert (found.response, found.grade) == ("content exploration", grade)


def test_words_that_take_the_cue_up_without_a_code_have_no_response() -> None:
    found = only(cue(), turn("The job."))
    assert (found.response, found.explicit, found.provides) == (None, True, None)
    assert found.certainty == "low"


def test_a_response_has_its_times_and_words() -> None:
    found = only(cue(), turn("You sound frightened.", "empathy_name", start_s=2.7))
    assert found.latency_s == pytest.approx(0.7)
    assert (found.at_s, found.words) == (2.7, "words of empathy_name")
    assert (found.cue, found.concern, found.kind) == ("My job insures us all.", "livelihood", "cue")


def test_cutting_in_gives_a_latency_below_zero() -> None:
    assert only(cue(), turn("Okay.", "acknowledge", start_s=1.5)).latency_s == pytest.approx(-0.5)


def test_statements_continue_or_terminate_and_silence_does_neither() -> None:
    assert only(cue(), turn("Tell me.", "elicit")).suchman == "continuer"
    assert only(cue(), turn("Rest.", "fixing")).suchman == "terminator"
    assert only(cue(), turn("Okay.", "acknowledge")).suchman == "neither"


def test_a_silence_let_stand_is_the_answer() -> None:
    silence = hold(2.0, 6.0, "held", window_s=4.0)
    first, second = responses(
        (
            cue(),
            silence,
            cue("sink", 6.2, "I nursed her."),
            turn("Okay.", "acknowledge", start_s=9.0),
        ),
        (JOB, SINK),
    )
    assert (first.response, first.at_s, first.latency_s) == ("silence", 2.0, None)
    assert (second.response, second.kind) == ("acknowledgement", "concern")


def test_an_explicit_answer_after_a_held_silence_is_the_answer() -> None:
    silence = hold(2.0, 6.0, "held", window_s=4.0)
    on = cue("other", 6.2, "Eleven years I've been there.")
    taken = only(cue(), silence, on, turn("I'm so sorry about the job.", "sorry_for", start_s=9.0))
    assert (taken.response, taken.explicit, taken.at_s) == ("empathic response", True, 9.0)
    assert taken.latency_s is None  # the patient had continued in between
    no_answer = turn("You were there so long.", "empathy_name", start_s=9.0)
    assert only(cue(), silence, on, no_answer).response == "silence"
    years = turn("Eleven years is a long time.", "reflection", start_s=9.0)
    assert only(cue(), silence, on, years).response == "content acknowledgement"
    # without shared words, or when it reduces space, the silence stays the answer
    for text, code in (
        ("I can see that.", "empathy_understand"),
        ("The job can go.", "minimising"),
    ):
        assert only(cue(), silence, on, turn(text, code, start_s=9.0)).response == "silence"


def test_a_filled_silence_is_no_answer() -> None:
    silence = hold(2.0, 2.5, "filled", window_s=4.0)
    assert (
        only(cue(), silence, turn("Rest.", "fixing")).response == "information-advise, not explicit"
    )


def test_a_later_silence_is_no_answer() -> None:
    later = hold(9.0, 14.0, "held", window_s=4.0)
    assert only(cue(), turn("Okay.", "acknowledge"), later).response == "acknowledgement"


def test_two_seconds_before_the_patient_continues_are_a_silence_and_less_is_not() -> None:
    answer = turn("Rest.", "fixing", start_s=9.0)
    assert only(cue(), cue("other", 4.0), answer).response == "silence"
    assert only(cue(), cue("other", 3.5), answer).response == "information-advise, not explicit"


def test_an_acknowledgement_while_the_patient_continues_is_a_back_channel() -> None:
    backchannel = Backchannel(start_s=1.8, end_s=2.0, text="mm-hm")
    found = only(cue(), backchannel, cue("other", 2.5), turn("Rest.", "fixing", start_s=9.0))
    assert (found.response, found.words) == ("back-channel", "mm-hm")


def test_a_line_in_pieces_counts_once_and_the_answer_follows_the_last_piece() -> None:
    found = only(
        cue(), cue(start_s=2.2, delivered="All five."), turn("Okay.", "acknowledge", start_s=4.5)
    )
    assert found.latency_s == pytest.approx(0.3)


def test_a_cue_without_an_answer_has_no_response() -> None:
    found = only(cue())
    assert (found.response, found.explicit, found.provides, found.at_s) == (None, None, None, None)


def test_undelivered_cues_and_other_lines_are_left_out() -> None:
    assert responses((cue(delivered=""), turn("Okay.")), (JOB,)) == ()
    assert responses((cue("opening"), turn("Okay.")), (JOB,)) == ()
    assert responses((cue(), turn("Okay.")), ()) == ()


def test_guessed_words_have_low_certainty() -> None:
    assert only(cue(), turn("Tell me.", "elicit")).certainty == "fair"
    assert only(cue(), turn("Tell me.", "elicit", logprob=-1.4)).certainty == "low"
