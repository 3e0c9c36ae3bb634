"""`simvoice rate` and `simvoice agree`: human ratings beside the machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from simvoice import paths
from simvoice.cli.common import answers, notes, print_json
from simvoice.debrief.item_trust import as_shown, shown
from simvoice.debrief.items import object_to
from simvoice.debrief.wording import in_words
from simvoice.errors import UsageError
from simvoice.record.ratings import Rating, add_to_each
from simvoice.record.store import Store
from simvoice.scoring.instruments.instrument import Item, chosen, critical, instruments
from simvoice.scoring.raters.agreement import LEVEL
from simvoice.scoring.raters.item_agreement import (
    RULE,
    ItemAgreement,
    agreement,
    rated_of,
    thresholds,
)
from simvoice.scoring.raters.questions import items_asked
from simvoice.scoring.raters.ratings_file import blank_sheet, read_ratings, text_of

# -- agree ------------------------------------------------------------------------------------
# `simvoice agree`: how far machine and humans say the same.


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


# -- rate -------------------------------------------------------------------------------------
# `simvoice rate`: what humans say of the items, beside the machine.


app = typer.Typer(
    help="Ratings by humans, and a learner's objections: sheet, import, object.",
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")]


@app.command("sheet")
def rate_sheet(
    attempts: Annotated[list[str], typer.Argument(metavar="ATTEMPT...", help="Ids to rate.")],
    rater: Annotated[str, typer.Option("--rater", help="The pseudonym of who rates.")],
    instrument: Annotated[
        list[str] | None,
        typer.Option("--instrument", help="Only these, by name; else those of each case."),
    ] = None,
) -> None:
    """Print an empty CSV sheet for rating attempts, blind to what the machine says."""
    store = Store(paths.attempts_dir())
    lines: list[str] = []
    for attempt in attempts:
        header = store.open(attempt).header
        lists, unknown = chosen(instrument or header.instruments)
        author_s = None if instrument else critical(header.case_id, header.critical)
        lists = (author_s, *lists) if author_s is not None else lists
        if unknown or not lists:
            what = f"there is no instrument {unknown[0]}" if unknown else "its case names none"
            raise UsageError(
                f"{attempt}: {what}; give one with --instrument: {', '.join(instruments())}"
            )
        sheet = blank_sheet([attempt], lists, rater).splitlines(keepends=True)
        lines += sheet if not lines else sheet[1:]
    sys.stdout.write("".join(lines))


@app.command("import")
def rate_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, as `rate sheet` prints it.")],
    instrument: Annotated[
        list[str] | None,
        typer.Option(
            "--instrument", help="Take items of this one too, by name; besides those of each case."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take in a CSV file of ratings: all of it, or nothing and what is wrong with it."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read ({error.strerror}); name a CSV file of ratings"
        ) from None
    unknown = chosen(instrument or ())[1]
    if unknown:
        raise UsageError(
            f"there is no instrument {unknown[0]}; --instrument takes: {', '.join(instruments())}"
        )
    store = Store(paths.attempts_dir())

    @cache
    def known(attempt: str) -> Mapping[str, Item]:
        opened = store.open(attempt)
        if opened.state == "open":
            raise UsageError("it is being recorded right now; end the encounter first")
        return items_asked(opened.header, instrument or ())

    text = text_of(data, file.name)
    found = read_ratings(text, store.ids(), _now(), file.name, known)
    by_attempt: dict[str, list[Rating]] = {}
    for each in found:
        by_attempt.setdefault(each.attempt, []).append(each.rating)
    add_to_each({store.open(attempt).folder: some for attempt, some in by_attempt.items()})
    if as_json:
        print_json({"ratings": len(found), "attempts": list(by_attempt)})
        return
    raters = {each.rating.rater for each in found}
    answers.print(
        f"{in_words(len(found), 'rating')} by {in_words(len(raters), 'rater')} of "
        f"{in_words(len(by_attempt), 'attempt')} taken in; see: simvoice agree"
    )


@app.command("object")
def rate_object(
    attempt: Annotated[str, typer.Argument(metavar="ATTEMPT", help="The attempt's id.")],
    item: Annotated[
        str, typer.Argument(metavar="ITEM", help="The item's id, from: debrief ATTEMPT --items.")
    ],
    why: Annotated[str, typer.Option("--why", help="In your own words.")],
) -> None:
    """Say that the machine is wrong about an item; your words are kept with the attempt."""
    opened = Store(paths.attempts_dir()).open(attempt)
    object_to(opened, item, why, datetime.now().astimezone())
    answers.print(f"{attempt}: kept, and counted in simvoice agree")


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
