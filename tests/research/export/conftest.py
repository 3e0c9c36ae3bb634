"""Conversations to export: the planted one as an attempt and as a recording."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from simvoice.reading.reading import read
from simvoice.record.answers import OwnAnswer, OwnAnswers, write_answers
from simvoice.record.events import (
    PatientReflection,
    RecordedReflection,
)
from simvoice.record.reflection import ReflectedMoment, end_reflection, save_text
from simvoice.research.analysis.attempts import analyse_attempt
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.analysis.recording import Options, Recording, analyse_recording
from simvoice.research.export.write import save
from tests.planted.builder import checkpoint, ledger_step, patient_move
from tests.planted.recordings import textgrid, write
from tests.planted.talk import record

SECRET = "persimmon"
"""A word that occurs only in the record of the patient's mind."""

PRIVATE = (
    checkpoint(9, 48.0, text=SECRET, mind={"spoken": [SECRET]}),
    patient_move(
        9,
        48.0,
        ledger_step(SECRET, -0.1, instead=SECRET),
        line_id=SECRET,
        reason=SECRET,
    ),
    PatientReflection(
        at_s=49.0, said=(RecordedReflection(text=SECRET, spoken=SECRET, why=SECRET),)
    ),
)


@pytest.fixture(scope="session")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Conversation:
    folder = tmp_path_factory.mktemp("attempts")
    name = "20261122-101530-planted-talk-abcd"
    found = record(folder, PRIVATE, attempt=name, learner="Kim", visit=("bad-news",))
    answer = OwnAnswer(question="What surprised you?", answer=f"The {SECRET}, really.")
    write_answers(found.folder, OwnAnswers(answers=(answer,)))
    now = datetime(2026, 11, 22, 11, tzinfo=UTC)
    moments = (ReflectedMoment(at_s=3.4, words="that is frightening i know"),)
    save_text(found.folder, moments, 3.4, "instead", f"Say {SECRET}.", "", now)
    end_reflection(found.folder, moments, now)
    return analyse_attempt(found, read(found))


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Conversation:
    folder = tmp_path_factory.mktemp("recordings")
    sound = write(folder / "Vísita 1.wav")
    text = textgrid(folder / "Vísita 1.TextGrid")
    return analyse_recording(Recording("Vísita 1", (sound,), (text,)), Options(), folder)


@pytest.fixture(scope="session")
def both(attempt: Conversation, recording: Conversation) -> list[Conversation]:
    return [attempt, recording]


@pytest.fixture(scope="session")
def folder(both: list[Conversation], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete export on disk."""
    out = tmp_path_factory.mktemp("exports") / "export"
    save(both, out)
    return out
