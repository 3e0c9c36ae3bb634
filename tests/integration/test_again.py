"""From a moment of a real encounter, the same sound of the learner's leads to the same patient."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from simvoice.app.simulator import Simulator
from simvoice.audio import FRAME, FRAME_S, RATE, Pcm16, samples
from simvoice.debrief.comparison import ReadAttempt, compare
from simvoice.debrief.retry import CheckpointRef, checkpoint_before
from simvoice.devices.pacing import Pacer
from simvoice.devices.simulated import SimulatedLine
from simvoice.ports import LineFacts, MicFrame
from simvoice.record.events import Checkpoint, PatientMove
from simvoice.record.store import Attempt
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.simulate.learner import AfterPatient, BargeIn, LearnerScript, ScriptStep
from tests.integration.conftest import SMALL, Say

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

DELAY_S = 0.06
"""As `SimulatedLine` has it."""


@dataclass
class Replay:
    """A microphone that plays the rest of a recording, laid against the patient's voice as it was:
    silence until she sounds, then what the learner said from then on."""

    learner: Pcm16
    """From the first sample at which she sounded."""
    before: Pcm16
    """The learner's channel up to there, at most a few frames of it."""
    written: int = 0
    frames: int = 0
    zero: int | None = None
    """The sample of this line at which she sounds first."""
    pacer: Pacer = field(default_factory=lambda: Pacer(True))

    @property
    def facts(self) -> LineFacts:
        return LineFacts("simulated", "a recording", "its ear", RATE, "headphones")

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        self.pacer.wait()
        begin = self.frames * FRAME
        self.frames += 1
        if self.zero is None:
            return MicFrame(np.zeros(FRAME, np.int16), output_delay_s=DELAY_S)
        since = begin - self.zero
        if since >= self.learner.size + 6 * RATE:
            return None
        whole = np.concatenate((self.before, self.learner))
        at = since + self.before.size
        pcm = whole[max(0, at) : max(0, at + FRAME)]
        return MicFrame(np.pad(pcm, (0, FRAME - pcm.size)), output_delay_s=DELAY_S)

    def write(self, frame: Pcm16) -> None:
        if self.zero is None and frame.any():
            heard_at = samples(self.frames * FRAME_S - FRAME_S + DELAY_S)
            self.zero = heard_at + int(np.flatnonzero(frame)[0])


@pytest.fixture(scope="module")
def original(simulator: Simulator, say: Say) -> Attempt:
    script = LearnerScript(
        (
            ScriptStep(AfterPatient(0.9), say("Good morning. What happened to your wrist?")),
            ScriptStep(BargeIn(1.6), say("Excuse me, please, who is at home with you now?")),
            ScriptStep(
                AfterPatient(0.9), say("Thank you for coming in today. Goodbye, Mrs. Ward.")
            ),
        )
    )
    line = SimulatedLine(script, tail_s=6.0, limit_s=60.0)
    encounter = simulator.encounter(SMALL, line, learner="Robin", options=EncounterOptions(seed=5))
    encounter.run()
    return simulator.attempt(encounter.attempt)


def moments(attempt: Attempt) -> list[Checkpoint]:
    return [entry for entry in attempt.entries if isinstance(entry, Checkpoint)]


def go_again(simulator: Simulator, original: Attempt, entry: Checkpoint) -> Attempt:
    learner, patient = original.audio()
    first = samples(entry.at_s)
    zero = first + int(np.flatnonzero(patient[first:])[0])
    line = Replay(learner[zero:], learner[first:zero])
    encounter = simulator.encounter(
        SMALL, line, learner="", retry_from=CheckpointRef(original.id, entry.turn)
    )
    encounter.run()
    return simulator.attempt(encounter.attempt)


def settled(entry: Checkpoint) -> dict[str, object]:
    """Her mind without her words to the letter: an answer begins as soon as the machine has it, so
    where she was cut off a word more or less may have sounded."""
    words = {"spoken", "transcript"}
    return {name: value for name, value in entry.mind.items() if name not in words}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_same_sound_leads_to_the_same_patient(
    simulator: Simulator, original: Attempt, number: int
) -> None:
    entry = moments(original)[number]
    branch = go_again(simulator, original, entry)
    expected, found = moments(original)[number:], moments(branch)
    assert len(expected) >= 2
    assert found[0].mind == expected[0].mind
    assert [settled(each) for each in found][1:] == [settled(each) for each in expected][1:]
    assert [each.move for each in found][1:] == [each.move for each in expected][1:]
    ledgers = [
        [move.ledger for move in attempt.entries if isinstance(move, PatientMove)]
        for attempt in (original, branch)
    ]
    assert ledgers[1] == ledgers[0][number:]
    assert branch.header.again is not None
    assert (branch.header.again.attempt, branch.header.again.turn) == (original.id, entry.turn)
    assert branch.header.learner == "Robin"
    assert branch.header.seed == original.header.seed == 5
    both = compare(ReadAttempt.of(original), ReadAttempt.of(branch))
    assert both.second.end == both.first.end
    assert both.second.told == both.first.told


def test_the_goodbye_is_no_moment_to_begin_at(original: Attempt) -> None:
    last = moments(original)[-1]
    assert last.move["ending"] == "done"
    before = checkpoint_before(original.entries, original.duration_s)
    assert before is not None
    assert before.turn != last.turn
