"""`simvoice agree`: how far machine and humans say the same."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from simvoice import paths
from simvoice.cli.output import answers, notes, print_json
from simvoice.debrief.item_trust import as_shown, shown
from simvoice.debrief.wording import in_words
from simvoice.errors import UsageError
from simvoice.record.store import Store
from simvoice.scoring.raters.agreement import LEVEL
from simvoice.scoring.raters.item_agreement import (
    RULE,
    ItemAgreement,
    agreement,
    rated_of,
    thresholds,
)


def agree(
    attempts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ATTEMPT]...", help="Ids; without one, all that can be read."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")] = False,
) -> None:
    """Compare the machine with human raters, item by item, and say which items to trust."""
    store = Store(paths.attempts_dir())
    said, problems = rated_of(store, attempts or None, as_shown)
    found = agreement(said)
    for problem in problems:
        notes.print(Text(f"Note: {problem}."))
    if not found:
        raise UsageError(
            "nobody has rated these attempts yet; run: simvoice rate sheet ATTEMPT --rater NAME, "
            "fill it in, and: simvoice rate import FILE"
        )
    if as_json:
        print_json(
            {
                "rule": RULE,
                "thresholds": thresholds().model_dump(),
                "level": LEVEL,
                "items": [_as_json(each) for each in found],
                "problems": problems,
            }
        )
        return
    for each in found:
        answers.print(Text(each.item.id, style="bold"))
        for line in _lines(each):
            answers.print(Text(f"  {line}"))
    answers.print(Text(f"Intervals: {LEVEL:.0%}, from resampling attempts. {RULE}"))


def _lines(each: ItemAgreement) -> list[str]:
    with_humans = (
        f"{in_words(each.attempts, 'attempt')}, {in_words(each.raters, 'rater')}, "
        f"{in_words(each.ratings, 'rating')} ({each.blind} on the blind page)"
    )
    if each.agreed is not None:
        with_humans += f", the same in {each.agreed:.0%}"
    among = (
        f"humans with each other: kappa {shown(each.humans_kappa)}, AC1 {shown(each.humans)}, "
        f"ICC {shown(each.humans_icc)}, {in_words(each.humans_attempts, 'attempt')} with two"
    )
    objected = f"; learners objected in {in_words(each.objections, 'attempt')}"
    return [
        with_humans + (objected if each.objections else ""),
        f"kappa {shown(each.kappa)}, AC1 {shown(each.ac1)}, ICC {shown(each.icc)}",
        *([among] if each.humans_attempts or each.humans_icc.value is not None else []),
        f"{each.trust}: {each.why}",
    ]


def _as_json(each: ItemAgreement) -> dict[str, Any]:
    return {
        **asdict(each),
        "item": each.item.id,
        "text": each.item.text,
        "trusted": each.trusted,
    }
