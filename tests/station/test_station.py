"""A station with a scripted patient: visits, records, faults and technicians, in virtual time."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from simvoice.debrief.own_moments import choose_moments
from simvoice.errors import AttemptError, StorageFull, UsageError
from simvoice.hub_client.station_messages import (
    Accommodations,
    Light,
    OnCrash,
    Phase,
    StationCommand,
    StationSettings,
    Verb,
)
from simvoice.reading.reading import read
from simvoice.record.answers import OwnAnswer
from simvoice.record.events import RetryOrigin
from simvoice.record.recorder import check_storage
from simvoice.record.reflection import save_text
from simvoice.station.roster_store import DAMAGED_ROSTER, RosterStore
from simvoice.station.view import (
    AcceptTerms,
    Agree,
    Begin,
    Choose,
    Done,
    EnterCode,
    EnterRoom,
    GoOn,
    HandIn,
    Leave,
    MicrophonePassed,
    Retry,
    ShowDebrief,
    WithoutCode,
    WriteAnswers,
)
from simvoice.station.words import at_station
from tests.planted.builder import learner_turn
from tests.station.desk import Desk, ScriptedPatient
from tests.station.visits import CODE, assignment, roster
from tests.web.stand_in import CASE

pytestmark = pytest.mark.usefixtures("inline")

EXAM = assignment()
ANSWERS = HandIn(answers=("I listened.", "I ask first."))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A station with one exam code."""
    return Desk(tmp_path / "station", roster(EXAM))


def command(verb: Verb, **fields: object) -> StationCommand:
    return StationCommand(id=1, verb=verb, **fields)  # type: ignore[arg-type]


# -- records


def test_an_exam_is_sealed_with_its_answers_and_nothing_plain_is_left(desk: Desk) -> None:
    desk.visit()
    assert desk.phase is Phase.QUESTIONS
    assert desk.outbox.contents() == []
    desk.press(ANSWERS)
    assert desk.phase is Phase.THANKS
    (sealed,) = desk.outbox.contents()
    assert sealed.owner.code == UUID(int=1)
    assert (sealed.owner.assignment, sealed.owner.is_released) == (EXAM.id, True)
    assert sealed.recipient == "age1none"
    assert sealed.answers is not None
    assert [one.answer for one in sealed.answers.answers] == ["I listened.", "I ask first."]
    assert isinstance(sealed.answers.answers[0], OwnAnswer)
    desk.wait(30.0)
    assert desk.phase is Phase.WELCOME
    assert desk.left_on_disk() == []


def test_an_exam_has_no_debrief_at_the_station(desk: Desk) -> None:
    desk.visit()
    desk.press(ANSWERS)
    assert desk.view.attempt is None
    with pytest.raises(AttemptError):
        desk.station.attempt()


def test_a_practice_without_a_code_is_shown_and_then_erased(desk: Desk) -> None:
    desk.visit(text="")
    assert desk.view.may_retry
    assert desk.station.attempt().id == desk.view.attempt
    desk.press(Done())
    assert desk.phase is Phase.WELCOME
    assert desk.left_on_disk() == []
    assert desk.outbox.contents() == []
    with pytest.raises(AttemptError):
        desk.station.attempt()


def test_a_practice_with_a_code_is_sealed_before_its_debrief_is_shown(tmp_path: Path) -> None:
    desk = Desk(tmp_path, roster(assignment("practice")))
    desk.outbox.is_full = True
    desk.visit()
    assert desk.phase is Phase.DEBRIEF
    assert desk.view.attempt is None
    assert desk.view.is_storing
    desk.outbox.is_full = False
    desk.wait(6.0)
    assert desk.view.attempt is not None
    assert not desk.outbox.contents()[0].owner.is_released


def test_a_retry_is_another_attempt_from_the_shown_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path, roster(assignment("practice")))
    desk.visit()
    first = desk.view.attempt
    desk.press(Retry(turn=3))
    desk.talk()
    assert desk.patient.retries[-1] is not None
    assert (desk.patient.retries[-1].attempt, desk.patient.retries[-1].turn) == (first, 3)
    shown = desk.station.attempt()
    origin = RetryOrigin(attempt=first or "", turn=3, at_s=1.0)
    shown = replace(shown, header=shown.header.model_copy(update={"again": origin}))
    retried = desk.station.retried_attempt(shown)
    assert retried is not None
    assert retried.id == first
    assert len(desk.outbox.contents()) == 2
    desk.press(Done())
    desk.wait(30.0)
    assert desk.station.retried_attempt(shown) is None


