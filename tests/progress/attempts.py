"""Attempts whose shares, counts and changes are known, as briefs and as records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simvoice.progress.brief import Brief, Did, HeadingOf, NumberOf
from simvoice.record.events import RetryOrigin

WEIGHTS = (3.0, 3.0, 2.0, 2.0, 2.0)
"""Of a heading's five items."""
NAMES = {"listening": "Active listening", "clarity": "Clarity", "empathy": "Empathy under pressure"}


def heading(key: str, met: int, judged: int = 5) -> HeadingOf:
    """The first `met` of the first `judged` items were met."""
    items = [(f"{key} {number}", weight) for number, weight in enumerate(WEIGHTS, 1)]
    return HeadingOf(
        id=key,
        name=NAMES[key],
        has_share=sum(WEIGHTS[:judged]) * 2 >= sum(WEIGHTS),
        met=tuple(items[:met]),
        not_met=tuple(items[met:judged]),
        not_judged=tuple(items[judged:]),
    )


def number(key: str, value: float | None) -> NumberOf:
    """With an interval of one to each side."""
    if value is None:
        return NumberOf(key=key, value=None, low=None, high=None, reason="noise 6 dB")
    return NumberOf(key=key, value=value, low=value - 1.0, high=value + 1.0, reason="")


def did(kind: str, *times_s: float, what: str = "done") -> Iterable[Did]:
    return [Did.model_validate({"kind": kind, "at_s": at, "what": what}) for at in times_s]


def brief(day: int, met: int = 2, **fields: Any) -> Brief:
    """One whole attempt on a day of November 2026; `met` of five items under each heading."""
    made: dict[str, Any] = {
        "attempt": f"202611{day:02d}-101530-planted-talk-aaaa",
        "learner": "Kim",
        "case_id": "planted-talk",
        "case_title": "A planted talk",
        "case_sha256": "0" * 64,
        "patient_name": "Ines",
        "when": f"2026-11-{day:02d}T10:15:30+00:00",
        "length_s": 300.0,
        "reason": "learner",
        "simvoice": "0.1.0",
        "recogniser": "",
        "again": None,
        "english": True,
        "turns": 12,
        "headings": tuple(heading(key, met) for key in NAMES),
        "critical": {},
        "counts": {"question_open": 2, "question_closed": 2, "reflection": 2},
        "numbers": (number("talk_share", 50.0), number("interruptions", 4.0)),
        "trust": (0.3, 0.5),
        "advice": (),
        "did": (),
    }
    return Brief(**(made | fields))


def another_go(day: int, of: Brief, turn: int, at_s: float, **fields: Any) -> Brief:
    """Taken up from a moment of another one."""
    return brief(day, again=RetryOrigin(attempt=of.attempt, turn=turn, at_s=at_s), **fields)
