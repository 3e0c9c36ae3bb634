"""A process that runs an encounter in real time with scripted engines, for `scripts/kills`.

python -m tests.endurance.scripted_encounter ROOT ATTEMPT SECONDS

The session, its threads, the recorder and the disk are the real ones; the engines answer from a
script, so that the encounter begins a second after the start of the process. It prints the number
of each frame that the session has read.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from simvoice.conversation.state import Rules
from simvoice.devices.pacing import Pacer
from simvoice.ports import LineFacts, MicFrame, VoiceStyle
from simvoice.record.recorder import Recorder
from simvoice.runtime.session import Session, SessionParts
from simvoice.runtime.stages import Engines
from tests.conversation.world import ScriptedMind
from tests.planted.talk import header
from tests.runtime.fakes import FakeEndOfTurn, FakeLine, FakeRecogniser, FakeVoice, LoudIsVoice

QUESTIONS = ["What worries you most?", "How have you slept?", "Who is at home with you?"]
ANSWERS = ["That they will forget me.", "Not at all, since Tuesday.", "Nobody. Only the cat."]


@dataclass
class PacedLine(FakeLine):
    """A learner who asks something every four seconds, in real time."""

    pacer: Pacer = field(default_factory=Pacer)

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        self.pacer.wait()
        found = super().read(timeout_s)
        # the session asks for the next frame when it has taken the one before
        sys.stdout.write(f"{self.frames - 1}\n")
        sys.stdout.flush()
        return found


def main(root: Path, attempt: str, seconds: float) -> None:
    """Run the encounter to its end."""
    spans = [(start, start + 1.2) for start in range(1, round(seconds), 4)]

    def create(_: LineFacts) -> Recorder:
        return Recorder.create(root, header(attempt))

    session = Session(
        SessionParts(
            attempt=attempt,
            rules=Rules(ScriptedMind(ANSWERS)),
            line=PacedLine(spans=[(float(a), float(b)) for a, b in spans], ends_s=seconds),
            vad=LoudIsVoice(),
            engines=Engines(FakeRecogniser(QUESTIONS * 9), FakeEndOfTurn(), FakeVoice()),
            record=create,
            style=lambda affect, mood: VoiceStyle(),
            focus=lambda text: text,
        )
    )
    session.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
