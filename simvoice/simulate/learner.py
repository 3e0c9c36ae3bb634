"""A learner who knows what to say and when: pure, with the truth of everything planted.

`Policy` is told once a frame whether the patient sounds at the learner's ear, and answers with
the utterance that begins now. `devices.simulated.SimulatedLine` gives it a voice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, assert_never

from simvoice.audio import FRAME_S, Pcm
from simvoice.markup import LONGEST_PAUSE_S
from simvoice.ports import SpokenWord

UTTERANCE_GAP_S = 0.7
"""Silence after which the patient's next sound is a new utterance; her commas are shorter."""

HER_PAUSE_S = LONGEST_PAUSE_S + 0.2
"""A silence that a learner keeps is longer than any pause she makes inside a line."""

BETWEEN_WORDS_S = 0.2
"""Nobody interrupts a silence: the patient has to have sounded so shortly before."""

GOES_ON_S = 1.0
"""Sound of the patient's so long after an interruption means that she was not stopped by it."""


@dataclass(frozen=True, slots=True)
class LearnerClip:
    """One utterance, prepared beforehand. Times are seconds into the clip."""

    text: str
    pcm: Pcm
    """float32 [n], mono, 16 kHz."""
    onset_s: float
    """The first sample with voice."""
    offset_s: float
    """The last sample with voice."""
    words: tuple[SpokenWord, ...] = ()
    pauses: tuple[tuple[float, float], ...] = ()
    """Planted silences between onset and offset, each (start, end)."""


@dataclass(frozen=True, slots=True)
class AfterPatient:
    """Speak once the patient has spoken and then been silent for `gap_s`."""

    gap_s: float = 1.0
    """Longer than her pauses inside an utterance, else it is an interruption."""
    patience_s: float = 12.0
    """Speak anyway when nobody has for so long: the encounter must not stand still."""


@dataclass(frozen=True, slots=True)
class At:
    """Speak at this session second, whatever the patient does."""

    at_s: float


@dataclass(frozen=True, slots=True)
class BargeIn:
    """Take the floor `after_s` into the patient's next utterance."""

    after_s: float
    patience_s: float = 12.0
    """Speak anyway when no utterance lasts so long within this time."""


@dataclass(frozen=True, slots=True)
class BackchannelStep:
    """Acknowledge `after_s` into the patient's utterance, without taking the floor."""

    after_s: float
    patience_s: float = 12.0
    """Let it go when no utterance lasts so long within this time."""


@dataclass(frozen=True, slots=True)
class KeepSilent:
    """Say nothing until the patient has been silent for `silence_s`, or has spoken again."""

    silence_s: float
    patience_s: float = 12.0
    """Let it go when she says nothing at first, so that there is no silence of hers to keep."""


StepTiming = AfterPatient | At | BargeIn | BackchannelStep | KeepSilent


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One thing the learner does; `clip` is None only with KeepSilent."""

    when: StepTiming
    clip: LearnerClip | None = None

    def __post_init__(self) -> None:
        if (self.clip is None) != isinstance(self.when, KeepSilent):
            raise ValueError("a step needs a clip, and KeepSilent must not have one")


@dataclass(frozen=True, slots=True)
class LearnerScript:
    """What the learner does, in order."""

    steps: tuple[ScriptStep, ...]


@dataclass(frozen=True, slots=True)
class PlantedUtterance:
    """Ground truth: one clip as it was said, in session seconds."""

    step: int
    """Index into the script."""
    when: StepTiming
    text: str
    start_s: float
    """Of the clip's first sample."""
    onset_s: float
    offset_s: float
    pauses: tuple[tuple[float, float], ...] = ()
    patient_was_speaking: bool = False


@dataclass(frozen=True, slots=True)
class KeptSilence:
    """Ground truth: a silence that the learner kept, in session seconds."""

    step: int
    start_s: float
    """When the patient fell silent."""
    end_s: float
    broken_by: Literal["patient", "learner"]
    """The patient spoke again, or the learner's time was over."""


