"""Two goes at one moment, side by side: the first one from there on, and this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from simvoice.debrief.build import never_said
from simvoice.debrief.model import DebriefPart, Who
from simvoice.errors import AttemptError
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

LEDGER = ("trust", "distress", "understanding")
"""The order in which they are told; a case's own follow."""


class ComparedLine(DebriefPart):
    """Something that was said, as it was heard, or a silence that was kept."""

    at_s: float
    """Session second of its own attempt, for its sound."""
    since_s: float
    """Seconds since the moment the two goes part at."""
    who: Who
    kind: Literal["words", "acknowledged", "silence"]
    text: str
    unsaid: str = ""
    """What the patient never got to say of it."""
    moved: dict[str, float] = Field(default_factory=dict)
    """By how much the ledger moved as she began this, 0..1, by name; only what did move."""
    causes: tuple[str, ...] = ()
    ledger: dict[str, float] = Field(default_factory=dict)
    """Where it stood from then on; empty for the learner's lines."""


class ComparedAttempt(DebriefPart):
    """One of the two, from the moment on."""

    attempt: str
    when: str
    """ISO 8601 with zone; empty when the record does not say."""
    from_s: float
    length_s: float
    """From the moment to the end."""
    lines: tuple[ComparedLine, ...]
    start: dict[str, float]
    """The ledger at the moment."""
    end: dict[str, float]
    """The ledger at the end."""
    told: tuple[str, ...]
    """What the patient told from there on, a sentence each."""
    held: int
    """Silences of hers that the learner let stand."""
    filled: int
    """Those that the learner talked into."""
    cut_off: int
    """Times the patient's words were lost."""
    ended: str
    """How it ended, in words."""


class Comparison(DebriefPart):
    """Another go beside the one it was taken up from."""

    again: RetryOrigin
    patient_name: str
    first: ComparedAttempt
    second: ComparedAttempt
    names: tuple[str, ...]
    """The ledger's entries, in the order they are told."""


def compare(original: Attempt, branch: Attempt) -> Comparison:
    """Raises AttemptError when `branch` is no other go of `original`."""
    again = branch.header.again
    if again is None or again.attempt != original.id:
        raise AttemptError(f"attempt {branch.id} is not another go of attempt {original.id}")
    first = _go(original, again.at_s, again.turn)
    begun = next((e for e in branch.entries if isinstance(e, PatientMove)), None)
    # nothing counts before she has said her line again
    second = _go(branch, begun.at_s if begun else 0.0, begun.turn if begun else again.turn)
    found = dict.fromkeys((*first.start, *second.start, *first.end, *second.end))
    names = [name for name in LEDGER if name in found]
    names += [name for name in found if name not in LEDGER]
    return Comparison(
        again=again,
        patient_name=branch.header.patient_name,
        first=first,
        second=second,
        names=tuple(names),
    )


def retries_of(attempt: str, attempts: Sequence[AttemptSummary]) -> tuple[AttemptSummary, ...]:
    """The other goes that were taken up from this attempt, by moment, then by when they began."""
    found = [each for each in attempts if each.again_of == attempt]
    return tuple(sorted(found, key=lambda each: (each.again_at_s, each.when)))


def _go(attempt: Attempt, from_s: float, turn: int) -> ComparedAttempt:
    entries = attempt.entries
    here = next((e for e in entries if isinstance(e, PatientMove) and e.turn == turn), None)
    lines = _lines(entries, from_s)
    start = dict(here.ledger) if here else {}
    stood = [line.ledger for line in lines if line.ledger]
    holds = [e for e in entries if isinstance(e, Hold) and e.start_s >= from_s]
    speeches = [e for e in entries if isinstance(e, PatientSpeech) and e.start_s >= from_s]
    ended = attempt.ended
    end_s = ended.at_s if ended else attempt.duration_s
    return ComparedAttempt(
        attempt=attempt.id,
        when=attempt.started.wall_time if attempt.started else "",
        from_s=from_s,
        length_s=round(max(0.0, end_s - from_s), 3),
        lines=lines,
        start=start,
        end=stood[-1] if stood else start,
        told=_told(attempt.header, entries, speeches, from_s),
        held=sum(hold.outcome == "held" for hold in holds),
        filled=sum(hold.outcome == "filled" for hold in holds),
        cut_off=len(never_said(speeches)),
        ended=_ENDED[ended.reason] if ended else "the end was not recorded",
    )


