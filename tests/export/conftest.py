"""Conversations to take away: the planted one as an attempt and as a recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.analysis.attempts import of_attempt
from simvoice.analysis.conversation import Conversation
from simvoice.analysis.recording import Options, Recording, of_recording
from simvoice.export.write import save
from tests.planted_talk import record
from tests.two_channels import textgrid, write


@pytest.fixture(scope="session")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Conversation:
    folder = tmp_path_factory.mktemp("attempts")
    name = "20261122-101530-planted-talk-abcd"
    return of_attempt(record(folder, attempt=name, learner="Kim", visit=("bad-news",)))


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Conversation:
    folder = tmp_path_factory.mktemp("recordings")
    sound = write(folder / "Vísita 1.wav")
    text = textgrid(folder / "Vísita 1.TextGrid")
    return of_recording(Recording("Vísita 1", (sound,), (text,)), Options(), folder)


@pytest.fixture(scope="session")
def both(attempt: Conversation, recording: Conversation) -> list[Conversation]:
    return [attempt, recording]


@pytest.fixture(scope="session")
def folder(both: list[Conversation], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole export on the disk."""
    out = tmp_path_factory.mktemp("exports") / "export"
    save(both, out)
    return out
