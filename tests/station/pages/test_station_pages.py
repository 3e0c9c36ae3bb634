"""What the server of a station's pages answers, without a browser."""

from __future__ import annotations

import dataclasses
import re
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from simvoice.hub_client.station_messages import Accommodations, Phase, Verb
from simvoice.station.pages import shape_of
from simvoice.station.technician_pages import PanelKeys
from simvoice.station.view import (
    AcceptTerms,
    Action,
    Begin,
    Choose,
    Done,
    EnterCode,
    HandIn,
    NextTry,
    Retry,
    ShowDebrief,
    WithoutCode,
    WriteAnswers,
)
from tests.station.pages.scripted_station import PIN, WELCOME, ScriptedStation, views
from tests.web import test_web_retry

NAMES = tuple(views(""))
pytestmark = pytest.mark.slow

SIGN = {"window": "one"}
WORDS = "They said you would have the result."
"""Of the attempt that is planted, in its debrief."""


def state(client: TestClient, window: str = "one") -> dict[str, Any]:
    found: dict[str, Any] = client.post("/state", json={"window": window}).json()
    return found


def unlocked(client: TestClient) -> dict[str, str]:
    """Return the header of a technician."""
    return {
        "x-simvoice-technician": client.post("/technician/unlock", json={"pin": PIN}).json()["key"]
    }


# -- the learner's page


@pytest.mark.parametrize("name", NAMES)
def test_every_phase_is_drawn_as_a_page_and_as_its_middle(
    client: TestClient, station: ScriptedStation, name: str
) -> None:
    station.show(views(station.planted())[name])
    page, middle = client.get("/"), client.get("/phase")
    for answer in (page, middle):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert f'data-phase="{station.shown.phase}"' in answer.text
        assert f'data-shape="{state(client)["shape"]}"' in answer.text
    assert page.text.count("<h1") == middle.text.count("<h1") >= 1
    assert "<html" not in middle.text


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in ("welcome", "reset", "thanks")]
)
def test_a_learner_can_leave_on_every_page(
    client: TestClient, station: ScriptedStation, name: str
) -> None:
    station.show(views(station.planted())[name])
    page = client.get("/").text
    assert 'id="leave"' in page or 'data-act="done"' in page


def test_only_the_browser_of_the_station_gets_an_answer(client: TestClient) -> None:
    token = client.headers["x-simvoice-token"]
    client.cookies.clear()
    for method, path in (("GET", "/"), ("GET", "/phase"), ("POST", "/state"), ("POST", "/act")):
        answer = client.request(method, path, headers={"x-simvoice-token": token})
        assert answer.status_code == 401, path
        assert "simvoice serve" not in answer.text
    page = client.get("/", headers={"accept": "text/html"}).text
    assert "Use the screen of the station." in page
    assert "<code>sudo simvoice-station check</code>" in page


@pytest.mark.parametrize(
    "action",
    [
        Begin(),
        EnterCode(text="ABCD-EFGH-JKMN"),
        WithoutCode(case="breast-biopsy"),
        Choose(assignment=UUID(int=2)),
        AcceptTerms(),
        WriteAnswers(answers=("one", "")),
        HandIn(answers=("one", "two")),
        NextTry(),
        Retry(turn=3),
        Done(),
    ],
)
def test_what_is_pressed_reaches_the_station(
    client: TestClient, station: ScriptedStation, action: Action
) -> None:
    assert client.post("/act", json=action.model_dump(mode="json")).status_code == 200
    assert station.actions == [action]


