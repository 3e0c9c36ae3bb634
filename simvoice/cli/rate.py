"""`simvoice rate` and `simvoice agree`: ratings by humans, and their agreement with the machine."""

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
from simvoice.cli.common import AsJson, answers, notes, print_json
from simvoice.debrief.item_trust import format_estimate, judge_as_shown
from simvoice.debrief.items import object_to
from simvoice.display import count_noun, percent
from simvoice.errors import UsageError
from simvoice.record.ratings import Rating, add_ratings_to_each, check_rater_name
from simvoice.record.store import Store
from simvoice.safe_text import for_terminal
from simvoice.scoring.instruments.instrument import (
    Item,
    critical_instrument,
    find_instruments,
    instruments,
)
from simvoice.scoring.raters.agreement import LEVEL, Estimate
from simvoice.scoring.raters.item_agreement import (
    RULE,
    ItemAgreement,
    agreement,
    judge_attempts,
    thresholds,
)
from simvoice.scoring.raters.questions import items_asked
from simvoice.scoring.raters.ratings_file import blank_sheet, decode_text, read_ratings

# -- agree


def agree(
    attempts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ATTEMPT]...", help="Ids of attempts. Without one: all that can be read."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the machine with human raters. Tells for each item whether to trust the machine."""
    store = Store(paths.attempts_dir())
    ratings, problems = judge_attempts(store, attempts or None, judge_as_shown)
    found = agreement(ratings)
    for problem in problems:
        notes.print(Text(f"Note: {problem}."))
    if not found:
        raise UsageError(
            "no one has rated these attempts yet; run: simvoice rate sheet ATTEMPT --rater NAME, "
            "fill in the sheet, then run: simvoice rate import FILE"
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
    answers.print(Text(f"Intervals: {percent(LEVEL)}, from resampling attempts. {RULE}"))


def _lines(each: ItemAgreement) -> list[str]:
    with_humans = (
        f"{count_noun(each.attempts, 'attempt')}, {count_noun(each.raters, 'rater')}, "
        f"{count_noun(each.ratings, 'rating')} ({each.blind} on the blind page)"
    )
    if each.agreed is not None:
        with_humans += f", the same in {round(each.agreed * each.ratings)} of {each.ratings}"
    among = (
        "humans with each other: "
        f"{_coefficients(each.humans_kappa, each.humans, each.humans_icc)}, "
        f"{count_noun(each.humans_attempts, 'attempt')} with two"
    )
    objected = f"; learners objected in {count_noun(each.objections, 'attempt')}"
    return [
        with_humans + (objected if each.objections else ""),
        _coefficients(each.kappa, each.ac1, each.icc),
        *([among] if each.humans_attempts or each.humans_icc.value is not None else []),
        f"{each.trust}: {each.why}",
    ]


def _coefficients(kappa: Estimate, ac1: Estimate, icc: Estimate) -> str:
    named = (("kappa", kappa), ("AC1", ac1), ("ICC", icc))
    return ", ".join(f"{name} {format_estimate(estimate)}" for name, estimate in named)


def _as_json(each: ItemAgreement) -> dict[str, Any]:
    return {
        **asdict(each),
        "item": each.item.id,
        "text": each.item.text,
        "trusted": each.trusted,
    }


# -- rate


app = typer.Typer(
    help="Print rating sheets, import ratings, or object to an item.",
    no_args_is_help=True,
)


@app.command("sheet")
def rate_sheet(
    attempts: Annotated[
        list[str], typer.Argument(metavar="ATTEMPT...", help="Ids of the attempts to rate.")
    ],
    rater: Annotated[str, typer.Option("--rater", help="The pseudonym of the rater.")],
    instrument: Annotated[
        list[str] | None,
        typer.Option(
            "--instrument", help="Only this instrument. Default: the instruments of each case."
        ),
    ] = None,
) -> None:
    """Print an empty CSV sheet for rating. It does not show the machine's judgement."""
    rater = check_rater_name(rater)
    store = Store(paths.attempts_dir())
    lines: list[str] = []
    for attempt in attempts:
        header = store.open(attempt).header
        lists, unknown = find_instruments(instrument or header.instruments)
        case_items = None if instrument else critical_instrument(header.case_id, header.critical)
        lists = (case_items, *lists) if case_items is not None else lists
        if unknown or not lists:
            what = f"there is no instrument {unknown[0]}" if unknown else "its case names none"
            raise UsageError(
                f"{attempt}: {what}; give one with --instrument: {', '.join(instruments())}"
            )
        sheet = blank_sheet([attempt], lists, rater).splitlines(keepends=True)
        lines += sheet if not lines else sheet[1:]
    sys.stdout.write(for_terminal("".join(lines)))


@app.command("import")
def rate_import(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A CSV file as `rate sheet` prints it.")
    ],
    instrument: Annotated[
        list[str] | None,
        typer.Option(
            "--instrument", help="Accept items of this instrument too, besides those of the case."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import a CSV file of ratings. With an error in the file, import nothing."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read ({error.strerror}); give a CSV file of ratings"
        ) from None
    unknown = find_instruments(instrument or ())[1]
    if unknown:
        raise UsageError(
            f"there is no instrument {unknown[0]}; --instrument takes: {', '.join(instruments())}"
        )
    store = Store(paths.attempts_dir())

    @cache
    def known(attempt: str) -> Mapping[str, Item]:
        opened = store.open(attempt)
        if opened.state == "open":
            raise UsageError("its encounter is still running; end it first")
        return items_asked(opened.header, instrument or ())

    text = decode_text(data, file.name)
    found = read_ratings(text, store.ids(), _now(), file.name, known)
    by_attempt: dict[str, list[Rating]] = {}
    for each in found:
        by_attempt.setdefault(each.attempt, []).append(each.rating)
    add_ratings_to_each({store.open(attempt).folder: some for attempt, some in by_attempt.items()})
    if as_json:
        print_json({"ratings": len(found), "attempts": list(by_attempt)})
        return
    raters = {each.rating.rater for each in found}
    answers.print(
        f"{count_noun(len(found), 'rating')} by {count_noun(len(raters), 'rater')} of "
        f"{count_noun(len(by_attempt), 'attempt')} imported; see: simvoice agree"
    )


@app.command("object")
def rate_object(
    attempt: Annotated[str, typer.Argument(metavar="ATTEMPT", help="The attempt's id.")],
    item: Annotated[
        str, typer.Argument(metavar="ITEM", help="The item's id, from: debrief ATTEMPT --items.")
    ],
    why: Annotated[str, typer.Option("--why", help="What is wrong, in your own words.")],
) -> None:
    """Object to the machine's judgement of an item. Your words are saved with the attempt."""
    opened = Store(paths.attempts_dir()).open(attempt)
    object_to(opened, item, why, datetime.now().astimezone())
    answers.print(f"{attempt}: saved. It counts in: simvoice agree")


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
