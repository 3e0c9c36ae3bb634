"""`simvoice agree`: how far machine and humans say the same."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from simvoice import paths
from simvoice.cli.out import answers, print_json
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
    table = Table(box=None, pad_edge=False)
    for heading in ("item", "attempts", "agreed", "kappa", "AC1", "ICC", "humans' AC1", "objected"):
        table.add_column(heading, justify="left" if heading == "item" else "right")
    table.add_column("trusted")
    for each in found:
        table.add_row(*_row(each))
    answers.print(table)
    answers.print(Text(f"Intervals: {LEVEL:.0%}, from resampling attempts. {RULE}"))


def _row(each: ItemAgreement) -> list[Text]:
    share = "–" if each.agreed is None else f"{each.agreed:.0%}"
    cells = [each.item.id, str(each.attempts), share, _shown(each.kappa), _shown(each.ac1)]
    cells += [_shown(each.icc), _shown(each.humans), str(each.objections)]
    cells.append("yes" if each.trusted else f"no: {each.why}")
    return [Text(cell) for cell in cells]


def _shown(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _as_json(each: ItemAgreement) -> dict[str, Any]:
    return {**asdict(each), "item": each.item.id, "text": each.item.text}
