"""The choice of the language model and its fallback."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.app import simulator as wiring
from simvoice.app.language_model import EMBEDDED
from simvoice.app.simulator import Simulator
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.engines.llm.fallback import Fallback
from simvoice.engines.llm.llama import Llama
from simvoice.engines.llm.llama_chat import ChatLlama
from simvoice.engines.llm.remote import Remote
from simvoice.engines.llm.server import LONG_TIMEOUTS, parse_server
from simvoice.models import manifest

pytestmark = pytest.mark.engine

SERVER = parse_server("http://lab:8000", "big", key="k3y")


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))


@pytest.fixture
def small_stands_for_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded model counts as a larger one, which no test machine has."""
    real = manifest.model

    def as_if(name: str) -> manifest.Model:
        found = real(name)
        return found.model_copy(update={"chat": True}) if found.role == "llm" else found

    monkeypatch.setattr(manifest, "model", as_if)


def test_the_embedded_model_alone_has_no_fallback_and_no_more_time() -> None:
    simulator = Simulator()
    assert not simulator.language_model.strong
    assert type(simulator.language_model.for_encounters()) is Llama
    case = simulator.case("breast-biopsy")
    assert simulator._turn_taking(case) == wiring.turn_taking_of(case)
    header = simulator.language_model.for_record(simulator.profile)
    assert header == {str(k): v for k, v in manifest.digests(simulator.profile.values()).items()}


def test_a_server_comes_first_and_the_embedded_model_is_its_fallback() -> None:
    simulator = Simulator(server=SERVER)
    both = simulator.language_model.for_encounters()
    assert isinstance(both, Fallback)
    assert isinstance(both._first, Remote)
    assert type(both._second) is Llama
    assert both.name == "the language model's server at lab:8000"
    header = simulator.language_model.for_record(simulator.profile)
    assert header["llm"] == "big at http://lab:8000/v1"
    assert header["llm_fallback"] == manifest.model("smollm2-135m").files[0].sha256
    assert "k3y" not in str(header)
    both._first.close()


def test_the_server_the_embedded_model_and_the_voice_fit_into_the_time_they_have() -> None:
    simulator = Simulator(server=SERVER)
    case = simulator.case("breast-biopsy")
    longer = simulator._turn_taking(case)
    assert longer.improvise_timeout_s > SERVER.timeouts.whole_s + 0.5
    assert longer.improvise_timeout_s < 4.0
    same = longer.model_copy(
        update={"improvise_timeout_s": TurnTakingSettings().improvise_timeout_s}
    )
    assert same == wiring.turn_taking_of(case)


def test_a_text_conversation_with_a_server_has_no_fallback() -> None:
    _, model = Simulator(server=SERVER).text_engines()
    assert isinstance(model, Remote)
    assert model.server.timeouts == LONG_TIMEOUTS
    model.close()


@pytest.mark.usefixtures("small_stands_for_large")
def test_a_larger_model_of_the_profile_gets_a_chat() -> None:
    simulator = Simulator()
    assert simulator.language_model.strong
    both = simulator.language_model.for_encounters()
    assert isinstance(both, Fallback)
    assert type(both._first) is ChatLlama
    assert type(both._second) is Llama
    patient = simulator.patient("breast-biopsy")
    start = patient.start(0)
    both.warm(patient.prompt_so_far(start), messages=patient.messages_so_far(start))
    assert both.is_up
    assert set(simulator.language_model.for_record(simulator.profile)) == {
        *map(str, manifest.ROLES),
        "llm_fallback",
    }


def test_the_models_of_the_larger_profiles_are_marked_and_the_embedded_one_is_not() -> None:
    chats = {name for name, model in manifest.manifest().models.items() if model.chat}
    profiles = manifest.manifest().profiles
    assert chats == {profiles["workstation"]["llm"], profiles["studio"]["llm"]}
    assert manifest.profile()["llm"] == EMBEDDED
    assert {roles["last_words"] for roles in profiles.values()} == {EMBEDDED}
