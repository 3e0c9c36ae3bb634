"""A whole encounter, real engines and a real server for the language model, which is killed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simvoice.app.simulator import Simulator
from simvoice.devices.simulated import SimulatedLine
from simvoice.engines.llm.fallback import Fallback
from simvoice.engines.llm.remote import Remote
from simvoice.engines.llm.server import parse_server
from simvoice.models import manifest
from simvoice.record.events import Delay, LearnerTurn, PatientMove, PatientSpeech, Trouble
from simvoice.record.store import Attempt
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.simulate.learner import AfterPatient, LearnerScript, ScriptStep
from tests.engines.llm.model_server import DiesAt, model_server
from tests.integration.conftest import CASES, SMALL, Say

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

ASKED = (
    "Good morning. What is your favorite color?",
    "And do you like to play the piano?",
    "Have you ever been to the opera?",
    "Thank you for coming in today. Goodbye, Mrs. Ward.",
)
"""Nobody wrote an answer to the first three: the model is asked for one."""

FIRST_S = 3.0
"""The server shares the cores with all the other engines here."""


@dataclass
class Told:
    attempt: Attempt
    reason: str
    replies: list[str]
    """What the server began to say, for each time it was asked."""
    server_url: str

    def entries(self, kind: type) -> list:  # type: ignore[type-arg]
        return [entry for entry in self.attempt.entries if isinstance(entry, kind)]


@pytest.fixture(scope="module")
def free_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small case, in which she may say more than was written."""
    text = (CASES / SMALL / "case.yaml").read_text(encoding="utf-8")
    assert "improvise: {allowed: false}" in text
    path = tmp_path_factory.mktemp("free") / SMALL / "case.yaml"
    path.parent.mkdir()
    path.write_text(text.replace("improvise: {allowed: false}", "improvise: {allowed: true}"))
    return path


@pytest.fixture(scope="module")
def told(
    home: Path, say: Say, free_case: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    weights = next(manifest.locate("smollm2-135m").glob("*.gguf"))
    log = tmp_path_factory.mktemp("server") / "log"
    with model_server(weights, log, "--n_ctx", "2048", "--logits_all", "false") as server:
        chosen = parse_server(server.url, "patient", key="k3y", first_s=FIRST_S)
        simulator = Simulator(attempts=home / "attempts", server=chosen)
        case = str(free_case)
        simulator.make_ready(case)
        assert simulator.model_trouble() == ""
        both = simulator.engines().llm
        assert isinstance(both, Fallback)
        assert isinstance(both._first, Remote)
        mortal = DiesAt(both._first, server, reply=2, piece=2)
        both._first = mortal
        script = LearnerScript(tuple(ScriptStep(AfterPatient(0.9), say(text)) for text in ASKED))
        line = SimulatedLine(script, tail_s=6.0, limit_s=90.0)
        encounter = simulator.encounter(
            case, line, learner="Robin", options=EncounterOptions(seed=1)
        )
        finished = encounter.run()
        assert server.process.poll() is not None, "it was to be killed"
        assert simulator.model_trouble().endswith("the embedded model speaks.")
        attempt = simulator.attempt(encounter.attempt)
        yield Told(attempt, finished.reason, mortal.replies, server.url)


def test_the_encounter_goes_on_to_its_end(told: Told) -> None:
    assert told.reason == "patient"
    assert told.attempt.ended is not None
    assert told.attempt.ended.ending == "done"
    assert len(told.entries(LearnerTurn)) == len(ASKED)
    assert len(told.entries(PatientSpeech)) == len(ASKED) + 1
    assert told.attempt.summary().state == "complete"


def test_the_server_was_asked_until_it_died_and_not_again(told: Told) -> None:
    assert len(told.replies) == 2
    assert told.replies[0]
    moves = told.entries(PatientMove)
    assert [move.source for move in moves[1:4]].count("authored") == 0, moves


def test_the_record_says_once_what_happened_and_when(told: Told) -> None:
    (trouble,) = told.entries(Trouble)
    assert "stopped in the middle" in trouble.what or "cannot be reached" in trouble.what
    assert trouble.what.endswith("until it answers again, the embedded model speaks")
    second, third = told.entries(LearnerTurn)[1:3]
    assert second.end_s < trouble.at_s < third.start_s


def test_the_learner_hears_no_more_than_a_pause(told: Told) -> None:
    waits_s = [d.first_sound_s - d.speech_end_s - d.chosen_silence_s for d in told.entries(Delay)]
    assert len(waits_s) == len(ASKED)
    assert max(waits_s) < 4.0, waits_s


def test_the_record_names_the_server_and_keeps_its_key(told: Told) -> None:
    header = told.attempt.header
    assert header.models["llm"] == f"patient at {told.server_url}"
    assert header.models["llm_fallback"] == manifest.digests(["smollm2-135m"])["llm"]
    assert header.settings["improvise_timeout_s"] > FIRST_S  # type: ignore[operator]
    assert "k3y" not in header.model_dump_json()