def test_a_record_that_cannot_be_sealed_stays_through_resets_with_its_answers(desk: Desk) -> None:
    desk.outbox.is_full = True
    desk.visit()
    desk.press(ANSWERS)
    desk.wait(30.0)
    desk.wait(6.0)
    assert desk.phase is Phase.WELCOME
    assert len(desk.left_on_disk()) == 2
    assert desk.report.light is Light.RED
    assert desk.report.waiting == 1
    desk.visit(text="")
    present = desk.view.attempt
    assert present is not None
    desk.outbox.is_full = False
    desk.wait(6.0)
    (sealed,) = desk.outbox.contents()
    assert sealed.answers is not None
    assert sealed.answers.answers[1].answer == "I ask first."
    assert set(desk.left_on_disk()) == {present, f"{present}.json"}  # though a learner is here
    desk.press(Done())
    assert desk.left_on_disk() == []
    assert desk.report.light is Light.GREEN


def test_a_learner_who_leaves_in_the_middle_of_an_exam_leaves_its_record(desk: Desk) -> None:
    desk.patient.during = lambda: desk.press(Leave())
    desk.visit()
    assert desk.phase is Phase.WELCOME
    assert len(desk.outbox.contents()) == 1
    assert desk.left_on_disk() == []


def test_a_leaver_keeps_the_answers_that_were_written_so_far(desk: Desk) -> None:
    desk.visit()
    desk.press(WriteAnswers(answers=("half a thou", "")), Leave())
    (sealed,) = desk.outbox.contents()
    assert sealed.answers is not None
    assert sealed.answers.answers[0].answer == "half a thou"


def test_the_browser_and_what_pages_keep_go_at_the_reset(desk: Desk) -> None:
    forgotten: list[str] = []
    desk.station.on_reset(lambda: forgotten.append("debrief"))
    desk.station.page.open("http://127.0.0.1:1/?key=k")
    desk.visit(text="")
    opened = len(desk.screen.opened)
    desk.screen.clean = False
    desk.press(Done())
    desk.wait(5.0)
    assert desk.phase is Phase.RESET
    assert len(desk.screen.opened) == opened + 1
    assert forgotten == ["debrief"]
    desk.wait(6.0)
    assert desk.report.light is Light.RED
    desk.screen.clean = True
    desk.wait(6.0)
    assert desk.phase is Phase.WELCOME
    assert desk.report.light is Light.GREEN


def test_the_record_of_a_practice_waits_for_own_words_and_takes_them_along(tmp_path: Path) -> None:
    said = (learner_turn(1, 20.0, "what have you been told so far"),)
    desk = Desk(tmp_path, roster(), patient=ScriptedPatient(said=said))

    def practise() -> str:
        """Talk, and write about the moment."""
        desk.arrive()
        desk.press(EnterCode(text=CODE), Choose(case=CASE.id), MicrophonePassed(), EnterRoom())
        desk.talk()
        found = desk.station.reflected_attempt()
        (moment,) = choose_moments(read(found), found.header)
        now = datetime.now(UTC)
        save_text(found.folder, (moment,), 20.0, "aim", "To hear what she knows.", "", now)
        return found.id

    attempt = practise()
    desk.restart()
    assert (desk.phase, desk.view.reflects_on) == (Phase.DEBRIEF, attempt)
    assert desk.outbox.contents() == []
    with pytest.raises(AttemptError):
        desk.station.attempt()
    desk.press(ShowDebrief())
    assert desk.station.attempt().id == attempt
    with pytest.raises(AttemptError):
        desk.station.reflected_attempt()
    desk.press(Done())
    assert desk.left_on_disk() == []
    second = practise()
    desk.press(Leave())  # a draft is kept, too: it can be gone on with at the hub
    assert desk.left_on_disk() == []
    sealed = {each.record: each.reflection for each in desk.outbox.contents()}
    assert set(sealed) == {attempt, second}
    for reflection in sealed.values():
        assert reflection is not None
        assert reflection.moments[0].aim == "To hear what she knows."


