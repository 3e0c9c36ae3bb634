"""The news beat: warning, news, silence, who speaks first, and how the learner responds.

After SPIKES (Baile et al. 2000, doi 10.1634/theoncologist.5-4-302): a warning before the news, the
news in plain words, then time for the patient's reaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from simvoice.coding.codebook import EMPATHY, NEWS
from simvoice.coding.grade import grade
from simvoice.record.events import JournalEntry, LearnerTurn, PatientMove, PatientSpeech
from simvoice.timing.turns import Speaker

WARNING = "warning_shot"
CUES = frozenset({"feel"})
"""Moves in which the patient shows a feeling."""


@dataclass(frozen=True, slots=True)
class NewsBeat:
    """The first time the news was told. All times are session seconds."""

    headline_s: float
    """Start of the turn that told the news."""
    told_s: float
    """End of that turn."""
    warned_s: float | None
    """Start of the turn with the last warning before the news; None without a warning."""
    silence_s: float | None
    """Seconds from the end of the turn until someone spoke; None when no one did."""
    first: Speaker | None
    """Who spoke first after the news."""
    response: tuple[str, ...]
    """Codes of the learner's next turn; empty when none followed."""
    is_empathic: bool
    """Whether the response has a code of empathy."""


def tells_news(turn: LearnerTurn) -> bool:
    """Whether the turn certainly tells the news."""
    return _certainly(turn, NEWS)


def _certainly(turn: LearnerTurn, codes: Collection[str]) -> bool:
    """Whether a turn certainly has one of these codes."""
    return any(
        code.code in codes
        and grade(code.code, code.words, turn.text, "", code.confidence) == "certain"
        for code in turn.codes
    )


def news_beat(entries: Sequence[JournalEntry]) -> NewsBeat | None:
    """The first news beat in a journal; None when the news was not told."""
    turns = sorted(_turns(entries), key=lambda turn: turn.start_s)
    told = next((turn for turn in turns if tells_news(turn)), None)
    if told is None:
        return None
    warned = [
        turn.start_s
        for turn in turns
        if turn.start_s <= told.start_s and _certainly(turn, {WARNING})
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
    """(start, end) of the times with the patient's distress, by the ledger, at `from_level` or
    above.

    Session seconds; the last interval may end at infinity.
    """
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
