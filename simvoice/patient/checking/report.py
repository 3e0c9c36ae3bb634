"""The report of a check of a case, and whether the case passed."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

NEVER_ALLOWED = ("leak", "role_break", "unknown_fact", "repeat", "dead_end")
"""Kinds of findings that must not occur."""
LEAST_RIGHT = 0.9
"""Least share of probes with a right answer."""
MOST_CONTRADICTIONS = 0.005
"""Greatest share of turns with a contradiction."""


@dataclass(frozen=True, slots=True)
class CheckedConversation:
    """The result of one scripted conversation."""

    ending: str
    trust: float
    """Trust at the end, 0..1."""
    told: tuple[str, ...]
    """Ids of the facts that the patient told, in the order of the case."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that a conversation showed."""

    kind: str
    """leak, role_break, repeat, contradiction, unknown_fact or dead_end."""
    learner: str
    seed: int
    said: str
    line: str
    """The patient's line."""
    what: str


@dataclass(frozen=True, slots=True)
class Miss:
    """A probe with a wrong answer."""

    ask: str
    expected: tuple[str, ...]
    got: str | None
    text: str


@dataclass(frozen=True, slots=True)
class MissedMoment:
    """A moment that the learner's sentences do not lead to."""

    moment: str
    seed: int
    """The first with which it is not reached."""
    got: str
    """The patient's line instead, or the kind of a move without one."""


@dataclass(slots=True)
class Report:
    """The results of a check."""

    case: str
    probes: int = 0
    misses: list[Miss] = field(default_factory=list)
    conversations: int = 0
    turns: int = 0
    improvised: int = 0
    refused: int = 0
    """Lines of the model that the guard refused."""
    findings: list[Finding] = field(default_factory=list)
    endings: Counter[str] = field(default_factory=Counter)
    by_learner: dict[str, dict[str, float]] = field(default_factory=dict)
    injections: int = 0
    """Turns in which the learner addressed a machine, or tried to get gated facts."""
    skilled: CheckedConversation | None = None
    """The conversations of the scripted skilled learner (`skilled`) and poor learner (`poor`)."""
    poor: CheckedConversation | None = None
    unexpected_endings: list[str] = field(default_factory=list)
    missed_moments: list[MissedMoment] = field(default_factory=list)
    unreached: tuple[str, ...] = ()
    """Lines that no conversation reached."""

    @property
    def right_answer_rate(self) -> float:
        """Share of probes with an expected answer, 0..1; 1 without probes."""
        return 1.0 - len(self.misses) / self.probes if self.probes else 1.0

    def count(self, kind: str) -> int:
        """Number of findings of one kind."""
        return sum(each.kind == kind for each in self.findings)

    @property
    def is_earned(self) -> bool:
        """Whether the skilled learner gets another ending, more trust and more facts than the poor
        one."""
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
        clean = not any(map(self.count, NEVER_ALLOWED))
        rate = self.count("contradiction") / max(1, self.turns)
        right = self.right_answer_rate >= LEAST_RIGHT - 1e-9
        fair = self.is_earned and not self.unexpected_endings
        return clean and fair and right and not self.missed_moments and rate <= MOST_CONTRADICTIONS

    def to_json(self) -> dict[str, Any]:
        """The report for `cases check --json`."""
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
            "missed_moments": [asdict(each) for each in self.missed_moments],
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
