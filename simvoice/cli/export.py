"""`simvoice export` and `simvoice picture`: write conversations as files for research."""

from __future__ import annotations

import csv
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Literal

import typer
from rich.progress import Progress
from rich.text import Text

from simvoice import paths
from simvoice.cli.common import AsJson, answers, notes, orderly_end, print_json
from simvoice.errors import SimvoiceError, UsageError
from simvoice.record.files import locked
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.analysis.inputs import ConversationSource, sources_at
from simvoice.safe_text import csv_cell

# -- picture


PictureKind = Literal["strip", "turns", "change"]


def picture(
    what: Annotated[
        PictureKind,
        typer.Argument(
            help="strip: who spoke when. turns: turn-taking over time. change: two conversations."
        ),
    ],
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="An attempt's id, or a result of: simvoice analyze. Give two for change.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to write: .svg, .png or .pdf."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a conversation as SVG, PNG or PDF."""
    from simvoice.research.pictures.change import change
    from simvoice.research.pictures.strip import strip
    from simvoice.research.pictures.style import check_ending, save
    from simvoice.research.pictures.turns import turns

    target = out or Path(f"{what}.svg")
    check_ending(target)
    sources = [source for one in given for source in sources_at([one], paths.attempts_dir())]
    wanted = 2 if what == "change" else 1
    if len(sources) != wanted:
        raise UsageError(
            f"{what} needs {'one conversation' if wanted == 1 else 'two conversations'}, not "
            f"{len(sources)}"
        )
    found = [source.load() for source in sources]
    if what == "change":
        made, title = change(found[0], found[1]), "Before and after"
    else:
        made = strip(found[0]) if what == "strip" else turns(found[0])
        title = found[0].title or found[0].id
    save(made, target, title)
    if as_json:
        print_json({"picture": str(target), "what": what, "conversations": [c.id for c in found]})
    else:
        answers.print(Text(f"The picture is in {target}"))


# -- export


@orderly_end()
def export(
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Folders or files of results of: simvoice analyze; ids or folders of attempts. "
            "Without one: all attempts.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A new or empty folder for the export.")
    ] = Path("simvoice-export"),
    only: Annotated[
        str,
        typer.Option(
            metavar="FORMATS", help="Some of: csv,parquet,textgrid,eaf,rttm,ctm. Default: all."
        ),
    ] = "",
    voice_free: Annotated[
        bool,
        typer.Option("--voice-free", help="For sharing: only times and numbers, under pseudonyms."),
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --voice-free: write a private list of pseudonyms and conversations.",
        ),
    ] = None,
    sound: Annotated[
        bool, typer.Option("--sound", help="Also copy the sound of attempts, as WAV.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace an earlier export in the same folder.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export conversations as a data package: CSV, Parquet, Praat, ELAN, RTTM and CTM."""
    from simvoice.research.export.write import check_formats, pseudonyms, save, without_voice

    formats = check_formats(name.strip() for name in only.split(",") if name.strip())
    _check_key(key, out, voice_free)
    if sound and voice_free:
        raise UsageError("--sound and --voice-free exclude each other; leave one of them out")
    sources = sources_at(given or [], paths.attempts_dir())
    with Progress(console=notes, transient=True) as bar:

        def loaded(description: str) -> Iterator[Conversation]:
            for source in bar.track(sources, description=description):
                yield source.load()

        found = loaded("Writing")
        names: dict[str, str] = {}
        if voice_free:
            names = pseudonyms(loaded("Reading"))
            found = (without_voice(one, names[one.id]) for one in _by_name(sources, names))
        sounds = {source.id: source.sound for source in sources} if sound else {}
        with _key_file(key, names):
            files = save(
                found,
                out,
                formats,
                voice_free=voice_free,
                replace=replace,
                sound_of=lambda one: sounds[one]() if one in sounds else None,
            )
    if as_json:
        print_json(
            {
                "folder": str(out),
                "conversations": len(sources),
                "voice_free": voice_free,
                "files": [file.path for file in files],
            }
        )
        return
    what = "conversation" if len(sources) == 1 else "conversations"
    answers.print(Text(f"{len(sources)} {what}, {len(files)} files in {out}"))
    answers.print(Text("README.txt and datapackage.json there describe its content."))
    if not voice_free:
        notes.print("It contains words and names. To share data, use --voice-free.")


def _by_name(
    sources: Sequence[ConversationSource], names: dict[str, str]
) -> Iterator[Conversation]:
    """Give conversations in the order of their pseudonyms, which hides the order of their ids."""
    for source in sorted(sources, key=lambda source: names[source.id]):
        yield source.load()


def _check_key(key: Path | None, out: Path, voice_free: bool) -> None:
    if key is None:
        return
    if not voice_free:
        raise UsageError("--key needs --voice-free: only then are there pseudonyms")
    if key.resolve().is_relative_to(out.resolve()):
        raise UsageError(
            f"the key {str(key)!r} would be inside the export, which is for sharing; "
            "choose a file elsewhere"
        )


@contextmanager
def _key_file(key: Path | None, names: dict[str, str]) -> Iterator[None]:
    """Write the key before the body, and give it its name after the body; no body, no key.

    Without a key that can be written there is no export either. Only this account can read it.
    """
    if key is None:
        yield
        return
    waiting = key.with_name(f".{key.name}.{token_hex(4)}")
    lock = -1
    try:
        if key.is_dir():
            raise IsADirectoryError
        _remove_abandoned_keys(key)
        private = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        lock = os.dup(private)
        locked(lock, fcntl.LOCK_EX)  # until the end of this export, or of its process
        with os.fdopen(private, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["pseudonym", "conversation"])
            rows = sorted(names.items(), key=itemgetter(1))
            writer.writerows((name, csv_cell(own)) for own, name in rows)
    except OSError as error:
        if lock >= 0:
            os.close(lock)
        waiting.unlink(missing_ok=True)
        raise SimvoiceError(
            f"the key {str(key)!r} cannot be written, so nothing was exported; check its folder"
        ) from error
    try:
        yield
        waiting.replace(key)
    finally:
        waiting.unlink(missing_ok=True)
        os.close(lock)


def _remove_abandoned_keys(key: Path) -> None:
    """Remove the keys that killed exports left under the names they had before the end."""
    shape = re.compile(rf"\.{re.escape(key.name)}\.[0-9a-f]{{8}}")
    for path in [each for each in key.parent.iterdir() if shape.fullmatch(each.name)]:
        with path.open("rb") as file:
            if locked(file.fileno(), fcntl.LOCK_SH):
                path.unlink(missing_ok=True)