def test_a_practice_that_begins_while_an_earlier_record_is_sealed_is_not_erased(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.outbox.is_full = True
    desk.visit()
    desk.press(ANSWERS)
    desk.wait(30.0)
    desk.outbox.is_full = False
    real = desk.outbox.seal

    def slow(*given: Any) -> UUID:  # the next learner is quicker than the disk
        monkeypatch.setattr(desk.outbox, "seal", real)
        desk.station.act(Begin())
        desk.station.act(Agree())
        desk.station.act(WithoutCode(case=CASE.id))
        desk.station.act(MicrophonePassed())
        desk.station.act(EnterRoom())
        desk.talk_only()
        return real(*given)

    monkeypatch.setattr(desk.outbox, "seal", slow)
    desk.clock.pass_(6.0)
    desk.station.work()
    desk.station.work()
    assert desk.phase is Phase.DEBRIEF
    assert desk.station.attempt().state == "complete"
    assert len(desk.outbox.contents()) == 1


def test_a_patient_who_cannot_be_prepared_is_told_before_a_learner_begins(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "station", patient=ScriptedPatient(lacks="whisper is not here"))
    assert desk.view.fault == "whisper is not here"
    assert desk.report.light is Light.RED
    with pytest.raises(UsageError, match="whisper is not here"):
        desk.press(Begin())


# -- codes


def test_a_code_works_once_at_a_station_without_network(desk: Desk) -> None:
    desk.visit()
    desk.press(ANSWERS)
    desk.wait(30.0)
    desk.arrive()
    with pytest.raises(UsageError, match="used before"):
        desk.press(EnterCode(text=CODE))
    assert [use.code for use in desk.report.uses] == [UUID(int=1)]


def test_a_code_whose_encounter_was_forgiven_works_again_without_network(desk: Desk) -> None:
    desk.visit()
    session = desk.report.session
    assert session is not None
    desk.press(ANSWERS, Done())
    given = roster(EXAM)
    code = given.codes[0].model_copy(update={"forgiven": (session,)})
    RosterStore(desk.folder).replace(given.model_copy(update={"codes": (code,)}))
    desk.restart()
    desk.visit()
    desk.press(ANSWERS, Done())
    assert len(desk.outbox.contents()) == 2
    desk.arrive()
    with pytest.raises(UsageError, match="used before"):  # the second one counts
        desk.press(EnterCode(text=CODE))


def test_a_card_offers_its_assignments_without_network_and_an_exam_once(tmp_path: Path) -> None:
    practice, late = assignment("practice"), assignment("practice")
    late = late.model_copy(update={"opens_at": 2_100_000_000.0})
    offered = (EXAM, practice, late)
    ids = tuple(each.id for each in offered)
    card = roster().codes[0].model_copy(update={"assignments": (*ids, UUID(int=9))})
    desk = Desk(tmp_path, roster(assignments=offered, codes=(card,)))
    desk.arrive()
    desk.press(EnterCode(text=CODE))
    assert [each.id for each in desk.view.assignments] == [EXAM.id, practice.id]
    desk.press(Choose(assignment=EXAM.id), AcceptTerms(), MicrophonePassed(), EnterRoom())
    desk.talk()
    desk.press(ANSWERS, Done())
    (sent,) = desk.outbox.contents()
    assert (sent.owner.code, sent.owner.assignment) == (card.id, EXAM.id)
    assert sent.owner.is_released
    assert desk.report.uses == ()
    desk.restart()
    desk.arrive()
    desk.press(EnterCode(text=CODE))
    assert [each.id for each in desk.view.assignments] == [practice.id]


def test_a_used_code_is_known_after_a_restart(desk: Desk) -> None:
    desk.visit()
    desk.press(ANSWERS)
    desk.wait(30.0)
    desk.restart(reboot=True)
    desk.arrive()
    with pytest.raises(UsageError, match="used before"):
        desk.press(EnterCode(text=CODE))


def test_a_code_that_was_only_typed_can_be_used_by_the_next_visit(desk: Desk) -> None:
    desk.to_door()
    desk.press(Leave())
    desk.to_door()
    assert desk.phase is Phase.DOOR


@pytest.mark.parametrize(
    ("text", "fields", "sentence"),
    [
        ("hello", {}, "no code"),
        ("FFFF-FFFF-FFFF", {}, "not known"),
        (CODE, {"expires_at": 1.0}, "expired"),
        (CODE, {"is_used": True}, "used before"),
        (CODE, {"assignments": ()}, "not on this station's list"),
    ],
)
def test_a_code_that_cannot_be_used_gets_a_sentence(
    tmp_path: Path, text: str, fields: dict[str, object], sentence: str
) -> None:
    desk = Desk(tmp_path, roster(EXAM, **fields))
    desk.arrive()
    with pytest.raises(UsageError, match=sentence):
        desk.press(EnterCode(text=text))
    assert desk.phase is Phase.CODE


def test_setting_the_clock_back_does_not_bring_a_code_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path, roster(EXAM, expires_at=1_700_000_000.0 + 3600))
    desk.station.keeper.set_hub_clock(1_700_000_000.0)
    desk.wait(4000.0)
    desk.clock.wall_s -= 86_400
    desk.arrive()
    with pytest.raises(UsageError, match="expired"):
        desk.press(EnterCode(text=CODE))
    desk.restart(reboot=True)
    if desk.phase is Phase.WELCOME:
        desk.arrive()
    with pytest.raises(UsageError, match="expired"):
        desk.press(EnterCode(text=CODE))


