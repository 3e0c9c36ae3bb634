"""Skeletons of real and drawn conversations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pympi.Praat import TextGrid  # type: ignore[import-untyped]

from simvoice.errors import UsageError
from simvoice.research.calibrate.skeleton import draw_skeleton, find_skeletons

DOCTOR = [(1.0, 4.0, "Hello."), (8.0, 10.0, "And then?")]
PATIENT = [(4.5, 7.8, "It hurts."), (8.5, 9.0, "Yes.")]


def grid(path: Path, tiers: dict[str, list[tuple[float, float, str]]]) -> None:
    made = TextGrid(xmax=12.0)
    for name, spoken in tiers.items():
        tier = made.add_tier(name)
        for interval in spoken:
            tier.add_interval(*interval)
    made.to_file(str(path))


def test_two_files_and_two_tiers_give_the_same_skeleton(tmp_path: Path) -> None:
    pair, both = tmp_path / "pair", tmp_path / "both"
    pair.mkdir()
    both.mkdir()
    grid(pair / "a b é_doctor.TextGrid", {"Doctor": DOCTOR})
    grid(pair / "a b é_patient.TextGrid", {"Patient": PATIENT})
    grid(both / "talk.TextGrid", {"patient": PATIENT, "clinician": DOCTOR})
    assert find_skeletons(pair) == find_skeletons(both)
    ((first, second, third, fourth),) = find_skeletons(pair)
    assert (first.who, second.who, third.who, fourth.who) == (
        *("learner", "patient", "learner"),
        "patient",
    )
    assert (second.offset_s, second.acknowledges) == (pytest.approx(0.5), False)
    assert (fourth.offset_s, fourth.acknowledges) == (pytest.approx(-1.5), True)


@pytest.mark.parametrize(
    ("name", "content"), [("x.txt", "nothing"), ("x.TextGrid", "not a grid at all")]
)
def test_a_folder_without_readable_textgrids_is_named(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"TextGrid"):
        find_skeletons(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        find_skeletons(tmp_path / "nowhere")


def test_drawn_skeletons_depend_on_the_seed_and_have_the_measured_lengths() -> None:
    assert draw_skeleton(3, 300.0) == draw_skeleton(3, 300.0)
    row = [utterance for seed in range(20) for utterance in draw_skeleton(seed, 600.0)]
    for who, median in (("learner", 3.3), ("patient", 2.46)):  # exp of the means of the logarithm
        lengths = [utterance.length_s for utterance in row if utterance.who == who]
        assert np.median(lengths) == pytest.approx(median, rel=0.15)
    assert 0.1 < np.mean([utterance.acknowledges for utterance in row]) < 0.3
