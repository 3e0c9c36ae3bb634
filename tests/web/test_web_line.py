"""Encounters over the WebSocket, without a browser."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
from typing import Any

import pytest
from fastapi.testclient import TestClient

from simvoice.devices.browser import HEAD, VERSION
from simvoice.errors import ModelMissing
from simvoice.record.events import LearnerVoice
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.web.encounters import AUDIO_BOUND, Outbox
from simvoice.web.line import Hello, browser_line
from tests.web.stand_in import CASE, HOST, LINE, StandIn

OUR_ORIGIN = {"origin": f"http://{HOST}"}


def hello(token: str, **changes: Any) -> str:
    fields = {
        "type": "hello",
        "token": token,
        "case": CASE.id,
        "microphone": "USB",
        "rate": 48_000,
        "echoCancellation": True,
        "noiseSuppression": True,
        "autoGainControl": False,
    }
    return json.dumps({**fields, **changes})


def sound(index: int, sample: int = 0) -> bytes:
    """Return one frame of the page's microphone."""
    head = HEAD.pack(VERSION, 0, 1, index, 0, 0, index, 20, 0)
    return head + struct.pack("<320h", *([sample] * 320))


def texts_until(socket: Any, kind: str) -> list[dict[str, Any]]:
    """Return text messages up to the first of a kind, without the sound between them."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] != kind:
        message = socket.receive()
        if message.get("text") is not None:
            found.append(json.loads(message["text"]))
        assert message["type"] != "websocket.close", f"closed before {kind}: {found}"
    return found


def wait_until_open(simulator: StandIn) -> None:
    """Wait until the encounter that has begun takes sound."""
    assert simulator.last is not None
    assert simulator.last.listens.wait(60.0)


def test_a_conversation_runs_from_hello_to_finished(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token, learner="  Robin "))
        begun = texts_until(socket, "begun")[-1]
        for index in range(60):
            socket.send_bytes(sound(index, 9000))
        status = texts_until(socket, "status")[-1]
        assert set(status) == {"type", "at_s", "floor", "level_dbfs", "time_left_s", "is_held"}
        socket.send_text('{"type": "end"}')
        socket.send_bytes(sound(60))
        finished = texts_until(socket, "finished")
        assert finished[-1]["attempt"] == begun["attempt"]
        assert finished[-1]["reason"] == "learner"
        assert socket.receive()["type"] == "websocket.close"
    kept = simulator.store.open(begun["attempt"])
    assert kept.state == "complete"
    assert kept.header.learner == "Robin"
    assert any(isinstance(entry, LearnerVoice) for entry in kept.entries)


def test_the_patient_is_heard_and_captioned(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token))
        texts_until(socket, "begun")
        for index in range(60):
            socket.send_bytes(sound(index))
        loud = captioned = False
        while not (loud and captioned):
            message = socket.receive()  # without sound from the page the server closes after 5 s
            assert message["type"] != "websocket.close", f"loud {loud}, captioned {captioned}"
            if message.get("bytes"):
                loud = loud or any(message["bytes"][4:])
            elif message.get("text"):
                captioned = captioned or json.loads(message["text"])["type"] == "caption"


def test_typed_turns_reach_an_encounter(client: TestClient, simulator: StandIn, token: str) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token, typed=True))
        texts_until(socket, "begun")
        socket.send_text('{"type": "typing"}')
        socket.send_text(json.dumps({"type": "typed", "text": "What worries you?"}))
        socket.send_text(json.dumps({"type": "typed", "text": "too long"}))
        said = texts_until(socket, "refused")[-1]
    assert said["message"] == "This text is too long. Write less."
    assert simulator.options == [EncounterOptions(typed=True, reflects=True)]
    assert simulator.last is not None
    assert simulator.last.texts == ["…", "What worries you?"]


def test_who_speaks_has_no_typed_turns(client: TestClient, simulator: StandIn, token: str) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token))
        texts_until(socket, "begun")
    assert simulator.options == [EncounterOptions(reflects=True)]


@pytest.mark.slow
def test_a_page_closed_during_an_encounter_keeps_its_attempt_and_is_mentioned(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token))
        attempt = texts_until(socket, "begun")[-1]["attempt"]
        for index in range(30):
            socket.send_bytes(sound(index, 9000))
        texts_until(socket, "status")
    slot = client.app.state.slot  # type: ignore[attr-defined]
    assert slot.is_free(60.0)
    kept = simulator.store.open(attempt)
    assert kept.state == "complete"
    assert kept.ended is not None
    assert kept.ended.reason == "closed"
    assert "ended when its page was closed" in client.get("/").text
    client.get(f"/attempts/{attempt}")
    assert "ended when its page was closed" not in client.get("/").text


def test_a_second_tab_is_told_that_an_encounter_is_running(
    client: TestClient, simulator: StandIn, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simvoice.web.line._SLOT_WAIT_S", 0.0)
    monkeypatch.setattr("simvoice.web.pages._RELOAD_WAIT_S", 0.0)
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as first:
        first.send_text(hello(token))
        texts_until(first, "begun")
        page = client.get(f"/case/{CASE.id}")
        assert page.status_code == 409
        assert "in another tab" in page.text
        with client.websocket_connect(LINE, headers=OUR_ORIGIN) as second:
            second.send_text(hello(token))
            assert second.receive_json()["type"] == "busy"
            assert second.receive()["type"] == "websocket.close"
        first.send_text('{"type": "end"}')
        first.send_bytes(sound(0))
        texts_until(first, "finished")
    assert client.get(f"/case/{CASE.id}").status_code == 200
    assert len(simulator.lines) == 1


def test_a_fault_is_sent_with_its_message_and_frees_the_slot(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    simulator.fault = ModelMissing("whisper tiny.en is not here; run: simvoice models pull")
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token))
        said = texts_until(socket, "fault")[-1]
    assert said["message"] == "whisper tiny.en is not here; run: simvoice models pull"
    assert said["attempt"] is None
    assert client.app.state.slot.is_free()  # type: ignore[attr-defined]


def test_an_unexpected_fault_is_sent_without_its_details(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    simulator.fault = ZeroDivisionError("secret detail")
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token))
        said = texts_until(socket, "fault")[-1]
    assert "fault in simvoice" in said["message"]
    assert "secret" not in said["message"]
    assert client.app.state.slot.is_free()  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("", "cannot be read"),
        ("nonsense", "cannot be read"),
        ("[]", "cannot be read"),
        ('"end"', "cannot be read"),
        ("null", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"type": 7}', "cannot be read"),
        ('{"type": ["end"]}', "cannot be read"),
        ("[" * 4000, "cannot be read"),
        ('{"type": ' + "9" * 4050 + "}", "cannot be read"),
        ('{"type": "end", "pad": "' + "x" * 100_000 + '"}', "cannot be read"),
        ('{"type": "start"}', "unknown kind"),
        ('{"type": "typed"}', "unknown kind"),
        ('{"type": "typed", "text": 7}', "unknown kind"),
        ('{"type": "typed", "text": ["Hello."]}', "unknown kind"),
        ('{"type": "typed", "text": "' + "x" * 20_000 + '"}', "cannot be read"),
        ('{"type": "\\ud800"}', "unknown kind"),
        (b"", "not have the right form"),
        (b"\x01\x02", "not have the right form"),
        (sound(0)[:-1], "not have the right form"),
        (sound(0) + b"\0", "not have the right form"),
        (bytes(200_000), "not have the right form"),
        (sound(0)[:1] + bytes(200_000), "not have the right form"),
    ],
)
def test_a_wrong_message_gets_a_sentence_and_the_encounter_goes_on(
    client: TestClient, simulator: StandIn, token: str, message: str | bytes, words: str
) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token))
        texts_until(socket, "begun")
        wait_until_open(simulator)
        for index in range(10):
            socket.send_bytes(sound(index))
        texts_until(socket, "status")
        for _ in range(3):
            if isinstance(message, str):
                socket.send_text(message)
            else:
                socket.send_bytes(message)
        for index in range(10, 30):
            socket.send_bytes(sound(index))
        socket.send_text('{"type": "end"}')
        socket.send_bytes(sound(30))
        said = texts_until(socket, "finished")
    notices = [each["message"] for each in said if each["type"] == "notice"]
    assert [words in each for each in notices] == [True]
    assert said[-1]["reason"] == "learner"


def test_the_end_comes_also_when_no_more_sound_comes(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token))
        texts_until(socket, "begun")
        wait_until_open(simulator)
        for index in range(10):
            socket.send_bytes(sound(index))
        texts_until(socket, "status")
        socket.send_text('{"type": "end"}')
        assert texts_until(socket, "finished")[-1]["reason"] == "learner"


@pytest.mark.parametrize("case", ["", "nonsense", "../breast-biopsy", "/etc/passwd"])
def test_only_cases_of_the_first_page_can_begin(
    client: TestClient, simulator: StandIn, token: str, case: str
) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token, case=case))
        fault = texts_until(socket, "fault")[-1]
    assert fault["message"].startswith("This case does not exist.")
    assert simulator.asked == []
    assert client.app.state.slot.is_free(60.0)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "echo"),
    [
        ({}, "canceller"),
        ({"headphones": True}, "headphones"),
        ({"echoCancellation": False}, "none"),
    ],
)
def test_the_record_states_how_echo_is_prevented(changes: dict[str, Any], echo: str) -> None:
    async def line() -> Any:
        said = Hello.model_validate_json(hello("t", **changes))
        return browser_line(said, Outbox(asyncio.get_running_loop()))

    facts = asyncio.run(line()).facts
    assert facts.echo == echo
    assert facts.native_rate == 48_000
    assert "noise suppression" in facts.microphone


# -- the outbox -------------------------------------------------------------------------------


def test_a_slow_page_gets_the_newest_two_seconds_and_every_caption() -> None:
    async def scenario() -> None:
        outbox = Outbox(asyncio.get_running_loop())
        for i in range(AUDIO_BOUND + 30):
            outbox.put_audio(bytes([i]))
        outbox.put_text({"type": "caption", "n": 1})
        outbox.put_status({"type": "status", "n": 1})
        outbox.put_status({"type": "status", "n": 2})
        outbox.put_text({"type": "caption", "n": 2})
        taken = await outbox.take()
        assert taken is not None
        assert taken[:AUDIO_BOUND] == [bytes([i]) for i in range(30, AUDIO_BOUND + 30)]
        assert [json.loads(t)["n"] for t in taken[AUDIO_BOUND:]] == [1, 2, 2]
        assert outbox.dropped_audio == 30

    asyncio.run(scenario())


def test_nothing_put_before_the_close_is_lost_across_threads() -> None:
    async def scenario() -> list[int]:
        outbox = Outbox(asyncio.get_running_loop())

        def fill() -> None:
            for i in range(400):
                outbox.put_text({"n": i})
            outbox.close()

        thread = threading.Thread(target=fill)
        thread.start()
        got: list[int] = []
        while (waiting := await outbox.take()) is not None:
            got += [json.loads(text)["n"] for text in waiting]
        thread.join()
        return got

    assert asyncio.run(scenario()) == list(range(400))


def test_an_outbox_outlives_its_loop_quietly() -> None:
    async def make() -> Outbox:
        return Outbox(asyncio.get_running_loop())

    outbox = asyncio.run(make())
    outbox.put_audio(b"late")
    outbox.close()
