"""Ways in which the folder of an attempt can be damaged, each as a function of the folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from simvoice.record.files import CLOSED, FLAC, HEADER, JOURNAL, LOCK, WAV

Damage = Callable[[Path], None]


def write(name: str, data: bytes) -> Damage:
    """Put this in the place of a file."""
    return lambda folder: _replace(folder / name, lambda path: path.write_bytes(data))


def remove(name: str) -> Damage:
    """Remove a file."""
    return lambda folder: _replace(folder / name, lambda _: None)


def as_folder(name: str) -> Damage:
    """Put a folder in the place of a file."""
    return lambda folder: _replace(folder / name, Path.mkdir)


def as_loop(name: str) -> Damage:
    """Put a link that leads to itself in the place of a file."""
    return lambda folder: _replace(folder / name, lambda path: path.symlink_to(path.name))


def as_pipe(name: str) -> Damage:
    """Put a pipe, which no one writes to, in the place of a file."""
    return lambda folder: _replace(folder / name, os.mkfifo)


def edit(name: str, change: Callable[[bytes], bytes]) -> Damage:
    """Change the content of a file."""
    return lambda folder: _replace_content(folder / name, change)


def append(name: str, data: bytes) -> Damage:
    """Add to the end of a file."""
    return edit(name, lambda whole: whole + data)


def cut(name: str, share: float) -> Damage:
    """Keep the first part of a file. share: 0..1."""
    return edit(name, lambda whole: whole[: int(share * len(whole))])


def fields(**given: Any) -> Damage:
    """Change fields of the header. NaN and lone surrogates are written as they are."""
    return edit(HEADER, lambda whole: json.dumps(json.loads(whole) | given).encode())


def times(name: str, value: str) -> Damage:
    """Change every time of one name in the journal to the same value."""
    pattern = re.compile(rf'"{name}":-?[0-9.]+'.encode())
    return edit(JOURNAL, lambda whole: pattern.sub(f'"{name}":{value}'.encode(), whole))


def sound(samples: int, channels: int, rate: int) -> Damage:
    """Put silence of another kind in the place of the sound."""
    shape = (samples, channels)
    return lambda folder: soundfile.write(
        folder / FLAC, np.zeros(shape, np.int16), rate, format="FLAC", subtype="PCM_16"
    )


def both(*damages: Damage) -> Damage:
    """Damage in several ways."""
    return lambda folder: [damage(folder) for damage in damages].clear()


def _replace(path: Path, put: Callable[[Path], Any]) -> None:
    path.unlink(missing_ok=True)
    put(path)


def _replace_content(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def _without_folder(link: str) -> Damage:
    def damage(folder: Path) -> None:
        shutil.rmtree(folder)
        folder.symlink_to(link.format(name=folder.name))

    return damage


_NESTED = b'{"a":' * 5000 + b"1" + b"}" * 5000
_RETRY = {"attempt": "20261101-101530-breast-biopsy-gggg", "turn": 1, "at_s": 1.0}

HEADERS: dict[str, Damage] = {
    "nested": write(HEADER, _NESTED),
    "nested and cut": write(HEADER, b"[" * 5000),
    "nested in a field": edit(HEADER, lambda h: h.rstrip()[:-1] + b',"x":' + _NESTED + b"}"),
    "a list": write(HEADER, b"[]"),
    "a number": write(HEADER, b"1"),
    "null": write(HEADER, b"null"),
    "empty": write(HEADER, b""),
    "zeros": write(HEADER, bytes(400)),
    "not UTF-8": write(HEADER, b'{"format": 1, "attempt": "\xff\xfe"}'),
    "half a character": fields(patient_name="\ud800"),
    "not a number": fields(settings={"x": float("nan")}),
    "5,000 digits": edit(
        HEADER, lambda h: re.sub(rb'"seed": *[0-9]+', b'"seed":' + b"9" * 5000, h)
    ),
    "50 MB": fields(case_title="x" * 50_000_000),
    "a retry of a path": fields(again=_RETRY | {"attempt": "../../etc"}),
    "a retry from no time": fields(again=_RETRY | {"at_s": float("nan")}),
    "a retry from 1e308 s": fields(again=_RETRY | {"at_s": 1e308}),
    "another format": fields(format="2" * 5000),
    "missing": remove(HEADER),
    "a folder": as_folder(HEADER),
    "a loop": as_loop(HEADER),
    "a pipe": as_pipe(HEADER),
}
"""The header cannot be read; journal and sound can."""

JOURNALS: dict[str, Damage] = {
    "empty": write(JOURNAL, b""),
    "missing": remove(JOURNAL),
    "a folder": as_folder(JOURNAL),
    "a loop": as_loop(JOURNAL),
    "a pipe": as_pipe(JOURNAL),
    "text": write(JOURNAL, b"these are\nnotes\n"),
    "zeros": edit(JOURNAL, lambda whole: bytes(len(whole))),
    "zeros at its end": append(JOURNAL, bytes(4096)),
    "an unknown entry": append(JOURNAL, b'{"type":"new","at_s":1.0}\n'),
    "a line of 50 MB": append(
        JOURNAL, b'{"type":"trouble","at_s":1,"what":"%b"}\n' % (b"x" * 50_000_000)
    ),
    "nested": append(JOURNAL, b"[" * 100_000 + b"\n"),
    "doubled": edit(JOURNAL, lambda whole: whole * 2),
    "without its first line": edit(JOURNAL, lambda whole: whole.split(b"\n", 1)[1]),
    "without its last line": edit(JOURNAL, lambda whole: whole[: whole[:-1].rindex(b"\n") + 1]),
    "half a line less": edit(JOURNAL, lambda whole: whole[:-20]),
    "half a character": append(JOURNAL, b'{"type":"trouble","at_s":1,"what":"\\ud800"}\n'),
    **{
        f"{name} is {value}": times(name, value)
        for name in ("at_s", "start_s", "end_s")
        for value in ("NaN", "Infinity", "-Infinity", "1e308", "1e999", "-7", '"soon"', "null")
    },
}
"""Entries are lost; header and sound can be read."""

SOUNDS: dict[str, Damage] = {
    **{f"cut at {share}": cut(FLAC, share) for share in (0.001, 0.01, 0.1, 0.5, 0.9, 0.999)},
    "a byte less": edit(FLAC, lambda whole: whole[:-1]),
    "only its header": edit(FLAC, lambda whole: whole[:42]),
    "empty": write(FLAC, b""),
    "text": write(FLAC, b"these are notes\n" * 100),
    "missing": remove(FLAC),
    "a folder": as_folder(FLAC),
    "a loop": as_loop(FLAC),
    "a pipe": as_pipe(FLAC),
    "one channel": sound(16_000, 1, 16_000),
    "another rate": sound(48_000, 2, 48_000),
    "text instead of a WAV": both(remove(FLAC), write(WAV, b"these are notes\n" * 100)),
}
"""The sound is lost in whole or in part; header and journal can be read."""

FOLDERS: dict[str, Damage] = {
    "a loop": _without_folder("{name}"),
    "a link to nowhere": _without_folder("nowhere"),
}
"""Nothing of the attempt is there."""

HARMLESS: dict[str, Damage] = {
    "the mark is text": write(CLOSED, b"[[["),
    "the mark is a folder": as_folder(CLOSED),
    "the lock is a folder": as_folder(LOCK),
    "the lock is a loop": as_loop(LOCK),
    "the lock is missing": remove(LOCK),
    "the brief is nested": write("progress.json", b"[" * 5000),
    "the brief is a folder": as_folder("progress.json"),
    "the ratings are text": both(
        write("ratings.jsonl", b"no\n[[[\n"), write("objections.jsonl", b"\xff\n\n")
    ),
    "the ratings are loops": both(as_loop("ratings.jsonl"), as_loop("objections.jsonl")),
    "entries out of order": edit(
        JOURNAL, lambda whole: b"\n".join(whole.rstrip().split(b"\n")[::-1]) + b"\n"
    ),
    "a retry of itself": lambda folder: fields(again=_RETRY | {"attempt": folder.name})(folder),
    "unknown instruments": fields(instruments=["nobody"], visit=["nowhere"]),
}
"""Header, journal and sound are whole."""