@dataclass(slots=True)
class ScriptedLearner:
    """Decides, frame by frame, what a `Script` has the learner do. No clock of its own."""

    script: LearnerScript
    kept: list[KeptSilence] = field(default_factory=list)
    """Silences that were kept so far."""
    skipped: list[int] = field(default_factory=list)
    """Steps whose moment never came."""
    _next: int = 0
    _busy_until_s: float = 0.0
    _waiting_since_s: float = 0.0
    _heard_since_turn: bool = False
    _onset_s: float | None = None
    _last_sound_s: float | None = None
    _fresh: bool = False
    _turn_start_s: float = 0.0
    _silence_from_s: float | None = None
    _barred_s: float | None = None
    """Onset of an utterance already interrupted: the next barge-in waits for another one."""

    @property
    def done(self) -> bool:
        """Nothing is left to do (the last utterance may still sound)."""
        return self._next >= len(self.script.steps)

    def speaking(self, at_s: float) -> bool:
        """Does the learner sound, or is a clip still running?"""
        return at_s < self._busy_until_s

    def silent_for_s(self, at_s: float) -> float:
        """Seconds since anybody sounded."""
        return at_s - max(self._last_sound_s or 0.0, self._busy_until_s)

    def tick(self, at_s: float, patient_sounds: bool) -> PlantedUtterance | None:
        """Called once a frame, at the session second `at_s` where it begins.

        patient_sounds: whether she sounded at the learner's ear in the frame before.
        Returns the utterance that begins with this frame; None for nothing new.
        """
        self._hear(at_s, patient_sounds)
        if self.done or self.speaking(at_s):
            return None
        step = self.script.steps[self._next]
        if isinstance(step.when, KeepSilent):
            self._keep(step.when, at_s, patient_sounds)
            return None
        due = self._due(step.when, at_s)
        if due is None:
            self.skipped.append(self._next)
            self._advance(at_s)
            return None
        return self._say(step, at_s, patient_sounds) if due else None

    def _hear(self, at_s: float, patient_sounds: bool) -> None:
        self._fresh = False
        if not patient_sounds:
            return
        if self._last_sound_s is None or at_s - self._last_sound_s > UTTERANCE_GAP_S:
            self._onset_s = at_s - FRAME_S
            self._fresh = True
        self._last_sound_s = at_s
        # The rest of what was interrupted is no answer, unless she simply goes on.
        answers = self._onset_s is not None and self._onset_s >= self._turn_start_s
        if not self.speaking(at_s) and (answers or at_s - self._busy_until_s > GOES_ON_S):
            self._heard_since_turn = True

    def _due(self, when: AfterPatient | At | BargeIn | BackchannelStep, at_s: float) -> bool | None:
        """True: now. False: not yet. None: never."""
        match when:
            case At():
                return at_s >= when.at_s
            case AfterPatient():
                silent_s = self.silent_for_s(at_s)
                if self._heard_since_turn:
                    return silent_s >= when.gap_s
                return silent_s >= when.patience_s
            case BargeIn():
                # over a sound of hers: in the gap between two words nobody would be cut off
                over_hers = self._into(when.after_s, at_s) and self._last_sound_s == at_s
                return over_hers or self._impatient(when.patience_s, at_s)
            case BackchannelStep():
                if self._into(when.after_s, at_s):
                    return True
                return None if self._impatient(when.patience_s, at_s) else False
        assert_never(when)

    def _into(self, after_s: float, at_s: float) -> bool:
        """Is the patient `after_s` into an utterance that was not interrupted yet?"""
        if self._onset_s is None or self._last_sound_s is None or self._onset_s == self._barred_s:
            return False
        if at_s - self._last_sound_s > BETWEEN_WORDS_S:
            return False
        return at_s - self._onset_s >= after_s

    def _impatient(self, patience_s: float, at_s: float) -> bool:
        return at_s - max(self._waiting_since_s, self._busy_until_s) >= patience_s

    def _keep(self, when: KeepSilent, at_s: float, patient_sounds: bool) -> None:
        last_s = self._last_sound_s
        if not self._heard_since_turn or last_s is None:
            if self._impatient(when.patience_s, at_s):
                self.skipped.append(self._next)
                self._advance(at_s)
        elif patient_sounds:
            # A new utterance breaks the silence; a pause of hers was none yet.
            from_s = self._silence_from_s
            if from_s is not None and self._fresh and at_s - from_s > HER_PAUSE_S:
                self._kept(from_s, at_s - FRAME_S, "patient", at_s)
            self._silence_from_s = None
        else:
            self._silence_from_s = last_s
            if at_s - last_s >= when.silence_s:
                self._kept(last_s, at_s, "learner", at_s)

    def _kept(
        self, start_s: float, end_s: float, broken_by: Literal["patient", "learner"], at_s: float
    ) -> None:
        self.kept.append(KeptSilence(self._next, start_s, end_s, broken_by))
        self._advance(at_s)

    def _say(self, step: ScriptStep, at_s: float, patient_sounds: bool) -> PlantedUtterance:
        clip = step.clip
        assert clip is not None
        said = PlantedUtterance(
            step=self._next,
            when=step.when,
            text=clip.text,
            start_s=at_s,
            onset_s=at_s + clip.onset_s,
            offset_s=at_s + clip.offset_s,
            pauses=tuple((at_s + a, at_s + b) for a, b in clip.pauses),
            patient_was_speaking=patient_sounds,
        )
        self._busy_until_s = said.offset_s
        if not isinstance(step.when, BackchannelStep):
            self._heard_since_turn = False
            self._turn_start_s = at_s
            self._barred_s = self._onset_s
        self._advance(at_s)
        return said

    def _advance(self, at_s: float) -> None:
        self._next += 1
        self._waiting_since_s = at_s
        self._silence_from_s = None
