"""Vary a demo as if the same learner came on another day: other times, voice and background noise.

The words and their order stay the same, and so do deliberate silences and barge-ins. The times
vary as those of real doctors within one consultation (PriMock57, 24 of its 35 consultations with 8
gaps or more: the logarithm of the gaps before a doctor's turn has a standard deviation of 0.84
around a median of 0.33 s). The variation of voice, level and noise is chosen, not measured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from simvoice.audio import Pcm
from simvoice.sentences import split_sentences
from simvoice.simulate.demo import Demo, DemoStep, DemoVoice
from simvoice.simulate.learner import LearnerScript, ScriptStep

_GAP_S, _GAP_SPREAD = 0.33, 0.84
"""Median, and deviation of the logarithm, of a doctor's gaps in one consultation of PriMock57."""
_SHORTEST_GAP_S, _LONGEST_GAP_S = 0.75, 6.0
"""A shorter gap would interrupt the patient after a comma; a longer one would be deliberate."""
_HOLD_SPREAD = 0.15
"""Deviation of the logarithm of the length of a deliberate silence."""
_INTO_SPREAD = 0.2
"""Deviation of the logarithm of the time of a barge-in or backchannel within an utterance."""
_COMMA_S, _COMMA_SPREAD, _COMMA_BOUNDS_S = 0.2, 0.3, (0.12, 0.28)
"""Median, deviation of the logarithm, and bounds of the pauses between clauses. With the voice's
own fading they stay below the 0.4 s that can end a turn. A simulated learner whose turn ends too
early would talk over the answer."""
_HESITATES, _HESITATION_S = 0.15, (0.25, 0.8)
"""Share of sentences with a pause before a word, and the bounds of this pause."""
_PITCH_SEMITONES, _RATE, _RANGE, _LEVEL_DB = 0.5, 0.03, 0.06, 1.5
"""Standard deviations of the learner's pitch, pace, pitch range and level from day to day."""
_NOISE_DBFS = (-66.0, -54.0)
"""Bounds of the background noise: that of a quiet office, about 31 to 43 dB below the voice."""

_MIN_WORDS = 5
"""Shorter sentences have no hesitation."""
_COMMA = re.compile(r"([,;:]) +(?=\S)")


@dataclass(frozen=True, slots=True)
class DemoVariation:
    """A variation of a demo."""

    demo: Demo
    """What to say, and when."""
    gain_db: float
    """Level of the learner's voice above the usual one."""
    noise_dbfs: float
    """RMS of the background noise."""
    seed: int
    """For all other random draws."""


def vary_demo(demo: Demo, seed: int) -> DemoVariation:
    """Return a random variation of a demo. Equal seeds give equal variations."""
    random = np.random.default_rng(seed)
    return DemoVariation(
        Demo(
            learner=_vary_voice(demo.learner, random),
            steps=tuple(_vary_step(step, random) for step in demo.steps),
        ),
        gain_db=float(random.normal(0.0, _LEVEL_DB)),
        noise_dbfs=float(random.uniform(*_NOISE_DBFS)),
        seed=int(random.integers(2**31)),
    )


def amplify_script(script: LearnerScript, gain_db: float) -> LearnerScript:
    """Return the script, `gain_db` louder. Samples are limited to 0.98 of full scale."""
    gain = np.float32(10.0 ** (gain_db / 20.0))

    def amplified(step: ScriptStep) -> ScriptStep:
        if step.clip is None:
            return step
        clip = step.clip
        pcm: Pcm = np.clip(clip.pcm * gain, -0.98, 0.98).astype(np.float32)
        return ScriptStep(step.when, replace(clip, pcm=pcm))

    return LearnerScript(tuple(amplified(step) for step in script.steps))


def _vary_voice(voice: DemoVoice, random: np.random.Generator) -> DemoVoice:
    pitch, rate, spread = random.normal(0.0, (_PITCH_SEMITONES, _RATE, _RANGE))
    hz = voice.pitch_hz
    return DemoVoice(
        formant_shift=voice.formant_shift,
        pitch_hz=None if hz is None else float(np.clip(hz * 2.0 ** (pitch / 12.0), 60.0, 350.0)),
        pitch_range=float(np.clip(voice.pitch_range * np.exp(spread), 0.3, 2.0)),
        duration=float(np.clip(voice.duration * np.exp(rate), 0.7, 1.6)),
    )


def _vary_step(step: DemoStep, random: np.random.Generator) -> DemoStep:
    say = None if step.say is None else _add_pauses(step.say, random)
    return DemoStep(when=step.when, say=say, at=_vary_time(step, random))


def _vary_time(step: DemoStep, random: np.random.Generator) -> float:
    drawn = float(random.standard_normal())
    if step.when == "after":
        more_s = _GAP_S * float(np.exp(_GAP_SPREAD * drawn)) - _GAP_S
        return float(np.clip(step.gap_s + more_s, _SHORTEST_GAP_S, _LONGEST_GAP_S))
    assert step.at is not None
    spread = _HOLD_SPREAD if step.when == "keep-silent" else _INTO_SPREAD
    return min(60.0, step.at * float(np.exp(spread * drawn)))


def _add_pauses(text: str, random: np.random.Generator) -> str:
    """Add a pause at each comma and full stop, and before some words."""
    if "<pause" in text:
        return text  # the author has set the pauses

    def pause() -> str:
        drawn_s = _COMMA_S * float(np.exp(_COMMA_SPREAD * random.standard_normal()))
        return f" <pause {np.clip(drawn_s, *_COMMA_BOUNDS_S):.2f}> "

    varied = ""
    for sentence in [_add_hesitation(each, random) for each in split_sentences(text)]:
        varied += pause() if varied else ""
        varied += _COMMA.sub(lambda found: found[1] + pause(), sentence)
    return varied


def _add_hesitation(sentence: str, random: np.random.Generator) -> str:
    words = sentence.split()
    hesitates = random.random() < _HESITATES
    if not hesitates or len(words) < _MIN_WORDS:
        return sentence
    at = int(random.integers(2, len(words) - 1))
    if words[at - 1][-1] in ",;:":
        return sentence  # the comma has a pause
    pause_s = random.uniform(*_HESITATION_S)
    return " ".join([*words[:at], f"<pause {pause_s:.2f}>", *words[at:]])
