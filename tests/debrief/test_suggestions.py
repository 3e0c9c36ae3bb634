"""Suggestions: what is suggested, why, and with which sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest

from simvoice import paths
from simvoice.criteria import AvoidsRule, CriticalItem, LedgerValueRule, SaysRule
from simvoice.debrief.suggestions import kind_for_steps, sentence_to_try
from simvoice.patient.case.load import load_case
from simvoice.record.events import ConcernShown, Ended, JournalEntry, Tellable
from simvoice.record.store import Attempt
from simvoice.scoring.instruments.instrument import headings
from simvoice.suggestion_kinds import (
    GENERAL,
    NOTHING,
    find_kind,
    kind_for_item,
    kind_seen_in,
    suggestion_kinds,
)
from tests.planted.builder import (
    checkpoint,
    debrief_of,
    hold,
    learner_turn,
    ledger_step,
    patient_move,
    patient_speech,
)

CASES = sorted(paths.scenarios_dir().glob("*/case.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("path", CASES, ids=[path.parent.name for path in CASES])
def test_every_harmful_rule_of_the_shipped_cases_leads_to_its_suggestion(
    path: Path, attempt: Attempt
) -> None:
    harmful = [
        rule
        for rule in load_case(path).rules
        if rule.moves.get("trust", 0.0) < 0.0
        or (rule.moves.get("distress", 0.0) > 0.0 and rule.moves.get("trust", 0.0) <= 0.0)
    ]
    assert len(harmful) > 10
    for rule in harmful:
        assert rule.suggests not in {None, GENERAL}, rule.id
        step = ledger_step(rule.cause, -0.05, suggests=rule.suggests)
        entries = (learner_turn(1, 1.0, "some words"), patient_move(1, 4.0, step))
        (suggestion,) = debrief_of(attempt, *entries).suggestions
        assert suggestion.kind == rule.suggests
        assert suggestion.sentence.endswith((".", "?")), rule.id


def test_the_kind_is_the_one_that_the_rule_names_whatever_its_cause_says() -> None:
    """Authors' words decide nothing."""
    for cause in ("cut her off", "talked into her silence", "blieb bei der Sache"):
        for named in ("say_less", "let_finish"):
            found = kind_for_steps([ledger_step(cause, -0.1, suggests=named)], ("jargon",))
            assert found is not None
            assert found.id == named


def test_without_a_name_the_codes_decide_and_otherwise_it_is_the_general_kind() -> None:
    step = [ledger_step("cut her off", -0.1, after_you=False)]
    assert kind_for_steps(step, ("jargon",)) == find_kind("use_patient_words")
    assert kind_for_steps(step) == find_kind(GENERAL)
    later = [ledger_step("cut her off", -0.1, suggests="a_kind_of_a_later_version")]
    assert kind_for_steps(later, ("jargon",)) == find_kind("use_patient_words")


def test_a_rule_that_suggests_nothing_leads_to_no_suggestion(attempt: Attempt) -> None:
    turn = learner_turn(1, 5.0, "it cannot be undone")
    hard = patient_move(1, 8.0, ledger_step("said that it is final", -0.2, suggests=NOTHING))
    debrief = debrief_of(attempt, turn, hard)
    assert debrief.suggestions == ()
    assert [point.causes for point in debrief.turning_points] == [("said that it is final",)]


def test_unlike_causes_of_the_general_kind_are_not_counted_together(attempt: Attempt) -> None:
    causes = ("hurt his pride", "looked away", "hurt his pride")
    entries = [
        entry
        for n, cause in enumerate(causes, 1)
        for entry in (
            learner_turn(n, 10.0 * n, f"words {n}"),
            patient_move(n, 10.0 * n + 3.0, ledger_step(cause, -0.05)),
        )
    ]
    first, second = debrief_of(attempt, *entries).suggestions
    assert first.why.endswith(
        "Together with 1 other moment that the simulation counts as the same, trust fell by 10 "
        "points."
    )
    assert "other moment" not in second.why


def test_a_cause_of_an_earlier_release_stands_alone(attempt: Attempt) -> None:
    turn = learner_turn(1, 5.0, "the tumour is invasive")
    old = ledger_step("several words in a row that are not hers", -0.05, after_you=False)
    (suggestion,) = debrief_of(attempt, turn, patient_move(1, 8.0, old)).suggestions
    assert suggestion.why == (
        "At 0:05 Ines's trust fell from 50 to 45. Would other words have been better?"
    )