_ENDED = {
    "learner": "you ended it",
    "patient": "it came to its end",
    "time": "time was up",
    "device": "the microphone or the loudspeaker went away",
    "closed": "it was closed",
    "fault": "it broke off",
}


def _lines(entries: Sequence[JournalEntry], from_s: float) -> tuple[ComparedLine, ...]:
    moves = {e.turn: e for e in entries if isinstance(e, PatientMove)}
    speeches = [e for e in entries if isinstance(e, PatientSpeech)]
    lost = {id(speech) for speech in never_said(speeches)}
    first: set[int] = set()
    found: list[ComparedLine] = []
    for entry in entries:
        match entry:
            case LearnerTurn() if entry.text and entry.start_s >= from_s:
                found.append(_line(entry.start_s, from_s, "learner", "words", entry.text))
            case Backchannel() if entry.start_s >= from_s:
                text = entry.text or "mm"
                found.append(_line(entry.start_s, from_s, "learner", "acknowledged", text))
            case PatientSpeech() if entry.heard and entry.start_s >= from_s:
                line = _line(entry.start_s, from_s, "patient", "words", entry.heard)
                update: dict[str, object] = {"unsaid": entry.unsaid if id(entry) in lost else ""}
                move = moves.get(entry.turn)
                if move is not None and entry.turn not in first:
                    update |= _moved(move, is_start=move.at_s <= from_s)
                first.add(entry.turn)
                found.append(line.model_copy(update=update))
            case Hold() if entry.start_s >= from_s:
                found.append(_silence(entry, from_s))
            case _:
                pass
    return tuple(sorted(found, key=lambda line: line.at_s))


def _moved(move: PatientMove, *, is_start: bool) -> dict[str, object]:
    """What the move did to her; of the one both goes begin with, only where it stood."""
    moved: dict[str, float] = {}
    for step in () if is_start else move.steps:
        moved[step.name] = round(moved.get(step.name, 0.0) + step.after - step.before, 6)
    causes = [] if is_start else [s.cause for s in move.steps if s.after != s.before]
    return {
        "moved": {name: by for name, by in moved.items() if by},
        "causes": tuple(dict.fromkeys(causes)),
        "ledger": dict(move.ledger),
    }


def _silence(hold: Hold, from_s: float) -> ComparedLine:
    how = "you let it stand" if hold.outcome == "held" else "you talked into it"
    text = f"a silence of {hold.end_s - hold.start_s:.1f} s; {how}"
    return _line(hold.start_s, from_s, "patient", "silence", text)


def _line(
    at_s: float,
    from_s: float,
    who: Who,
    kind: Literal["words", "acknowledged", "silence"],
    text: str,
) -> ComparedLine:
    return ComparedLine(at_s=at_s, since_s=round(at_s - from_s, 3), who=who, kind=kind, text=text)


def _told(
    header: Header,
    entries: Sequence[JournalEntry],
    speeches: Sequence[PatientSpeech],
    from_s: float,
) -> tuple[str, ...]:
    texts = {each.id: each.text for each in header.tellable}
    heard = {speech.turn for speech in speeches if speech.heard}
    opened = [
        fact
        for e in entries
        if isinstance(e, PatientMove) and e.at_s >= from_s and e.turn in heard
        for fact in e.disclosed
    ]
    return tuple(texts[fact] for fact in dict.fromkeys(opened) if fact in texts)
