"""`simvoice hub supplies`: what the hub sends out to stations and laptops."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from simvoice.cli.common import (
    DEFAULT_PROFILE,
    AsJson,
    ProfileOption,
    answers,
    notes,
    orderly_end,
    print_json,
)
from simvoice.cli.hub_folder import open_hub_at
from simvoice.display import count_noun
from simvoice.errors import StorageFull

if TYPE_CHECKING:
    from simvoice.app.simulator import Simulator
    from simvoice.hub.supplies.devices import SuppliesPage

app = typer.Typer(help="Show and prepare what the hub sends to its devices.", no_args_is_help=True)


@app.command("list")
def list_supplies(context: typer.Context, as_json: AsJson = False) -> None:
    """List what is offered, and what each device has of it."""
    from simvoice.hub.supplies.devices import supplies_page, wanted_version

    hub = open_hub_at(context.obj)
    with hub.database.read() as session:
        page = supplies_page(session, hub.supplies.offers(wanted_version(session)))
    hub.database.close()
    if as_json:
        print_json(_as_json(page))
        return
    catalogue = page.offers.catalogue
    answers.print(f"Program: {page.wanted or 'each device keeps its version'}", markup=False)
    for model, state in page.offers.model_states.items():
        answers.print(f"Model {model}: {state}", markup=False)
    for case in catalogue.cases:
        answers.print(f"Case {case.id}: {case.title}", markup=False)
    for voice in catalogue.voices:
        size = decimal(voice.file.bytes)
        answers.print(f"Rendered voice of {voice.case}: {size}", markup=False)
    for device in page.devices:
        at = device.reported.at.astimezone().strftime("%Y-%m-%d %H:%M")
        lacks = " ".join(device.lacks) or "Has everything."
        answers.print(f"{device.reported.device} ({at}): {lacks}", markup=False)
    for fault in (*(case.fault or "" for case in page.offers.cases), *page.offers.faults):
        if fault:
            notes.print(f"Not offered: {fault}", markup=False, soft_wrap=True)


@app.command("want")
def want_program(
    context: typer.Context,
    version: Annotated[
        str, typer.Argument(help="A version such as 0.2.0, or `any` when every version will do.")
    ],
) -> None:
    """Say which version of simvoice the devices of the lab are to run.

    Place its wheel in the folder that this command names.
    """
    from simvoice.hub import audit
    from simvoice.hub.supplies.devices import want_version

    hub = open_hub_at(context.obj)
    wanted = "" if version == "any" else version
    with hub.database.begin() as session:
        want_version(session, audit.COMMAND_LINE, wanted)
    offers = hub.supplies.offers(wanted)
    hub.database.close()
    if not wanted:
        answers.print("Each device keeps its version.")
    elif offers.catalogue.program is not None and offers.catalogue.program.files:
        names = ", ".join(file.name for file in offers.catalogue.program.files)
        answers.print(f"The devices fetch {names}.", markup=False)
    else:
        for fault in offers.faults:
            answers.print(fault, markup=False, soft_wrap=True)


@app.command("render")
def render_voices(
    context: typer.Context,
    cases: Annotated[
        list[str] | None, typer.Argument(help="Ids of cases. Default: every case that is offered.")
    ] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: AsJson = False,
) -> None:
    """Speak the lines of cases once, so that no device needs to.

    A case takes some minutes. Lines that were spoken before are taken from the cache.
    """
    from simvoice.app.simulator import Simulator

    hub = open_hub_at(context.obj)
    folder = hub.supplies.voices_folder
    hub.database.close()
    simulator = Simulator(profile)
    chosen = cases or [card.id for card in simulator.cases()]
    rows = []
    with orderly_end():
        for name in chosen:
            pack = _rendered(simulator, name, folder)
            rows.append({"case": name, "file": str(pack), "bytes": pack.stat().st_size})
            if not as_json:
                size = decimal(pack.stat().st_size)
                answers.print(f"{name}: {size} in {pack}", markup=False, soft_wrap=True)
    if as_json:
        print_json({"folder": str(folder), "voices": rows})
    else:
        answers.print(f"{count_noun(len(rows), 'rendered voice')} can be fetched by devices.")


def _rendered(simulator: Simulator, case: str, folder: Path) -> Path:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=notes, transient=True) as bar:
        task = bar.add_task(case, total=None)
        try:
            pack = simulator.render(
                case, folder, lambda done, total: bar.update(task, completed=done, total=total)
            )
        except OSError as error:
            raise StorageFull(
                f"the rendered voice cannot be written to {folder} ({error.strerror}); make it "
                "writable, or free some space"
            ) from error
    assert pack is not None  # it was not cancelled
    return pack


def _as_json(page: SuppliesPage) -> dict[str, object]:
    offers = page.offers
    return {
        "wanted_program": page.wanted or None,
        "catalogue": offers.catalogue.model_dump(mode="json"),
        "models": offers.model_states,
        "faults": [*(case.fault for case in offers.cases if case.fault), *offers.faults],
        "devices": [
            {**device.reported.model_dump(mode="json"), "lacks": list(device.lacks)}
            for device in page.devices
        ],
    }