def test_practice_without_a_code_can_be_switched_off(tmp_path: Path) -> None:
    settings = StationSettings(practice_without_code=False)
    desk = Desk(tmp_path, roster(EXAM, settings=settings))
    desk.arrive()
    with pytest.raises(UsageError, match="enter a code"):
        desk.press(WithoutCode(case=CASE.id))


def test_a_damaged_roster_is_a_sentence_and_a_red_light(tmp_path: Path) -> None:
    (tmp_path / "roster.json").write_text('{"version": ')
    desk = Desk(tmp_path)
    assert (desk.report.light, desk.report.reason) == (Light.RED, DAMAGED_ROSTER)
    desk.visit(text="")
    assert desk.phase is Phase.DEBRIEF


# -- interruptions


def test_a_lost_microphone_goes_back_to_its_check_and_on(desk: Desk) -> None:
    desk.patient.reasons = ["device"]
    desk.visit()
    assert desk.phase is Phase.MICROPHONE
    assert desk.view.is_interrupted
    desk.press(MicrophonePassed())
    desk.talk()
    assert desk.patient.asked[-1].resume is not None
    desk.press(ANSWERS)
    first, second = sorted(desk.outbox.contents(), key=lambda one: one.owner.continues is not None)
    assert first.owner.continues is None
    assert second.owner.continues is not None
    assert first.owner.session == second.owner.session


def test_a_killed_encounter_goes_on_where_its_record_ends(desk: Desk) -> None:
    desk.to_door()
    desk.press(EnterRoom())
    desk.patient.during = _cut
    with pytest.raises(KeyboardInterrupt):
        desk.talk()
    desk.patient.during = lambda: None
    desk.restart(away_s=4.0)
    assert desk.phase is Phase.ENCOUNTER
    assert desk.view.is_interrupted
    desk.press(GoOn())
    desk.talk()
    assert desk.patient.asked[-1].resume is not None
    assert desk.phase is Phase.QUESTIONS


def test_after_a_restart_the_time_waits_for_the_patient_and_all_are_told_how_long(
    desk: Desk,
) -> None:
    desk.to_door()
    desk.press(EnterRoom())
    desk.patient.during = _cut
    with pytest.raises(KeyboardInterrupt):
        desk.talk()
    desk.patient.during = lambda: None
    desk.restart(away_s=4.0, is_ready=False)
    assert desk.view.is_interrupted
    assert (desk.view.is_ready, desk.view.ready_in_s) == (False, 0.0)  # as fast as the last time
    assert desk.report.preparing.startswith("The patient is being prepared.")
    desk.press(GoOn())  # the learner need not wait for that
    for _ in range(6):
        desk.wait(100.0)
    assert desk.phase is Phase.ENCOUNTER
    assert (desk.view.warning, desk.view.left_s) == ("", 300.0)
    assert "not ready yet" in str(desk.talk())
    desk.station.prepare()
    assert desk.view.is_ready
    assert desk.report.preparing == ""
    desk.talk()
    assert desk.patient.asked[-1].resume is not None
    assert desk.phase is Phase.QUESTIONS


def test_after_a_long_power_cut_only_the_code_shows_the_visit_again(desk: Desk) -> None:
    desk.patient.reasons = ["closed"]
    desk.visit()
    assert desk.view.is_interrupted
    desk.restart(away_s=86_400.0, reboot=True)
    view = desk.view
    assert (view.phase, view.is_away, view.case, view.questions) == (Phase.CODE, True, None, ())
    assert desk.report.asks_code
    assert "not begin now" in str(desk.talk())
    with pytest.raises(UsageError, match="not known"):
        desk.press(EnterCode(text="CCCC-DDDD-FFFF"))
    desk.press(EnterCode(text=CODE))
    assert desk.view.is_interrupted
    assert not desk.report.asks_code
    desk.press(GoOn())
    desk.talk()
    assert desk.phase is Phase.QUESTIONS


