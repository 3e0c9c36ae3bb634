"""How it felt, in the patient's own words; or why the record does not hold that."""

from __future__ import annotations

from simvoice.debrief.model import FeltThen
from simvoice.record.events import Afterwards, Ended, Header
from simvoice.record.store import Attempt


def felt_of(attempt: Attempt) -> tuple[tuple[FeltThen, ...], str]:
    """(what she says, why there is nothing): one of the two is empty. Nothing is made up."""
    found = [entry for entry in attempt.entries if isinstance(entry, Afterwards)]
    said = found[-1].said if found else ()
    if said:
        return tuple(FeltThen(text=s.text, why=s.why, at_s=s.at_s) for s in said), ""
    return (), _why_not(attempt, attempt.header, asked=bool(found))


def _why_not(attempt: Attempt, header: Header, *, asked: bool) -> str:
    name = header.patient_name
    ends = [entry for entry in attempt.entries if isinstance(entry, Ended)]
    if attempt.state == "open":
        return f"{name} says how it felt when the encounter is over."
    if not ends or ends[-1].reason == "fault":
        return f"The encounter broke off, so {name} did not come to say how it felt."
    if asked:
        return f"{name} had nothing to say afterwards about how it felt."
    return f"The record does not hold what {name} would say about how it felt."
