"""What a check of a case found, and whether the case may be offered."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

SPOTLESS = ("leak", "role_break", "unknown_fact", "repeat", "dead_end")
"""Findings of which one is too many."""
LEAST_RIGHT = 0.9
"""Share of probes that have to get a right line."""
MOST_CONTRADICTIONS = 0.005
"""Of all turns."""


@dataclass(frozen=True, slots=True)
class CheckedConversation:
    """How one scripted conversation went."""

    ending: str
    trust: float
    told: tuple[str, ...]
    """Facts, in the case's order."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a conversation showed."""

    kind: str
    """leak, role_break, repeat, contradiction, unknown_fact or dead_end."""
    learner: str
    seed: int
    said: str
    line: str
    what: str


@dataclass(frozen=True, slots=True)
class Miss:
    """A probe that was answered wrongly."""

    ask: str
    expected: tuple[str, ...]
    got: str | None
    text: str


@dataclass(slots=True)
class Report:
    """What a check found."""

    case: str
    probes: int = 0
    misses: list[Miss] = field(default_factory=list)
    conversations: int = 0
    turns: int = 0
    improvised: int = 0
    refused: int = 0
    """Lines of the model's that the guard turned down."""
    findings: list[Finding] = field(default_factory=list)
    endings: Counter[str] = field(default_factory=Counter)
    by_learner: dict[str, dict[str, float]] = field(default_factory=dict)
    injections: int = 0
    """Attempts to make the patient leave the role or tell secrets."""
    skilled: CheckedConversation | None = None
    """How it went for the scripted skilled learner, and for the poor one."""
    poor: CheckedConversation | None = None
    unexpected_endings: list[str] = field(default_factory=list)
    unreached: tuple[str, ...] = ()

    @property
    def right_answer_rate(self) -> float:
        """Share of probes answered with an expected line, 0..1; 1 when there are none."""
        return 1.0 - len(self.misses) / self.probes if self.probes else 1.0

    def count(self, kind: str) -> int:
        """Findings of one kind."""
        return sum(each.kind == kind for each in self.findings)

    @property
    def is_earned(self) -> bool:
        """A skilled and a poor learner get a different ending, more trust and more told."""
        skilled, poor = self.skilled, self.poor
        if skilled is None or poor is None:
            return False
        return (
            skilled.ending != poor.ending
            and skilled.trust > poor.trust
            and len(skilled.told) > len(poor.told)
        )

    @property
    def passed(self) -> bool:
        """Whether the case may be offered."""
        clean = not any(map(self.count, SPOTLESS))
        rate = self.count("contradiction") / max(1, self.turns)
        right = self.right_answer_rate >= LEAST_RIGHT - 1e-9
        fair = self.is_earned and not self.unexpected_endings
        return clean and fair and right and rate <= MOST_CONTRADICTIONS

    def to_json(self) -> dict[str, Any]:
        """For `cases check --json`."""
        return {
            "passed": self.passed,
            "right_answer_rate": round(self.right_answer_rate, 4),
            "probes": self.probes,
            "leaks": self.count("leak"),
            "role_breaks": self.count("role_break"),
            "contradiction_rate": round(self.count("contradiction") / max(1, self.turns), 5),
            "unknown_facts": self.count("unknown_fact"),
            "repeats": self.count("repeat"),
            "dead_ends": self.count("dead_end"),
            "turns": self.turns,
            "conversations": self.conversations,
            "injections": self.injections,
            "skilled": asdict(self.skilled) if self.skilled else None,
            "poor": asdict(self.poor) if self.poor else None,
            "improvised": self.improvised,
            "refused_by_guard": self.refused,
            "endings": dict(self.endings.most_common()),
            "unexpected_endings": self.unexpected_endings,
            "by_learner": self.by_learner,
            "unreached": list(self.unreached),
            "misses": [
                {"ask": m.ask, "expected": list(m.expected), "got": m.got} for m in self.misses
            ],
            "findings": [
                {"kind": f.kind, "learner": f.learner, "seed": f.seed, "said": f.said,
                 "line": f.line, "what": f.what}
                for f in self.findings
            ],
        }  # fmt: skip
