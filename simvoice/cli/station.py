"""`simvoice station`: a kiosk computer of a skills lab."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated

import typer

from simvoice.cli import station_setup
from simvoice.cli.common import DEFAULT_PROFILE, ProfileOption, notes, orderly_end

app = typer.Typer(help="Run this computer as a station of a skills lab, or set it up as one.")

app.command()(station_setup.install)
app.command()(station_setup.check)

PORT = 8770
"""As `station.run.PORT`; importing that would load the server for every command."""


@app.callback(invoke_without_command=True)
def station(
    context: typer.Context,
    hub: Annotated[
        str,
        typer.Option(
            envvar="SIMVOICE_STATION_HUB",
            help="Address of the lab's hub. The pairing line has it, too.",
        ),
    ] = "",
    name: Annotated[
        str,
        typer.Option(
            envvar="SIMVOICE_STATION_NAME",
            help='What technicians call this station, such as "A1". Default: the computer\'s name.',
        ),
    ] = "",
    pair: Annotated[
        str,
        typer.Option(
            metavar="LINE",
            help="The line of the hub's page “Stations”. It is used once; technicians can also "
            "enter it at the station.",
        ),
    ] = "",
    port: Annotated[
        int, typer.Option(envvar="SIMVOICE_STATION_PORT", help="Port on this computer.")
    ] = PORT,
    data: Annotated[
        Path | None,
        typer.Option(help="Data folder. Default: station/ in the data folder of simvoice."),
    ] = None,
    browser: Annotated[
        bool,
        typer.Option("--open/--no-browser", help="Show the pages in Chromium, in full screen."),
    ] = True,
    browser_command: Annotated[
        str,
        typer.Option(
            "--browser", metavar="COMMAND", help="The Chromium to start. Default: that on PATH."
        ),
    ] = "",
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Lead one learner after another through encounters, until Ctrl+C.

    Works without its hub: what was recorded under a code is sealed for the hub and sent later.
    """
    if context.invoked_subcommand is not None:
        return
    # imported here: these take seconds, and other commands do not need them
    from simvoice.station.naming import station_name
    from simvoice.station.run import Wishes, run
    from simvoice.web.open_files import check_file_limit

    check_file_limit()
    wishes = Wishes(
        name=station_name(name or platform.node().partition(".")[0]),
        hub=hub.strip(),
        pairing=pair.strip(),
        port=port,
        data=data,
        browser=browser_command,
        has_browser=browser,
        profile=profile,
    )

    def say(sentence: str) -> None:
        # soft_wrap: a narrow terminal must not cut the key
        notes.print(sentence, markup=False, soft_wrap=True)

    with orderly_end():
        run(wishes, say)
