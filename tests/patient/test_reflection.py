"""The reflection by the patient: the first remark that holds, with its reason, without untold
facts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simvoice import paths
from simvoice.patient.case.load import find_cases, load_case
from simvoice.patient.case.schema import Case
from simvoice.patient.case.suite import load_suite
from simvoice.patient.checking.check import script
from simvoice.patient.checking.text_conversation import TextConversation
from simvoice.patient.mind import Patient
from tests.patient.case.test_load import broken

pytestmark = pytest.mark.slow

CASES = find_cases(paths.scenarios_dir())


@pytest.fixture(scope="module")
def talks() -> dict[str, list[TextConversation]]:
    """For every case, one conversation with each kind of learner, by words alone."""
    found: dict[str, list[TextConversation]] = {}
    for name, path in CASES.items():
        case = load_case(path)
        suite = load_suite(path, case)
        assert suite is not None
        patient = Patient(case, None)
        for seed, learner in enumerate(suite.learners):
            talk = TextConversation(patient, seed=seed)
            talk.open()
            for entry in script(case, suite, learner, seed):
                talk.do(entry)
                if talk.ending:
                    break
            found.setdefault(name, []).append(talk)
    return found


def _remarks(talk: TextConversation) -> tuple[str, ...]:
    ending = talk.ending or talk.patient.ending(talk.state, "left")
    return tuple(each.text for each in talk.patient.reflect(talk.state, ending))


@pytest.mark.parametrize("name", CASES)
def test_two_to_five_remarks_follow_any_conversation(
    name: str, talks: dict[str, list[TextConversation]]
) -> None:
    assert {len(_remarks(talk)) for talk in talks[name]} <= {2, 3, 4, 5}


@pytest.mark.parametrize("name", CASES)
def test_every_remark_has_a_reason(name: str, talks: dict[str, list[TextConversation]]) -> None:
    for talk in talks[name]:
        assert all(each.why for each in talk.patient.reflect(talk.state, talk.ending))


@pytest.mark.parametrize("name", CASES)
def test_a_skilled_and_a_poor_learner_hear_different_remarks(
    name: str, talks: dict[str, list[TextConversation]]
) -> None:
    skilled, poor = talks[name][:2]
    assert not set(_remarks(skilled)) & set(_remarks(poor))


@pytest.mark.parametrize("name", CASES)
def test_a_silent_learner_gets_a_remark_about_it(name: str) -> None:
    patient = Patient(load_case(CASES[name]), None)
    talk = TextConversation(patient)
    talk.open()
    first = patient.reflect(talk.state, patient.ending(talk.state, "left"))[0]
    assert first.why == "the learner said nothing"


@pytest.mark.parametrize("name", CASES)
def test_an_encounter_that_broke_off_has_remarks_as_well(name: str) -> None:
    patient = Patient(load_case(CASES[name]), None)
    assert patient.reflect(patient.start(0), None)


@pytest.mark.parametrize("name", CASES)
def test_the_rules_that_do_most_harm_suggest_a_sentence(name: str) -> None:
    case = load_case(CASES[name])
    worst = [rule for rule in case.rules if rule.moves.get("trust", 0.0) <= -0.08]
    assert [rule.id for rule in worst if rule.instead is None] == []


def test_a_reason_names_the_causes_that_counted(patient: Patient) -> None:
    talk = TextConversation(patient)
    talk.open()
    talk.say("It is breast cancer.")
    told = patient.reflect(talk.state, None)[0]
    assert told.causes == ("gave the news without a warning",)
    assert told.why == "gave the news without a warning"


def test_without_a_rule_the_reason_names_what_did_not_happen(patient: Patient) -> None:
    talk = TextConversation(patient)
    talk.open()
    talk.say("How was the bus?")
    assert patient.reflect(talk.state, None)[0].why == "never heard that it is cancer"


def test_a_ledger_step_has_the_sentence_to_try_instead(patient: Patient, case: Case) -> None:
    talk = TextConversation(patient)
    talk.open()
    steps = talk.say("It is breast cancer.").steps
    blunt = next(rule for rule in case.rules if rule.id == "blunt")
    found = {step.cause: step.instead for step in steps}
    assert found[blunt.cause] == blunt.instead
    assert found["said the word"] == ""


def test_a_remark_may_not_reveal_an_untold_fact(tmp_path: Path) -> None:
    error, _ = broken(
        tmp_path,
        "You gave me a second's notice.",
        "My mother never had a second's notice.",
    )
    assert "reveals 'mother'" in error


def test_a_sentence_to_try_may_not_reveal_an_untold_fact(tmp_path: Path) -> None:
    error, _ = broken(
        tmp_path,
        "I'm not going anywhere. Take whatever time you need.",
        "Your sister may come too.",
    )
    assert "`instead` of filled reveals 'sister'" in error


def test_a_remark_on_an_unknown_rule_is_refused(tmp_path: Path) -> None:
    error, _ = broken(
        tmp_path,
        "{when: {counted: {hostile: 1}}",
        "{when: {counted: {hostil: 1}}",
    )
    assert "names the rule 'hostil'" in error


def test_a_high_value_is_harder_to_raise(patient: Patient, case: Case) -> None:
    rising = replace(
        patient.start(0), ledger=(("trust", 0.9), ("distress", 0.4), ("understanding", 0.2))
    )
    talk = TextConversation(patient)
    talk._state = rising
    steps = {each.name: each for each in talk.say("This must be frightening for you.").steps}
    named = next(rule for rule in case.rules if rule.id == "named").moves["trust"]
    gained = steps["trust"].after - steps["trust"].before
    assert gained == pytest.approx(named * 0.1 / 0.4, abs=1e-3)
    assert case.ledger["trust"].slows_from == 0.6