def test_every_item_about_what_the_learner_does_has_a_kind() -> None:
    for heading in headings():
        for item in heading.items:
            # what the patient felt in the end is no act of the learner's
            assert (kind_for_item(item.id) is None) == isinstance(item.rule, LedgerValueRule), (
                item.id
            )


def test_every_kind_has_a_complete_sentence() -> None:
    for each in suggestion_kinds():
        for sentence in (sentence_to_try(each, "It hurts."), sentence_to_try(each)):
            assert re.fullmatch(r"[A-Z].*[.?]", sentence), each.id
            assert "{" not in sentence, each.id
        assert "{" not in each.title_for("Ines")


def test_the_author_s_sentence_comes_before_the_general_one(attempt: Attempt) -> None:
    turn = learner_turn(1, 5.0, "well anyway the plan is surgery")
    plain = debrief_of(
        attempt,
        turn,
        patient_move(1, 8.0, ledger_step("cut her off", -0.08, suggests="let_finish")),
    )
    theirs = ledger_step("cut her off", -0.08, suggests="let_finish", instead="Sorry, Ines, go on.")
    assert plain.suggestions[0].sentence == "I'm sorry, I cut in. Please go on."
    (suggestion,) = debrief_of(
        attempt, checkpoint(0, 2.0), turn, patient_move(1, 8.0, theirs)
    ).suggestions
    assert suggestion.sentence == "Sorry, Ines, go on."
    assert suggestion.title == "Let Ines finish"
    assert suggestion.why == (
        "At 0:05 Ines's trust fell from 50 to 42. Would other words have been better?"
    )
    assert suggestion.grade == "possible"
    assert suggestion.words == "well anyway the plan is surgery"
    assert suggestion.moment is not None
    assert (suggestion.moment.at_s, suggestion.moment.again_turn) == (5.0, 0)


def test_the_costliest_kind_comes_first_and_each_kind_once(attempt: Attempt) -> None:
    costs = [
        ("cut her off", -0.05, "let_finish"),
        ("used a word she does not know", -0.06, "use_patient_words"),
        ("did not wait for the end", -0.05, "let_finish"),
        ("left the subject", -0.02, "stay_with_topic"),
    ]
    entries = [
        entry
        for n, (cause, by, kind) in enumerate(costs, 1)
        for entry in (
            learner_turn(n, 10.0 * n, f"words {n}"),
            patient_move(n, 10.0 * n + 3.0, ledger_step(cause, by, suggests=kind)),
        )
    ]
    first, second = debrief_of(attempt, *entries).suggestions
    assert first.title == "Let Ines finish"
    assert first.why.endswith(
        "Together with 1 other moment that the simulation counts as the same, trust fell by 10 "
        "points."
    )
    assert second.title == "Use Ines's words"


def test_hard_news_told_well_is_not_a_mistake(attempt: Attempt) -> None:
    news = (ledger_step("said the word", 0.04), ledger_step("said the word", 0.25, name="distress"))
    assert (
        debrief_of(
            attempt, learner_turn(1, 5.0, "it is cancer"), patient_move(1, 8.0, *news)
        ).suggestions
        == ()
    )
    waited = ledger_step(
        "said nothing while she waited", 0.05, suggests="speak_when_awaited", name="distress"
    )
    (suggestion,) = debrief_of(
        attempt, learner_turn(1, 5.0, "uh"), patient_move(2, 18.0, waited)
    ).suggestions
    assert suggestion.why.endswith("rose from 50 to 55. Would words have been better?")
    assert suggestion.words == ""


def test_a_cause_without_a_kind_uses_the_codes_of_the_words(attempt: Attempt) -> None:
    text = "at least you have two breasts"
    unknown = ledger_step("hurt her pride", -0.06, words=text)
    (by_code,) = debrief_of(
        attempt, learner_turn(1, 5.0, text, "minimising"), patient_move(1, 8.0, unknown)
    ).suggestions
    assert by_code.title == "Do not play down what this means to Ines"
    (other,) = debrief_of(
        attempt, learner_turn(1, 5.0, text), patient_move(1, 8.0, unknown)
    ).suggestions
    assert other.title == "Try another way"
    assert "hurt her pride" not in other.why  # it is not certain that the words did


