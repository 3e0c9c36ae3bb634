"""An exam code lets one visit begin, also without network; a card says whose an attempt is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from simvoice.errors import UsageError
from simvoice.hub import assignments, audit, codes, people, releases
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors.access import Visitor
from simvoice.hub.stations import visits
from simvoice.hub_client.code_hash import code_hash
from simvoice.hub_client.station_messages import ClaimAnswer, ClaimRequest, CodeUse, Phase
from tests.hub.stations.lab import ScriptedStation, StationLab

pytestmark = pytest.mark.slow


def actions(lab: StationLab) -> list[str]:
    with lab.hub.database.read() as session:
        return [each.action for each in audit.entries(session, audit.AuditFilter())]


def test_an_exam_code_brings_its_exam(lab: StationLab, a1: ScriptedStation) -> None:
    answer = a1.claim(lab.codes[0].text.lower(), a1.visit())
    assert isinstance(answer, ClaimAnswer)
    assert answer.code.id == lab.codes[0].id
    assert answer.code.hash == code_hash(lab.codes[0].text, codes.salt(lab.hub))
    assert not answer.code.is_used
    task = answer.assignment
    assert task is not None
    assert (task.id, task.mode, task.options.seed) == (lab.exam, "exam", 7)
    assert (task.course, task.educators) == ("Year 3", ("Edo Haddad",))


def test_the_same_claim_again_gets_the_same_answer(lab: StationLab, a1: ScriptedStation) -> None:
    visit = a1.visit()
    first = a1.claim(lab.codes[0].text, visit)
    assert a1.claim(lab.codes[0].text, visit) == first
    a1.begin(lab.codes[0].id, visit)
    lab.clock.go_on(days=8)  # the answer was lost, and the code has expired meanwhile
    assert a1.claim(lab.codes[0].text, visit) == first


def test_a_code_that_is_at_a_station_is_refused_elsewhere(
    lab: StationLab, a1: ScriptedStation, a2: ScriptedStation
) -> None:
    a1.claim(lab.codes[0].text, a1.visit())
    said = "This code is in use at A1; go on there, or ask a technician."
    assert a2.claim(lab.codes[0].text) == said
    lab.clock.go_on(minutes=5)  # A1 is cut off; its learner may have begun
    assert a2.claim(lab.codes[0].text) == said
    with lab.hub.database.begin() as session, pytest.raises(Exception, match="used before"):
        codes.redeem(session, lab.hub, CodeKind.EXAM, lab.codes[0].text)


@pytest.mark.slow
@pytest.mark.parametrize("same_visit", [True, False])
def test_of_many_claims_at_once_one_visit_gets_the_code(
    lab: StationLab, a1: ScriptedStation, same_visit: bool
) -> None:
    """A station repeats a claim whose answer was lost, perhaps before the first one has ended."""
    visit, station = uuid4(), Visitor(device_id=a1.id, login="device A1")

    def claim(_number: int) -> str:
        wanted = ClaimRequest(code=lab.codes[0].text, session=visit if same_visit else uuid4())
        try:
            return str(visits.claim(lab.hub, station, wanted).code.id)
        except UsageError as error:
            return str(error)

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(claim, range(6)))
    assert found.count(str(lab.codes[0].id)) == (6 if same_visit else 1), found
    assert len(lab.visits()) == 1


def test_a_learner_who_leaves_before_the_encounter_keeps_the_code(
    lab: StationLab, a1: ScriptedStation, a2: ScriptedStation
) -> None:
    a1.claim(lab.codes[0].text, a1.visit())
    a1.leave()
    assert lab.visits() == []
    assert lab.code(lab.codes[0].id).used_at is None
    assert isinstance(a2.claim(lab.codes[0].text, a2.visit()), ClaimAnswer)


def test_a_code_is_used_when_its_encounter_has_begun(
    lab: StationLab, a1: ScriptedStation, a2: ScriptedStation
) -> None:
    visit = a1.visit()
    a1.claim(lab.codes[0].text, visit)
    a1.begin(lab.codes[0].id, visit)
    a1.leave()
    (found,) = lab.visits()
    assert found.session_id == visit
    assert found.begun_at is not None
    assert "used before" in str(a2.claim(lab.codes[0].text))


def test_an_encounter_that_began_just_before_the_learner_left_is_not_lost(
    lab: StationLab, a1: ScriptedStation, a2: ScriptedStation
) -> None:
    visit = a1.visit()
    a1.claim(lab.codes[0].text, visit)
    use = CodeUse(code=lab.codes[0].id, session=visit, at=lab.hub.now().timestamp())
    a1.report(uses=(use,), session=uuid4(), code=None)  # the next learner is there already
    assert [each.session_id for each in lab.visits()] == [visit]
    assert "used before" in str(a2.claim(lab.codes[0].text))


def test_a_hub_that_restarts_in_a_visit_keeps_its_claim(
    lab: StationLab, a1: ScriptedStation, a2: ScriptedStation
) -> None:
    visit = a1.visit()
    a1.claim(lab.codes[0].text, visit)
    lab.hub.stations.forget(a1.id)  # what a restart forgets
    a1.report(code=lab.codes[0].id)
    assert [each.session_id for each in lab.visits()] == [visit]
    lab.hub.stations.forget(a1.id)
    a1.leave()  # the visit ended while the hub was away
    assert isinstance(a2.claim(lab.codes[0].text), ClaimAnswer)


def test_a_use_without_network_is_noted_once(lab: StationLab, a1: ScriptedStation) -> None:
    at = lab.hub.now() - timedelta(hours=2)
    use = CodeUse(code=lab.codes[1].id, session=uuid4(), at=at.timestamp())
    for _ in range(2):
        assert a1.report(uses=(use,)).uses == (use.session,)
    lab.hub.stations.forget(a1.id)
    a1.report()
    (found,) = lab.visits()
    assert found.begun_at == pytest.approx(at, abs=timedelta(milliseconds=1))
    assert "used before" in str(a1.claim(lab.codes[1].text))


def test_a_code_that_was_used_twice_without_network_is_told(
    lab: StationLab, a1: ScriptedStation, a2: ScriptedStation
) -> None:
    uses = [CodeUse(code=lab.codes[1].id, session=uuid4(), at=1e9 + each) for each in range(2)]
    a1.report(uses=(uses[0],))
    assert actions(lab).count("use exam code twice") == 0
    a2.report(uses=(uses[1],))
    a2.report(uses=(uses[1],))
    assert actions(lab).count("use exam code twice") == 1
    with lab.hub.database.read() as session:
        (found,) = releases.codes_used_twice(session, lab.exam)
        assert found.label == "2"


def test_a_code_of_a_browser_that_is_used_at_a_station_too_is_told(
    lab: StationLab, a1: ScriptedStation
) -> None:
    with lab.hub.database.begin() as session:
        codes.redeem(session, lab.hub, CodeKind.EXAM, lab.codes[0].text)
    used_at = lab.code(lab.codes[0].id).used_at
    a1.visit(Phase.TERMS, lab.codes[0].id)  # typed while the network was away
    a1.leave()
    assert actions(lab).count("use exam code twice") == 0
    assert lab.code(lab.codes[0].id).used_at == used_at
    a1.begin(lab.codes[0].id, a1.visit(Phase.TERMS, lab.codes[0].id))
    assert actions(lab).count("use exam code twice") == 1


def test_a_clock_that_is_wrong_gives_no_impossible_moment(
    lab: StationLab, a1: ScriptedStation
) -> None:
    for number, at in enumerate((1e18, lab.hub.now().timestamp() + 1e6)):
        a1.report(uses=(CodeUse(code=lab.codes[number].id, session=uuid4(), at=at),))
    assert all(each.begun_at and each.begun_at <= lab.hub.now() for each in lab.visits())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (CodeKind.PAIRING, "pairs a device"),
        (CodeKind.INVITATION, "makes an account"),
    ],
)
def test_a_code_for_something_else_is_refused_in_its_own_words(
    lab: StationLab, a1: ScriptedStation, kind: CodeKind, said: str
) -> None:
    with lab.hub.database.begin() as session:
        text = codes.make(session, lab.hub, kind).text
    assert said in str(a1.claim(text))


def test_a_code_that_cannot_be_used_is_refused_in_a_sentence(
    lab: StationLab, a1: ScriptedStation
) -> None:
    assert "not known" in str(a1.claim("CDFH JKMN PRTV"))
    assert "not known" in str(a1.claim("' OR 1=1"))
    lab.clock.go_on(days=8)
    assert "has expired" in str(a1.claim(lab.codes[0].text))
    with lab.hub.database.begin() as session:
        assignments.withdraw(session, lab.exam)
        made = codes.make(session, lab.hub, CodeKind.EXAM, assignment_id=lab.exam, label="9")
    assert "withdrawn" in str(a1.claim(made.text))


def test_a_card_works_again_and_again(
    lab: StationLab, a1: ScriptedStation, a2: ScriptedStation
) -> None:
    for station in (a1, a2, a1):
        answer = station.claim(lab.card.text, station.visit())
        assert isinstance(answer, ClaimAnswer)
        assert answer.assignment is None
        assert set(answer.assignments) == {lab.exam, lab.practice}
        station.report(code=lab.card.id, phase=Phase.ENCOUNTER)
        station.leave()
    assert lab.code(lab.card.id).used_at is None
    assert lab.visits() == []


def test_the_card_of_a_closed_account_is_refused(lab: StationLab, a1: ScriptedStation) -> None:
    with lab.hub.database.begin() as session:
        people.disable(session, people.get(session, lab.lena), lab.hub.now())
    assert a1.claim(lab.card.text) == "The account of this card is closed; ask a technician."
    lab.changed()
    assert lab.card.id not in {each.id for each in a1.roster().codes}