def test_remedies_are_those_of_a_kiosk(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearly_full = shutil.disk_usage(tmp_path)._replace(free=3_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly_full)
    with pytest.raises(StorageFull) as full:
        check_storage(tmp_path)
    desk.patient.full = str(full.value)
    desk.wait(3.0)
    assert "3 MB left" in desk.view.fault
    assert "a technician frees space" in desk.view.fault
    assert "SIMVOICE_HOME" not in desk.view.fault
    said = {
        "Your voice was not heard. To check the microphone run: simvoice doctor": (
            "Your voice was not heard. Ask a technician."
        ),
        "piper-joe is not here; run: simvoice models pull": "piper-joe is not here; "
        "ask a technician",
        "The disk is full; free some space": "The disk is full; free some space",
    }
    assert [at_station(each) for each in said] == list(said.values())


def test_a_learner_is_not_kept_by_a_patient_who_cannot_be_prepared(desk: Desk) -> None:
    desk.to_door()
    desk.press(EnterRoom())
    desk.patient.lacks = "piper-joe is not here; run: simvoice models pull"
    desk.restart(is_ready=False)
    desk.station.prepare()
    desk.work()
    assert desk.view.preparing == "piper-joe is not here; ask a technician"
    desk.wait(301.0)
    assert desk.view.warning
    desk.wait(31.0)
    assert desk.phase is Phase.WELCOME


def _cut() -> None:
    raise KeyboardInterrupt  # nothing in the station catches it, like the end of a process


def test_a_record_without_a_word_begins_again_instead_of_going_on(desk: Desk) -> None:
    desk.patient.reasons = ["closed"]
    desk.visit()
    desk.patient.cannot_resume = True
    desk.press(GoOn())
    desk.talk()
    assert desk.patient.asked[-1].resume is None
    assert desk.phase is Phase.QUESTIONS


def test_a_killed_encounter_ends_where_the_lab_wants_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, roster(EXAM, settings=StationSettings(on_crash=OnCrash.END)))
    desk.patient.reasons = ["closed"]
    desk.visit()
    assert desk.phase is Phase.QUESTIONS
    assert "interrupted" in desk.view.notice


def test_an_engine_that_fails_at_the_start_is_a_sentence_and_another_try(desk: Desk) -> None:
    desk.to_door()
    desk.press(EnterRoom())
    desk.patient.fault = UsageError("The patient has lost the voice.")
    desk.talk()
    assert desk.phase is Phase.ENCOUNTER
    assert desk.view.notice == "The patient has lost the voice."
    assert desk.report.uses == ()
    desk.patient.fault = None
    desk.talk()
    assert desk.phase is Phase.QUESTIONS


def test_a_second_window_gets_no_encounter(desk: Desk) -> None:
    found: list[object] = []
    desk.patient.during = lambda: found.append(desk.talk())
    desk.visit()
    assert found == ["The conversation is open in another window."]


def test_a_full_disk_is_told_before_the_start(desk: Desk) -> None:
    desk.to_door()
    desk.press(EnterRoom())
    desk.patient.full = "the disk is full"
    found = desk.talk()
    assert isinstance(found, str)
    assert "cannot record now" in found
    desk.wait(3.0)
    assert desk.report.light is Light.RED
    desk.patient.full = ""
    desk.wait(3.0)
    desk.talk()
    assert desk.phase is Phase.QUESTIONS


def test_no_learner_begins_at_a_full_disk(desk: Desk) -> None:
    desk.patient.full = "the disk is full"
    desk.wait(3.0)
    with pytest.raises(UsageError, match="cannot record now"):
        desk.press(Begin())


def test_a_reboot_with_a_clock_set_back_takes_the_time_since_the_boot(desk: Desk) -> None:
    desk.to_door()
    before_s = desk.view.left_s
    desk.clock.wall_s -= 1_000_000
    desk.restart(away_s=10.0, reboot=True)
    assert desk.phase is Phase.DOOR
    assert before_s is not None
    assert desk.view.left_s == pytest.approx(before_s - 5.0, abs=0.1)


