"""The critical items of a case: the names in their rules, and their form in the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simvoice.criteria import (
    AllOfRule,
    AnyOfRule,
    CriticalItem,
    HearsRule,
    ItemRule,
    LedgerValueRule,
    ReachedRule,
    SilenceRule,
    ToldRule,
    codes_of,
    parts_of,
)
from simvoice.patient.case.schema import Case


def referenced_names(rule: ItemRule | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(kind, names) for all names that a rule refers to, such as ("beat", ("news",))."""
    if rule is None:
        return
    yield "spoken code", tuple(sorted(codes_of(rule)))
    for part in parts_of(rule):
        match part:
            case ToldRule():
                yield "fact", part.facts
            case HearsRule():
                yield "line", part.lines
            case ReachedRule():
                yield "beat", part.beats
            case SilenceRule():
                yield "silence", part.after
            case LedgerValueRule():
                yield "ledger value", (part.value,)
            case _:
                pass


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
                "rule": _resolved(item.rule, lines),
                "means": {k: means[k] for k in sorted(codes_of(item.rule) & means.keys())},
            }
        )
        if item.rule
        else item
        for item in case.critical_items
    )


def _resolved(rule: ItemRule, lines: Mapping[str, tuple[str, ...]]) -> ItemRule:
    match rule:
        case ReachedRule():
            return rule.model_copy(update={"lines": tuple(lines[name] for name in rule.beats)})
        case AllOfRule() | AnyOfRule():
            parts = tuple(_resolved(each, lines) for each in rule.rules)
            return rule.model_copy(update={"rules": parts})
        case _:
            return rule
