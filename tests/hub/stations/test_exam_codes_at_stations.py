"""What educators and technicians see and do about exam codes that are at stations."""

from __future__ import annotations

import html

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import audit
from simvoice.hub.roles import Role
from simvoice.hub_client.station_messages import ClaimAnswer
from tests.hub.conftest import ClientAs, token_of
from tests.hub.stations.lab import ScriptedStation, StationLab

pytestmark = pytest.mark.slow


@pytest.fixture
def edo(lab: StationLab, client_as: ClientAs) -> TestClient:
    return client_as(login="edo")


def text_of(browser: TestClient, path: str, status: int = 200, **form: str) -> str:
    answer = browser.post(path, data=form) if form else browser.get(path)
    assert answer.status_code == status, answer.text
    return html.unescape(answer.text)


def actions(lab: StationLab) -> list[str]:
    with lab.hub.database.read() as session:
        return [each.action for each in audit.entries(session, audit.AuditFilter())]


def test_a_reserved_code_is_named_and_freed_when_its_station_is_cut_off(
    lab: StationLab,
    a1: ScriptedStation,
    a2: ScriptedStation,
    edo: TestClient,
    client: TestClient,
    client_as: ClientAs,
) -> None:
    first, second = lab.codes[:2]
    codes, station = f"/assignments/{lab.exam}/codes", f"/stations/{a1.id}"
    tech = client_as(Role.TECHNICIAN)
    visit = a1.visit()
    a1.claim(first.text, visit)
    since = f"reserved at A1 since {lab.hub.now().astimezone():%H:%M}"
    assert since in text_of(edo, codes)
    assert "Free it" not in text_of(edo, codes)
    said = text_of(edo, f"/codes/{first.id}/free", 422, now="yes")
    assert "A1 can be reached. Press “Clear” or “Reset” for it" in said
    form = {"token": token_of(client.get("/sign-in")), "code": first.text}
    assert f"This code is {since}." in text_of(client, "/sign-in/code", 403, **form)

    lab.clock.go_on(minutes=1)  # A1 is cut off
    assert "may have begun all the same" in text_of(edo, codes)
    text_of(edo, f"/codes/{first.id}/free", 303, now="yes")
    assert "reserved" not in text_of(edo, codes)
    assert lab.visits() == []
    other = a2.visit()
    assert isinstance(a2.claim(first.text, other), ClaimAnswer)
    a2.begin(first.id, other)
    a1.begin(first.id, visit)  # it had begun, as was said
    assert actions(lab).count("use exam code twice") == 1
    a1.leave()

    a1.claim(second.text, a1.visit())
    assert "Reserved here" not in text_of(tech, station)
    lab.clock.go_on(minutes=1)
    assert "Winter exam: candidate 2, reserved at A1" in text_of(tech, station)
    text_of(tech, f"{station}/free", 422, code=str(first.id))
    text_of(tech, f"{station}/free", 303, code=str(second.id))
    assert isinstance(a2.claim(second.text, a2.visit()), ClaimAnswer)
    assert actions(lab).count("free reserved code") == 2


def test_a_second_open_code_for_a_candidate_is_asked_about(
    lab: StationLab, a1: ScriptedStation, edo: TestClient
) -> None:
    codes = f"/assignments/{lab.exam}/codes"
    a1.claim(lab.codes[2].text, a1.visit())  # reserved, and not used
    said = text_of(edo, codes, 422, labels="1\n3\n4")
    assert "These candidates have an open code already: 1, 3." in said
    assert "1\n3\n4</textarea>" in said
    assert 'name="sure"' in said
    assert "open codes" not in said
    text_of(edo, codes, 200, labels="1", sure="yes")
    assert text_of(edo, codes).count("one of 2 open codes, made") == 2
    text_of(edo, f"/codes/{lab.codes[0].id}/revoke", 303, now="yes")
    assert "open codes" not in text_of(edo, codes)
    text_of(edo, codes, 200, labels="4")


def test_an_exam_that_began_at_a_station_is_forgiven(
    lab: StationLab, a1: ScriptedStation, a2: ScriptedStation, edo: TestClient
) -> None:
    code = lab.codes[0]
    visit = a1.visit()
    a1.claim(code.text, visit)
    a1.begin(code.id, visit)
    a1.leave()
    assert "used before" in str(a2.claim(code.text))
    page = text_of(edo, f"/assignments/{lab.exam}/attempts")
    for words in ("Candidate 1", ">A1<", "not sent yet", "Do not count it"):
        assert words in page
    key = f"visit:{code.id}:{visit}"
    text_of(edo, f"/assignments/{lab.exam}/forgive", 303, encounter=key)
    assert "does not count" in text_of(edo, f"/assignments/{lab.exam}/attempts")
    (known,) = (each for each in a2.roster().codes if each.id == code.id)
    assert (known.is_used, known.forgiven) == (False, (visit,))
    again = a2.visit()
    assert isinstance(a2.claim(code.text, again), ClaimAnswer)
    a2.begin(code.id, again)
    assert "use exam code twice" not in actions(lab)
    assert "used before" in str(a1.claim(code.text))
    assert actions(lab).count("forgive encounter") == 1
