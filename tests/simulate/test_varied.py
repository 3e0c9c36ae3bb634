"""Variations of a demo: the same words and order, other times and another voice."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from simvoice import paths
from simvoice.patient.case.load import locate_case
from simvoice.simulate.demo import Demo, DemoStep, load_demo
from simvoice.simulate.learner import (
    AfterPatient,
    At,
    KeepSilent,
    LearnerClip,
    LearnerScript,
    ScriptStep,
)
from simvoice.simulate.speech import parse
from simvoice.simulate.varied import amplify_script, vary_demo


def demo(case: str = "sudden-death") -> Demo:
    return load_demo(locate_case(case, *paths.case_dirs()))


def words(text: str) -> str:
    return re.sub(r" *<pause [\d.]+> *", " ", text)


@pytest.mark.parametrize("case", ["sudden-death", "behaviour-change", "goals-of-care"])
def test_words_and_their_order_stay_the_same(case: str) -> None:
    plan = demo(case)
    for seed in range(20):
        varied = vary_demo(plan, seed).demo
        assert [(s.when, s.say and words(s.say)) for s in varied.steps] == [
            (s.when, s.say and words(s.say)) for s in plan.steps
        ]
        for step in varied.steps:
            if step.say is not None:
                parse(step.say)  # raises an error for a broken mark


def test_equal_seeds_give_equal_variations_and_others_differ() -> None:
    plan = demo()
    assert vary_demo(plan, 3) == vary_demo(plan, 3)
    variations = [vary_demo(plan, seed) for seed in range(5)]
    for one, two in itertools.pairwise(variations):
        assert one.demo.learner != two.demo.learner
        assert [s.at for s in one.demo.steps] != [s.at for s in two.demo.steps]
        assert one.noise_dbfs != two.noise_dbfs


@pytest.mark.slow
def test_gaps_vary_as_those_of_real_doctors() -> None:
    plan = Demo(steps=(DemoStep(when="after", say="Hello.", at=1.0),))
    gaps = np.array([vary_demo(plan, seed).demo.steps[0].at for seed in range(2000)], dtype=float)
    assert gaps.min() >= 0.75
    assert np.median(gaps) == pytest.approx(1.0, abs=0.05)
    spread = np.log(gaps[gaps > 1.0] - 1.0 + 0.33) - np.log(0.33)
    assert np.sqrt(np.mean(spread**2)) == pytest.approx(0.84, rel=0.06)


def test_a_deliberate_silence_stays_long() -> None:
    plan = Demo(
        steps=(DemoStep(when="keep-silent", at=10.0), DemoStep(when="after", say="I see.", at=1.0))
    )
    kept = [vary_demo(plan, seed).demo.steps[0].at or 0.0 for seed in range(200)]
    assert 6.0 < min(kept) < max(kept) < 17.0


def test_pauses_between_clauses_are_short_and_those_of_the_author_stay() -> None:
    said = "Well, I see. How are you?"
    for seed in range(50):
        text = (
            vary_demo(Demo(steps=(DemoStep(when="after", say=said),)), seed).demo.steps[0].say or ""
        )
        pauses = [piece.pause_s for piece in parse(text)][:-1]
        assert len(pauses) == 2
        assert all(0.1 < pause_s < 0.3 for pause_s in pauses)
    own = "I was wondering <pause 0.8> whether you slept, at all."
    assert vary_demo(Demo(steps=(DemoStep(when="after", say=own),)), 1).demo.steps[0].say == own


def test_an_amplified_script_is_louder_and_does_not_clip() -> None:
    pcm = np.full(100, 0.25, np.float32)
    script = LearnerScript(
        (ScriptStep(At(0.0), LearnerClip("a", pcm, 0.0, 0.1)), ScriptStep(KeepSilent(3.0)))
    )
    made = amplify_script(script, 6.0).steps
    assert made[0].clip is not None
    assert made[0].clip.pcm[0] == pytest.approx(0.25 * 10**0.3)
    assert made[1] == script.steps[1]
    loud = amplify_script(
        LearnerScript((ScriptStep(AfterPatient(), LearnerClip("a", 3 * pcm, 0.0, 0.1)),)), 20.0
    ).steps[0]
    assert loud.clip is not None
    assert loud.clip.pcm.max() <= 0.98
