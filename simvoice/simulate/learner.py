"""A simulated learner that follows a script: what to say, and when. Pure; the truth is known.

`ScriptedLearner` learns once a frame whether the patient is audible at the learner's ear, and
returns the utterance that begins now. `devices.simulated.SimulatedLine` plays its clips.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, assert_never

from simvoice.audio import FRAME_S, Pcm
from simvoice.markup import LONGEST_PAUSE_S
from simvoice.ports import SpokenWord

UTTERANCE_GAP_S = 0.7
"""Silence after which the patient's next sound is a new utterance; pauses at commas are shorter."""

PAUSE_IN_LINE_S = LONGEST_PAUSE_S + 0.2
"""Longer than any pause of the patient inside a line; a broken silence must be longer."""

BETWEEN_WORDS_S = 0.2
"""A barge-in or backchannel needs a sound of the patient within this time before it."""

NOT_STOPPED_S = 1.0
"""A patient who still sounds this long after a barge-in did not stop, and so answers."""


@dataclass(frozen=True, slots=True)
class LearnerClip:
    """One utterance, prepared beforehand. Times are seconds into the clip."""

    text: str
    pcm: Pcm
    """float32 [n], mono, 16 kHz."""
    onset_s: float
    """Time of the first sample with voice."""
    offset_s: float
    """Time of the last sample with voice."""
    words: tuple[SpokenWord, ...] = ()
    pauses: tuple[tuple[float, float], ...] = ()
    """Planted silences between onset and offset, each (start, end)."""


@dataclass(frozen=True, slots=True)
class AfterPatient:
    """Speak once the patient has spoken and then been silent for `gap_s`."""

    gap_s: float = 1.0
    """Longer than the patient's pauses inside an utterance; a shorter gap would interrupt."""
    patience_s: float = 12.0
    """Speak anyway after so much silence, so that the encounter continues."""


@dataclass(frozen=True, slots=True)
class At:
    """Speak at this session second."""

    at_s: float


@dataclass(frozen=True, slots=True)
class BargeIn:
    """Take the turn `after_s` after the start of the patient's next utterance."""

    after_s: float
    patience_s: float = 12.0
    """Speak anyway when no utterance lasts long enough within this time."""


@dataclass(frozen=True, slots=True)
class BackchannelStep:
    """Acknowledge `after_s` after the start of the patient's utterance, and take no turn."""

    after_s: float
    patience_s: float = 12.0
    """Skip the step when no utterance lasts long enough within this time."""


@dataclass(frozen=True, slots=True)
class KeepSilent:
    """Say nothing until the patient was silent for `silence_s`, or spoke again."""

    silence_s: float
    patience_s: float = 12.0
    """Skip the step when the patient says nothing within this time."""


StepTiming = AfterPatient | At | BargeIn | BackchannelStep | KeepSilent


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One action of the learner. `clip` is None only with KeepSilent."""

    when: StepTiming
    clip: LearnerClip | None = None

    def __post_init__(self) -> None:
        if (self.clip is None) != isinstance(self.when, KeepSilent):
            raise ValueError("a step needs a clip, and KeepSilent must not have one")


@dataclass(frozen=True, slots=True)
class LearnerScript:
    """The actions of the learner, in order."""

    steps: tuple[ScriptStep, ...]


@dataclass(frozen=True, slots=True)
class PlantedUtterance:
    """Ground truth: one played clip, in session seconds."""

    step: int
    """Index into the script."""
    when: StepTiming
    text: str
    start_s: float
    """Time of the clip's first sample."""
    onset_s: float
    offset_s: float
    pauses: tuple[tuple[float, float], ...] = ()
    patient_was_speaking: bool = False


@dataclass(frozen=True, slots=True)
class KeptSilence:
    """Ground truth: a silence that the learner kept, in session seconds."""

    step: int
    start_s: float
    """The end of the patient's sound."""
    end_s: float
    broken_by: Literal["patient", "learner"]
    """patient: the patient spoke again. learner: the time of the step was over."""


