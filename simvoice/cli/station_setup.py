"""`simvoice station install` and `check`: set a computer up as a station, and look at it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from simvoice.cli.common import DEFAULT_PROFILE, AsJson, ProfileOption, answers, notes, orderly_end
from simvoice.cli.doctor import report_checks
from simvoice.errors import UsageError


def install(
    hub: Annotated[
        str, typer.Option(help="Address of the lab's hub. The pairing line has it, too.")
    ] = "",
    name: Annotated[
        str, typer.Option(help='What technicians call this station, such as "A1".')
    ] = "",
    pair: Annotated[
        str,
        typer.Option(
            metavar="LINE", help="The line of the hub's page “Stations”. It is used once."
        ),
    ] = "",
    port: Annotated[
        int | None, typer.Option(help="Port of the pages on this computer. Default: 8770.")
    ] = None,
    keyboard: Annotated[
        str,
        typer.Option(
            metavar="LAYOUT",
            help='Keyboard layout by which a card reader types, such as "us". Default: that of '
            "the system.",
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Undo the installation. Records stay.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it begins.")] = False,
    root: Annotated[
        Path, typer.Option(help="Install below this folder, for an image of a disk.")
    ] = Path("/"),
) -> None:
    """Set this computer up as a station that starts by itself. For Debian and Ubuntu.

    Needs root. What was done before is left as it is, so it can be run again, also to change a
    setting or after an update of the checkout.
    """
    # imported here: other commands do not need them
    from simvoice.station.install import Installation, SetupWishes

    wishes = SetupWishes(hub=hub, name=name, pairing=pair, port=port, keyboard=keyboard)
    made = Installation(wishes, root=root.absolute())
    plan = made.removal() if remove else made.plan()
    if not plan:
        answers.print("Everything is installed already.")
        return
    if not remove and not dry_run:
        made.check()
    if not yes or dry_run:
        for sentence in plan:
            answers.print(f"{sentence}.", markup=False, soft_wrap=True)
    if dry_run:
        return
    if not yes and not typer.confirm("Go on?", err=True):
        raise UsageError("nothing was changed")

    def tell(sentence: str) -> None:
        notes.print(f"{sentence} …", markup=False, soft_wrap=True)

    with orderly_end():
        if remove:
            answers.print(f"The station is removed. {made.remove(tell)}", soft_wrap=True)
            return
        made.install(tell)
    answers.print("The station is installed. Restart the computer: the station then starts.")


def check(
    data: Annotated[
        Path | None,
        typer.Option(help="Data folder. Default: station/ in the data folder of simvoice."),
    ] = None,
    port: Annotated[
        int, typer.Option(envvar="SIMVOICE_STATION_PORT", help="Port of the pages.")
    ] = 8770,
    browser: Annotated[
        str,
        typer.Option(metavar="COMMAND", help="The Chromium to start. Default: that on PATH."),
    ] = "",
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: AsJson = False,
) -> None:
    """Check what this computer lacks as a station. Exit with 3 when something needed is missing.

    On an installed station: sudo simvoice-station check
    """
    from simvoice import paths
    from simvoice.station.check import check_station

    if not 1 <= port <= 65535:
        raise UsageError(f"{port} is no port; give one from 1 to 65535")
    folder = data or paths.home() / "station"
    if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(
            f"{folder} belongs to another account; on an installed station run: sudo "
            "simvoice-station check"
        )
    found = check_station(folder, port=port, profile=profile, browser=browser)
    report_checks(found, "Everything that a station needs is here.", as_json=as_json)
