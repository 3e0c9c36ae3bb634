"""The page about a hub, the panel of releases, and that nothing is sent without a press."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from simvoice.hub_client import outbox_file
from simvoice.hub_client.connection import HubConnection
from simvoice.hub_client.link import HubLink, read_line
from simvoice.release.prepare import FOLDER
from simvoice.web.app import create_app
from simvoice.web.security import TOKEN_HEADER, StartKey
from tests.hub_client.scripted_hub import COURSE, ScriptedHub
from tests.planted.on_page import plant
from tests.web.stand_in import HOST, StandIn

pytestmark = pytest.mark.slow

LINE = "http://127.0.0.1:9000 CODE"
PAGES = ("/", "/hub", "/progress", "/agreement", "/case/breast-biopsy", "/nowhere")


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_file, "SYNCHRONOUS", "OFF")


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub(now=time.time)


@pytest.fixture
def link(tmp_path: Path, hub: ScriptedHub) -> HubLink:
    def connect(*given: Any) -> HubConnection:
        return HubConnection(*given, transport=hub.transport())

    return HubLink(tmp_path / "paired", connect=connect)


@pytest.fixture
def linked(simulator: StandIn, start_key: StartKey, link: HubLink) -> Iterator[TestClient]:
    """A browser on the pages of a machine that can be paired."""
    app = create_app(simulator, start_key, link)
    cookies = {start_key.cookie_name(HOST): start_key.cookie}
    headers = {TOKEN_HEADER: app.state.token, "accept": "text/html"}
    with TestClient(app, base_url=f"http://{HOST}", cookies=cookies, headers=headers) as made:
        yield made


@pytest.fixture
def paired(linked: TestClient) -> TestClient:
    """The same after pairing."""
    answer = linked.post("/api/hub/pair", json={"line": LINE, "authorities": ""})
    assert answer.json() == {"server": "Lab (127.0.0.1:9000)"}
    return linked


def until(client: TestClient, attempt_id: str, state: str | None) -> dict[str, Any] | None:
    """Return the release of an attempt when it has reached a state."""
    end = time.monotonic() + 60.0
    while time.monotonic() < end:
        entry = client.get(f"/api/attempts/{attempt_id}/release/state").json()["entry"]
        if (entry["state"] if entry else None) == state:
            found: dict[str, Any] | None = entry
            return found
        time.sleep(0.02)
    raise AssertionError(f"the release did not become {state}: {entry}")


def header_of(page: str) -> str:
    found = re.search(r'<p class="connected">(.*?)</p>', page, re.DOTALL)
    assert found is not None, page[:2000]
    return re.sub(r"<[^>]+>", "", found[1])


# -- which server ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_that_nothing_leaves_this_machine(linked: TestClient, path: str) -> None:
    assert header_of(linked.get(path).text) == "Nothing leaves this machine"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_names_the_server_that_it_is_connected_to(paired: TestClient, path: str) -> None:
    assert header_of(paired.get(path).text) == "Connected to Lab (127.0.0.1:9000)"


def test_the_debrief_names_the_server_too(paired: TestClient, simulator: StandIn) -> None:
    attempt_id = plant(simulator.root)
    page = paired.get(f"/attempts/{attempt_id}").text
    assert header_of(page) == "Connected to Lab (127.0.0.1:9000)"
    assert "Only you, on this machine. Nothing of it was sent." in page
    assert "Release it on Lab (127.0.0.1:9000)" in page


def test_pages_without_a_link_have_no_page_about_a_hub(client: TestClient) -> None:
    assert client.get("/hub").status_code == 404
    page = client.get("/", headers={"accept": "text/html"}).text
    assert header_of(page) == "Nothing leaves this machine"
    assert "/hub" not in page


def test_a_server_with_a_language_model_is_not_called_nothing(
    linked: TestClient, simulator: StandIn
) -> None:
    simulator.disclosure = "What you say goes to a model on lab.test."
    assert header_of(linked.get("/").text) == "Words go to a language model: see the first page"


# -- pairing --------------------------------------------------------------------------------------


def test_looking_gives_nothing_to_the_hub(linked: TestClient, hub: ScriptedHub) -> None:
    answer = linked.post("/api/hub/look", json={"line": LINE, "authorities": ""})
    assert answer.json()["address"] == "http://127.0.0.1:9000"
    assert "no certificate is needed" in answer.json()["trusted"]
    assert hub.requests == []
    assert header_of(linked.get("/").text) == "Nothing leaves this machine"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "The line is empty"),
        ("ftp://hub.test CODE", "the address of a hub begins with https://"),
        ("http://hub.test CODE", "the address of a hub begins with https://"),
        ("http://127.0.0.1:9000", "The line has no code"),
        ("http://127.0.0.1:9000 WRONG", "This code is not known here."),
    ],
)
def test_a_line_that_cannot_be_used_gets_a_sentence(
    linked: TestClient, line: str, sentence: str
) -> None:
    headers = {"accept": "application/json"}
    answer = linked.post("/api/hub/pair", json={"line": line, "authorities": ""}, headers=headers)
    assert answer.status_code == 422
    assert sentence.lower() in answer.json()["message"].lower()


def test_a_hub_on_this_machine_needs_no_certificate() -> None:
    assert read_line(" http://localhost:8766/  CDFH-JKMN-PRTV ").code == "CDFH-JKMN-PRTV"
    assert read_line("hub.example CDFH-JKMN-PRTV").address == "https://hub.example"


def test_unpairing_is_one_press_also_while_the_hub_is_away(
    paired: TestClient, hub: ScriptedHub, link: HubLink
) -> None:
    hub.fault = lambda request: httpx.ConnectError("no route")
    assert paired.post("/api/hub/unpair").json() == {"server": ""}
    assert header_of(paired.get("/").text) == "Nothing leaves this machine"
    page = paired.get("/hub").text
    assert "This machine is no longer paired with Lab" in page
    assert not (link.folder / "pairing.json").exists()


def test_the_page_shows_contact_and_what_waits(
    paired: TestClient, hub: ScriptedHub, simulator: StandIn
) -> None:
    attempt_id = plant(simulator.root)
    paired.get(f"/api/attempts/{attempt_id}/release")
    hub.fault = lambda request: httpx.ConnectError("no route") if request.method == "PUT" else None
    chosen = {"contents": "numbers", "courses": [str(COURSE.id)]}
    assert paired.post(f"/api/attempts/{attempt_id}/release", json=chosen).status_code == 200
    page = paired.get("/hub").text
    assert "Released to Year 3: numbers only." in page
    assert "Try now" in page
    assert f'href="/attempts/{attempt_id}#release"' in page
    hub.fault = lambda request: None
    paired.post("/api/hub/try")
    until(paired, attempt_id, "sent")


# -- releases -------------------------------------------------------------------------------------


def test_opening_every_page_sends_nothing(
    paired: TestClient, hub: ScriptedHub, simulator: StandIn
) -> None:
    attempt_id = plant(simulator.root)
    hub.requests.clear()
    for path in (*PAGES, f"/attempts/{attempt_id}", f"/attempts/{attempt_id}/audio"):
        paired.get(path)
    assert [each for each in hub.requests if each[1] != "/api/device/check"] == []


def test_the_panel_says_exactly_what_would_be_sent(
    paired: TestClient, hub: ScriptedHub, simulator: StandIn
) -> None:
    attempt_id = plant(simulator.root)
    found = paired.get(f"/api/attempts/{attempt_id}/release").json()
    assert found["person"] == "Ada"
    assert found["courses"][0]["educators"] == ["Dr Ito"]
    by_value = {each["value"]: each for each in found["contents"]}
    assert list(by_value) == ["sound", "words", "numbers"]
    names = {value: {file["name"] for file in each["files"]} for value, each in by_value.items()}
    assert names["sound"] - names["words"] == {"audio.flac"}
    assert by_value["numbers"]["bytes"] < by_value["words"]["bytes"] < by_value["sound"]["bytes"]
    assert not any(method in ("PUT", "PATCH") for method, _ in hub.requests)
    assert not (simulator.root / attempt_id / FOLDER).exists()


def test_a_release_sends_what_the_panel_said_and_is_withdrawn(
    paired: TestClient, hub: ScriptedHub, simulator: StandIn
) -> None:
    attempt_id = plant(simulator.root)
    shown = paired.get(f"/api/attempts/{attempt_id}/release").json()
    words = next(each for each in shown["contents"] if each["value"] == "words")
    chosen = {"contents": "words", "courses": [str(COURSE.id)]}
    paired.post(f"/api/attempts/{attempt_id}/release", json=chosen)
    entry = until(paired, attempt_id, "sent")
    assert entry is not None
    assert entry["words"] == ("Released to Year 3: words and numbers. Lab (127.0.0.1:9000) has it.")
    (kept,) = hub.kept.values()
    assert {name: len(data) for name, data in kept.files.items()} == {
        file["name"]: file["bytes"] for file in words["files"]
    }
    assert entry["words"] in paired.get(f"/attempts/{attempt_id}").text
    paired.delete(f"/api/attempts/{attempt_id}/release")
    until(paired, attempt_id, None)
    assert kept.courses == set()


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"contents": "words"},
        {"contents": "words", "courses": []},
        {"contents": "words", "courses": "all"},
        {"contents": "words", "courses": [1]},
        {"contents": "words", "courses": ["7"]},
        {"contents": "everything", "courses": [str(COURSE.id)]},
        {"contents": 1, "courses": [str(COURSE.id)]},
    ],
)
def test_a_release_that_says_too_little_is_refused(
    paired: TestClient, hub: ScriptedHub, simulator: StandIn, chosen: dict[str, Any]
) -> None:
    attempt_id = plant(simulator.root)
    answer = paired.post(f"/api/attempts/{attempt_id}/release", json=chosen)
    assert answer.status_code == 422
    assert not any(method == "PUT" for method, _ in hub.requests)


def test_a_course_that_the_hub_does_not_name_is_refused(
    paired: TestClient, hub: ScriptedHub, simulator: StandIn
) -> None:
    attempt_id = plant(simulator.root)
    chosen = {"contents": "words", "courses": ["00000000-0000-0000-0000-000000000099"]}
    answer = paired.post(f"/api/attempts/{attempt_id}/release", json=chosen)
    assert "ou do not learn in one of these courses any more" in answer.text
    assert hub.manifests == {}


def test_a_hub_that_is_away_gets_a_sentence_in_the_panel(
    paired: TestClient, hub: ScriptedHub, simulator: StandIn
) -> None:
    attempt_id = plant(simulator.root)
    hub.fault = lambda request: httpx.ConnectError("no route")
    answer = paired.get(f"/api/attempts/{attempt_id}/release")
    assert answer.status_code == 422
    assert "cannot be reached" in answer.text


def test_without_a_hub_the_panel_has_nothing_to_send_to(
    linked: TestClient, simulator: StandIn
) -> None:
    attempt_id = plant(simulator.root)
    page = linked.get(f"/attempts/{attempt_id}").text
    assert "Only you, on this machine. Nothing of it was sent." in page
    assert "release.js" not in page
    answer = linked.get(f"/api/attempts/{attempt_id}/release")
    assert (answer.status_code, "not paired" in answer.text) == (422, True)


def test_erasing_an_attempt_takes_it_out_of_the_outbox(
    paired: TestClient, hub: ScriptedHub, simulator: StandIn, link: HubLink
) -> None:
    attempt_id = plant(simulator.root)
    hub.fault = lambda request: httpx.ConnectError("no route") if request.method == "PUT" else None
    chosen = {"contents": "sound", "courses": [str(COURSE.id)]}
    paired.post(f"/api/attempts/{attempt_id}/release", json=chosen)
    assert "What you have released stays on Lab" in paired.get("/").text
    paired.delete(f"/attempts/{attempt_id}")
    hub.fault = lambda request: None
    paired.post("/api/hub/try")
    end = time.monotonic() + 60.0
    while link.state().waiting and time.monotonic() < end:
        time.sleep(0.02)
    assert link.state().waiting == ()
    assert (hub.kept, hub.partial) == ({}, {})


def test_requests_without_the_token_of_the_page_change_nothing(
    paired: TestClient, simulator: StandIn, link: HubLink
) -> None:
    attempt_id = plant(simulator.root)
    stranger = {TOKEN_HEADER: "wrong"}
    for method, path in (
        ("POST", "/api/hub/unpair"),
        ("POST", "/api/hub/pair"),
        ("POST", f"/api/attempts/{attempt_id}/release"),
        ("DELETE", f"/api/attempts/{attempt_id}/release"),
    ):
        assert paired.request(method, path, json={}, headers=stranger).status_code == 403
    assert link.server != ""


def test_a_pairing_that_cannot_be_read_is_said_and_can_be_ended(
    paired: TestClient, link: HubLink
) -> None:
    (link.folder / "pairing.json").write_text("{")
    page = paired.get("/hub").text
    assert "cannot be read" in page
    assert header_of(page) == "Nothing leaves this machine"
    paired.post("/api/hub/unpair")
    assert "Pair this machine" in paired.get("/hub").text