@pytest.mark.parametrize(
    ("suggests", "is_certain"),
    [("wait_with_plans", False), ("warn_before_news", False), ("use_patient_words", True)],
)
def test_what_was_not_done_before_is_asked_and_never_asserted(
    suggests: str, is_certain: bool, attempt: Attempt
) -> None:
    """What matters may have been asked in words that simvoice does not know."""
    text = "I'd suggest hospice at home."
    cause = "offered hospice before asking"
    entries = (
        learner_turn(1, 2.0, "And what is it all for, to you?"),
        learner_turn(2, 5.0, text, "recommend"),
        patient_move(2, 8.0, ledger_step(cause, -0.06, words=text, suggests=suggests)),
    )
    debrief = debrief_of(attempt, *entries)
    (change,) = debrief.changes
    (suggestion,) = debrief.suggestions
    (point,) = debrief.turning_points
    grades = {change.grade, suggestion.grade, point.grade}
    assert grades == {"certain" if is_certain else "possible"}
    assert (cause in suggestion.why) == is_certain


def test_a_filled_silence_counts_without_a_ledger_step(attempt: Attempt) -> None:
    entries = (
        patient_speech(1, 3.0, "Oh no."),
        hold(5.0, 7.5, "filled"),
        learner_turn(2, 7.5, "so the operation is on tuesday"),
    )
    (suggestion,) = debrief_of(attempt, *entries).suggestions
    assert suggestion.title == "Let Ines be silent"
    assert "you spoke after 2.5 s" in suggestion.why
    assert suggestion.words == "so the operation is on tuesday"
    kindly = patient_move(2, 10.0, ledger_step("broke her silence with care", 0.02))
    assert debrief_of(attempt, *entries, kindly).suggestions == ()


SHOWS = ConcernShown(line="line1", concern="kin", text="Who raises her girls", kind="cue")


def _cue(
    last: JournalEntry, *, by: Literal["learner", "patient"] = "learner"
) -> tuple[JournalEntry, ...]:
    return (
        patient_speech(1, 3.0, "It's late. My girls are small."),
        last,
        Ended(at_s=9.0, reason=by),
    )


def test_a_cue_without_space_is_quoted_in_the_patient_s_words(attempt: Attempt) -> None:
    passed = learner_turn(2, 6.0, "the scan is on friday", "plan")
    (suggestion,) = debrief_of(attempt, *_cue(passed), shows=(SHOWS,)).suggestions
    assert suggestion.sentence == "You said “My girls are small.” Will you tell me more about that?"
    assert suggestion.words == "the scan is on friday"
    assert "Who raises her girls" not in suggestion.model_dump_json()


def test_too_few_or_too_many_words_are_not_quoted() -> None:
    cue = kind_seen_in("cues")
    for words in ("Next time.", "", "It went " + "on and " * 6 + "on."):
        assert sentence_to_try(cue, words) == cue.plain
    assert "“I am tired.”" in sentence_to_try(cue, "No. I am tired.")
    assert "“She reads faces.”" in sentence_to_try(
        cue, "She reads faces. I go " + "on " * 12 + "in."
    )


def test_a_cue_that_was_answered_or_could_not_be_answered_is_no_mistake(
    attempt: Attempt,
) -> None:
    asked = learner_turn(2, 6.0, "tell me about your girls", "empathy_explore")
    assert debrief_of(attempt, *_cue(asked), shows=(SHOWS,)).suggestions == ()
    before = learner_turn(0, 0.5, "hello")
    assert debrief_of(attempt, *_cue(before, by="patient"), shows=(SHOWS,)).suggestions == ()
    (left,) = debrief_of(attempt, *_cue(before), shows=(SHOWS,)).suggestions
    assert "You said nothing after it." in left.why


def test_items_of_headings_come_after_the_ledger_and_need_enough_turns(
    attempt: Attempt,
) -> None:
    turns = [learner_turn(n, 5.0 * n, "it is the way it is with this") for n in range(1, 6)]
    assert debrief_of(attempt, *turns[:3]).suggestions == ()
    plan = learner_turn(6, 30.0, "on thursday it is with the surgeon and with this", "plan")
    check, feeling = debrief_of(attempt, *turns, plan).suggestions
    assert (check.title, feeling.title) == (
        "Check what Ines has understood",
        "Respond to a feeling in words",
    )
    # without information there is nothing to check
    assert "Check what Ines has understood" not in {
        e.title for e in debrief_of(attempt, *turns).suggestions
    }
    unsure = [turn.model_copy(update={"avg_logprob": -1.4}) for turn in turns]
    assert debrief_of(attempt, *unsure).suggestions == ()
    cost = patient_move(1, 8.0, ledger_step("left the subject", -0.05, suggests="stay_with_topic"))
    assert (
        debrief_of(attempt, *turns, cost).suggestions[0].title
        == "Stay with the topic that Ines brings up"
    )


