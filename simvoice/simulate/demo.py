"""Load the script of a demo's learner from the file beside the case, and have it spoken."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from simvoice.errors import CaseError
from simvoice.ports import Voice, VoiceStyle
from simvoice.safe_text import field_place, shortened
from simvoice.simulate.learner import (
    AfterPatient,
    BackchannelStep,
    BargeIn,
    KeepSilent,
    LearnerScript,
    ScriptStep,
    StepTiming,
)
from simvoice.simulate.speech import cached_clip
from simvoice.strict_model import StrictModel
from simvoice.yaml_file import read_yaml

DEMO_FILES = {"skilled": "demo.yaml", "poor": "demo-poor.yaml"}
"""Kind of learner to the file of its script."""

_USUAL_GAP_S = 0.9
"""Silence of a learner who thinks for a moment before the next sentence."""


class DemoVoice(StrictModel):
    """The learner's voice; see `ports.VoiceStyle`."""

    formant_shift: float = Field(1.0, ge=0.8, le=1.3)
    pitch_hz: float | None = Field(None, ge=60, le=350)
    pitch_range: float = Field(1.0, ge=0.3, le=2)
    duration: float = Field(1.0, ge=0.7, le=1.6)


class DemoStep(StrictModel):
    """One action of the learner."""

    when: Literal["after", "barge-in", "backchannel", "keep-silent"]
    say: str | None = None
    at: float | None = Field(None, ge=0, le=60)
    """Seconds. after: of silence before speaking. barge-in, backchannel: since the start of the
    patient's utterance. keep-silent: of silence."""

    @model_validator(mode="after")
    def _is_complete(self) -> DemoStep:
        if (self.say is None) != (self.when == "keep-silent"):
            raise ValueError("a step needs say:, except with when: keep-silent")
        if self.at is None and self.when != "after":
            raise ValueError(f"a step with when: {self.when} needs at: (seconds)")
        return self

    @property
    def gap_s(self) -> float:
        """Seconds of silence before a step with when: after."""
        return self.at if self.at is not None else _USUAL_GAP_S

    def timing(self) -> StepTiming:
        """Return the timing of the step for `learner.ScriptedLearner`."""
        match self.when:
            case "after":
                return AfterPatient(self.gap_s, 15.0)
            case "barge-in":
                return BargeIn(self.at or 0.0)
            case "backchannel":
                return BackchannelStep(self.at or 0.0)
            case "keep-silent":
                return KeepSilent(self.at or 0.0)


class Demo(StrictModel):
    """A whole demo."""

    learner: DemoVoice = DemoVoice()
    steps: tuple[DemoStep, ...] = Field(min_length=1)


def load_demo(case_file: Path, learner: Literal["skilled", "poor"] = "skilled") -> Demo:
    """Return the demo beside a case. Raises CaseError when the file is missing or broken."""
    path = case_file.with_name(DEMO_FILES[learner])
    if not os.path.lexists(path):
        raise CaseError(f"{path} is missing; the demo of a case needs this file")
    try:
        return Demo.model_validate_json(read_yaml(path).json)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = field_place(first["loc"], "the demo")
        raise CaseError(f"{path}: {where}: {shortened(first['msg'])}; correct it") from None


def build_script(
    demo: Demo,
    voice: Voice,
    voice_id: str,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> LearnerScript:
    """Return the script with every sentence spoken. Clips are stored in `folder` for later runs."""
    style = VoiceStyle(**demo.learner.model_dump())
    steps: list[ScriptStep] = []
    for number, step in enumerate(demo.steps):
        clip = None
        if step.say is not None:
            clip = cached_clip(voice, voice_id, step.say, style, folder)
        steps.append(ScriptStep(step.timing(), clip))
        progress(number + 1, len(demo.steps))
    return LearnerScript(tuple(steps))
