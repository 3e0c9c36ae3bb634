"""Write an export, one conversation at a time, so that memory does not grow with their number."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import soundfile  # type: ignore[import-untyped]

from simvoice.errors import AudioFileError, SettingError, SimvoiceError, UsageError
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.analysis.work_folder import remove_abandoned, work_folder
from simvoice.research.export.annotations import to_ctm, to_eaf, to_rttm, to_textgrid
from simvoice.research.export.columns import CsvTable, ExportTable
from simvoice.research.export.package import (
    PACKAGE_FILE,
    PACKAGE_NAME,
    README_FILE,
    ExportedFile,
    package_json,
    readme_text,
)
from simvoice.research.export.parquet import ParquetTable
from simvoice.research.export.tables import tables

# -- sound ----------------------------------------------------------------------------------

_BLOCK = 1 << 18
"""Samples at a time: a megabyte of two channels."""


def copy_as_wav(sound: Path, target: Path) -> None:
    """Copy sound sample for sample into a 16 bit WAV, which Praat, ELAN and all players open.

    Raises AudioFileError when it cannot be read, OSError when it cannot be written.
    """
    try:
        with (
            soundfile.SoundFile(str(sound)) as found,
            soundfile.SoundFile(
                str(target), "w", found.samplerate, found.channels, "PCM_16", format="WAV"
            ) as out,
        ):
            while len(block := found.read(_BLOCK, dtype="int16", always_2d=True)):
                out.write(block)
    except soundfile.SoundFileError as error:
        raise AudioFileError(
            f"the sound {sound.parent.name}/{sound.name} cannot be copied; free space on the disk, "
            "or, if the sound file is damaged, export without --sound"
        ) from error


# -- the voice-free variant -----------------------------------------------------------------
# It contains timings and numbers, but no words, sound or names. Pauses are exact to the
# millisecond, so anyone who has the recording can recognise it; others learn nothing about voice,
# words or name.


def pseudonyms(found: Iterable[Conversation]) -> dict[str, str]:
    """Return a pseudonym for each id: `c001`, `c002` and so on.

    The numbers follow the order of a digest of each conversation, which is independent of names
    and dates; the same conversations get the same numbers.
    """
    ordered = sorted(
        (hashlib.sha256(c.model_dump_json().encode("utf-8")).hexdigest(), c.id) for c in found
    )
    digits = max(3, len(str(len(ordered))))
    return {own: f"c{number:0{digits}d}" for number, (_, own) in enumerate(ordered, 1)}


def without_voice(found: Conversation, name: str) -> Conversation:
    """Return the conversation under a pseudonym, without words, names, dates and file names."""
    return found.model_copy(
        update={
            "id": name,
            "title": "",
            "learner": "",
            "patient": "",
            "when": "",
            "inputs": tuple(
                file.model_copy(update={"name": "", "sha256": ""})
                for file in found.inputs
                if file.role == "sound"
            ),
            "fingerprint": "",
            "notes": (),
            "utterances": (),
            "words": (),
            "turns": tuple(turn.model_copy(update={"text": ""}) for turn in found.turns),
            "events": tuple(event.model_copy(update={"text": ""}) for event in found.events),
            "ledger": (),
            "answers": (),
            "reflection": None,
        }
    )


# -- writing --------------------------------------------------------------------------------

FORMATS = ("csv", "parquet", "textgrid", "eaf", "rttm", "ctm")

_PER_CONVERSATION: dict[str, tuple[str, str, Callable[[Conversation], bytes]]] = {
    "textgrid": ("praat", "TextGrid", to_textgrid),
    "eaf": ("elan", "eaf", to_eaf),
    "rttm": ("rttm", "rttm", to_rttm),
    "ctm": ("ctm", "ctm", to_ctm),
}
"""Folder, ending and writer of the formats with one file for each conversation."""


def check_formats(given: Iterable[str]) -> tuple[str, ...]:
    """Return the formats in the order of FORMATS. Raises SettingError for an unknown one."""
    wanted = set(given)
    for unknown in sorted(wanted - set(FORMATS)):
        raise SettingError(f"{unknown!r} is not a format; choose from: {', '.join(FORMATS)}")
    return tuple(name for name in FORMATS if name in wanted) or FORMATS


def save(
    conversations: Iterable[Conversation],
    out: Path,
    formats: Sequence[str] = FORMATS,
    *,
    voice_free: bool = False,
    replace: bool = False,
    sound_of: Callable[[str], Path | None] = lambda _: None,
) -> list[ExportedFile]:
    """Write an export into `out`, completely or not at all.

    The same conversations in the same order give the same bytes. conversations: with `voice_free`,
    those of `without_voice`. replace: first delete the files of an earlier export, and no others.
    sound_of: the sound to copy for a conversation, by id. Raises UsageError when `out` already has
    files that may not be replaced, SimvoiceError when the disk cannot be written.
    """
    old = _files_to_replace(out, replace)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(out.parent, _WORK)
        with work_folder(out.parent, _WORK) as work:
            made = work / "export"
            made.mkdir()
            files = write(conversations, made, formats, voice_free=voice_free, sound_of=sound_of)
            if not _swap(made, out, old, work / "replaced"):
                _move_into(made, out, [file.path for file in files], old)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SimvoiceError(
            f"writing the export to {str(out)!r} failed ({why}); check the disk and its permissions"
        ) from error
    return files


_WORK = ".simvoice-export-"
"""Beginning of the name of the folder beside an export in which it is written. The next export
removes what a killed process left there."""


def _swap(made: Path, out: Path, old: Sequence[Path], replaced: Path) -> bool:
    """Put the folder `made` in the place of `out` as a whole, so that no kill leaves a part of it.

    Returns False when `out` has files of others, or cannot be renamed: a link, a mounted disk, or
    the folder in which the process runs.
    """
    found = (path for path in out.rglob("*") if path.is_symlink() or not path.is_dir())
    if out.is_symlink() or any(path not in old for path in found):
        return False
    try:
        if out.exists():
            shutil.copymode(out, made)
            os.rename(out, replaced)
    except OSError:
        return False
    try:
        os.rename(made, out)
    except OSError:
        if replaced.exists():
            os.rename(replaced, out)
        return False
    return True


def _move_into(made: Path, out: Path, files: Sequence[str], old: Sequence[Path]) -> None:
    """Move the files into `out` one by one, each whole, and then delete the other old ones.

    A run that is killed meanwhile leaves a folder that still counts as an export, so that it can
    be replaced: the list of its files goes last.
    """
    for path in files:
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(made / path, target)
        except OSError:  # another disk
            unfinished = target.with_name(f".{target.name}.partial")
            shutil.copyfile(made / path, unfinished)
            os.replace(unfinished, target)
    kept = {out / path for path in files}
    for earlier in old:
        if earlier not in kept:
            earlier.unlink(missing_ok=True)


def write(
    conversations: Iterable[Conversation],
    folder: Path,
    formats: Sequence[str] = FORMATS,
    *,
    voice_free: bool = False,
    sound_of: Callable[[str], Path | None] = lambda _: None,
) -> list[ExportedFile]:
    """Write the export into an existing empty folder. Raises OSError."""
    files: list[ExportedFile] = []
    count = 0
    with ExitStack() as stack:
        wanted = [kind for kind in ("csv", "parquet") if kind in formats]
        open_tables = [
            (table, stack.enter_context(closing(_opened(kind, table, folder))))
            for table in tables(voice_free)
            for kind in wanted
        ]
        for conversation in conversations:
            count += 1
            for table, writer in open_tables:
                if not table.is_reference:
                    writer.add(table.rows([conversation]))
            sound = sound_of(conversation.id)
            if sound is not None:
                files.append(_copy_sound(sound, conversation, folder))
                conversation = _linked(conversation)
            files += [
                _write_one(kind, conversation, folder) for kind in _kinds(conversation, formats)
            ]
        for table, writer in open_tables:
            if table.is_reference:
                writer.add(table.rows([]))
    files = [*_tables(folder, tables(voice_free), wanted), *sorted(files, key=lambda f: f.path)]
    for name, data in (
        (README_FILE, readme_text(voice_free)),
        (PACKAGE_FILE, package_json(files, count, voice_free)),
    ):
        (folder / name).write_bytes(data)
        files.append(ExportedFile(name, "text", len(data), hashlib.sha256(data).hexdigest()))
    return files


def _opened(kind: str, table: ExportTable, folder: Path) -> CsvTable | ParquetTable:
    path = folder / "tables" / f"{table.name}.{kind}"
    path.parent.mkdir(exist_ok=True)
    return (CsvTable if kind == "csv" else ParquetTable)(path, table.columns)


def _tables(folder: Path, made: Iterable[ExportTable], kinds: Sequence[str]) -> list[ExportedFile]:
    return [
        _described(folder, f"tables/{table.name}.{kind}", kind, table)
        for table in made
        for kind in kinds
    ]


def _kinds(conversation: Conversation, formats: Sequence[str]) -> list[str]:
    return [
        kind
        for kind in _PER_CONVERSATION
        if kind in formats and (kind != "ctm" or bool(conversation.words))
    ]


def _write_one(kind: str, conversation: Conversation, folder: Path) -> ExportedFile:
    inside, ending, to_bytes = _PER_CONVERSATION[kind]
    path = folder / inside / f"{conversation.id}.{ending}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(to_bytes(conversation))
    return _described(folder, f"{inside}/{path.name}", kind, None)


def _copy_sound(sound: Path, conversation: Conversation, folder: Path) -> ExportedFile:
    path = folder / "sound" / f"{conversation.id}.wav"
    path.parent.mkdir(exist_ok=True)
    copy_as_wav(sound, path)
    return _described(folder, f"sound/{path.name}", "wav", None)


def _linked(conversation: Conversation) -> Conversation:
    """Return the conversation with the path of its copied sound, relative to the annotations."""
    inputs = tuple(
        file.model_copy(update={"name": f"../sound/{conversation.id}.wav"})
        if file.role == "sound"
        else file
        for file in conversation.inputs
    )
    return conversation.model_copy(update={"inputs": inputs})


def _described(folder: Path, path: str, kind: str, table: ExportTable | None) -> ExportedFile:
    with (folder / path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ExportedFile(path, kind, (folder / path).stat().st_size, digest, table)


# -- earlier exports ------------------------------------------------------------------------


def _files_to_replace(out: Path, replace: bool) -> list[Path]:
    """Return the files of an earlier export to delete. Raises UsageError when `out` is in use."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{str(out)!r} is a file; name a folder for the export")
    if not out.exists() or not any(out.iterdir()):
        return []
    old = _earlier(out)
    if replace and old is not None:
        return old
    if old is not None:
        raise UsageError(
            f"{str(out)!r} already contains an export; name another folder, or add --replace"
        )
    raise UsageError(f"{str(out)!r} contains other files; name a new or empty folder: --out FOLDER")


def _earlier(out: Path) -> list[Path] | None:
    """Return the files of the export in a folder; None when there is no export."""
    try:
        found = json.loads((out / PACKAGE_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("name") != PACKAGE_NAME:
        return None
    listed = found.get("resources")
    entries = listed if isinstance(listed, list) else []
    paths = [entry.get("path") for entry in entries if isinstance(entry, dict)]
    named = [path for path in paths if isinstance(path, str) and path and "\0" not in path]
    inside = [out / path for path in named if ".." not in Path(path).parts]
    return [*(p for p in inside if p.is_relative_to(out)), out / README_FILE, out / PACKAGE_FILE]
