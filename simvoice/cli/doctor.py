"""`simvoice doctor`: check that everything an encounter needs is present and fast enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from simvoice.checkup.all_checks import check_all
from simvoice.checkup.checks import Check
from simvoice.cli.common import (
    DEFAULT_FORM,
    DEFAULT_PROFILE,
    DEFAULT_WAIT_S,
    AsJson,
    LlmForm,
    LlmModel,
    LlmUrl,
    LlmWait,
    ProfileOption,
    answers,
    notes,
    print_json,
    server_of,
)
from simvoice.errors import NeedsError

_SIGNS = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}


def doctor(
    profile: ProfileOption = DEFAULT_PROFILE,
    sound: Annotated[bool, typer.Option("--sound/--no-sound", help="Check the sound card.")] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="Open no device and load no model.")
    ] = False,
    llm_url: LlmUrl = "",
    llm_model: LlmModel = "",
    llm_form: LlmForm = DEFAULT_FORM,
    llm_wait: LlmWait = DEFAULT_WAIT_S,
    as_json: AsJson = False,
) -> None:
    """Check models, disk, sound and speed. Exit with 3 when something needed is missing."""
    server = server_of(llm_url, llm_model, llm_form, llm_wait)
    found = check_all(profile=profile, sound=sound, quick=quick, tell=_tell, server=server)
    report_checks(found, "Everything that an encounter needs is here.", as_json=as_json)


def report_checks(found: Iterable[Check], all_well: str, *, as_json: bool) -> None:
    """Print each check when it is done. Exit with 3 when something needed is missing.

    all_well: a sentence for the end, when nothing is missing.
    """
    checks: list[Check] = []
    for check in found:
        checks.append(check)
        if not as_json:
            _show(check)
    failed = [check for check in checks if check.state == "fail"]
    if as_json:
        print_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
    elif not failed:
        answers.print(all_well)
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
