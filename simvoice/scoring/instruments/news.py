"""The anatomy of a news beat: warning shot, headline, silence, who speaks first, and with what.

After SPIKES (Baile et al. 2000, doi 10.1634/theoncologist.5-4-302): a warning before the news,
the news in plain words, then room for what it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simvoice.coding.codebook import EMPATHY
from simvoice.record.events import JournalEntry, LearnerTurn, PatientMove, PatientSpeech
from simvoice.timing.turns import Speaker

NEWS = frozenset({"headline", "headline_jargon"})
"""Codes with which the news itself is told."""
WARNING = "warning_shot"
CUES = frozenset({"feel"})
"""Moves with which the patient shows a feeling."""


@dataclass(frozen=True, slots=True)
class NewsBeat:
    """The first time the news was told. All times are session seconds."""

    headline_s: float
    """Where the turn that told it begins."""
    told_s: float
    """Where that turn ends."""
    warned_s: float | None
    """Where the turn with the last warning before it begins; None without one."""
    silence_s: float | None
    """Seconds after the turn until somebody spoke; None when nobody did."""
    first: Speaker | None
    """Who spoke first then."""
    response: tuple[str, ...]
    """What the learner's next turn did, by the codebook's names; empty when none followed."""
    is_empathic: bool
    """Whether that was, or held, an answer to feeling."""


def tells_news(turn: LearnerTurn) -> bool:
    """Whether the turn tells the news itself."""
    return any(code.code in NEWS for code in turn.codes)


def news_beat(entries: Sequence[JournalEntry]) -> NewsBeat | None:
    """The first one in a journal; None when the news was not told."""
    turns = sorted(_turns(entries), key=lambda turn: turn.start_s)
    told = next((turn for turn in turns if tells_news(turn)), None)
    if told is None:
        return None
    warned = [
        turn.start_s
        for turn in turns
        if turn.start_s <= told.start_s and any(code.code == WARNING for code in turn.codes)
    ]
    following = next((turn for turn in turns if turn.start_s > told.start_s), None)
    starts: list[tuple[float, Speaker]] = [
        (speech.start_s, "patient")
        for speech in entries
        if isinstance(speech, PatientSpeech) and speech.heard and speech.start_s > told.start_s
    ]
    if following is not None:
        starts.append((following.start_s, "learner"))
    first = min(starts, default=None)
    response = tuple(dict.fromkeys(code.code for code in following.codes)) if following else ()
    return NewsBeat(
        headline_s=told.start_s,
        told_s=told.end_s,
        warned_s=max(warned, default=None),
        silence_s=max(0.0, first[0] - told.end_s) if first else None,
        first=first[1] if first else None,
        response=response,
        is_empathic=any(code in EMPATHY for code in response),
    )


def _turns(entries: Sequence[JournalEntry]) -> list[LearnerTurn]:
    return [entry for entry in entries if isinstance(entry, LearnerTurn)]


def distressed(entries: Sequence[JournalEntry], from_level: float) -> list[tuple[float, float]]:
    """(start, end) of the times in which the patient's distress was `from_level` or more, as her
    ledger had it; session seconds, the last one without an end."""
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for move in entries:
        if not isinstance(move, PatientMove) or "distress" not in move.ledger:
            continue
        high = move.ledger["distress"] >= from_level
        if high and since is None:
            since = move.at_s
        elif not high and since is not None:
            spans.append((since, move.at_s))
            since = None
    if since is not None:
        spans.append((since, float("inf")))
    return spans
