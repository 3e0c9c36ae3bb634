"""`simvoice hub import`: sealed records that come from a station on a USB stick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simvoice.cli.common import AsJson, answers, print_json
from simvoice.cli.hub_folder import open_hub_at
from simvoice.display import count_noun
from simvoice.errors import SimvoiceError, StorageAway, StorageFull, UsageError

if TYPE_CHECKING:
    from simvoice.hub.hub import Hub

_WORDS = {
    "kept": "kept",
    "was here": "was here before; nothing has changed",
    "kept aside": "kept aside, sealed: the hub does not know its code",
    "erased": "not taken: the attempt was erased on the hub",
}
"""What is said of each `hub.sending.sealed.Outcome`."""


def import_records(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="A stick, a folder on it, or sealed files (.age)."),
    ],
    as_json: AsJson = False,
) -> None:
    """Take in sealed records that a station has copied to a stick. The hub may run meanwhile.

    Each attempt is kept once, whether it comes by stick or by network. The files stay as they are.
    Ends with 1 when a file could not be taken in.
    """
    files = list(_sealed_files(paths))
    hub = open_hub_at(context.obj)
    context.call_on_close(hub.database.close)
    found = [_take_in(hub, file) for file in files]
    if as_json:
        print_json(found)
    else:
        for each in found:
            answers.print(f"{each['file']}: {each['sentence']}", markup=False, soft_wrap=True)
        kept = sum(1 for each in found if each["outcome"] == "kept")
        answers.print(f"{count_noun(len(found), 'record')}, {kept} of them new here.")
    if any(each["outcome"] == "refused" for each in found):
        raise typer.Exit(1)


def _sealed_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the sealed files that are named, and those in folders. Raises UsageError for none."""
    from simvoice.release.sealed import ENDING, STICK_FOLDER

    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} is not there; name the stick, a folder on it, or the files")
        if not path.is_dir():
            yield path
            continue
        inside = path / STICK_FOLDER if (path / STICK_FOLDER).is_dir() else path
        there = sorted(inside.glob(f"*{ENDING}"))
        if not there:
            raise UsageError(
                f"{path} holds no sealed record; name the folder into which the station copied"
            )
        yield from there


def _take_in(hub: Hub, file: Path) -> dict[str, Any]:
    """Return what was done with one file. Raises StorageFull and StorageAway: others would fail."""
    from simvoice.hub.sending.sealed import import_file

    try:
        taken = import_file(hub, file)
    except (StorageFull, StorageAway):
        raise
    except SimvoiceError as error:
        return {"file": file.name, "outcome": "refused", "sentence": f"not taken: {error}"}
    outcome = str(taken.outcome)
    return {
        "file": file.name,
        "outcome": outcome,
        "attempt": str(taken.uuid),
        "record": taken.record_id,
        "sentence": _WORDS[outcome],
    }
