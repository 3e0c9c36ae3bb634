"""`simvoice agree`: how far machine and humans say the same."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from simvoice import paths
from simvoice.cli.out import answers, print_json
from simvoice.debrief.words import in_words
from simvoice.errors import UsageError
from simvoice.record.store import Store
from simvoice.scoring.agreement import LEVEL, Estimate
from simvoice.scoring.raters import RULE, ItemAgreement, agreement, rated


def agree(
    attempts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ATTEMPT]...", help="Ids; without one, all that can be read."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")] = False,
) -> None:
    """Compare the machine with human raters, item by item, and say which items to trust."""
    store = Store(paths.attempts_dir())
    chosen = attempts or [a.id for a in store.list() if a.state in {"complete", "crashed"}]
    found = agreement([rated(store.open(attempt)) for attempt in dict.fromkeys(chosen)])
    if not found:
        raise UsageError(
            "nobody has rated these attempts yet; run: simvoice rate sheet ATTEMPT --rater NAME, "
            "fill it in, and: simvoice rate import FILE"
        )
    if as_json:
        print_json({"rule": RULE, "level": LEVEL, "items": [_as_json(each) for each in found]})
        return
    for each in found:
        answers.print(Text(each.item.id, style="bold"))
        for line in _lines(each):
            answers.print(Text(f"  {line}"))
    answers.print(Text(f"Intervals: {LEVEL:.0%}, from resampling attempts. {RULE}"))


def _lines(each: ItemAgreement) -> list[str]:
    with_humans = f"{in_words(each.attempts, 'attempt')}, {in_words(each.raters, 'rater')}"
    if each.agreed is not None:
        with_humans += f", the same in {each.agreed:.0%}"
    among = f"humans with each other: AC1 {_shown(each.humans)}, ICC {_shown(each.humans_icc)}"
    objected = f"; learners objected in {in_words(each.objections, 'attempt')}"
    return [
        with_humans + (objected if each.objections else ""),
        f"kappa {_shown(each.kappa)}, AC1 {_shown(each.ac1)}, ICC {_shown(each.icc)}",
        *([among] if each.humans_attempts or each.humans_icc.value is not None else []),
        "to be trusted" if each.trusted else f"not to be trusted: {each.why}",
    ]


def _shown(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _as_json(each: ItemAgreement) -> dict[str, Any]:
    return {**asdict(each), "item": each.item.id, "text": each.item.text}
