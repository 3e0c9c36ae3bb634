"""`simvoice talk` through a real PortAudio on a private sound server, until the server dies."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from simvoice.app.simulator import Simulator
from simvoice.audio import RATE, Pcm16, samples, to_float, to_int16
from simvoice.bench.stt import normalised_words, word_errors
from simvoice.record.events import LearnerTurn, LossCounts, PatientSpeech, Trouble
from simvoice.record.store import Attempt
from tests.alike import Sound, find
from tests.integration.conftest import CASES, SMALL, Say, Start, upto
from tests.sound_server import SoundServer, missing_programs, sound_server

pytestmark = [pytest.mark.engine, pytest.mark.soundcard, pytest.mark.realtime]

QUESTION = "Good morning. Can you tell me what happened to your wrist?"
ANSWER = "I slipped on the wet floor at the bakery, and I fell on my left hand."


@pytest.fixture(scope="module")
def server() -> Iterator[SoundServer]:
    missing = missing_programs()
    if missing:
        pytest.fail(f"{missing} not installed; on Debian: apt-get install pulseaudio-utils")
    with sound_server() as running:
        yield running


@dataclass
class Talked:
    """One encounter over the sound card."""

    attempt: Attempt
    at_the_speaker: Pcm16
    """Everything that the virtual speaker played."""
    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def talked(
    server: SoundServer,
    simulator: Simulator,
    say: Say,
    run_simvoice: Start,
    tmp_path_factory: pytest.TempPathFactory,
) -> Talked:
    """She opens, is asked, answers, and then somebody pulls the plug."""
    heard = tmp_path_factory.mktemp("speaker") / "heard.raw"
    before = set(simulator.store.ids())
    parec = [
        "parec",
        "-d",
        "spk.monitor",
        "--rate=16000",
        "--channels=1",
        "--format=s16le",
        "--raw",
    ]
    with heard.open("wb") as out:
        ear = subprocess.Popen(parec, env=server.env, stdout=out)
    talk = run_simvoice(
        "talk", str(CASES / SMALL / "case.yaml"), "--captions", "--learner", "Kim", env=server.env
    )
    stdout = upto(talk, "Ines Ward: Good morning.")
    question = to_int16(say(QUESTION).pcm)
    server.say(np.concatenate([np.zeros(RATE // 2, np.int16), question, np.zeros(RATE, np.int16)]))
    stdout += upto(talk, "Ines Ward: I slipped")
    server.kill()
    ear.wait(60)
    rest, stderr = talk.communicate(timeout=60)
    (attempt,) = set(simulator.store.ids()) - before
    return Talked(
        simulator.store.open(attempt),
        np.fromfile(heard, np.int16),
        talk.returncode,
        stdout + rest,
        stderr,
    )


def alike(a: Sound, b: Sound) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_a_question_at_the_microphone_is_understood_and_answered(talked: Talked) -> None:
    (turn,) = [entry for entry in talked.attempt.entries if isinstance(entry, LearnerTurn)]
    said = normalised_words(QUESTION)
    assert word_errors(said, normalised_words(turn.text)) <= 0.25 * len(said), turn.text
    lines = [entry.line_id for entry in talked.attempt.entries if isinstance(entry, PatientSpeech)]
    assert lines[:2] == ["opening", "happened"]


def test_her_answer_can_be_understood_at_the_loudspeaker(
    talked: Talked, simulator: Simulator
) -> None:
    answer = [e for e in talked.attempt.entries if isinstance(e, PatientSpeech)][1]
    _, patient = talked.attempt.audio()
    at_the_speaker = to_float(talked.at_the_speaker)
    pieces = [
        to_float(patient[samples(at_s) : samples(at_s + 0.5)])
        for at_s in np.arange(answer.start_s, answer.start_s + 3.5, 0.5)
    ]
    likeness = [alike(*find(at_the_speaker, piece, RATE)) for piece in pieces]
    (counts,) = [e for e in talked.attempt.entries if isinstance(e, LossCounts)]
    # on a busy machine an underrun may tear a piece, or two at their seam; nothing else may
    torn = sum(each <= 0.9 for each in likeness)
    assert torn <= 2 * counts.speaker_underruns, likeness
    text = simulator.engines().stt.transcribe(at_the_speaker).text
    said = normalised_words(ANSWER)
    assert len(set(said) & set(normalised_words(text))) >= 0.7 * len(set(said)), text


def test_the_learners_voice_is_in_the_record_as_it_was_said(talked: Talked, say: Say) -> None:
    learner, _ = talked.attempt.audio()
    assert alike(*find(to_float(learner), say(QUESTION).pcm, RATE)) > 0.95


def test_the_loop_was_tested_and_found_quiet(talked: Talked) -> None:
    devices = talked.attempt.header.devices
    assert (devices["kind"], devices["echo"]) == ("sound-card", "headphones")


def test_when_the_device_dies_the_attempt_is_whole_and_the_person_is_told(talked: Talked) -> None:
    assert talked.attempt.state == "complete"
    assert talked.attempt.ended is not None
    assert talked.attempt.ended.reason == "device"
    (trouble,) = [entry for entry in talked.attempt.entries if isinstance(entry, Trouble)]
    assert "stopped delivering sound" in trouble.what
    assert trouble.what in talked.stderr.replace("\n", " ")
    assert talked.exit_code == 1
    assert "Traceback" not in talked.stderr


def test_the_debrief_comes_all_the_same(talked: Talked) -> None:
    assert f"simvoice debrief {talked.attempt.id}" in talked.stdout
    assert "Add --numbers" in talked.stdout
