"""The choice of models and server, by options and environment variables."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from simvoice.app import simulator as wiring
from simvoice.checkup.checks import Check
from simvoice.cli import app, doctor
from simvoice.cli.common import DEFAULT_WAIT_S, server_of
from simvoice.engines.llm.server import Server, Timeouts
from simvoice.errors import SettingError, UsageError

URL = "http://lab:8000"


class StoppedError(Exception):
    """Raised when a command creates a simulator, to stop it there."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Server | None]]]:
    seen: list[tuple[str, Server | None]] = []

    def simulator(profile: str = "", *, server: Server | None = None, **_: Any) -> None:
        seen.append((profile, server))
        raise StoppedError

    monkeypatch.setattr(wiring, "Simulator", simulator)
    for name in ("URL", "MODEL", "FORM", "WAIT", "KEY"):
        monkeypatch.delenv(f"SIMVOICE_LLM_{name}", raising=False)
    monkeypatch.delenv("SIMVOICE_PROFILE", raising=False)
    return seen


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


COMMANDS = {
    "talk": ("talk", "breast-biopsy", "--headphones"),
    "demo": ("demo", "breast-biopsy"),
    "serve": ("serve", "--port", "0"),
    "ask": ("cases", "ask", "breast-biopsy", "Hello."),
    "check": ("cases", "check", "breast-biopsy"),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_without_options_the_profile_is_embedded_and_there_is_no_server(
    command: str, asked: list[tuple[str, Server | None]]
) -> None:
    assert isinstance(invoke(*COMMANDS[command]).exception, StoppedError)
    assert asked == [("embedded", None)]


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_server_and_a_profile_are_chosen_by_option_or_environment(
    command: str, asked: list[tuple[str, Server | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMVOICE_LLM_KEY", "k3y")
    options = ("--llm-url", URL, "--llm-model", "big", "--llm-wait", "2.5", "--profile", "studio")
    invoke(*COMMANDS[command], *options)
    monkeypatch.setenv("SIMVOICE_LLM_URL", URL)
    monkeypatch.setenv("SIMVOICE_LLM_MODEL", "big")
    monkeypatch.setenv("SIMVOICE_LLM_WAIT", "2.5")
    monkeypatch.setenv("SIMVOICE_PROFILE", "studio")
    invoke(*COMMANDS[command])
    by_option, by_environment = asked
    assert by_option == by_environment
    profile, server = by_option
    assert server is not None
    assert (profile, server.url, server.model) == ("studio", f"{URL}/v1", "big")
    assert (server.key, server.form, server.timeouts.first_s) == ("k3y", "chat", 2.5)


@pytest.mark.slow
def test_an_invalid_address_is_refused_before_anything_is_loaded(
    asked: list[tuple[str, Server | None]],
) -> None:
    for words in COMMANDS.values():
        assert isinstance(invoke(*words, "--llm-url", "lab").exception, SettingError)
    assert asked == []


def test_a_model_without_a_server_is_refused() -> None:
    with pytest.raises(UsageError, match="--llm-url"):
        server_of("", "big", "chat", DEFAULT_WAIT_S)
    assert server_of(" ", "", "chat", DEFAULT_WAIT_S) is None


def test_the_default_wait_is_that_of_the_server() -> None:
    assert Timeouts().first_s == DEFAULT_WAIT_S
    chosen = server_of(URL, "", "chat", DEFAULT_WAIT_S)
    assert chosen is not None
    assert chosen.timeouts == Timeouts()


def test_the_doctor_is_given_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: object
) -> None:
    seen: dict[str, Any] = {}

    def check_all(**how: Any) -> Iterator[Check]:
        seen.update(how)
        return iter(())

    monkeypatch.setattr(sys.modules[doctor.__module__], "check_all", check_all)
    assert invoke("doctor", "--llm-url", URL).exit_code == 0
    assert seen["server"].url == f"{URL}/v1"
    assert invoke("doctor").exit_code == 0
    assert seen["server"] is None
