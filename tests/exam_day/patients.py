"""Real patients, sessions and records behind engines that take no time.

The recogniser hears whose chord sounds, and returns the words of that learner. So the words in a
record are those of the learner whose sound is in it, whatever the station believes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simvoice.app.simulator import Simulator
from simvoice.audio import FRAME, RATE, Pcm
from simvoice.patient.mind import Patient
from simvoice.ports import Cancelled, Transcript, never
from simvoice.record.recorder import check_storage
from simvoice.runtime.stages import Engines
from tests.exam_day.marks import Marks
from tests.runtime.fakes import FakeEndOfTurn, FakeVoice, LoudIsVoice

_QUESTIONS = ("How are you today?", "What worries you most?", "Who is at home with you?")


@dataclass
class MarkedRecogniser:
    """Returns the words of the learner whose chord it hears."""

    learners: Sequence[Marks]
    turns: int = 0

    def transcribe(
        self, pcm: Pcm, *, hint: str = "", once: bool = False, cancelled: Cancelled = never
    ) -> Transcript:
        """Return a question with the learner's words; the question alone without a chord."""
        self.turns += 1
        question = _QUESTIONS[self.turns % len(_QUESTIONS)]
        found = speaker_of(pcm, self.learners)
        said = question if found is None else f"{' '.join(found.words)} {question}"
        return Transcript(said, -0.2, 0.02, 1.0)


def speaker_of(pcm: Pcm, learners: Sequence[Marks]) -> Marks | None:
    """Return the learner whose chord sounds; None for another sound. pcm: float32 [n]."""
    frames = pcm[: pcm.size // FRAME * FRAME].reshape(-1, FRAME)
    if not len(frames):
        return None
    loudest = frames[np.argmax((frames**2).sum(axis=1))]
    strengths = np.abs(np.fft.rfft(loudest))  # its bins are the multiples of 50 Hz
    tones = set(np.argsort(strengths)[-6:] * (RATE // FRAME))
    likest = max(learners, key=lambda one: len(tones & set(one.tones_hz)))
    return likest if len(tones & set(likest.tones_hz)) >= 5 else None


class ScriptedSimulator(Simulator):
    """The simulator of a station, with a scripted recogniser, voice and end of turn."""

    def __init__(self, attempts: Path, learners: Sequence[Marks]) -> None:
        """learners: whose words are recognised."""
        super().__init__(attempts=attempts)
        self._recogniser = MarkedRecogniser(learners)

    def _load(self, progress: Callable[[float, str], None]) -> Engines:
        return Engines(self._recogniser, FakeEndOfTurn(), FakeVoice())

    def voice_activity(self) -> LoudIsVoice:
        """Return a detector that takes every loud sound for a voice."""
        return LoudIsVoice()

    def patient(self, case_id: str) -> Patient:
        """Return the patient of a case, who understands by words alone."""
        with self._reading:
            if case_id not in self._patients:
                self._patients[case_id] = Patient(self.case(case_id), None)
            return self._patients[case_id]

    def make_ready(
        self,
        case_id: str,
        progress: Callable[[float, str], None] = lambda _, __: None,
        cancelled: Cancelled = never,
        *,
        likely_only: bool = False,
    ) -> None:
        """Read the case; nothing has to be synthesised."""
        check_storage(self.store.root)
        self.patient(case_id)

    def prepare_rest(self, case_id: str, cancelled: Cancelled = never) -> None:
        """Nothing is left to prepare."""
