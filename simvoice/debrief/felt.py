"""How it felt, in the patient's own words; or why the record does not hold that."""

from __future__ import annotations

from collections.abc import Sequence

from simvoice.debrief.model import FeltThen
from simvoice.debrief.moments import Exchange
from simvoice.record.events import Afterwards, Ended, Felt, Header, PatientSpeech
from simvoice.record.store import Attempt


def felt_of(attempt: Attempt, answered: Sequence[Exchange]) -> tuple[tuple[FeltThen, ...], str]:
    """(what she says, why there is nothing): one of the two is empty. Nothing is made up.

    The record names the moves it goes back to; to be listened to are the words they answered, and
    for how it ended the last that she said.
    """
    found = [entry for entry in attempt.entries if isinstance(entry, Afterwards)]
    said = found[-1].said if found else ()
    if said:
        begun = {each.move.at_s: each.at_s for each in answered}
        return tuple(
            FeltThen(
                text=each.text,
                why=each.why,
                at_s=_last_s(attempt, each)
                if each.at_s is None
                else begun.get(each.at_s, each.at_s),
            )
            for each in said
        ), ""
    return (), _why_not(attempt, attempt.header, asked=bool(found))


def _last_s(attempt: Attempt, remark: Felt) -> float | None:
    """When her last words began, for a remark that stands on how it ended."""
    spoken = [e.start_s for e in attempt.entries if isinstance(e, PatientSpeech) and e.heard]
    return max(spoken, default=None) if remark.of_ending else None


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