def test_without_suggestions_it_says_what_to_keep(attempt: Attempt) -> None:
    entries = (
        learner_turn(1, 5.0, "hello"),
        patient_move(1, 8.0, ledger_step("said hello", 0.03)),
        learner_turn(2, 15.0, "that is hard"),
        patient_move(2, 18.0, ledger_step("named a feeling", 0.05)),
    )
    debrief = debrief_of(attempt, *entries)
    assert debrief.suggestions == ()
    assert debrief.keep == ("Ines's trust rose most after “that is hard” (0:15).")


def test_untold_facts_are_not_revealed(attempt: Attempt) -> None:
    secret = Tellable(id="mother", text="Her mother died of it", when="trusted", trust=0.7)
    entries = (
        learner_turn(1, 5.0, "and so on"),
        patient_move(1, 8.0, ledger_step("cut her off", -0.08, suggests="let_finish")),
    )
    debrief = debrief_of(attempt, *entries, tellable=(secret,))
    assert debrief.suggestions
    assert "Her mother died" not in debrief.model_dump_json()


def test_an_item_about_cues_quotes_the_cue_of_its_evidence(attempt: Attempt) -> None:
    entries: list[JournalEntry] = [
        learner_turn(n, 6.0 * n, "this is hard do you follow", "empathy_name", "silence_offer")
        for n in range(1, 5)
    ]
    entries += [
        patient_speech(1, 40.0, "It's late. My girls are small."),
        Ended(at_s=44.0, reason="learner"),
    ]
    made = debrief_of(attempt, *entries, shows=(SHOWS,))
    (cue,) = [each for each in made.suggestions if "hints at" in each.title]
    assert cue.why.startswith("Active listening, not met")
    assert cue.sentence.startswith("You said “My girls are small.”")


NO_WORD = CriticalItem(
    id="says_it",
    text="Say the word.",
    why="Else she does not know.",
    instead="It is cancer, Ines.",
    rule=SaysRule(kind="says", codes=("silence_offer",)),
)
NO_SHRUG = CriticalItem(
    id="no_shrug",
    text="Do not make it smaller.",
    why="It is not small to her.",
    instead="This is a great deal.",
    rule=AvoidsRule(kind="avoids", codes=("minimising",)),
)


def _four_turns(*last: str) -> list[JournalEntry]:
    every = [learner_turn(n, 5.0 * n, "it is the way it is with this") for n in range(1, 5)]
    return [*every, learner_turn(5, 25.0, "it could be worse you know", *last)]


def test_a_critical_item_that_was_missed_is_suggested_with_its_author_s_sentence(
    attempt: Attempt,
) -> None:
    (first, *_) = debrief_of(attempt, *_four_turns(), critical=(NO_WORD,)).suggestions
    assert (first.title, first.sentence) == ("Say the word", "It is cancer, Ines.")
    assert first.why == (
        "Critical in this case, and not recognised: “Say the word.” Else she does not know."
    )
    assert first.moment is not None  # it was never said: possible up to the last turn
    assert (first.moment.at_s, first.words) == (25.0, "")
    costlier = patient_move(
        1, 8.0, ledger_step("left the subject", -0.2, suggests="stay_with_topic")
    )
    titles = [
        s.title
        for s in debrief_of(attempt, *_four_turns(), costlier, critical=(NO_WORD,)).suggestions
    ]
    assert titles == ["Stay with the topic that Ines brings up", "Say the word"]
    said_it = learner_turn(6, 30.0, "it is cancer", "silence_offer")
    stayed = [learner_turn(n, 5.0 * n, "I am here") for n in (8, 9, 10)]
    made = debrief_of(attempt, *_four_turns(), said_it, *stayed, critical=(NO_WORD,))
    assert "Say the word" not in [each.title for each in made.suggestions]
    silent = NO_WORD.model_copy(update={"instead": ""})
    made = debrief_of(attempt, *_four_turns(), critical=(silent,))
    assert "Say the word" not in [each.title for each in made.suggestions]