@pytest.mark.parametrize("keep", [0, 1, 200])
def test_a_saved_state_that_is_cut_leads_to_a_reset_and_keeps_the_record(
    desk: Desk, keep: int
) -> None:
    desk.visit()
    path = desk.folder / "state.json"
    path.write_bytes(path.read_bytes()[:keep])
    desk.restart()
    assert desk.phase is Phase.WELCOME
    assert len(desk.outbox.contents()) == 1
    assert desk.left_on_disk() == []
    assert not list(desk.folder.glob("*damaged*"))


# -- the page


def test_a_silent_page_is_renewed_and_the_phase_stays(desk: Desk) -> None:
    desk.station.page.open("http://127.0.0.1:1/?key=k")
    desk.to_door()
    desk.station.seen("one")
    opened = len(desk.screen.opened)
    desk.wait(7.0)
    assert len(desk.screen.opened) == opened
    desk.wait(2.0)
    assert len(desk.screen.opened) == opened + 1
    assert desk.phase is Phase.DOOR


def test_a_closed_window_is_opened_again_within_two_seconds(desk: Desk) -> None:
    desk.station.page.open("http://127.0.0.1:1/?key=k")
    desk.station.seen("one")
    desk.wait(1.1)
    opened = len(desk.screen.opened)
    desk.screen.alive = False
    desk.wait(0.25)
    assert len(desk.screen.opened) == opened + 1


def test_only_the_newest_window_is_the_page(desk: Desk) -> None:
    assert desk.station.seen("one")
    assert desk.station.seen("two")
    assert not desk.station.seen("one")
    assert desk.station.seen("two")


# -- technicians


def test_a_learner_is_signed_in_from_afar_with_accommodations(desk: Desk) -> None:
    wanted = Accommodations(time_factor=2.0, typed=True)
    result = desk.station.command(command(Verb.SIGN_IN, code=UUID(int=1), accommodations=wanted))
    assert result.done
    desk.press(Agree())
    assert desk.phase is Phase.TERMS
    desk.press(AcceptTerms(), MicrophonePassed())
    assert desk.view.left_s == pytest.approx(2 * EXAM.options.reading_s)
    desk.press(EnterRoom())
    desk.talk()
    assert desk.patient.asked[-1].typed
    assert desk.patient.asked[-1].time_factor == 2.0


def test_the_door_note_names_the_time_that_the_assignment_gives(tmp_path: Path) -> None:
    for mode, options, words in (
        ("exam", {"limit_s": 300.0}, "In the next 5 minutes:"),
        ("drill", {}, "In the next 8 minutes:"),  # ten for all tries, eight for each as in the case
        ("drill", {"limit_s": 900.0}, "In the next 10 minutes:"),
    ):
        folder = tmp_path / f"{mode}-{len(options)}"
        desk = Desk(folder, roster(assignment(mode, **options)))  # type: ignore[arg-type]
        desk.to_door()
        card = desk.view.case
        assert card is not None
        assert words.replace("8", "eight") in card.door_note
        assert card.time_s == desk.view.limit_s


def test_a_command_that_is_not_possible_is_answered_with_a_sentence(desk: Desk) -> None:
    result = desk.station.command(command(Verb.END))
    assert (result.done, result.sentence) == (False, "No encounter is running at this station.")


def test_a_test_encounter_leaves_nothing(desk: Desk) -> None:
    assert desk.station.command(command(Verb.TEST)).done
    desk.work()
    assert desk.phase is Phase.TEST
    desk.talk()
    assert desk.phase is Phase.WELCOME
    assert desk.left_on_disk() == []
    assert desk.outbox.contents() == []


def test_a_technician_holds_an_encounter_and_ends_it(desk: Desk) -> None:
    done: list[bool] = []

    def during() -> None:
        done.append(desk.station.command(command(Verb.HOLD)).done)
        assert desk.report.is_held
        assert desk.report.light is Light.TALKING
        done.append(desk.station.command(command(Verb.END)).done)

    desk.patient.during = during
    desk.patient.reasons = ["device"]  # it would be offered to go on, had nobody ended it
    desk.visit()
    assert done == [True, True]
    assert desk.phase is Phase.QUESTIONS


def test_a_report_holds_no_word_of_the_learner(desk: Desk) -> None:
    desk.visit()
    desk.press(WriteAnswers(answers=("My answer about Ruth", "")))
    told = desk.report.model_dump_json()
    assert "Ruth" not in told
    assert CODE not in told
    assert CODE.replace("-", "") not in told
