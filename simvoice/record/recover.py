"""Finishing an attempt whose process died. Safe to run twice, and to be killed half-way."""

from __future__ import annotations

from pathlib import Path

from simvoice.audio import seconds
from simvoice.errors import AttemptError
from simvoice.record.events import Ended, Trouble
from simvoice.record.files import (
    FLAC,
    HEADER,
    JOURNAL,
    REJECTED,
    RESERVE,
    WAV,
    replace_file,
)
from simvoice.record.journal import encode, last_moment_s, read_journal
from simvoice.record.recorder import mark_closed
from simvoice.record.sound import count_samples, pack, repair_wav, sound_path


def recover_folder(folder: Path) -> None:
    """Repair sound and journal, write the missing end and mark the attempt as closed.

    The caller holds the attempt's lock. Raises OSError when the disk refuses; the attempt can
    then be recovered again. Nothing that can be read is dropped.
    """
    for name in (RESERVE, FLAC + ".partial", HEADER + ".partial", JOURNAL + ".partial"):
        (folder / name).unlink(missing_ok=True)
    wav = folder / WAV
    if wav.is_file():
        repair_wav(wav)
    path = sound_path(folder)
    try:
        length_s = seconds(count_samples(path)) if path is not None else 0.0
    except AttemptError:
        length_s = 0.0  # the sound is beyond repair, which is no reason to lose the journal
    _repair_journal(folder, length_s)
    pack(folder)
    mark_closed(folder)


def _repair_journal(folder: Path, length_s: float) -> None:
    path = folder / JOURNAL
    found = read_journal(path)
    if found.rejected:
        replace_file(folder / REJECTED, b"\n".join(found.rejected) + b"\n")
    entries = list(found.entries)
    if any(isinstance(entry, Ended) for entry in entries) and not (
        found.unfinished or found.rejected
    ):
        return
    at_s = max([length_s, *(last_moment_s(entry) for entry in entries)])
    if found.unfinished or found.rejected:
        entries.append(
            Trouble(
                at_s=at_s,
                what=f"recovered: {len(found.unfinished)} bytes of an unfinished entry and "
                f"{len(found.rejected)} unreadable entries were left out",
            )
        )
    if not any(isinstance(entry, Ended) for entry in entries):
        entries.append(Ended(at_s=at_s, reason="fault"))
    replace_file(path, b"".join(encode(entry) for entry in entries))
