"""The critical items of a case, in their form in the record."""

from __future__ import annotations

from simvoice.criteria import CriticalItem
from simvoice.patient.case.schema import Case


def critical_items_for_record(case: Case) -> tuple[CriticalItem, ...]:
    """The critical items as the header of an attempt stores them.

    Each beat is replaced by its lines, and the case's own codes come with their meanings, because
    readers of a record do not have the case.
    """
    lines = {beat.id: beat.lines for beat in case.beats}
    for name, window in case.windows.items():
        lines |= {f"{name}_held": window.held, f"{name}_filled": window.filled}
    means = {name: code.means for name, code in case.codes.items() if code.means}
    return tuple(
        item.model_copy(
            update={
                "rule": item.rule.for_record(lines),
                "means": {k: means[k] for k in sorted(item.rule.named_codes() & means.keys())},
            }
        )
        if item.rule
        else item
        for item in case.critical_items
    )