def test_an_act_against_a_critical_item_is_suggested_once(attempt: Attempt) -> None:
    cost = patient_move(
        5,
        28.0,
        ledger_step(
            "made it smaller",
            -0.06,
            suggests="avoid_minimising",
            words="it could be worse you know",
        ),
    )
    entries = [*_four_turns("minimising"), cost]
    made = debrief_of(attempt, *entries, critical=(NO_SHRUG,)).suggestions
    about = [each for each in made if each.words]
    (one,) = about
    assert one.title == "Do not play down what this means to Ines"
    assert one.why.endswith("Critical in this case: It is not small to her.")


def test_an_act_of_the_general_kind_against_a_critical_item_is_suggested_once(
    attempt: Attempt,
) -> None:
    words = "it could be worse you know"
    cost = patient_move(5, 28.0, ledger_step("shrugged", -0.06, words="you know"))
    entries = [*_four_turns("minimising"), cost]
    made = debrief_of(attempt, *entries, critical=(NO_SHRUG,)).suggestions
    (one,) = [each for each in made if each.words]
    assert (one.kind, one.words) == (GENERAL, words)
    assert one.why.endswith("Critical in this case: It is not small to her.")


def test_an_unanswered_question_is_quoted(attempt: Attempt) -> None:
    entries = (
        patient_speech(1, 3.0, "I see. Am I going to die? Am I?"),
        learner_turn(2, 6.0, "please go on"),
        patient_move(
            2, 9.0, ledger_step("left her question unanswered", -0.06, suggests="answer_question")
        ),
    )
    answered = (patient_move(1, 3.0), *entries)
    (suggestion,) = debrief_of(attempt, *answered).suggestions
    assert suggestion.why == (
        "At 0:06 Ines's trust fell from 50 to 44. Ines had asked: “Am I going to die? Am I?” Would "
        "other words have been better?"
    )


def test_a_missed_opportunity_has_a_moment_and_a_checkpoint(attempt: Attempt) -> None:
    acts = ("empathy_name", "question_open", "question_open", "silence_offer")
    entries: list[JournalEntry] = [
        patient_speech(1, 3.0, "I run a kitchen."),
        checkpoint(1, 3.0),
        *(learner_turn(n, 6.0 * n, "and how is that", code) for n, code in enumerate(acts, 1)),
        patient_speech(4, 15.0, "My girls are small, and there is nobody else."),
        patient_speech(4, 27.0, "Yes."),
    ]
    (back,) = debrief_of(attempt, *entries).suggestions
    assert back.title == "Say in your own words what you have heard"
    assert back.sentence == "Let me say what I have heard, and you tell me what I missed."
    assert back.why.endswith("One place to try it is 0:18.")
    assert back.moment is not None
    assert (back.moment.at_s, back.moment.again_turn) == (18.0, 1)


def test_an_item_done_less_often_than_asked_is_not_suggested(
    attempt: Attempt,
) -> None:
    acts = ("empathy_name", "reflection", "silence_offer", "elicit")
    entries = [learner_turn(n, 6.0 * n, "and how is that", code) for n, code in enumerate(acts, 1)]
    titles = {each.title for each in debrief_of(attempt, *entries).suggestions}
    assert titles == set()  # "and how is that" may be an open question, so nothing is undone
    once = learner_turn(6, 40.0, "and how is that", "question_open")
    assert debrief_of(attempt, *entries, once).suggestions == ()


def test_an_answered_cue_is_not_suggested(attempt: Attempt) -> None:
    lost = patient_move(
        2, 8.0, ledger_step("went past what she had let slip", -0.05, suggests="ask_about_hint")
    )
    taken = learner_turn(2, 6.0, "I would like to hear about your girls next time")
    assert debrief_of(attempt, *_cue(taken), lost, shows=(SHOWS,)).suggestions == ()
    passed = learner_turn(2, 6.0, "the scan is on friday", "plan")
    (suggestion,) = debrief_of(attempt, *_cue(passed), lost, shows=(SHOWS,)).suggestions
    assert suggestion.why.startswith("At 0:06 Ines's trust fell from 50 to 45.")


