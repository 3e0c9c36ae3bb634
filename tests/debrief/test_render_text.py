"""The debrief in a terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from simvoice.debrief.build import build_debrief
from simvoice.debrief.comparison import Comparison
from simvoice.debrief.model import Debrief
from simvoice.debrief.render_text import (
    LEARNER_NUMBERS,
    MORE,
    SCREEN_NUMBERS,
    learner_numbers,
    render,
    render_screen,
)
from simvoice.display import clock, duration
from simvoice.reading.reading import read
from simvoice.record.events import (
    Checkpoint,
    Ended,
    LearnerTurn,
    PatientMove,
    PatientReflection,
    PatientSpeech,
    RecordedReflection,
)
from simvoice.record.store import Attempt
from tests.planted.builder import learner_turn, trust_step
from tests.planted.talk import record


def printed(attempt: Attempt, width: int = 80) -> str:
    console = Console(width=width, no_color=True, highlight=False)
    with console.capture() as capture:
        console.print(
            render(build_debrief(attempt, read(attempt), with_peaks=False)), soft_wrap=True
        )
    return capture.get()


def screen(debrief: Debrief, width: int = 80, compared: Comparison | None = None) -> str:
    console = Console(width=width, no_color=True, highlight=False)
    with console.capture() as capture:
        console.print(render_screen(debrief, compared), soft_wrap=True)
    return capture.get()


@pytest.fixture(scope="module")
def full(attempt: Attempt) -> Attempt:
    """An attempt with a reflection, a turning point and a checkpoint."""
    said = PatientReflection(
        at_s=50.0,
        said=(RecordedReflection(text="You let me sit with it.", why="named a feeling"),),
    )
    moved = PatientMove(
        turn=4, at_s=38.0, kind="answer", line_id="line5", reason="r",
        steps=(trust_step("cut her off", 0.55, 0.45, suggests="let_finish"),),
        ledger={"trust": 0.45},
    )  # fmt: skip
    begun = Checkpoint(turn=3, at_s=31.0, mind={}, move={"text": "x"})
    return replace(attempt, entries=(*attempt.entries, said, moved, begun))


@pytest.mark.slow
def test_it_shows_the_planted_conversation(attempt: Attempt) -> None:
    text = printed(attempt)
    for line in (
        "A planted talk",
        "You ended the conversation at 0:50.",
        "0:03 You  that is frightening i know",
        "0:31 Ines My mother died of — [not said: it last spring.]",
        "0:14 Ines fell silent, and you let the silence last 6.0 s.",
        "0:32 You interrupted Ines, who had 3 words (1.2 s) left to say.",
        "“My mother died of — it last spring.”",
        "trust  40 → 55  most at 0:08, taken as “named a feeling”",
    ):
        assert line in text


def test_sections_are_in_reading_order(full: Attempt) -> None:
    lines = printed(full).splitlines()
    titles = (
        "How it felt for Ines",
        "Where Ines's trust changed most",
        "Silences",
        "What Ines could not finish saying",
        "What to try next",
        "Summary",
        "The conversation",
        "Transcript",
        "Interruptions",
        "How Ines changed",
        "Numbers",
    )
    assert [line for line in lines if line in titles] == list(titles)
    text = "\n".join(line.strip() for line in lines)
    for line in (
        "0:03 “You let me sit with it.”",
        "0:32 fell from 55 to 45, taken as “cut her off”",
        f"simvoice talk --from {full.id}@3",
        "1. Let Ines finish",
        "Try: I'm sorry, I cut in. Please go on.",
    ):
        assert line in text
    assert max(map(len, lines)) <= 80


def test_without_a_reflection_it_says_why(attempt: Attempt) -> None:
    assert "The record does not contain what Ines says" in printed(attempt)


def test_without_suggestions_it_says_what_to_keep(attempt: Attempt) -> None:
    kept = tuple(entry for entry in attempt.entries if isinstance(entry, PatientMove))
    said = learner_turn(1, 3.4, "oh", end_s=7.0)
    acts = ("empathy_explore", "question_open", "question_open", "reflection")
    more = [learner_turn(n, 8.0 + n, "so it is", act) for n, act in enumerate(acts, 2)]
    end = Ended(at_s=50.0, reason="learner")
    text = printed(replace(attempt, entries=(said, *more, *kept, end)))
    assert "What to keep doing" in text
    assert "Ines's trust rose most after “oh” (0:03)." in text
    assert "What to try next" not in text


def test_it_fits_a_terminal_of_80_columns(attempt: Attempt) -> None:
    assert max(len(line) for line in printed(attempt).splitlines()) <= 80


def test_the_strip_shows_both_voices_and_the_marks(attempt: Attempt) -> None:
    lines = printed(attempt).splitlines()
    at = lines.index("The conversation")
    learner, patient, signs = lines[at + 1 : at + 4]
    assert learner.count("█") == pytest.approx(60 * 10.2 / 50, abs=3)
    assert patient.count("█") == pytest.approx(60 * 12.0 / 50, abs=3)
    assert signs.split() == ["m=", "H", "s", "s", "!", "s"]


def test_spoken_text_is_not_read_as_markup(attempt: Attempt) -> None:
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
    assert "No one spoke" in text
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
def test_durations_have_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_moments_are_minutes_and_seconds() -> None:
    assert [clock(s) for s in (0.0, 59.99, 187.2)] == ["0:00", "0:59", "3:07"]


@pytest.mark.slow
def test_an_attempt_is_rendered_the_same_every_time(attempt: Attempt, tmp_path: Path) -> None:
    copy = record(tmp_path, attempt=attempt.id)
    assert printed(copy) == printed(attempt)


# -- the first screen -------------------------------------------------------------------------


def test_the_screen_has_80_columns_and_at_most_36_lines(full: Attempt) -> None:
    lines = screen(build_debrief(full, read(full), with_peaks=False)).splitlines()
    assert len(lines) <= 36
    assert max(map(len, lines)) <= 80
    titles = (
        "How it felt for Ines",
        "Where Ines's trust changed most",
        "What to try next, and the command to retry from there",
        "Numbers",
    )
    assert [line for line in lines if line in titles] == list(titles)
    assert lines[-1] == MORE
    assert "     Try: I'm sorry, I cut in. Please go on." in [line.rstrip() for line in lines]


def test_long_texts_still_fit_a_terminal_of_40_lines(full: Attempt) -> None:
    made = build_debrief(full, read(full), with_peaks=False)
    felt = tuple(made.felt[0].model_copy(update={"text": "I hear you. " * 12}) for _ in range(5))
    point = made.turning_points[0].model_copy(update={"causes": ("cut her off at length",) * 5})
    advice = made.suggestions[0].model_copy(update={"sentence": "Take all the time. " * 8})
    made = made.model_copy(
        update={"felt": felt, "turning_points": (point,) * 3, "suggestions": (advice,) * 2}
    )
    assert len(screen(made).splitlines()) < 40


def test_the_screen_shows_ten_numbers_and_fills_up_with_the_next(attempt: Attempt) -> None:
    made = build_debrief(attempt, read(attempt), with_peaks=False)
    shown = [number.key for number in learner_numbers(made)]
    known = {number.key for number in made.numbers if number.value is not None}
    measured = [key for key in LEARNER_NUMBERS if key in known]
    assert shown == measured[:SCREEN_NUMBERS]
    unknown = tuple(
        n.model_copy(update={"value": None}) if n.key == "longest_silence" else n
        for n in made.numbers
    )
    less = learner_numbers(made.model_copy(update={"numbers": unknown}))
    left = [key for key in measured if key != "longest_silence"]
    assert [n.key for n in less] == left[:SCREEN_NUMBERS]
    text = screen(made)
    assert all(f"{n.name} " in text for n in learner_numbers(made))


def test_every_number_for_the_learner_is_a_metric(attempt: Attempt) -> None:
    keys = {
        number.key for number in build_debrief(attempt, read(attempt), with_peaks=False).numbers
    }
    assert keys >= set(LEARNER_NUMBERS)


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_every_number_and_every_line_stays_reachable(full: Attempt, width: int) -> None:
    text = " ".join(printed(full, width).split())
    for number in build_debrief(full, read(full), with_peaks=False).numbers:
        if width < 76:  # one below the other; wider, a long name may wrap beside its value
            assert f"{number.name}: {number.shown}" in text
        else:
            assert all(word in text for word in (*number.name.split(), *number.shown.split()))
    for row in build_debrief(full, read(full), with_peaks=False).rows:
        assert all(word in text for word in row.text.split())


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_command_is_printed_whole_on_its_own_line(full: Attempt, width: int) -> None:
    retry = f"simvoice talk --from {full.id}@3"
    for text in (
        screen(build_debrief(full, read(full), with_peaks=False), width),
        printed(full, width),
    ):
        assert retry in [line.strip() for line in text.splitlines()]
    items = f"simvoice debrief {full.id} --items"
    assert items in [line.strip() for line in printed(full, width).splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 80])
def test_no_prose_is_wider_than_the_terminal(full: Attempt, width: int) -> None:
    for line in printed(full, width).splitlines():
        assert len(line) <= width or line.strip().startswith("simvoice ")
