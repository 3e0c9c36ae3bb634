"""After a release has ended, no address of the hub gives its educator anything of the attempt."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import briefs
from simvoice.hub.doors.access import declared_access
from simvoice.hub.storage.tables import Release, Remark
from simvoice.release.contents import Contents
from tests.hub.conftest import ClientAs, app_of
from tests.hub.pages.town import RECORD, WORDS_OF_RECORD, Town

pytestmark = pytest.mark.slow


def routes_of(town: Town) -> list[tuple[str, str]]:
    """Return method and address of every route, filled in with what is in the town."""
    with town.hub.database.read() as session:
        release = session.query(Release.id).first()
        remark = session.query(Remark.id).first()
    values = {
        "attempt_id": town.attempt,
        "record_id": RECORD,
        "course_id": town.course,
        "assignment_id": town.assignment,
        "person_id": town.people["lena"],
        "device_id": town.device,
        "release_id": release[0] if release else uuid4(),
        "remark_id": remark[0] if remark else uuid4(),
        "case_id": "breast-biopsy",
        **{"turn": 1, "number": 1, "name": "journal.jsonl", "item": "a", "at_s": 3},
    }
    return [
        (
            one.method,
            re.sub(r"{(\w+)(?::\w+)?}", lambda m: str(values.get(m[1], uuid4())), one.path),
        )
        for one in declared_access(app_of(town.hub))
        if one.method in ("GET", "HEAD") or "{attempt_id}" in one.path
    ]


def test_no_address_gives_what_was_withdrawn(town: Town, client_as: ClientAs) -> None:
    release_id = town.release(Contents.SOUND)
    lena, edo = client_as(login="lena"), client_as(login="edo")
    briefs.fill(town.hub, time_s=None)
    with town.hub.database.begin() as session:
        remark = Remark(attempt_id=town.attempt, author_id=town.people["edo"], at_s=4.0, text="Mm.")
        session.add(remark)
    secrets = (*WORDS_OF_RECORD, str(town.attempt), RECORD)
    shown = {path for method, path in routes_of(town) if _gives(edo, method, path, secrets)}
    assert {f"/attempts/{town.attempt}", f"/courses/{town.course}"} <= shown

    assert lena.post(f"/releases/{release_id}/revoke").status_code == 303
    # that there was an attempt, by its number: what was opened, and what an assignment counts
    own = {"/audit", "/audit.csv", "/own-data.zip", f"/assignments/{town.assignment}/attempts"}
    for method, path in routes_of(town):
        answer = edo.request(method, path)
        if str(town.attempt) in path and not path.startswith("/api/"):  # those are for devices
            assert answer.status_code >= 400, (method, path)
        forbidden = WORDS_OF_RECORD if path in own else secrets
        if str(town.attempt) not in path:
            assert not [each for each in forbidden if each in answer.text], (method, path)
    with town.hub.database.read() as session:
        assert session.query(Release).filter(Release.revoked_at.is_(None)).count() == 0


def _gives(browser: TestClient, method: str, path: str, secrets: tuple[str, ...]) -> bool:
    answer = browser.request(method, path)
    return answer.status_code == 200 and any(each in answer.text for each in secrets)
