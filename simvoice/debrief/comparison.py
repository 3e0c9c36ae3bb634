"""Compare an attempt and its retry, both from the checkpoint on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field

from simvoice.debrief.build import told_facts, undelivered
from simvoice.debrief.model import Who
from simvoice.display import duration, duration_in_words, points
from simvoice.errors import AttemptError
from simvoice.reading.reading import Reading, read
from simvoice.record.endings import end_words
from simvoice.record.events import (
    Backchannel,
    Header,
    Hold,
    JournalEntry,
    LearnerTurn,
    PatientMove,
    PatientSpeech,
    RetryOrigin,
)
from simvoice.record.store import Attempt, AttemptSummary
from simvoice.rounding import LedgerChange, Seconds, round_ledger
from simvoice.strict_model import StrictModel

LEDGER = ("trust", "distress", "understanding")
"""Quantities in the order they are shown. Other quantities of a case follow."""


class ComparedLine(StrictModel):
    """An utterance, as recognised or delivered, or a silence."""

    at_s: float
    """Session second in its own attempt, for playback."""
    since_s: Seconds
    """Seconds since the checkpoint."""
    who: Who
    kind: Literal["words", "acknowledged", "silence"]
    text: str
    unsaid: str = ""
    """The planned words that the patient did not get to say."""
    moved: dict[str, LedgerChange] = Field(default_factory=dict)
    """Name to the change of the ledger at this line, -1..1; unchanged quantities are left out."""
    causes: tuple[str, ...] = ()
    ledger: dict[str, float] = Field(default_factory=dict)
    """The ledger from then on; empty for the learner's lines."""


class ComparedAttempt(StrictModel):
    """One of the two attempts, from the checkpoint on."""

    attempt: str
    when: str
    """ISO 8601 with time zone; empty when the record does not contain it."""
    from_s: float
    length_s: Seconds
    """Seconds from the checkpoint to the end."""
    lines: tuple[ComparedLine, ...]
    start: dict[str, float]
    """The ledger at the checkpoint."""
    end: dict[str, float]
    """The ledger at the end."""
    told: tuple[str, ...]
    """The facts that the patient told from there on, one sentence each."""
    held: int
    """Number of the patient's silences that the learner let last."""
    filled: int
    """Number of the patient's silences that the learner filled."""
    cut_off: int
    """Number of the patient's utterances that lost words."""
    ended: str
    """How the attempt ended, in words."""


class Comparison(StrictModel):
    """An attempt and its retry, side by side."""

    again: RetryOrigin
    patient_name: str
    first: ComparedAttempt
    second: ComparedAttempt
    names: tuple[str, ...]
    """Names of the quantities in the ledger, in the order they are shown."""


@dataclass(frozen=True, slots=True)
class ComparedFact:
    """One fact of both attempts, in words."""

    name: str
    first: tuple[str, ...]
    """One text, or several for a list."""
    second: tuple[str, ...]


SILENCES: Final = "silences after hard news"


def compared_facts(found: Comparison) -> tuple[ComparedFact, ...]:
    """Return what page and terminal show of both attempts, without their lines."""
    both = (found.first, found.second)
    facts = [ComparedFact(name, *((_change(each, name),) for each in both)) for name in found.names]
    held = ((f"{each.held} held, {each.filled} filled",) for each in both)
    ended = ((f"{each.ended}, after {duration_in_words(each.length_s)}",) for each in both)
    return (
        *facts,
        ComparedFact(SILENCES, *held),
        ComparedFact("lines cut off", *((str(each.cut_off),) for each in both)),
        ComparedFact("facts told", *(each.told or ("none",) for each in both)),
        ComparedFact("end", *ended),
    )


def _change(side: ComparedAttempt, name: str) -> str:
    if name not in side.start or name not in side.end:
        return "not recorded"
    return f"{points(side.start[name])} → {points(side.end[name])}"


@dataclass(frozen=True, slots=True)
class ReadAttempt:
    """An attempt with its reading."""

    attempt: Attempt
    reading: Reading

    @classmethod
    def of(cls, attempt: Attempt) -> ReadAttempt:
        """Read an attempt."""
        return cls(attempt, read(attempt))


def compare(original: ReadAttempt, retry: ReadAttempt) -> Comparison:
    """Compare an attempt with its retry. Raises AttemptError if `retry` began elsewhere."""
    origin = retry.attempt.header.again
    if origin is None or origin.attempt != original.attempt.id:
        raise AttemptError(
            f"attempt {retry.attempt.id} is not a retry of attempt {original.attempt.id}"
        )
    first = _from_checkpoint(original, origin.at_s, origin.turn)
    begun = next(iter(retry.reading.of(PatientMove)), None)
    # the retry counts from the patient's repeated line
    second = _from_checkpoint(
        retry, begun.at_s if begun else 0.0, begun.turn if begun else origin.turn
    )
    found = dict.fromkeys((*first.start, *second.start, *first.end, *second.end))
    names = [name for name in LEDGER if name in found]
    names += [name for name in found if name not in LEDGER]
    return Comparison(
        again=origin,
        patient_name=retry.attempt.header.patient_name,
        first=first,
        second=second,
        names=tuple(names),
    )


