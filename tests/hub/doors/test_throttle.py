"""Tries that fail make the next one wait, and lock nobody out for good."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import select

from simvoice.hub import people
from simvoice.hub.doors import known_devices, throttle
from simvoice.hub.doors.throttle import ACCOUNT, ADDRESS, TooManyTries
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import DoorTries
from tests.hub.conftest import PASSWORD, MachineClock, browser, token_of


@pytest.fixture
def robin(hub: Hub) -> None:
    with hub.database.begin() as session:
        people.add(
            session, hub, login="robin", name="Robin", roles=[Role.LEARNER], password=PASSWORD
        )


def try_in(client: TestClient, password: str, login: str = "robin", address: str = "") -> Response:
    form = {"token": token_of(client.get("/sign-in")), "login": login, "password": password}
    headers = {"x-forwarded-for": address} if address else {}
    return client.post("/sign-in", data=form, headers=headers)


def fail(client: TestClient, times: int, login: str = "robin") -> None:
    """Fail from another address each time, as an attacker with many machines does."""
    for number in range(times):
        assert try_in(client, "wrong", login, f"198.51.100.{number}").status_code == 403


def test_after_five_wrong_passwords_the_right_one_has_to_wait(
    robin: None, client: TestClient, clock: MachineClock
) -> None:
    fail(client, ACCOUNT.free)
    answer = try_in(client, PASSWORD)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert "There were too many tries. Wait 1 second, and try again." in answer.text
    clock.go_on(seconds=1)
    assert try_in(client, PASSWORD).status_code == 303


def test_the_wait_doubles_up_to_a_quarter_of_an_hour() -> None:
    waits = [ACCOUNT.wait(failures).total_seconds() for failures in range(4, 20)]
    assert waits[:6] == [0, 1, 2, 4, 8, 16]
    assert waits[-1] == 900
    assert ACCOUNT.wait(10**6).total_seconds() == 900


def test_an_account_that_does_not_exist_is_answered_like_one_that_does(
    robin: None, client: TestClient
) -> None:
    for login in ("robin", "nobody"):
        fail(client, ACCOUNT.free, login)
    texts = set()
    for login in ("robin", "nobody"):
        answer = try_in(client, "wrong", login)
        texts.add((answer.status_code, answer.text.replace(login, "?").partition("<form")[0]))
    assert len(texts) == 1


def test_a_restart_resets_nothing(robin: None, client: TestClient, hub: Hub) -> None:
    fail(client, ACCOUNT.free)
    again = open_hub(hub.settings)
    again.passwords, again.clock = hub.passwords, hub.clock
    with browser(again) as other:
        assert try_in(other, PASSWORD).status_code == 429
    again.database.close()


def test_an_attack_does_not_lock_a_browser_out_that_was_signed_in_before(
    robin: None, client: TestClient, hub: Hub
) -> None:
    assert try_in(client, PASSWORD).status_code == 303
    client.cookies.delete("__Host-simvoice-session")
    with browser(hub) as attacker:
        fail(attacker, ACCOUNT.free)
        assert try_in(attacker, PASSWORD).status_code == 429
    assert try_in(client, PASSWORD).status_code == 303


def test_a_known_browser_that_guesses_has_to_wait_too(robin: None, client: TestClient) -> None:
    assert try_in(client, PASSWORD).status_code == 303
    for _ in range(throttle.DEVICE.free):
        assert try_in(client, "wrong").status_code == 403
    assert try_in(client, PASSWORD).status_code == 429


def test_one_address_that_tries_many_accounts_has_to_wait(
    client: TestClient, hub: Hub, robin: None
) -> None:
    with hub.database.begin() as session:
        for number in range(ADDRESS.free):
            throttle.take(session, hub, (ADDRESS, "203.0.113.7"), (ACCOUNT, f"somebody{number}"))
    assert try_in(client, PASSWORD).status_code == 429
    assert try_in(client, PASSWORD, address="203.0.113.8").status_code == 303


def test_people_who_come_in_do_not_use_up_the_tries_of_their_lab(
    client: TestClient, robin: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "ADDRESS", replace(ADDRESS, free=3))
    for _ in range(5):
        client.cookies.clear()
        assert try_in(client, PASSWORD).status_code == 303


def test_many_at_the_same_time_are_counted_before_they_are_checked(hub: Hub) -> None:
    with hub.database.begin() as session:
        for _ in range(ACCOUNT.free):
            throttle.take(session, hub, (ACCOUNT, "robin"))
    with pytest.raises(TooManyTries), hub.database.begin() as session:
        throttle.take(session, hub, (ACCOUNT, "robin"))


def test_a_day_without_tries_forgets_the_failed_ones(hub: Hub, clock: MachineClock) -> None:
    with hub.database.begin() as session:
        for _ in range(ACCOUNT.free):
            throttle.take(session, hub, (ACCOUNT, "robin"))
    clock.go_on(hours=24)
    for _ in range(ACCOUNT.free):
        with hub.database.begin() as session:
            throttle.take(session, hub, (ACCOUNT, "robin"))


def test_a_clock_that_is_set_back_makes_nobody_wait_longer(hub: Hub, clock: MachineClock) -> None:
    with hub.database.begin() as session:
        for _ in range(ACCOUNT.free):
            throttle.take(session, hub, (ACCOUNT, "robin"))
    clock.set_back(days=300)
    clock.elapsed_s += 1
    with hub.database.begin() as session:
        throttle.take(session, hub, (ACCOUNT, "robin"))


def test_the_cookie_of_a_browser_is_for_its_people_alone(hub: Hub) -> None:
    with hub.database.begin() as session:
        made = [
            people.add(session, hub, login=f"person{n}", name="P", roles=[]).id for n in range(10)
        ]
    cookie: str | None = None
    for person_id in made:
        cookie = known_devices.add(hub.keys, cookie, person_id)
    assert cookie is not None
    assert known_devices.add(hub.keys, cookie, made[-1]) == cookie
    assert known_devices.find(hub.keys, cookie, made[-1])
    assert known_devices.find(hub.keys, cookie, made[0]) is None  # the oldest is forgotten
    changed = cookie.replace(cookie[:4], "0000", 1)
    assert known_devices.find(hub.keys, changed, made[-1]) is None
    for broken in ("", ".", "~~", "a.ü", "~" * 9000, None):
        assert known_devices.find(hub.keys, broken, made[0]) is None


def test_nothing_about_who_tried_is_stored_in_the_clear(hub: Hub) -> None:
    with hub.database.begin() as session:
        throttle.take(session, hub, (ACCOUNT, "robin"), (ADDRESS, "203.0.113.7"))
        keys = " ".join(session.scalars(select(DoorTries.key).order_by(DoorTries.key)))
    assert re.fullmatch(r"account:\w{48} address:\w{48}", keys)
    assert "robin" not in keys
