"""What the log says of an encounter: its start, its troubles, and one line at its end."""

from __future__ import annotations

import logging
import resource
import statistics
import sys
from collections import Counter

from simvoice import log
from simvoice.ports import LineFacts
from simvoice.record.events import Delay, JournalEntry, LossCounts, Trouble

_log = logging.getLogger(__name__)


class EncounterLog:
    """Follows the journal of one encounter. Words and names in it never reach the log."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._delays: list[Delay] = []
        self._counts = LossCounts(at_s=0.0)

    def opened(self, facts: LineFacts) -> None:
        """Log how the encounter hears and speaks, without the names of the devices."""
        _log.info("opened line=%s rate=%d echo=%s", facts.kind, facts.native_rate, facts.echo)

    def add(self, entry: JournalEntry) -> None:
        """Count a journal entry; log it when it is a trouble."""
        self._kinds[entry.type] += 1
        match entry:
            case Delay():
                self._delays.append(entry)
            case LossCounts():
                self._counts = entry
            case Trouble():
                _log.warning(
                    "trouble at_s=%.2f what=%s", entry.at_s, log.without_values(entry.what)
                )
            case _:
                pass

    def ended(self, reason: str) -> None:
        """Log the line of the whole encounter.

        Each stage has its median and its greatest time in seconds, counted from the end of the
        learner's speech as in `record.events.Delay`.
        """
        parts = [f"ended={reason}", f"length_s={self._counts.at_s:.1f}"]
        for name, kind in _COUNTED:
            parts.append(f"{name}={self._kinds[kind]}")
        stages: dict[str, list[float]] = {}
        for delay in self._delays:
            for stage, at_s in delay.stages_s.items():
                stages.setdefault(stage, []).append(at_s)
        parts += [f"{name}_s={_spread(times)}" for name, times in stages.items()]
        parts += [
            f"lost_frames={self._counts.lost_frames}",
            f"underruns={self._counts.speaker_underruns}",
            f"slow_frames={self._counts.slow_frames}",
            f"peak_mb={_peak_mb():.0f}",
        ]
        _log.info("encounter %s", " ".join(parts))


_COUNTED = (
    ("learner_turns", "learner_turn"),
    ("patient_lines", "patient_speech"),
    ("interruptions", "interruption"),
    ("backchannels", "backchannel"),
    ("discarded", "discarded"),
    ("troubles", "trouble"),
)


def _spread(times: list[float]) -> str:
    """Median and greatest of some seconds: "0.34/0.91"."""
    return f"{statistics.median(times):.2f}/{max(times):.2f}"


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3  # bytes; elsewhere kilobytes
