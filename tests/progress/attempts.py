"""Build briefs with known shares, counts and changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simvoice.progress.brief import AdviceEvent, Brief, BriefHeading, BriefNumber
from simvoice.record.events import RetryOrigin

WEIGHTS = (3.0, 3.0, 2.0, 2.0, 2.0)
"""Weights of the five items of a heading."""
NAMES = {"listening": "Active listening", "clarity": "Clarity", "empathy": "Empathy under pressure"}


def heading(key: str, met: int, judged: int = 5) -> BriefHeading:
    """Build a heading: of the first `judged` items the first `met` are met."""
    items = [(f"{key} {number}", weight) for number, weight in enumerate(WEIGHTS, 1)]
    return BriefHeading(
        id=key,
        name=NAMES[key],
        has_share=sum(WEIGHTS[:judged]) * 2 >= sum(WEIGHTS),
        met=tuple(items[:met]),
        not_met=tuple(items[met:judged]),
        not_judged=tuple(items[judged:]),
    )


def number(key: str, value: float | None) -> BriefNumber:
    """Build a number with an interval of one to each side."""
    if value is None:
        return BriefNumber(key=key, value=None, low=None, high=None, reason="noise 6 dB")
    return BriefNumber(key=key, value=value, low=value - 1.0, high=value + 1.0, reason="")


def events(kind: str, *times_s: float, what: str = "done") -> Iterable[AdviceEvent]:
    return [AdviceEvent.model_validate({"kind": kind, "at_s": at, "what": what}) for at in times_s]


def brief(day: int, met: int = 2, **fields: Any) -> Brief:
    """Build the brief of an attempt in November 2026; `met` of five items are met by heading."""
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
        "is_part": False,
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


def retry(day: int, of: Brief, turn: int, at_s: float, **fields: Any) -> Brief:
    """Build the brief of a retry from a checkpoint of another attempt."""
    origin = RetryOrigin(attempt=of.attempt, turn=turn, at_s=at_s)
    return brief(day, again=origin, is_part=True, **fields)