def test_what_cannot_be_done_now_is_answered_with_the_sentence_of_the_station(
    client: TestClient, station: ScriptedStation
) -> None:
    station.refusal = "this code has been used; ask your educator for another one"
    answer = client.post("/act", json={"kind": "code", "text": "ABCDEFGHJKMN"})
    assert answer.status_code == 409
    assert answer.json() == {
        "message": "This code has been used; ask your educator for another one."
    }


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "code", "text": "SECRET" * 100},
        {"kind": "hand in", "answers": ["x" * 20_000]},
        {"kind": "fly"},
        ["begin"],
        None,
    ],
)
def test_what_cannot_be_read_is_refused_and_not_repeated(
    client: TestClient,
    station: ScriptedStation,
    content: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = client.post("/act", json=content)
    assert answer.status_code in (409, 422)
    assert answer.json() == {"message": "The page sent something that cannot be used."}
    assert station.actions == []
    assert "SECRET" not in caplog.text


def test_the_state_tells_what_changes_from_moment_to_moment(
    client: TestClient, station: ScriptedStation
) -> None:
    station.show(WELCOME, phase=Phase.DOOR, left_s=42.0, is_held=True, is_ready=False)
    station.change(preparing="Preparing Ruth's voice", warning="Are you still here?")
    station.announce("Two minutes left.", bell=True, speaks=True)
    found = state(client)
    assert found["is_open_here"] is True
    assert (found["left_s"], found["is_held"], found["is_ready"]) == (42.0, True, False)
    assert found["preparing"] == "Preparing Ruth's voice"
    assert found["warning"] == "Are you still here?"
    assert found["announcement"]["text"] == "Two minutes left."
    assert found["announcement"]["bell"] is True
    assert found["announcement"]["is_spoken"] is False  # nothing is rendered here


def test_a_second_window_takes_over_and_the_first_one_learns_nothing(client: TestClient) -> None:
    assert state(client, "one")["is_open_here"] is True
    assert state(client, "two")["is_open_here"] is True
    assert state(client, "one") == {"is_open_here": False}


def test_the_middle_is_drawn_again_only_for_what_it_shows() -> None:
    all_views = views("20261122-101530-breast-biopsy-k3f9")
    preparing = all_views.pop("preparing")
    shapes = {shape_of(view) for view in all_views.values()}
    assert len(shapes) == len(all_views)
    assert shape_of(preparing) == shape_of(all_views["encounter"])
    door = all_views["door"]
    same = dataclasses.replace(
        door, version=9, left_s=3.0, is_held=True, is_ready=False, answers=("x",), loop_back=2
    )
    assert shape_of(same) == shape_of(door)


# -- the debrief


def test_the_debrief_is_that_of_the_station_with_its_sound_and_without_links_away(
    client: TestClient, station: ScriptedStation
) -> None:
    attempt = station.planted()
    station.show(views(attempt)["debrief"])
    page = client.get("/").text
    assert "data-debrief" in page
    assert 'id="transcript"' in page
    links = [part for part in page.split('href="')[1:] if not part.startswith(("/static/", "#"))]
    assert links == []
    assert client.get(f"/attempts/{attempt}/timeline").json()["duration_s"] > 60
    assert client.get(f"/attempts/{attempt}/audio").headers["content-type"].startswith("audio/")
    assert client.get(f"/attempts/{attempt}/prepare").json() == {}


def test_own_words_are_written_before_anything_of_the_debrief_is_shown(
    client: TestClient, station: ScriptedStation
) -> None:
    attempt = station.planted()
    station.show(views(attempt)["own words"])
    assert 'data-preparing="' in client.get("/phase").text
    page = client.get("/?moment=2").text
    assert "Moment 2 of " in page
    assert 'href="?' not in page  # a page of a station has no links
    assert not re.search(r"rust (rose|fell)|taken as|Coded as", page)
    for path in ("timeline", "turns.svg"):
        assert client.get(f"/attempts/{attempt}/{path}").status_code == 409, path
    assert client.get(f"/attempts/{attempt}/audio").headers["content-type"].startswith("audio/")
    at = re.search(r'data-at="([0-9.]+)" data-number', page)
    assert at is not None
    sent = {"at_s": float(at[1]), "field": "aim", "text": "To wait.", "before": ""}
    assert client.put(f"/attempts/{attempt}/reflection", json=sent).json() == {"text": "To wait."}
    other = client.put(f"/attempts/{attempt}/reflection", json={**sent, "text": "x"})
    assert (other.status_code, other.json()["text"]) == (409, "To wait.")
    assert client.put(f"/attempts/{attempt}/reflection", json={"text": "x"}).status_code == 409
    assert client.post(f"/attempts/{attempt}/reflection/end").json() == {}
    assert station.actions == [ShowDebrief()]
    station.show(views(attempt)["debrief"])
    assert "To wait." in client.get("/").text
    late = client.put(f"/attempts/{attempt}/reflection", json={**sent, "before": "To wait."})
    assert late.status_code == 409


def test_a_practice_is_tried_again_from_a_moment_and_an_exam_or_a_drill_is_not(
    client: TestClient, station: ScriptedStation
) -> None:
    station.store.root.mkdir(parents=True)
    attempt = test_web_retry.plant(
        station.store.root, test_web_retry.FIRST, test_web_retry.FIRST_ENTRIES
    )
    station.show(views(attempt)["debrief"])
    assert re.search(r'<button[^>]* data-retry-turn="\d+"', client.get("/").text)
    station.change(may_retry=False)
    assert "data-retry-turn" not in client.get("/").text


def test_after_the_visit_nothing_of_a_debrief_can_be_opened_or_is_in_memory(
    client: TestClient, station: ScriptedStation
) -> None:
    attempt = station.planted()
    station.show(views(attempt)["debrief"])
    client.get("/")
    shown = client.app.state.debrief  # type: ignore[attr-defined]
    assert len(shown._cache._cached) == 1
    station.show(WELCOME)
    state(client)
    assert len(shown._cache._cached) == 0
    for path in ("timeline", "audio", "turns.svg", "prepare"):
        assert client.get(f"/attempts/{attempt}/{path}").status_code == 409, path
    page = client.get("/", headers={"accept": "text/html"}).text
    assert attempt not in page


def test_a_retry_is_compared_with_the_attempt_of_the_visit_that_it_retries(
    client: TestClient, station: ScriptedStation
) -> None:
    first, second = (
        test_web_retry.plant(station.store.root, attempt, entries)
        for attempt, entries in (
            (test_web_retry.FIRST, test_web_retry.FIRST_ENTRIES),
            (test_web_retry.SECOND, test_web_retry.SECOND_ENTRIES),
        )
    )
    station.show(views(second)["debrief"])
    assert client.get(f"/attempts/{second}/prepare").json() == {}
    page = client.get("/").text
    assert "Retry from 0:06 of your attempt before." in page
    assert "We will operate." in page  # what was said in the first one
    assert 'href="/attempts/' not in page
    assert f'data-sound="/attempts/{first}/audio"' in page
    assert client.get(f"/attempts/{first}/audio").headers["content-type"].startswith("audio/")
    assert "message" in client.get(f"/attempts/{first}/timeline").json()
    station.show(views(first)["debrief"])
    assert "message" in client.get(f"/attempts/{second}/audio").json()
    station.show(WELCOME)
    assert "message" in client.get(f"/attempts/{first}/audio").json()


def test_no_other_attempt_on_the_disk_can_be_opened(
    client: TestClient, station: ScriptedStation
) -> None:
    station.show(views(station.planted())["debrief"])
    other = "20260101-101530-breast-biopsy-zzzz"
    assert client.get(f"/attempts/{other}/timeline").json() == {
        "message": "This debrief is closed."
    }


# -- the technician


def test_nothing_of_the_technician_opens_without_the_pin(
    client: TestClient, station: ScriptedStation
) -> None:
    assert client.post("/technician/unlock", json={"pin": "0000"}).json() == {
        "message": "This PIN is wrong."
    }
    asked: list[tuple[str, str, object]] = [
        ("GET", "/technician/panel", None),
        ("GET", "/technician/now", None),
        ("GET", "/technician/drives", None),
        ("POST", "/technician/command", {"verb": "reset"}),
        ("POST", "/technician/copy", {"drive": "/media/stick"}),
        ("POST", "/technician/pair", {"line": "hub.lab AAAA"}),
    ]
    for method, path, body in asked:
        for headers in ({"x-simvoice-technician": "guessed"}, {"x-simvoice-technician": ""}):
            answer = client.request(method, path, json=body, headers=headers)
            assert answer.status_code == 409, path
            assert "locked" in answer.json()["message"]
    assert station.commands == []


def test_the_panel_shows_the_state_and_sends_the_verbs(
    client: TestClient, station: ScriptedStation
) -> None:
    key = unlocked(client)
    panel = client.get("/technician/panel", headers=key).text
    for verb in Verb:
        assert verb is Verb.SIGN_IN or f'data-verb="{verb}"' in panel
    now = client.get("/technician/now", headers=key).text
    for shown in ("Needs help", "The microphone gives no sound.", "120.0 GB free of 256.0 GB"):
        assert shown in now
    assert "the hub wants 0.3.0" in now
    for verb in ("hold", "reset"):
        answer = client.post("/technician/command", json={"verb": verb}, headers=key)
        assert answer.json() == {"done": True, "sentence": ""}
    given = {"verb": "sign in", "accommodations": {"time_factor": 1.5, "captions": True}}
    client.post("/technician/command", json=given, headers=key)
    assert [each.verb for each in station.commands] == [Verb.HOLD, Verb.RESET, Verb.SIGN_IN]
    assert station.commands[-1].accommodations == Accommodations(time_factor=1.5, captions=True)
    ids = [each.id for each in station.commands]
    assert ids == sorted(set(ids))


def test_a_locked_panel_stays_locked(client: TestClient) -> None:
    key = unlocked(client)
    client.post("/technician/lock", json={}, headers=key)
    assert client.get("/technician/now", headers=key).status_code == 409


def test_the_panel_locks_itself_when_nobody_uses_it() -> None:
    now = [0.0]
    keys = PanelKeys(lambda: now[0])
    key = keys.give()
    for _ in range(590):  # it looks once a second, which is no use of it
        now[0] += 1.0
        keys.check(key, is_use=False)
    keys.check(key, is_use=True)
    now[0] += 599.0
    keys.check(key, is_use=False)
    now[0] += 1.0
    with pytest.raises(Exception, match="locked"):
        keys.check(key, is_use=False)


def test_a_station_of_no_hub_is_paired_without_a_pin(
    client: TestClient, station: ScriptedStation
) -> None:
    assert client.get("/technician/unpaired").json() == {"is_unpaired": False}
    station.paired_with = ""
    assert client.get("/technician/unpaired").json() == {"is_unpaired": True}
    answer = client.post("/technician/pair", json={"line": "hub.lab:8766 CQ3WP PKFJ"})
    assert answer.json() == {"sentence": "Paired with Skills lab North (hub.lab:8766)."}
    assert client.post("/technician/pair", json={"line": "another"}).status_code == 409


def test_records_go_only_to_a_stick_that_is_connected(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from simvoice.station import technician_pages
    from simvoice.station.drives import Drive

    key = unlocked(client)
    stick = tmp_path / "LAB-STICK"
    stick.mkdir()
    monkeypatch.setattr(
        technician_pages, "removable_drives", lambda: (Drive(stick, "LAB-STICK", 3_200_000_000),)
    )
    assert client.get("/technician/drives", headers=key).json() == {
        "drives": [{"path": str(stick), "words": "LAB-STICK, 3.2 GB free"}]
    }
    refused = client.post("/technician/copy", json={"drive": "/etc"}, headers=key)
    assert refused.json()["message"].startswith("This stick is not connected any more.")
    copied = client.post("/technician/copy", json={"drive": str(stick)}, headers=key)
    assert copied.json() == {"sentence": "No record waits; the hub has all of them."}
