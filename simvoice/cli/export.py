"""`simvoice export`: conversations as tables, annotations and a data package."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from simvoice import paths
from simvoice.analysis.load import conversations_at
from simvoice.cli.out import answers, notes, print_json
from simvoice.errors import SimvoiceError, UsageError


def export(
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Folders or files of results from: simvoice analyze; ids or folders of attempts. "
            "Without one, all attempts.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the export goes; new or empty.")
    ] = Path("simvoice-export"),
    only: Annotated[
        str,
        typer.Option(
            metavar="FORMATS", help="Some of: csv,parquet,textgrid,eaf,rttm,ctm; else all."
        ),
    ] = "",
    voice_free: Annotated[
        bool,
        typer.Option(
            "--voice-free", help="Timings and numbers only, under pseudonyms: for giving away."
        ),
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --voice-free: write which pseudonym is whose, to keep."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace an earlier export in the same folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")] = False,
) -> None:
    """Take conversations away: CSV, Parquet, Praat, ELAN, RTTM, CTM, with a data package."""
    from simvoice import app
    from simvoice.export.voice_free import pseudonyms
    from simvoice.export.write import check_formats, make, save

    formats = check_formats(name.strip() for name in only.split(",") if name.strip())
    _check_key(key, out, voice_free)
    found = conversations_at(given or [], paths.attempts_dir(), app.case_visits())
    files = make(found, formats, voice_free=voice_free)
    save(files, out, replace=replace)
    if key is not None:
        _write_key(key, pseudonyms(found))
    if as_json:
        print_json(
            {
                "folder": str(out),
                "conversations": len(found),
                "voice_free": voice_free,
                "files": [file.path for file in files],
            }
        )
        return
    what = "conversation" if len(found) == 1 else "conversations"
    answers.print(Text(f"{len(found)} {what}, {len(files)} files in {out}"))
    answers.print(Text("What is in it: README.txt and datapackage.json there."))
    if not voice_free:
        notes.print("It holds words and names. For giving away there is --voice-free.")


def _check_key(key: Path | None, out: Path, voice_free: bool) -> None:
    if key is None:
        return
    if not voice_free:
        raise UsageError("--key goes with --voice-free: without it, nobody has a pseudonym")
    if key.resolve().is_relative_to(out.resolve()):
        raise UsageError(
            f"the key {str(key)!r} would lie inside the export, which is for giving away; "
            "name a file elsewhere"
        )


def _write_key(key: Path, names: dict[str, str]) -> None:
    try:
        with key.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["pseudonym", "conversation"])
            writer.writerows(sorted((name, own) for own, name in names.items()))
    except OSError as error:
        raise SimvoiceError(f"the key {str(key)!r} cannot be written; check its folder") from error
