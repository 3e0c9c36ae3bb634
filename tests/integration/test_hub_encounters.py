"""Two learners talk at once in one hub: real engines, real WebSockets, each with a record."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil
import pytest
import uvicorn

from simvoice.app.simulator import Simulator
from simvoice.bench.hub import ServedHub, play_learners
from simvoice.bench.latency import answers_of
from simvoice.bench.stage import Played
from simvoice.debrief.retry import CheckpointRef
from simvoice.devices.browser import BrowserLine
from simvoice.errors import AttemptError
from simvoice.hub import retries
from simvoice.hub.hub import open_hub
from simvoice.hub.server import server_config
from simvoice.hub.settings import load_settings
from simvoice.hub.storage.tables import StoredAttempt
from simvoice.record.events import Checkpoint, LearnerTurn, PatientSpeech, Started
from simvoice.simulate.learner import AfterPatient, At, LearnerScript, ScriptStep
from tests.integration.conftest import SMALL, Say

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

QUESTION = "Good morning. What happened to your wrist?"
HOME = "Who is at home with you now?"
GOODBYE = "Thank you for coming in today. Goodbye, Mrs. Ward."


@pytest.fixture
def served(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedHub]:
    """A hub in this process, whose engines several encounters share."""
    monkeypatch.setattr("simvoice.bench.hub.CASE", SMALL)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    port = listening.getsockname()[1]
    hub = open_hub(load_settings(tmp_path / "hub", {"port": port}, environment={}))
    simulator = Simulator(shared=True, every_case=True, attempts=tmp_path / "unused")
    hub.encounters.start(simulator, 2)
    server = uvicorn.Server(server_config(hub, None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield ServedHub(hub, psutil.Process(), f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join(60.0)
    hub.encounters.stop()
    simulator.close()
    hub.database.close()
    listening.close()


def check_retry(served: ServedHub, record_id: str, folder: Path) -> None:
    """A retry can begin at a checkpoint of a record that the store has, and at no other place."""
    hub = served.hub
    with hub.database.read() as session:
        row = session.query(StoredAttempt).filter_by(record_id=record_id).one()
    with retries.opened_by_record(hub, row.owner_id) as open_attempt:
        entries = open_attempt(record_id).entries
        turn = next(entry.turn for entry in entries if isinstance(entry, Checkpoint))
        checkpoint = CheckpointRef(record_id, turn)
        time_s = hub.encounters.retry_time_s(SMALL, checkpoint, open_attempt)
        assert time_s is None or time_s >= 120.0
        simulator = hub.encounters._simulator
        assert simulator is not None
        again = simulator.encounter(
            SMALL,
            BrowserLine(lambda _: None, microphone="none", speaker="none"),
            records=folder,
            retry_from=checkpoint,
            open_attempt=open_attempt,
        )
        assert again.attempt != record_id
        with pytest.raises(AttemptError, match="no checkpoint"):
            hub.encounters.retry_time_s(SMALL, CheckpointRef(record_id, 999), open_attempt)


def test_two_learners_talk_at_once_and_neither_hears_the_other(
    served: ServedHub, say: Say, tmp_path: Path
) -> None:
    scripts = [
        LearnerScript(
            tuple(
                ScriptStep(At(0.5) if number == 0 else AfterPatient(0.9), say(words))
                for number, words in enumerate(spoken)
            )
        )
        for spoken in ((QUESTION, GOODBYE), (HOME, GOODBYE))
    ]
    plans = served.plans(2, scripts, [0.0, 0.4])
    results = play_learners(plans)
    assert [result.trouble for result in results] == ["", ""]
    spans: list[tuple[float, float]] = []
    for result, own, other in zip(results, ("happened", "home"), ("home", "happened"), strict=True):
        kept = served.recorded(result.attempt)
        assert kept is not None
        assert result.truth is not None
        turns = [entry.text.lower() for entry in kept.entries if isinstance(entry, LearnerTurn)]
        assert own in turns[0]
        assert not any(other in turn for turn in turns)
        answers = answers_of(Played(kept.entries, result.truth))
        assert len(answers) >= 2
        assert sum(isinstance(entry, PatientSpeech) for entry in kept.entries) >= 2
        started = next(entry for entry in kept.entries if isinstance(entry, Started))
        begun_s = datetime.fromisoformat(started.wall_time).timestamp()
        spans.append((begun_s, begun_s + len(result.truth.delivered) / 16_000))
        check_retry(served, result.attempt, tmp_path)
    (one_begins, one_ends), (two_begins, two_ends) = spans
    assert one_begins < two_ends
    assert two_begins < one_ends