def find_retries(attempt: str, attempts: Sequence[AttemptSummary]) -> tuple[AttemptSummary, ...]:
    """Return the retries of an attempt, by checkpoint and then by start."""
    found = [each for each in attempts if each.again_of == attempt]
    return tuple(sorted(found, key=lambda each: (each.again_at_s, each.when)))


def _from_checkpoint(read: ReadAttempt, from_s: float, turn: int) -> ComparedAttempt:
    attempt, entries = read.attempt, read.reading.entries
    move = next((e for e in entries if isinstance(e, PatientMove) and e.turn == turn), None)
    lines = _lines(entries, from_s)
    start = dict(move.ledger) if move else {}
    ledgers = [line.ledger for line in lines if line.ledger]
    holds = [e for e in entries if isinstance(e, Hold) and e.start_s >= from_s]
    speeches = [e for e in entries if isinstance(e, PatientSpeech) and e.start_s >= from_s]
    ended = attempt.ended
    return ComparedAttempt(
        attempt=attempt.id,
        when=attempt.started.wall_time if attempt.started else "",
        from_s=from_s,
        length_s=max(0.0, read.reading.speech_times.end_s - from_s),
        lines=lines,
        start=start,
        end=ledgers[-1] if ledgers else start,
        told=_told(read.reading, attempt.header, from_s),
        held=sum(hold.outcome == "held" for hold in holds),
        filled=sum(hold.outcome == "filled" for hold in holds),
        cut_off=len(undelivered(speeches)),
        ended=end_words(ended.reason if ended else "", attempt.header.devices).clause,
    )


def _lines(entries: Sequence[JournalEntry], from_s: float) -> tuple[ComparedLine, ...]:
    moves = {e.turn: e for e in entries if isinstance(e, PatientMove)}
    speeches = [e for e in entries if isinstance(e, PatientSpeech)]
    lost = {id(speech) for speech in undelivered(speeches)}
    seen: set[int] = set()
    found: list[ComparedLine] = []
    for entry in entries:
        match entry:
            case LearnerTurn() if entry.text and entry.start_s >= from_s:
                found.append(_line(entry.start_s, from_s, "learner", "words", entry.text))
            case Backchannel() if entry.start_s >= from_s:
                text = entry.text or "mm"
                found.append(_line(entry.start_s, from_s, "learner", "acknowledged", text))
            case PatientSpeech() if entry.heard and entry.start_s >= from_s:
                more: dict[str, Any] = {"unsaid": entry.unsaid if id(entry) in lost else ""}
                move = moves.get(entry.turn)
                if move is not None and entry.turn not in seen:
                    more |= _moved(move, is_start=move.at_s <= from_s)
                seen.add(entry.turn)
                found.append(_line(entry.start_s, from_s, "patient", "words", entry.heard, **more))
            case Hold() if entry.start_s >= from_s:
                found.append(_silence(entry, from_s))
            case _:
                pass
    return tuple(sorted(found, key=lambda line: line.at_s))


def _moved(move: PatientMove, *, is_start: bool) -> dict[str, Any]:
    """Return the changes by a move. For the move both begin with, only the ledger after it."""
    moved: dict[str, float] = {}
    for step in () if is_start else move.steps:
        moved[step.name] = moved.get(step.name, 0.0) + step.after - step.before
    causes = [] if is_start else [s.cause for s in move.steps if s.after != s.before]
    return {
        "moved": {name: by for name, by in moved.items() if round_ledger(by)},
        "causes": tuple(dict.fromkeys(causes)),
        "ledger": dict(move.ledger),
    }


def _silence(hold: Hold, from_s: float) -> ComparedLine:
    how = "you let it last" if hold.outcome == "held" else "you filled it"
    text = f"a silence of {duration(hold.end_s - hold.start_s)}; {how}"
    return _line(hold.start_s, from_s, "patient", "silence", text)


def _line(
    at_s: float,
    from_s: float,
    who: Who,
    kind: Literal["words", "acknowledged", "silence"],
    text: str,
    **more: Any,
) -> ComparedLine:
    return ComparedLine(at_s=at_s, since_s=at_s - from_s, who=who, kind=kind, text=text, **more)


def _told(reading: Reading, header: Header, from_s: float) -> tuple[str, ...]:
    texts = {each.id: each.text for each in header.tellable}
    told = [each for each in told_facts(reading) if each.at_s >= from_s]
    return tuple(texts[each.fact] for each in told if each.fact in texts)
