"""One encounter for a bench: planted audio, real engines, real time, and the truth of it."""

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
from simvoice.conversation.settings import FloorSettings
from simvoice.conversation.state import Mind, Rules
from simvoice.devices.simulated import SimulatedLine, Truth
from simvoice.patient.decisions import Affect, Mood
from simvoice.ports import LineFacts, VoiceStyle
from simvoice.record.events import Header, JournalEntry
from simvoice.record.recorder import Recorder
from simvoice.record.store import Store
from simvoice.runtime.session import Parts, Session
from simvoice.simulate.learner import Script

ATTEMPT = "20260101-000000-bench-aaaa"


@dataclass(frozen=True, slots=True)
class Played:
    """What happened (the record) and what really happened (the truth)."""

    entries: tuple[JournalEntry, ...]
    truth: Truth


def play(
    simulator: Simulator,
    mind: Mind,
    script: Script,
    *,
    style: Callable[[Affect, Mood], VoiceStyle],
    focus: Callable[[str], str] = str,
    floor: FloorSettings | None = None,
    tail_s: float = 3.0,
    leaves: bool = False,
    seed: int = 0,
) -> Played:
    """Run the script against the mind through everything that a learner's words go through."""
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

        parts = Parts(
            attempt=ATTEMPT,
            rules=Rules(
                mind, floor or FloorSettings(), judges_words=engines.last_words is not None
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
    """Other processes that keep one core busy each."""
    spin = "while True: pass"
    others = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


class PeakMemory:
    """Watches the memory of this process and its children: resident, in MB."""

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
                    # The spinning neighbours of `busy` are not ours to count; they hold no model.
                    if "while True" not in " ".join(child.cmdline()):
                        total += child.memory_info().rss
            self.mb = max(self.mb, total / 2**20)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is at least as large as this share of all; nan when there is none."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    place = min(len(ordered) - 1, max(0, -(-len(ordered) * share // 1) - 1))
    return ordered[int(place)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, least and most, rounded to whole numbers."""
    if not values:
        return {}
    return {
        "p50": round(percentile(values, 0.5)),
        "p95": round(percentile(values, 0.95)),
        "min": round(min(values)),
        "max": round(max(values)),
    }
