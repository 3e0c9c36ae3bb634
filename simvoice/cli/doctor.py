"""`simvoice doctor`: is everything here that an encounter needs, and is it quick enough?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from simvoice import models
from simvoice.checkup.result import Check
from simvoice.checkup.whole import check_all
from simvoice.cli.out import answers, notes, print_json
from simvoice.errors import NeedsError

_SIGNS = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}


def doctor(
    profile: Annotated[
        str, typer.Option(help="embedded, workstation or studio: which set of models.")
    ] = models.DEFAULT_PROFILE,
    sound: Annotated[
        bool, typer.Option("--sound/--no-sound", help="Look at the sound card.")
    ] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="Open no device and load no engine.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")] = False,
) -> None:
    """Check models, disk, sound and speed; exit 3 when something needed is missing."""
    checks: list[Check] = []
    for check in check_all(profile=profile, sound=sound, quick=quick, tell=_tell):
        checks.append(check)
        if not as_json:
            _show(check)
    failed = [check for check in checks if check.state == "fail"]
    if as_json:
        print_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
    elif not failed:
        answers.print("Everything that an encounter needs is here.")
    if failed:
        notes.print(f"Missing: {', '.join(check.name for check in failed)}.", markup=False)
        raise typer.Exit(NeedsError.exit_code)


def _tell(sentence: str) -> None:
    notes.print(sentence, markup=False)


def _show(check: Check) -> None:
    sign, colour = _SIGNS[check.state]
    answers.print(Text.assemble((f"{sign:>4}", colour), f"  {check.name}: {check.sentence}"))
    if check.remedy:
        answers.print(Text(f"      {check.remedy}"))
