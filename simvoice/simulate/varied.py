"""The same learner on another day: a demo whose times, voice and room differ a little.

What is said, and in which order, stays the same; so do silences kept on purpose and interruptions.
The spread of the times is that of real doctors within one consultation (PriMock57, 24 of its 35
consultations with 8 gaps or more: the logarithm of the gaps before a doctor's turn has a standard
deviation of 0.84 around a median of 0.33 s). The spread of voice, level and room is chosen, not
measured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from simvoice.audio import Pcm
from simvoice.simulate.demo import Demo, DemoStep, DemoVoice
from simvoice.simulate.learner import LearnerClip, LearnerScript, ScriptStep

_GAP_S, _GAP_SPREAD = 0.33, 0.84
"""Median, and deviation of the logarithm, of a doctor's gaps in one consultation of PriMock57."""
_LEAST_GAP_S, _LONGEST_GAP_S = 0.75, 6.0
"""A shorter one would be cutting in after her comma; a longer one is kept on purpose."""
_HOLD_SPREAD = 0.15
"""Deviation of the logarithm of how long a silence is kept on purpose."""
_INTO_SPREAD = 0.2
"""The same of how far into her utterance the learner acknowledges or interrupts."""
_COMMA_S, _COMMA_SPREAD, _COMMA_BOUNDS_S = 0.2, 0.3, (0.12, 0.28)
"""Pauses between clauses. With the voice's own fading they stay below the 0.4 s that may be taken
for the end of a turn: a learner of clips, once taken for done, talks on over the answer."""
_HESITATES, _HESITATION_S = 0.15, (0.25, 0.8)
"""Share of sentences with a pause before a word, and its bounds."""
_PITCH_SEMITONES, _RATE, _RANGE, _LEVEL_DB = 0.5, 0.03, 0.06, 1.5
"""Standard deviations of the learner's pitch, pace, pitch range and level from day to day."""
_NOISE_DBFS = (-66.0, -54.0)
"""Bounds of the room's noise: as quiet as an office, about 31 to 43 dB below the voice."""

_LEAST_WORDS = 5
"""Nobody hesitates in a shorter sentence."""
_CLAUSE = re.compile(r"([,;:.!?]) +(?=\S)")


@dataclass(frozen=True, slots=True)
class DemoVariation:
    """One day of the learner's."""

    demo: Demo
    """What to say, and when."""
    gain_db: float
    """How much louder than usual the learner speaks."""
    noise_dbfs: float
    """RMS of the room's noise."""
    seed: int
    """For everything else that is drawn."""


def vary_demo(demo: Demo, seed: int) -> DemoVariation:
    """Equal seeds give equal days."""
    random = np.random.default_rng(seed)
    return DemoVariation(
        Demo(
            learner=_voice(demo.learner, random),
            steps=tuple(_step(step, random) for step in demo.steps),
        ),
        gain_db=float(random.normal(0.0, _LEVEL_DB)),
        noise_dbfs=float(random.uniform(*_NOISE_DBFS)),
        seed=int(random.integers(2**31)),
    )


def amplify_script(script: LearnerScript, gain_db: float) -> LearnerScript:
    """The same script, all of it so much louder; what would clip is held below full scale."""
    gain = np.float32(10.0 ** (gain_db / 20.0))

    def amplified(step: ScriptStep) -> ScriptStep:
        if step.clip is None:
            return step
        clip = step.clip
        pcm: Pcm = np.clip(clip.pcm * gain, -0.98, 0.98).astype(np.float32)
        made = LearnerClip(clip.text, pcm, clip.onset_s, clip.offset_s, clip.words, clip.pauses)
        return ScriptStep(step.when, made)

    return LearnerScript(tuple(amplified(step) for step in script.steps))


def _voice(voice: DemoVoice, random: np.random.Generator) -> DemoVoice:
    pitch, rate, spread = random.normal(0.0, (_PITCH_SEMITONES, _RATE, _RANGE))
    hz = voice.pitch_hz
    return DemoVoice(
        formant_shift=voice.formant_shift,
        pitch_hz=None if hz is None else float(np.clip(hz * 2.0 ** (pitch / 12.0), 60.0, 350.0)),
        pitch_range=float(np.clip(voice.pitch_range * np.exp(spread), 0.3, 2.0)),
        duration=float(np.clip(voice.duration * np.exp(rate), 0.7, 1.6)),
    )


def _step(step: DemoStep, random: np.random.Generator) -> DemoStep:
    say = None if step.say is None else _paused(step.say, random)
    return DemoStep(when=step.when, say=say, at=_moment(step, random))


def _moment(step: DemoStep, random: np.random.Generator) -> float:
    drawn = float(random.standard_normal())
    if step.when == "after":
        more_s = _GAP_S * float(np.exp(_GAP_SPREAD * drawn)) - _GAP_S
        return float(np.clip(step.gap_s + more_s, _LEAST_GAP_S, _LONGEST_GAP_S))
    assert step.at is not None
    spread = _HOLD_SPREAD if step.when == "keep-silent" else _INTO_SPREAD
    return min(60.0, step.at * float(np.exp(spread * drawn)))


def _paused(text: str, random: np.random.Generator) -> str:
    """With a pause at each comma and full stop, and here and there before a word."""
    if "<pause" in text:
        return text  # its author has timed it

    def after(found: re.Match[str]) -> str:
        drawn_s = _COMMA_S * float(np.exp(_COMMA_SPREAD * random.standard_normal()))
        return f"{found[1]} <pause {np.clip(drawn_s, *_COMMA_BOUNDS_S):.2f}> "

    sentences = re.split(r"(?<=[.!?]) +", text)
    return _CLAUSE.sub(after, " ".join(_hesitant(sentence, random) for sentence in sentences))


def _hesitant(sentence: str, random: np.random.Generator) -> str:
    words = sentence.split()
    hesitates = random.random() < _HESITATES
    if not hesitates or len(words) < _LEAST_WORDS:
        return sentence
    place = int(random.integers(2, len(words) - 1))
    if words[place - 1][-1] in ",;:":
        return sentence  # there is a pause already
    pause_s = random.uniform(*_HESITATION_S)
    return " ".join([*words[:place], f"<pause {pause_s:.2f}>", *words[place:]])
