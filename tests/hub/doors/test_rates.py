"""How often an address and a visitor may ask: enough for a class, not enough for a flood."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.websockets import WebSocketDisconnect

from simvoice.hub.doors import rates
from simvoice.hub.doors.rates import ADDRESS, EXPORTS, STRANGERS, VISITOR, Rate, Rates, network_of
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from tests.hub.conftest import PROXY, ClientAs, MachineClock, browser

ALL = [each for each in vars(rates).values() if isinstance(each, Rate)]


def test_so_many_at_once_and_then_so_many_a_minute() -> None:
    now_s = 1e6
    counted = Rates(lambda: now_s)
    rate = Rate("knocks", burst=5, per_minute=30)
    assert [counted.take(rate, "a") for _ in range(5)] == [0.0] * 5
    assert counted.take(rate, "a") == pytest.approx(2.0)
    assert counted.take(rate, "b") == 0.0  # each has a bucket of its own
    now_s += 1.5
    assert counted.take(rate, "a") == pytest.approx(0.5)  # what is refused is not counted
    now_s += 0.5
    assert counted.take(rate, "a") == 0.0
    taken = 0
    for _ in range(600):  # ten minutes of a request each second
        now_s += 1.0
        taken += counted.take(rate, "a") == 0.0
    assert taken == 300
    now_s += 3600.0
    assert [counted.take(rate, "a") == 0.0 for _ in range(6)] == [True] * 5 + [False]


def test_a_million_addresses_fill_no_memory_and_free_nobody_who_floods() -> None:
    now_s = 0.0
    counted = Rates(lambda: now_s, most_keys=100)
    rate = Rate("knocks", burst=5, per_minute=6)
    while counted.take(rate, "flood") == 0.0:
        pass
    for number in range(1000):
        counted.take(rate, str(number))
        assert len(counted) <= 100
    assert counted.take(rate, "flood") > 0.0
    now_s += 3600.0
    for number in range(60):
        counted.take(rate, str(number))
    assert len(counted) <= 100


def test_a_class_behind_one_address_is_never_refused() -> None:
    """Ninety learners sign in within a minute, then wait in the queue, beside 30 stations."""
    now_s = 0.0
    counted = Rates(lambda: now_s)
    asked = refused = 0

    def ask(rate: Rate, whose: str, times: int = 1) -> None:
        nonlocal asked, refused
        for _ in range(times):
            asked += 1
            refused += counted.take(rate, whose) > 0.0

    for second in range(600):
        now_s = float(second)
        for station in range(30):
            ask(ADDRESS, "lab")
            ask(VISITOR, f"station {station}")
        for learner in range(90):
            if second == 0:  # all open the page at the same moment
                ask(ADDRESS, "lab", 16)
                ask(STRANGERS, "lab")
            if second == learner % 60:
                ask(ADDRESS, "lab")
                ask(rates.SIGN_INS, "lab")
            if second > learner % 60 and (second + learner) % 2 == 0:
                ask(ADDRESS, "lab")
                ask(VISITOR, f"learner {learner}")
    assert (asked > 50_000, refused) == (True, 0)


def test_a_flood_gets_a_sentence_and_others_do_not_notice(
    hub: Hub, client_as: ClientAs, clock: MachineClock
) -> None:
    hub.rates = Rates(lambda: clock.elapsed_s)
    while hub.rates.take(ADDRESS, network_of("2001:db8:0:1::5")) == 0.0:
        pass
    with browser(hub) as stranger:
        # the address that the proxy adds counts, not those that the visitor invents before it
        flood = {"x-forwarded-for": "198.51.100.9, 2001:db8:0:1:f::9"}
        answer = stranger.get("/sign-in", headers=flood)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        said = "There were too many requests from your network. Wait 1 second, and try again."
        assert said in answer.text
        assert answer.headers["content-security-policy"]
        as_script = stranger.get("/sign-in", headers={**flood, "accept": "application/json"})
        assert as_script.json() == {"message": said}
        assert stranger.get("/sign-in").status_code == 200
        clock.set_back(days=1)  # of the machine; what has passed counts
        clock.elapsed_s += 1.0
        assert stranger.get("/sign-in", headers=flood).status_code == 200

    rosa, other = client_as(Role.RESEARCHER), client_as(Role.RESEARCHER)
    for _ in range(EXPORTS.burst):
        assert rosa.get("/research/numbers.csv").status_code == 200
    answer = rosa.get("/research/numbers.csv")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert "There were too many exports. Wait 10 seconds, and try again." in answer.text
    assert rosa.get("/research").status_code == 200
    assert other.get("/research/numbers.csv").status_code == 200
    clock.elapsed_s += 10.0
    assert rosa.get("/research/numbers.csv").status_code == 200

    lena = client_as(Role.LEARNER)
    wish = {"case": "no-such-case"}
    tries = [lena.post("/encounters/place", json=wish).status_code for _ in range(21)]
    assert (tries.count(429), tries[-1]) == (1, 429)
    with lena.websocket_connect("wss://hub.test/encounters/line", headers=PROXY) as line:
        assert "tries to begin an encounter" in line.receive_json()["message"]
        with pytest.raises(WebSocketDisconnect):
            line.receive_json()


def test_the_hubs_document_names_every_rate() -> None:
    text = (Path(__file__).parents[3] / "docs" / "hub.md").read_text(encoding="utf-8")
    rows = [f"| {each.what} | {each.burst:,} | {each.per_minute:,} |" for each in ALL]
    assert [row for row in rows if row not in text] == []
    assert len({each.what for each in ALL}) == len(ALL)


def test_an_ipv6_network_counts_as_one_address() -> None:
    assert network_of("2001:db8:0:1::5") == network_of("2001:db8:0:1:f::9")
    assert network_of("2001:db8:0:2::5") != network_of("2001:db8:0:1::5")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
