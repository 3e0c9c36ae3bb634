"""An export as files in memory, and on the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from simvoice.analysis.conversation import Conversation
from simvoice.errors import SettingError, SimvoiceError, UsageError
from simvoice.export.csv_file import to_csv
from simvoice.export.eaf import to_eaf
from simvoice.export.package import NAME, PACKAGE, README, File, package, readme
from simvoice.export.parquet import to_parquet
from simvoice.export.scoring_files import to_ctm, to_rttm
from simvoice.export.tables import tables
from simvoice.export.textgrid import to_textgrid
from simvoice.export.voice_free import pseudonyms, without_voice

FORMATS = ("csv", "parquet", "textgrid", "eaf", "rttm", "ctm")

_EACH: dict[str, tuple[str, str, Callable[[Conversation], bytes]]] = {
    "textgrid": ("praat", "TextGrid", to_textgrid),
    "eaf": ("elan", "eaf", to_eaf),
    "rttm": ("rttm", "rttm", to_rttm),
    "ctm": ("ctm", "ctm", to_ctm),
}
"""Format to folder, ending and writer, for those with a file a conversation."""


def check_formats(given: Iterable[str]) -> tuple[str, ...]:
    """In the order of FORMATS. Raises SettingError for one that is not among them."""
    wanted = set(given)
    for unknown in sorted(wanted - set(FORMATS)):
        raise SettingError(f"{unknown!r} is no format; choose of: {', '.join(FORMATS)}")
    return tuple(name for name in FORMATS if name in wanted) or FORMATS


def make(
    conversations: Sequence[Conversation],
    formats: Sequence[str] = FORMATS,
    *,
    voice_free: bool = False,
) -> list[File]:
    """All files of an export. The same conversations give the same bytes."""
    found = sorted(conversations, key=lambda c: c.id)
    if voice_free:
        names = pseudonyms(found)
        found = sorted((without_voice(c, names[c.id]) for c in found), key=lambda c: c.id)
    files = [*_tables(found, formats, voice_free), *_single(found, formats)]
    return [
        *files,
        File(README, readme(voice_free), "text"),
        File(PACKAGE, package(files, len(found), voice_free), "text"),
    ]


def _tables(
    found: Sequence[Conversation], formats: Sequence[str], voice_free: bool
) -> Iterator[File]:
    for table in tables(voice_free):
        rows = list(table.rows(found))
        names = [column.name for column in table.columns]
        if "csv" in formats:
            yield File(f"tables/{table.name}.csv", to_csv(names, rows), "csv", table)
        if "parquet" in formats:
            data = to_parquet(table.columns, rows)
            yield File(f"tables/{table.name}.parquet", data, "parquet", table)


def _single(found: Sequence[Conversation], formats: Sequence[str]) -> Iterator[File]:
    for kind, (folder, ending, write) in _EACH.items():
        if kind not in formats:
            continue
        for conversation in found:
            if kind == "ctm" and not conversation.words:
                continue
            yield File(f"{folder}/{conversation.id}.{ending}", write(conversation), kind)


# -- on the disk ----------------------------------------------------------------------------


def save(files: Sequence[File], out: Path, *, replace: bool = False) -> None:
    """Write them into `out`: all of them, or none.

    replace: take an earlier export's files away first, and nothing else. Raises UsageError when
    `out` holds anything and that is not wanted, SimvoiceError when the disk refuses.
    """
    old = _check_free(out, replace)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out.parent, prefix=".export-") as made:
            whole = Path(made) / "whole"
            for file in files:
                path = whole / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.data)
            for path in old:
                path.unlink(missing_ok=True)
            out.mkdir(exist_ok=True)
            for file in files:
                target = out / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(whole / file.path, target)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SimvoiceError(
            f"writing the export to {str(out)!r} failed ({why}); check the disk and its permissions"
        ) from error


def _check_free(out: Path, replace: bool) -> list[Path]:
    """The files of an earlier export that are to go."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{str(out)!r} is a file; name a folder for the export")
    if not out.exists() or not any(out.iterdir()):
        return []
    old = _earlier(out)
    if replace and old is not None:
        return old
    if old is not None:
        raise UsageError(
            f"{str(out)!r} holds an export already; name another folder, or add --replace"
        )
    raise UsageError(
        f"{str(out)!r} holds other files; name a folder that is new or empty: --out FOLDER"
    )


def _earlier(out: Path) -> list[Path] | None:
    """The files of the export in a folder; None when there is none."""
    try:
        found = json.loads((out / PACKAGE).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("name") != NAME:
        return None
    paths = [entry.get("path", "") for entry in found.get("resources", [])]
    inside = [out / path for path in paths if path and ".." not in Path(path).parts]
    return [*(p for p in inside if p.is_relative_to(out)), out / README, out / PACKAGE]
