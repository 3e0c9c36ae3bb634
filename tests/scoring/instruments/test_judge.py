"""The result of each kind of rule, on conversations with planted truth."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from simvoice.criteria import ItemRule
from simvoice.criteria.encounter import RuleVerdict
from simvoice.reading.reading import read
from simvoice.record.events import Coded, ConcernShown, Header, JournalEntry, LearnerTurn
from simvoice.scoring.instruments import evidence
from simvoice.scoring.instruments.instrument import Instrument, Item, headings, instruments
from simvoice.scoring.instruments.judge import Judge, ScoredInstrument
from simvoice.scoring.instruments.rule_text import rule_in_words
from tests.planted.builder import SoundlessAttempt, hold, learner_turn, patient_speech
from tests.planted.talk import entries, header

RULE: TypeAdapter[ItemRule] = TypeAdapter(ItemRule)
CUE = ConcernShown(line="line3", concern="children", text="Who cares for them", kind="cue")


WORDS = "some words that were said in the room and do nothing at all"
"""Without a sign of any code; too long for a greeting."""


def said(number: int, *codes: str, logprob: float = -0.2, confidence: float = 1.0) -> LearnerTurn:
    found = [Coded(code=c, words=f"words of {c}", confidence=confidence) for c in codes]
    at_s = 10.0 * number
    return learner_turn(number, at_s, WORDS, *found, end_s=at_s + 3.0, avg_logprob=logprob)


def judge(*turns: JournalEntry, head: Header | None = None) -> Judge:
    return Judge(read(SoundlessAttempt(turns)), head or header())


def planted(*shows: ConcernShown) -> Judge:
    return Judge(
        read(SoundlessAttempt(tuple(entries()))), header().model_copy(update={"shows": shows})
    )


def verdict(at: Judge, **rule: Any) -> RuleVerdict:
    return at.judge_item(Item(id="x", text="X", rule=RULE.validate_python(rule))).verdict


def outcome(at: Judge, **rule: Any) -> str:
    return verdict(at, **rule).outcome


# -- says


def spoken(text: str, *codes: tuple[str, str]) -> LearnerTurn:
    """One turn of real words; codes: (name, the words that show it)."""
    found = tuple(Coded(code=name, words=words) for name, words in codes)
    return said(1).model_copy(update={"text": text, "codes": found})


def test_an_open_question_that_blames_or_makes_small_talk_does_not_count() -> None:
    why, how = "Why did you wait so long?", "How was the parking?"
    bad = [
        spoken(why, ("question_open", why), ("blaming", "Why did you wait")),
        spoken(how, ("question_open", how), ("small_talk", "parking")),
    ]
    rule: dict[str, Any] = {"kind": "says", "codes": ["question_open"]}
    assert outcome(judge(*bad), **rule) == "not met"
    fair = spoken("What happened?", ("question_open", "What happened?"))
    found = verdict(judge(*bad, fair), **rule)
    assert (found.outcome, [e.quote for e in found.evidence]) == ("met", ["What happened?"])
    assert "asked as a question does not count" in rule_in_words(RULE.validate_python(rule))


def test_weak_evidence_does_not_meet_an_item_but_is_shown_as_possible() -> None:
    heard = patient_speech(0, 1.0, "There were some words in the room at home.")
    turn = said(1, "reflection", confidence=0.5)
    weak = verdict(judge(heard, turn), kind="says", codes=["reflection"])
    assert (weak.outcome, weak.certainty, weak.value) == ("open", "low", 0.0)
    assert {(e.shows, e.grade) for e in weak.evidence} == {("was this a reflection?", "possible")}
    assert outcome(judge(said(1, "reflection")), kind="says", codes=["reflection"]) == "met"


def test_other_words_for_it_leave_an_item_open_and_only_their_absence_makes_it_not_met() -> None:
    rule: dict[str, Any] = {"kind": "says", "codes": ["plan"]}
    other = verdict(judge(spoken("You come back to us on Friday.")), **rule)
    assert (other.outcome, other.evidence) == ("open", ())  # no one is asked about a broad sign
    assert outcome(judge(spoken("That was long ago.")), **rule) == "not met"


def test_an_item_of_a_case_s_own_code_is_never_said_to_be_undone() -> None:
    rule: dict[str, Any] = {"kind": "says", "codes": ["names_the_cat"]}
    assert outcome(judge(said(1)), **rule) == "open"
    assert outcome(judge(said(1, "names_the_cat")), **rule) == "met"


def test_a_rule_of_two_parts_shows_words_for_each() -> None:
    turns = [said(n, "question_open") for n in range(1, 6)]
    both = verdict(
        judge(*turns, said(6, "question_closed")),
        kind="all",
        rules=[{"kind": "says", "codes": [f"question_{form}"]} for form in ("open", "closed")],
    )
    assert {e.shows for e in both.evidence} == {"an open question", "a closed question"}
    assert len(both.evidence) == 4


def test_words_that_do_two_things_of_a_kind_are_counted_once() -> None:
    text = "I can see how frightening this is."
    twice = spoken(
        text, ("empathy_name", "see how frightening"), ("empathy_understand", "I can see how")
    )
    found = verdict(judge(twice), kind="count", codes=["empathy_name", "empathy_understand"])
    assert found.value == 1.0
    shown = verdict(judge(twice), kind="says", codes=["empathy_name", "empathy_understand"])
    assert [each.quote for each in shown.evidence] == [text]


def test_an_item_is_met_with_its_words_and_time() -> None:
    found = verdict(judge(said(1), said(2, "greeting")), kind="says", codes=["greeting"])
    assert (found.outcome, found.certainty) == ("met", "high")
    assert [(e.quote, e.at_s, e.who) for e in found.evidence] == [
        ("words of greeting", 20.0, "learner")
    ]


def test_an_item_that_was_not_said_is_not_met_with_fair_certainty() -> None:
    found = verdict(judge(said(1)), kind="says", codes=["greeting"])
    assert (found.outcome, found.certainty, found.evidence) == ("not met", "fair", ())


def test_a_rule_may_need_several_occurrences() -> None:
    rule = {"kind": "says", "codes": ["question_open"], "at_least": 2}
    assert outcome(judge(said(1, "question_open")), **rule) == "not met"
    assert outcome(judge(said(1, "question_open"), said(2, "question_open")), **rule) == "met"


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((("warning_shot",), ("headline",)), "met"),
        ((("warning_shot", "headline"),), "met"),
        ((("headline", "warning_shot"),), "not met"),
        ((("headline",), ("warning_shot",)), "not met"),
        ((("warning_shot",),), "not judged"),
    ],
)
def test_before_means_before_the_first_occurrence(
    turns: tuple[tuple[str, ...], ...], expected: str
) -> None:
    at = judge(*(said(n, *codes) for n, codes in enumerate(turns, start=1)))
    assert outcome(at, kind="says", codes=["warning_shot"], before=["headline"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I regret that it went sideways. It is cancer.", "open"),
        ("I am Doctor Shah. It is cancer.", "not met"),
        ("I have your results. It is cancer.", "not met"),
        ("It is cancer.", "not met"),
    ],
)
def test_a_statement_right_before_the_news_may_be_a_warning(text: str, expected: str) -> None:
    told = learner_turn(1, 5.0, text, Coded(code="headline", words="It is cancer"), end_s=8.0)
    rule = {"kind": "says", "codes": ["warning_shot"], "before": ["headline"]}
    assert outcome(judge(told), **rule) == expected


def test_after_and_the_first_and_last_turns() -> None:
    at = judge(said(1, "plan"), said(2, "headline"), said(3), said(4, "summary"))
    assert outcome(at, kind="says", codes=["plan"], after=["headline"]) == "not met"
    assert outcome(at, kind="says", codes=["summary"], after=["headline"]) == "met"
    assert outcome(at, kind="says", codes=["greeting"], first_turns=1) == "not met"
    assert outcome(at, kind="says", codes=["headline"], first_turns=1) == "open"
    assert outcome(at, kind="says", codes=["headline"], first_turns=2) == "met"
    assert outcome(at, kind="says", codes=["summary"], last_turns=1) == "met"
    assert outcome(at, kind="says", codes=["headline"], last_turns=2) == "open"


def test_without_an_occasion_the_item_is_not_judged_with_a_reason() -> None:
    found = verdict(judge(said(1)), kind="says", codes=["headline"], needs=["warning_shot"])
    assert (found.outcome, found.certainty) == ("not judged", None)
    assert found.reason.startswith("it needs a warning, and simvoice is not sure")


def test_guessed_words_have_low_certainty_found_or_not() -> None:
    guessed = judge(said(1, "greeting", logprob=-1.5))
    assert verdict(guessed, kind="says", codes=["greeting"]).certainty == "low"
    assert verdict(guessed, kind="says", codes=["plan"]).certainty == "low"
    assert verdict(guessed, kind="says", codes=["greeting"]).outcome == "open"


# -- the other kinds


def test_an_item_to_avoid_is_not_met_above_its_limit_and_shows_evidence() -> None:
    rule = {"kind": "avoids", "codes": ["jargon"], "at_most": 1}
    assert outcome(judge(said(1, "jargon")), **rule) == "met"
    found = verdict(judge(said(1, "jargon"), said(2, "jargon")), **rule)
    assert (found.outcome, found.value, len(found.evidence)) == ("not met", 2.0, 2)
    assert outcome(judge(said(1)), **rule, needs=["headline"]) == "not judged"


def test_an_order_compares_first_occurrences_and_skips_missing_steps() -> None:
    rule = {"kind": "order", "steps": [["greeting"], ["warning_shot"], ["headline"], ["plan"]]}
    at = judge(said(1, "greeting"), said(2, "headline"), said(3, "plan"), said(4, "headline"))
    assert outcome(at, **rule) == "met"
    assert outcome(judge(said(1, "plan"), said(2, "headline")), **rule) == "not met"
    assert outcome(judge(said(1, "plan")), **rule) == "not judged"
    assert outcome(at, **rule, least=4) == "not judged"


def test_a_ratio_needs_a_denominator() -> None:
    rule = {"kind": "ratio", "over": ["reflection"], "under": ["question_open"], "at_least": 1.0}
    assert outcome(judge(said(1, "reflection")), **rule) == "not judged"
    assert outcome(judge(said(1, "reflection", "question_open")), **rule) == "met"
    asked = said(1, "question_open").model_copy(
        update={"text": "How is the light in here for reading all of these long old papers?"}
    )
    assert outcome(judge(asked), **rule) == "not met"


def test_a_ratio_without_a_threshold_is_counted() -> None:
    rule = {"kind": "ratio", "over": ["question_open"], "under": ["question_open", "thanks"]}
    found = verdict(judge(said(1, "thanks", "question_open"), said(2, "thanks")), **rule)
    assert (found.outcome, found.value) == ("counted", pytest.approx(1 / 3))


def test_a_share_is_exact_only_where_no_other_words_may_count() -> None:
    questions = ["question_open", "question_closed"]
    rule = {"kind": "ratio", "over": ["question_open"], "under": questions}
    asked = learner_turn(1, 1.0, "How are you?", "question_open")
    exact = verdict(judge(asked), **rule)
    assert (exact.least, exact.most) == (1.0, 1.0)
    found = verdict(judge(asked, learner_turn(2, 9.0, "Can you sleep?")), **rule)
    assert (found.least, found.most) == (0.5, 1.0)


def test_each_turn_is_searched_once_for_each_code(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    found = evidence.possible_words

    def search(code: str, *given: Any) -> tuple[str, float]:
        searched.append(code)
        return found(code, *given)

    monkeypatch.setattr(evidence, "possible_words", search)
    at = judge(said(1), said(2), learner_turn(3, 40.0, "Can you sleep?"))
    (first,) = at.maybe(["question_closed"])
    assert at.maybe(["question_closed", "plan"]) == [first]
    assert sorted(searched) == ["plan"] * 3 + ["question_closed"] * 3


def test_a_metric_is_judged_within_its_bounds_or_not_at_all() -> None:
    at = planted()
    assert outcome(at, kind="metric", metric="interruptions", at_most=0) == "not met"
    assert outcome(at, kind="metric", metric="interruptions", at_most=1) == "met"
    assert outcome(at, kind="metric", metric="holds_held", at_least=1) == "met"
    cut = verdict(at, kind="metric", metric="interruptions", at_most=0).evidence
    assert [(e.at_s, e.shows) for e in cut] == [(33.0, "3 words cut off")]
    held = verdict(at, kind="metric", metric="holds_held", at_least=1).evidence
    assert [(e.at_s, e.end_s, e.shows) for e in held] == [(14.0, 20.0, "let stand for 6.0 s")]
    found = verdict(judge(said(1)), kind="metric", metric="holds_held", at_least=1)
    assert (found.outcome, "never kept silent" in found.reason) == ("not judged", True)


def test_counts_are_shown_and_judge_nothing() -> None:
    found = verdict(judge(said(1, "plan", "plan")), kind="count", codes=["plan"])
    assert (found.outcome, found.value) == ("counted", 2.0)


def test_answers_are_judged_by_the_cues_of_the_record() -> None:
    at = planted(CUE)
    (response,) = at.responses
    assert (response.cue, response.words) == ("My children are small.", "and your mother")
    assert outcome(at, kind="answers", how="provides", at_least=0.5) == "open"
    assert verdict(at, kind="answers", how="provides").value == 0.0
    counted = verdict(at, kind="count_answers", explicit=False, provides=False)
    assert (counted.value, counted.most) == (0.0, 1.0)


def test_a_record_without_cues_and_one_without_delivered_cues_give_reasons() -> None:
    old = verdict(planted(), kind="answers", how="provides", at_least=0.5)
    assert (old.outcome, "does not say" in old.reason) == ("not judged", True)
    none = planted(CUE.model_copy(update={"line": "elsewhere"}))
    assert (
        "case marks as a cue or concern"
        in verdict(none, kind="count", codes=["plan"], per="cue").reason
    )


def test_all_needs_every_part_and_any_needs_one() -> None:
    at = judge(said(1, "plan"))
    plan, greet = ({"kind": "says", "codes": [code]} for code in ("plan", "greeting"))
    unknown = {"kind": "says", "codes": ["plan"], "needs": ["headline"]}
    assert outcome(at, kind="all", rules=[plan, plan]) == "met"
    assert outcome(at, kind="all", rules=[plan, unknown]) == "not judged"
    assert outcome(at, kind="all", rules=[unknown, greet]) == "not met"
    assert outcome(at, kind="any", rules=[greet, plan]) == "met"
    assert outcome(at, kind="any", rules=[greet, unknown]) == "not judged"
    assert outcome(at, kind="any", rules=[greet, greet]) == "not met"


def test_a_rule_may_refer_to_another_item() -> None:
    at = judge(said(1, "headline"))
    assert outcome(at, kind="item", item="spikes-knowledge-headline") == "met"


# -- whole sheets


def sheet(at: Judge, name: str) -> ScoredInstrument:
    return at.score(instruments()[name])


def results(found: ScoredInstrument) -> dict[str, str]:
    return {each.item.id: each.verdict.outcome for each in found.judged}


def test_spikes_on_a_planted_talk() -> None:
    held = hold(44.0, 50.0, "held")
    at = judge(
        said(1, "greeting", "introduction"),
        said(2, "ask_perception"),
        said(3, "warning_shot"),
        said(4, "headline"),
        held,
        said(5, "empathy_name", "minimising"),
        said(6, "plan"),
    )
    found = results(sheet(at, "spikes"))
    assert {key for key, value in found.items() if value == "not met"} == {
        "spikes-invitation",
        "spikes-knowledge-check",
        "spikes-emotion-no-comfort",
        "spikes-strategy-summary",
    }
    assert {key for key, value in found.items() if value == "not judged"} == {
        "spikes-setting-room",
        "spikes-knowledge-chunks",
    }


def test_without_news_the_items_around_it_are_not_judged() -> None:
    found = results(sheet(judge(said(1, "greeting")), "spikes"))
    assert found["spikes-invitation"] == found["spikes-strategy-plan"] == "not judged"


def test_in_an_empty_conversation_nothing_is_judged() -> None:
    at = judge()
    for each in (*instruments().values(), *headings()):
        made = at.score(each)
        assert {j.verdict.outcome for j in made.judged} == {"not judged"}
        assert all(j.verdict.reason for j in made.judged)
        assert made.share is None


def test_a_share_is_weighted_and_needs_half_of_the_weight() -> None:
    rules = [
        {"kind": "says", "codes": ["plan"]},
        {"kind": "says", "codes": ["greeting"]},
        {"kind": "says", "codes": ["plan"], "needs": ["headline"]},
    ]

    def of(*weights: float) -> float | None:
        items = tuple(
            Item(id=f"i{n}", text="I", weight=w, rule=RULE.validate_python(rule))
            for n, (w, rule) in enumerate(zip(weights, rules, strict=True))
        )
        made = Instrument(id="i", name="I", source="s", about="a", items=items)
        return judge(said(1, "plan")).score(made).share

    assert of(3.0, 1.0, 1.0) == pytest.approx(0.75)
    assert of(1.0, 1.0, 2.0) == pytest.approx(0.5)
    assert of(1.0, 1.0, 2.1) is None


def test_an_item_left_to_a_human_gives_a_reason_and_has_no_rule() -> None:
    found = {each.item.id: each for each in sheet(judge(said(1)), "os12").judged}
    manner = found["os12-4-non-verbal"]
    assert (manner.verdict.outcome, manner.rule) == ("not judged", "")
    assert "cannot be heard" in manner.verdict.reason


def test_judging_twice_gives_the_same_result() -> None:
    first, second = (planted(CUE).score_all(instruments().values()) for _ in range(2))
    assert first == second
