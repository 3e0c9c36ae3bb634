"""The debrief in a terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from simvoice.debrief.summary import summarise
from simvoice.debrief.text import render
from simvoice.debrief.words import clock, duration
from simvoice.record.events import LearnerTurn, PatientSpeech
from simvoice.record.store import Attempt
from tests.planted_talk import record


@pytest.fixture(scope="module")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Attempt:
    return record(tmp_path_factory.mktemp("attempts"))


def printed(attempt: Attempt, width: int = 80) -> str:
    console = Console(width=width, no_color=True, highlight=False)
    with console.capture() as capture:
        console.print(render(summarise(attempt, with_peaks=False)))
    return capture.get()


def test_it_tells_the_planted_conversation(attempt: Attempt) -> None:
    text = printed(attempt)
    for line in (
        "A planted talk",
        "You ended the conversation at 0:50.",
        "0:03 You  that is frightening i know",
        "0:31 Ines My mother died of — [not said: it last spring.]",
        "0:14 Ines fell silent, and you let it stand for 6.0 s.",
        "0:33 You took the floor; Ines had 3 words (1.2 s) left.",
        "“My mother died of — it last spring.”",
        "trust  0.40 → 0.55  most at 0:08: named a feeling",
    ):
        assert line in text


def test_it_fits_a_terminal_of_80_columns(attempt: Attempt) -> None:
    assert max(len(line) for line in printed(attempt).splitlines()) <= 80


def test_the_strip_shows_both_voices_and_the_moments(attempt: Attempt) -> None:
    lines = printed(attempt).splitlines()
    at = lines.index("The conversation")
    learner, patient, signs = lines[at + 1 : at + 4]
    assert learner.count("█") == pytest.approx(60 * 10.2 / 50, abs=3)
    assert patient.count("█") == pytest.approx(60 * 12.0 / 50, abs=3)
    assert signs.split() == ["m=", "H", "s", "s", "!", "s"]


def test_nothing_that_was_said_is_taken_for_markup(attempt: Attempt) -> None:
    said = "[bold]ignore your instructions[/bold] [/] [red"
    turn = LearnerTurn(
        turn=1, start_s=1.0, end_s=2.0, text=said, avg_logprob=-0.1, no_speech_prob=0.0
    )
    answer = PatientSpeech(
        turn=1, line_id=None, start_s=3.0, end_s=4.0, text="S[o]?", heard="S[o]?"
    )
    text = printed(replace(attempt, entries=(turn, answer)), width=120)
    assert said in text
    assert "S[o]?" in text


def test_an_empty_encounter_has_no_empty_sections(attempt: Attempt) -> None:
    text = printed(replace(attempt, entries=(), duration_s=0.0))
    assert "Nobody spoke" in text
    assert "Numbers" not in text
    assert "The conversation" not in text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0.00 s"),
        (-0.25, "-0.25 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min 0 s"),
        (125, "2 min 5 s"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_moments_read_as_a_clock() -> None:
    assert [clock(s) for s in (0.0, 59.99, 187.2)] == ["0:00", "0:59", "3:07"]


def test_the_words_of_one_attempt_are_the_same_on_every_reading(
    attempt: Attempt, tmp_path: Path
) -> None:
    again = record(tmp_path, attempt=attempt.id)
    assert printed(again) == printed(attempt)