def test_few_words_are_shown_in_their_sentence(attempt: Attempt) -> None:
    text = "Dr. May comes. So it's a home or hospice, and we stop. Goodbye."
    lost = patient_move(1, 8.0, ledger_step("hurt his pride", -0.05, words="hospice"))
    (suggestion,) = debrief_of(attempt, learner_turn(1, 5.0, text), lost).suggestions
    assert suggestion.words == "So it's a home or hospice, and we stop."
    elsewhere = patient_move(1, 8.0, ledger_step("hurt his pride", -0.05, words="not there"))
    (suggestion,) = debrief_of(attempt, learner_turn(1, 5.0, text), elsewhere).suggestions
    assert suggestion.words == text  # words that do not stand there cannot be quoted


def test_a_repaired_mistake_is_not_suggested(attempt: Attempt) -> None:
    cut = (
        learner_turn(1, 5.0, "well anyway"),
        patient_move(1, 8.0, ledger_step("cut her off", -0.08, suggests="let_finish")),
    )
    sorry = learner_turn(2, 12.0, "I'm sorry, go on", "apology")
    raised = patient_move(2, 15.0, ledger_step("said sorry", 0.04, words="I'm sorry, go on"))
    assert debrief_of(attempt, *cut, sorry, raised).suggestions == ()
    unmoved = patient_move(2, 15.0, ledger_step("said sorry", 0.0, words="I'm sorry, go on"))
    assert debrief_of(attempt, *cut, sorry, unmoved).suggestions[0].title == "Let Ines finish"
    too_late = (
        learner_turn(2, 12.0, "so"),
        patient_move(2, 15.0),
        learner_turn(3, 20.0, "I'm sorry, go on", "apology"),
    )
    later = patient_move(3, 23.0, ledger_step("said sorry", 0.04, words="I'm sorry, go on"))
    assert debrief_of(attempt, *cut, *too_late, later).suggestions[0].title == "Let Ines finish"


@pytest.mark.parametrize(
    ("said", "answer", "grade"),
    [
        ("So you're saying you want the breathing machine.", "I never said that.", "certain"),
        ("You've told me you want the machine.", "No. No machine for me.", "certain"),
        ("If I'm hearing you right, you're getting better.", "I'm slow.", "possible"),
        ("You told me that you want machines.", "Yes. I do now.", ""),
        ("You told me that you sleep in the kitchen.", "Well.", ""),
        ("So you're saying you don't want the machine.", "No. No machine.", ""),
        ("You said you wouldn't lie flat in the kitchen.", "No. Still didn't get it.", ""),
        ("You want to stay in a kitchen chair.", "I never said so.", ""),
        ("Okay, that's what you said.", "No.", ""),
    ],
)
def test_words_put_into_the_patient_s_mouth_are_named_where_the_patient_denies_them(
    said: str, answer: str, grade: str, attempt: Attempt
) -> None:
    entries = (
        learner_turn(1, 1.0, "How do you sleep?"),
        patient_move(1, 3.5),
        patient_speech(1, 4.0, "Flat it climbs, so I sleep in a kitchen chair."),
        learner_turn(2, 9.0, said),
        patient_move(2, 11.5),
        patient_speech(2, 12.0, answer),
    )
    made = debrief_of(attempt, *entries).suggestions
    assert [each.grade for each in made] == ([grade] if grade else [])
    if grade == "certain":
        assert made[0].why == (
            f"At 0:09 you put words into Ines's mouth: “{said}” Ines answered: “{answer}”"
        )
    elif grade:
        assert made[0].why == f"At 0:09 you said: “{said}” Had Ines said that?"


def test_each_question_without_an_answer_counts(attempt: Attempt) -> None:
    asks = ("q_die", "q_work", "q_next")
    entries = [
        entry
        for n, line in enumerate(asks, 1)
        for entry in (
            patient_speech(2 * n, 10.0 * n, f"What about {line}?", line_id=line),
            learner_turn(2 * n + 1, 10.0 * n + 4.0, "it is the way it is"),
            checkpoint(2 * n + 1, 10.0 * n + 7.0).model_copy(
                update={"mind": {"asked": ["q_next"]}}
            ),
        )
    ]
    made = debrief_of(attempt, *entries, patient_speech(9, 40.0, "Well."), asks=asks).suggestions
    (answer,) = [each for each in made if each.kind == "answer_question"]
    assert answer.why == (
        "At 0:10 Ines asked: “What about q_die?” You said next: “it is the way it is” Was it an "
        "answer?"
    )
    assert answer.grade == "possible"
    assert answer.moment is not None
    assert debrief_of(attempt, *entries, asks=("q_next",)).suggestions != made
