"""Run an encounter for a bench: planted speech, real engines, real time, and the known truth."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from simvoice.app.simulator import Simulator
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.conversation.state import Mind, Rules
from simvoice.devices.simulated import SimulatedLine, Truth
from simvoice.patient.decisions import Affect, Mood
from simvoice.ports import LineFacts, VoiceStyle
from simvoice.record.events import Header, JournalEntry
from simvoice.record.recorder import Recorder
from simvoice.record.store import Store
from simvoice.runtime.session import Session, SessionParts
from simvoice.simulate.learner import LearnerScript

# -- planted speech of clinicians -----------------------------------------------------------

PEOPLE = (
    VoiceStyle(),
    VoiceStyle(formant_shift=1.17, pitch_hz=200.0),
    VoiceStyle(formant_shift=1.12, pitch_hz=175.0, pitch_range=0.9, duration=1.12),
    VoiceStyle(formant_shift=0.97, pitch_hz=95.0, pitch_range=0.8, duration=1.15),
)
"""A man, a young woman, an older woman, an older man."""

SHORT = (
    "Mm-hm.",
    "Okay.",
    "I see.",
    "Right.",
    "Yes.",
    "No.",
    "Sure.",
    "Of course.",
    "Go on.",
    "Tell me more.",
    "I'm so sorry to hear that.",
    "How are you feeling?",
    "What brings you in today?",
    "Take your time.",
    "That must be hard.",
    "I understand.",
    "Are you okay?",
    "Please, have a seat.",
    "Good morning.",
    "Hello, I'm Doctor Lee.",
    "Is anyone here with you?",
    "What worries you most?",
    "What have you been told so far?",
    "Would you like some water?",
    "I wish I had better news.",
    "It is cancer.",
    "The biopsy shows cancer.",
    "I'm afraid it's bad news.",
    "Do you have any questions?",
    "Can you tell me more about that?",
    "How long has this been going on?",
    "When did it start?",
    "Does it hurt?",
    "Any fever?",
    "Who is at home with you?",
    "You're not alone in this.",
    "We'll go through this together.",
    "Let's take it one step at a time.",
    "Does that make sense?",
    "What does that mean to you?",
    "I can see this is a shock.",
    "It's okay to cry.",
    "Would you like to call someone?",
    "Thank you for telling me.",
    "That makes sense.",
    "I hear you.",
    "Uh-huh.",
    "Yeah.",
    "Absolutely.",
    "What questions do you have?",
)

LONG = (
    "Before we talk about the results, can you tell me what you understand about why we did the "
    "biopsy?",
    "I'm afraid I have some serious news to share with you, and I wish it were different.",
    "The tests show that the lump in your breast is cancer, and I know that is not what you hoped "
    "to hear.",
    "I can see that this comes as a shock, so let's just stop for a moment and take a breath.",
    "What is the thing that worries you most when you think about the next few weeks?",
    "We have found it early, and there are several good treatments that we can talk about when "
    "you're ready.",
    "Would you like me to explain what happens next, or would you rather wait until your husband "
    "is here?",
    "It sounds like you have been carrying this on your own for a long time.",
    "I'm going to write down the main points, so that you can look at them again at home.",
    "Could you tell me in your own words what we have talked about so far?",
    "Some people want all of the details right away and others prefer just the big picture, which "
    "one are you?",
    "Your surgeon will call you tomorrow morning to set up an appointment for next week.",
    "I don't know the answer to that yet, but I will find out and call you on Thursday.",
    "When you say you're tired, is it more that you can't sleep, or that you have no energy "
    "during the day?",
    "Have you noticed any change in your weight, your appetite or your breathing over the last "
    "three months?",
    "You mentioned that your mother was ill, and I wonder how much of that is on your mind today.",
    "There is nothing that you did or didn't do that caused this.",
    "Let me make sure I understood you, the pain started on Sunday and it gets worse when you "
    "walk.",
    "If at any point you want me to stop or to slow down, please just say so.",
    "Who else should know about this, and is there somebody that I could talk to for you?",
)


def utterances(quick: bool) -> list[tuple[str, VoiceStyle]]:
    """Return texts and voices: 200 short and 40 longer utterances; 17 and 5 when quick."""
    short = [(text, person) for text in SHORT for person in PEOPLE]
    longer = [
        (text, PEOPLE[(number + turn) % len(PEOPLE)])
        for number, text in enumerate(LONG)
        for turn in (0, 1)
    ]
    # 13 and 9 share no factor with 4, so no voice is left out.
    return short[::13] + longer[::9] if quick else short + longer


# -- encounters -----------------------------------------------------------------------------

ATTEMPT = "20260101-000000-bench-aaaa"


@dataclass(frozen=True, slots=True)
class Played:
    """The record of an encounter and its truth."""

    entries: tuple[JournalEntry, ...]
    truth: Truth


def play(
    simulator: Simulator,
    mind: Mind,
    script: LearnerScript,
    *,
    style: Callable[[Affect, Mood], VoiceStyle],
    focus: Callable[[str], str] = str,
    settings: TurnTakingSettings | None = None,
    tail_s: float = 3.0,
    leaves: bool = False,
    seed: int = 0,
) -> Played:
    """Run the learner's script against the mind through the whole runtime."""
    line = SimulatedLine(script, tail_s=tail_s, leaves=leaves, seed=seed)
    engines = simulator.engines()
    with tempfile.TemporaryDirectory(prefix="simvoice-bench-") as folder:
        root = Path(folder)

        def record(facts: LineFacts) -> Recorder:
            header = Header(
                attempt=ATTEMPT,
                simvoice="bench",
                case_id="bench",
                case_title="bench",
                case_sha256="",
                patient_name="bench",
                seed=seed,
            )
            return Recorder.create(root, header)

        parts = SessionParts(
            attempt=ATTEMPT,
            rules=Rules(
                mind, settings or TurnTakingSettings(), judges_words=engines.last_words is not None
            ),
            line=line,
            vad=simulator.voice_activity(),
            engines=engines,
            record=record,
            style=style,
            focus=focus,
            seed=seed,
        )
        Session(parts).run()
        return Played(Store(root).open(ATTEMPT).entries, line.truth)


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Run other processes that each keep one core busy."""
    spin = "while True: pass"
    others = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


class PeakMemory:
    """Measures the peak resident memory of this process and its children, MB."""

    def __init__(self) -> None:
        self.mb = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process(os.getpid())
        while not self._done.wait(0.25):
            total = me.memory_info().rss
            for child in me.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    # The processes of `busy` do not count; they load no model.
                    if "while True" not in " ".join(child.cmdline()):
                        total += child.memory_info().rss
            self.mb = max(self.mb, total / 2**20)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that is at least as large as this share of all values; else NaN."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    index = min(len(ordered) - 1, max(0, -(-len(ordered) * share // 1) - 1))
    return ordered[int(index)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p95, min and max, rounded to whole numbers."""
    if not values:
        return {}
    return {
        "p50": round(percentile(values, 0.5)),
        "p95": round(percentile(values, 0.95)),
        "min": round(min(values)),
        "max": round(max(values)),
    }
