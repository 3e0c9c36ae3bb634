"""The text of the pages, and the recording that they serve."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient

from simvoice import paths
from simvoice.app.language_model import choose_language_model
from simvoice.audio import RATE
from simvoice.engines.llm.server import parse_server
from simvoice.record.answers import ANSWERS, OwnAnswer, OwnAnswers, write_answers
from simvoice.record.events import Ended, Started
from simvoice.record.files import HEADER
from simvoice.record.recorder import Recorder
from simvoice.scoring.metrics.definitions import definitions
from simvoice.scoring.metrics.norms import norms
from simvoice.web.format import blocks, moment
from simvoice.web.ports import Readiness
from tests.planted.builder import patient_speech
from tests.web.stand_in import CASE, HOST, StandIn, case_header

HTML = {"accept": "text/html"}


def recorder(simulator: StandIn) -> Recorder:
    """Return the recorder of an attempt that has just begun."""
    made = Recorder.create(simulator.root, case_header())
    made.add(Started(wall_time="2026-11-22T10:15:30+00:00"))
    return made


def test_the_first_page_lists_the_cases_and_says_that_data_stays_local(client: TestClient) -> None:
    text = client.get("/").text
    assert "/case/breast-biopsy" in text
    assert CASE.title in text
    assert "Everything stays on this machine" in text
    assert "None yet." in text


def test_the_first_page_says_which_cases_come_from_the_hub(
    client: TestClient, simulator: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "<dt>Case</dt>" not in client.get("/").text
    card = replace(CASE, origin=paths.ORIGIN_IN_WORDS["hub"])
    monkeypatch.setattr(simulator, "cases", lambda: (card,))
    assert "<dt>Case</dt><dd>sent by the lab&#39;s hub</dd>" in client.get("/").text


def test_with_a_server_for_the_language_model_the_pages_name_it(
    client: TestClient, simulator: StandIn
) -> None:
    server = parse_server("http://lab:8000", key="secret-key")
    simulator.disclosure = choose_language_model("smollm2-135m", server).disclosure
    for path in ("/", f"/case/{CASE.id}"):
        text = client.get(path).text
        assert "are sent to the language model&#39;s server at lab:8000." in text
        assert "not encrypted: others on the network can read them" in text
        assert "Nothing is sent" not in text
        assert "Everything stays" not in text
        assert "secret" not in text


@pytest.mark.parametrize(
    ("address", "says"),
    [("https://lab", False), ("http://127.0.0.1:8000", False), ("http://lab", True)],
)
def test_a_connection_that_others_can_read_is_named(address: str, says: bool) -> None:
    disclosure = choose_language_model("smollm2-135m", parse_server(address)).disclosure
    assert ("not encrypted" in disclosure) is says
    assert choose_language_model("smollm2-135m", None).disclosure == ""


@pytest.mark.slow
def test_the_first_page_lists_attempts_with_their_end(client: TestClient, attempt_id: str) -> None:
    text = client.get("/").text
    assert f'href="/attempts/{attempt_id}"' in text
    assert "22 November 2026, 10:15" in text
    assert "1 minute 15 seconds, you ended it" in text


@pytest.mark.slow
def test_a_broken_case_is_named_and_the_attempts_are_still_there(
    client: TestClient, simulator: StandIn, attempt_id: str
) -> None:
    simulator.faults = ("case.yaml:7: titel: no such field; did you mean title?",)
    text = client.get("/").text
    assert "case.yaml:7: titel" in text
    assert f'href="/attempts/{attempt_id}"' in text
    assert client.get(f"/attempts/{attempt_id}").status_code == 200


def test_a_running_attempt_can_be_neither_opened_nor_erased_from_the_list(
    client: TestClient, simulator: StandIn
) -> None:
    running = recorder(simulator)
    try:
        text = client.get("/").text
        assert "running now" in text
        assert f'href="/attempts/{running.attempt}"' not in text
        assert "data-erase" not in text
        answer = client.get(f"/attempts/{running.attempt}", headers=HTML)
        assert answer.status_code == 409
        assert "still running" in answer.text
    finally:
        running.abandon()


@pytest.mark.slow
def test_a_damaged_attempt_is_listed_and_can_be_erased(
    client: TestClient, simulator: StandIn, attempt_id: str
) -> None:
    (simulator.root / attempt_id / "header.json").write_text("{")
    text = client.get("/").text
    assert f'data-erase="{attempt_id}"' in text
    assert f'href="/attempts/{attempt_id}"' not in text
    answer = client.get(f"/attempts/{attempt_id}", headers=HTML)
    assert answer.status_code == 404
    assert "header" in answer.text


@pytest.mark.slow
def test_names_are_shown_as_text_and_never_as_markup(
    client: TestClient, simulator: StandIn
) -> None:
    from tests.planted.on_page import plant

    name = "<img src=x onerror=alert(1)>"
    found = plant(simulator.root, learner=name)
    for path in ("/", f"/attempts/{found}"):
        text = client.get(path).text
        assert name not in text
        assert "&lt;img" in text


def test_the_door_note_is_laid_out_in_paragraphs_and_lists(client: TestClient) -> None:
    text = client.get(f"/case/{CASE.id}").text
    assert "<p>The pathologist&#39;s report reads" in text
    assert "<li>answer what she asks</li>" in text
    assert 'data-reading="120.0"' in text


def test_an_unknown_case_gives_a_message(client: TestClient) -> None:
    answer = client.get("/case/unknown", headers=HTML)
    assert answer.status_code == 404
    assert "This case does not exist" in answer.text


def test_an_unknown_attempt_gives_a_message_for_pages(client: TestClient) -> None:
    answer = client.get("/attempts/20200101-000000-unknown-aaaa", headers=HTML)
    assert answer.status_code == 404
    assert (
        "<p>There is no attempt 20200101-000000-unknown-aaaa; "
        "the first page lists all attempts.</p>"
    ) in answer.text


def test_preparation_starts_with_the_token_and_reports_its_progress(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    simulator.readiness = Readiness(False, 0.25, "Preparing the voice")
    answer = client.post(f"/api/case/{CASE.id}/prepare", headers={"x-simvoice-token": token})
    assert answer.json()["progress"] == 0.25
    assert simulator.prepared == [CASE.id]
    simulator.readiness = Readiness(False, 0.0, "", fault="whisper is not here; pull it")
    assert client.get("/api/ready").json()["fault"] == "whisper is not here; pull it"


def test_preparing_an_unknown_case_prepares_nothing(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    answer = client.post("/api/case/unknown/prepare", headers={"x-simvoice-token": token})
    assert answer.status_code == 404
    assert simulator.prepared == []


# -- the debrief ------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_debrief_shows_words_times_numbers_and_what_was_cut_off(
    client: TestClient, attempt_id: str
) -> None:
    text = client.get(f"/attempts/{attempt_id}").text
    assert "The biopsy shows a cancer." in text
    assert re.search(r'data-at="41\.0\d".*?<span class="unsaid">', text, re.S)
    assert "forty-nine when she died." in text
    assert "you let the silence last 6.4 s" in text
    assert "you spoke after 4.0 s" in text
    assert "Your share" in text or "your share of the talking" in text
    assert "Decided and recorded during the encounter" in text


@pytest.mark.slow
def test_the_debrief_shows_what_the_learner_wrote_afterwards(
    client: TestClient, simulator: StandIn, attempt_id: str
) -> None:
    page = f"/attempts/{attempt_id}"
    assert "In your own words" not in client.get(page).text
    folder = simulator.root / attempt_id
    answer = OwnAnswer(question="What would you do again?", answer="Wait. <b>Longer.</b>")
    write_answers(folder, OwnAnswers(answers=(answer, OwnAnswer(question="And else?"))))
    text = client.get(page).text
    assert "In your own words" in text
    assert "Wait. &lt;b&gt;Longer.&lt;/b&gt;" in text
    assert "not answered" in text
    (folder / ANSWERS).write_text("damaged")
    assert client.get(page).status_code == 200


@pytest.mark.slow
def test_the_debrief_shows_a_norm_beside_its_number_in_a_visit_of_its_kind(
    client: TestClient, simulator: StandIn, attempt_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    silences = next(entry for entry in definitions() if entry.key == "silences")
    known = next(norm for norm in norms() if norm.metric == "silences")
    planted = known.model_copy(
        update={
            "visits": ("bad-news",),
            "spread": "SD <4>",
            "for_definition": silences.definition,
        }
    )
    monkeypatch.setattr("simvoice.scoring.metrics.norms.norms", lambda: (planted,))
    before = client.get(f"/attempts/{attempt_id}").text
    assert "In real visits" not in before
    assert "Compared with real visits: No published number is shown." in before
    path = simulator.root / attempt_id / HEADER
    header = json.loads(path.read_text("utf-8")) | {"visit": ["bad-news"]}
    path.write_text(json.dumps(header), encoding="utf-8")
    text = client.get(f"/attempts/{attempt_id}").text
    assert text.count("In real visits:") == 2  # among the first and by subject
    assert "SD &lt;4&gt;" in text
    assert "Bartels et al. 2016" in text
    assert "No published number is shown" not in text


@pytest.mark.slow
def test_the_timeline_has_both_lanes_their_marks_and_peaks(
    client: TestClient, attempt_id: str
) -> None:
    data = client.get(f"/attempts/{attempt_id}/timeline").json()
    assert [lane["who"] for lane in data["lanes"]] == ["learner", "patient"]
    kinds = {mark["kind"] for mark in data["marks"]}
    assert {"pause", "gap", "overlap", "interruption", "backchannel", "silence", "hold"} <= kinds
    assert len(data["peaks"]["learner"]) == 2 * data["peaks"]["per_s"] * 75


def test_an_attempt_without_speech_says_so(client: TestClient, simulator: StandIn) -> None:
    empty = recorder(simulator)
    empty.add(Ended(at_s=0.0, reason="closed"))
    empty.close()
    answer = client.get(f"/attempts/{empty.attempt}")
    assert answer.status_code == 200
    assert "No one spoke" in answer.text
    assert "No words were recorded." in answer.text
    assert client.get(f"/attempts/{empty.attempt}/timeline").status_code == 200


def test_an_attempt_without_learner_speech_says_what_cannot_be_measured(
    client: TestClient, simulator: StandIn
) -> None:
    alone = recorder(simulator)
    alone.sound(np.zeros(3 * RATE, np.int16), np.zeros(3 * RATE, np.int16))
    alone.add(patient_speech(0, 0.5, "Hello?", line_id=None, end_s=2.0))
    alone.add(Ended(at_s=3.0, reason="time"))
    alone.close()
    text = client.get(f"/attempts/{alone.attempt}").text
    assert "Your voice was not heard" in text
    assert "not measurable here" in text


@pytest.mark.slow
def test_a_crashed_attempt_is_recovered_when_it_is_opened(
    client: TestClient, simulator: StandIn
) -> None:
    cut = recorder(simulator)
    cut.sound(np.ones(2 * RATE, np.int16), np.ones(2 * RATE, np.int16))
    cut.add(patient_speech(0, 0.5, "Hello?", line_id=None, end_s=1.0))
    cut.abandon()
    assert "broken off" in client.get("/").text
    text = client.get(f"/attempts/{cut.attempt}").text
    assert "An error ended the conversation" in text
    assert "Hello?" in text


@pytest.mark.slow
def test_a_debrief_without_its_recording_still_opens(
    client: TestClient, simulator: StandIn, attempt_id: str
) -> None:
    for kept in (simulator.root / attempt_id).glob("audio.*"):
        kept.unlink()
    text = client.get(f"/attempts/{attempt_id}").text
    assert "<audio" not in text
    assert "The biopsy shows a cancer." in text
    assert client.get(f"/attempts/{attempt_id}/audio").status_code == 404


# -- the recording ----------------------------------------------------------------------------


def sound_of(simulator: StandIn, attempt_id: str) -> bytes:
    path = simulator.store.open(attempt_id).audio_path
    assert path is not None
    return Path(path).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "first", "last"), [("0-99", 0, 99), ("1000-1999", 1000, 1999), ("-100", -100, -1)]
)
def test_a_range_of_the_recording_is_exact(
    client: TestClient, simulator: StandIn, attempt_id: str, asked: str, first: int, last: int
) -> None:
    whole = sound_of(simulator, attempt_id)
    answer = client.get(f"/attempts/{attempt_id}/audio", headers={"range": f"bytes={asked}"})
    first, last = first % len(whole), last % len(whole)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"
    assert answer.content == whole[first : last + 1]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.slow
def test_the_whole_recording_is_two_channels_of_sound(
    client: TestClient, simulator: StandIn, attempt_id: str
) -> None:
    answer = client.get(f"/attempts/{attempt_id}/audio")
    assert answer.status_code == 200
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] in (
        "audio/flac",
        "audio/x-flac",
        "audio/wav",
        "audio/x-wav",
    )
    copy = simulator.root.parent / "copy"
    copy.write_bytes(answer.content)
    assert soundfile.info(copy).channels == 2


@pytest.mark.slow
def test_a_range_beyond_the_end_is_refused(client: TestClient, attempt_id: str) -> None:
    answer = client.get(f"/attempts/{attempt_id}/audio", headers={"range": "bytes=999999999-"})
    assert answer.status_code == 416


# -- formats ------------------------------------------------------------------------------------


def test_moments_are_formatted_for_people() -> None:
    assert moment("2026-11-22T09:05:00+01:00") == "22 November 2026, 09:05"
    assert moment("yesterday") == ""


def test_plain_text_becomes_paragraphs_and_lists() -> None:
    found = blocks("One\ntwo.\r\n\r\n- a\n- b\n\n\n  \n\n- not\na list")
    assert [(b.lines, b.is_list) for b in found] == [
        (("One two.",), False),
        (("a", "b"), True),
        (("- not a list",), False),
    ]


# -- addresses that cannot be right ---------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/again/20261122-101530-planted-talk-abcd/first", 422),
        ("GET", f"/again/20261122-101530-planted-talk-abcd/{'9' * 5000}", 422),
        ("GET", "/progress.svg", 422),
        ("GET", "/progress.svg?learner=x", 422),
        ("DELETE", "/", 405),
        ("GET", "/case/..%2Fbreast-biopsy", 404),
        ("GET", "/case/%2Fetc%2Fpasswd", 404),
        ("GET", "/case/%ED%A0%80", 404),
        ("POST", "/api/case/%2Fetc%2Fpasswd/prepare", 404),
    ],
)
def test_an_address_that_cannot_be_right_is_a_page_with_a_sentence(
    client: TestClient, simulator: StandIn, token: str, method: str, path: str, status: int
) -> None:
    headers = {"accept": "text/html", "x-simvoice-token": token, "origin": f"http://{HOST}"}
    answer = client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert "That did not work" in answer.text
    assert "detail" not in answer.text
    said = client.request(method, path, headers=headers | {"accept": "*/*"}).json()["message"]
    assert re.fullmatch(r"[A-Z][^{}\[\]]+\.", said)
    assert simulator.prepared == []
