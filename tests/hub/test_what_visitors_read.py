"""When the hub cannot store or reach something, visitors read what to do; the log has the rest."""

from __future__ import annotations

import logging

import pytest

from simvoice.errors import DatabaseAway, ObjectsAway, SimvoiceError, StorageFull
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from tests.hub.conftest import ClientAs

INSIDE = "hub_1 on db.internal at /srv/hub.sqlite3"
"""What says where things are."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DatabaseAway(INSIDE), "This server cannot reach its database now. Nothing is lost."),
        (ObjectsAway(INSIDE), "This server cannot reach its store of recordings now."),
        (StorageFull(INSIDE), "The disk of this server is full. Nothing was changed."),
    ],
)
def test_a_visitor_reads_no_name_of_a_machine_and_can_try_again(
    hub: Hub,
    client_as: ClientAs,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: SimvoiceError,
    said: str,
) -> None:
    lena = client_as(Role.LEARNER)

    def fail() -> None:
        raise error

    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(hub.database, "read", fail)
    page = lena.get("/attempts?page=1")
    assert page.status_code == 503
    assert said in page.text
    assert '<a class="button" href="/attempts?page=1">Try again</a>' in page.text
    assert INSIDE not in page.text
    assert INSIDE in caplog.text
    press = lena.post("/account/sign-out-everywhere", headers={"accept": "application/json"})
    assert said in press.json()["message"]
    assert INSIDE not in press.text
    assert "Try again</a>" not in lena.post("/account/sign-out-everywhere").text