@dataclass(slots=True)
class ScriptedLearner:
    """Decides, frame by frame, what the learner of a script does. Has no clock."""

    script: LearnerScript
    kept: list[KeptSilence] = field(default_factory=list)
    """The silences that were kept so far."""
    skipped: list[int] = field(default_factory=list)
    """The steps that were skipped."""
    _next: int = 0
    _busy_until_s: float = 0.0
    _waiting_since_s: float = 0.0
    _patient_answered: bool = False
    """The patient has spoken since the learner's last turn."""
    _onset_s: float | None = None
    """Start of the patient's current or last utterance."""
    _last_sound_s: float | None = None
    _is_new_utterance: bool = False
    _turn_start_s: float = 0.0
    _silence_from_s: float | None = None
    _interrupted_onset_s: float | None = None
    """Onset of the utterance that was interrupted last; the next barge-in waits for another."""

    @property
    def done(self) -> bool:
        """Whether all steps are done (the last clip may still be playing)."""
        return self._next >= len(self.script.steps)

    @property
    def next_timing(self) -> StepTiming | None:
        """The timing of the next step; None when all are done."""
        return None if self.done else self.script.steps[self._next].when

    def speaking(self, at_s: float) -> bool:
        """Return whether a clip is playing."""
        return at_s < self._busy_until_s

    def silent_for_s(self, at_s: float) -> float:
        """Return the seconds since the last sound of either speaker."""
        return at_s - max(self._last_sound_s or 0.0, self._busy_until_s)

    def insert(self, step: ScriptStep) -> None:
        """Put a step before the rest of the script. A silence that is being kept starts again after
        it."""
        steps = self.script.steps
        self.script = LearnerScript((*steps[: self._next], step, *steps[self._next :]))
        self._silence_from_s = None

    def replace_next(self, step: ScriptStep) -> None:
        """Put a step in the place of the next one, which has not begun."""
        steps = self.script.steps
        self.script = LearnerScript((*steps[: self._next], step, *steps[self._next + 1 :]))

    def tick(self, at_s: float, patient_sounds: bool) -> PlantedUtterance | None:
        """Advance by one frame, and return the utterance that begins with it, or None.

        at_s: session second at which the frame begins. patient_sounds: whether the patient was
        audible at the learner's ear in the frame before.
        """
        self._listen(at_s, patient_sounds)
        if self.done or self.speaking(at_s):
            return None
        step = self.script.steps[self._next]
        if isinstance(step.when, KeepSilent):
            self._keep_silent(step.when, at_s, patient_sounds)
            return None
        due = self._is_due(step.when, at_s)
        if due is None:
            self.skipped.append(self._next)
            self._advance(at_s)
            return None
        return self._speak(step, at_s, patient_sounds) if due else None

    def _listen(self, at_s: float, patient_sounds: bool) -> None:
        self._is_new_utterance = False
        if not patient_sounds:
            return
        if self._last_sound_s is None or at_s - self._last_sound_s > UTTERANCE_GAP_S:
            self._onset_s = at_s - FRAME_S
            self._is_new_utterance = True
        self._last_sound_s = at_s
        # The rest of an interrupted utterance is no answer, unless the patient does not stop.
        answers = self._onset_s is not None and self._onset_s >= self._turn_start_s
        if not self.speaking(at_s) and (answers or at_s - self._busy_until_s > NOT_STOPPED_S):
            self._patient_answered = True

    def _is_due(
        self, when: AfterPatient | At | BargeIn | BackchannelStep, at_s: float
    ) -> bool | None:
        """Return True for now, False for later, None when the step must be skipped."""
        match when:
            case At():
                return at_s >= when.at_s
            case AfterPatient():
                silent_s = self.silent_for_s(at_s)
                if self._patient_answered:
                    return silent_s >= when.gap_s
                return silent_s >= when.patience_s
            case BargeIn():
                # Only over a sound of the patient: in a gap between words nothing is cut off.
                over_sound = self._is_into(when.after_s, at_s) and self._last_sound_s == at_s
                return over_sound or self._waited(when.patience_s, at_s)
            case BackchannelStep():
                if self._is_into(when.after_s, at_s):
                    return True
                return None if self._waited(when.patience_s, at_s) else False
        assert_never(when)

    def _is_into(self, after_s: float, at_s: float) -> bool:
        """Return whether the patient speaks since `after_s` and was not interrupted yet."""
        if self._onset_s is None or self._last_sound_s is None:
            return False
        if self._onset_s == self._interrupted_onset_s:
            return False
        if at_s - self._last_sound_s > BETWEEN_WORDS_S:
            return False
        return at_s - self._onset_s >= after_s

    def _waited(self, patience_s: float, at_s: float) -> bool:
        return at_s - max(self._waiting_since_s, self._busy_until_s) >= patience_s

    def _keep_silent(self, when: KeepSilent, at_s: float, patient_sounds: bool) -> None:
        last_s = self._last_sound_s
        if not self._patient_answered or last_s is None:
            if self._waited(when.patience_s, at_s):
                self.skipped.append(self._next)
                self._advance(at_s)
        elif patient_sounds:
            # A new utterance breaks the silence; a pause inside a line does not.
            from_s = self._silence_from_s
            if from_s is not None and self._is_new_utterance and at_s - from_s > PAUSE_IN_LINE_S:
                self._end_silence(from_s, at_s - FRAME_S, "patient", at_s)
            self._silence_from_s = None
        else:
            self._silence_from_s = last_s
            if at_s - last_s >= when.silence_s:
                self._end_silence(last_s, at_s, "learner", at_s)

    def _end_silence(
        self, start_s: float, end_s: float, broken_by: Literal["patient", "learner"], at_s: float
    ) -> None:
        self.kept.append(KeptSilence(self._next, start_s, end_s, broken_by))
        self._advance(at_s)

    def _speak(self, step: ScriptStep, at_s: float, patient_sounds: bool) -> PlantedUtterance:
        clip = step.clip
        assert clip is not None
        utterance = PlantedUtterance(
            step=self._next,
            when=step.when,
            text=clip.text,
            start_s=at_s,
            onset_s=at_s + clip.onset_s,
            offset_s=at_s + clip.offset_s,
            pauses=tuple((at_s + a, at_s + b) for a, b in clip.pauses),
            patient_was_speaking=patient_sounds,
        )
        self._busy_until_s = utterance.offset_s
        if not isinstance(step.when, BackchannelStep):
            self._patient_answered = False
            self._turn_start_s = at_s
            self._interrupted_onset_s = self._onset_s
        self._advance(at_s)
        return utterance

    def _advance(self, at_s: float) -> None:
        self._next += 1
        self._waiting_since_s = at_s
        self._silence_from_s = None
