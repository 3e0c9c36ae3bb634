"""A learner's own copy: everything is in it, it needs little memory, and one loss stops nothing."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.errors import AttemptError
from simvoice.reading.reading import read
from simvoice.record.answers import OwnAnswer, OwnAnswers, write_answers
from simvoice.record.store import Attempt
from simvoice.release.own_copy import CopiedAttempt, CopiedTable, own_copy
from simvoice.release.zip_stream import ZipStream
from tests.planted.talk import record

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


@contextmanager
def opened(attempt: Attempt) -> Iterator[tuple[Attempt, Debrief | None]]:
    yield attempt, build_debrief(attempt, read(attempt))


@contextmanager
def erased() -> Iterator[tuple[Attempt, Debrief | None]]:
    raise AttemptError("this attempt was erased")
    yield


def copied(*attempts: CopiedAttempt) -> Iterator[bytes]:
    table = CopiedTable("releases.csv", ("course", "n"), [("=2+2", 3)], "what you released")
    return own_copy(
        **{"whose": "Lena Fuchs", "where": "Lab", "at": AT, "facts": {"name": "Lena Fuchs"}},
        **{"tables": [table], "attempts": attempts, "left_out": ()},
    )


def unpacked(made: Iterator[bytes]) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(b"".join(made))) as found:
        assert found.testzip() is None
        return {name: found.read(name) for name in found.namelist()}


def test_the_copy_holds_each_attempt_in_full_and_names_what_is_not_there(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    write_answers(attempt.folder, OwnAnswers(answers=(OwnAnswer(question="Why?", answer="So."),)))
    files = unpacked(
        copied(
            CopiedAttempt("20260101-000000-gone-aaaa", erased()),
            CopiedAttempt(attempt.id, opened(attempt)),
            CopiedAttempt(attempt.id, opened(attempt)),  # of another machine, by chance
        )
    )
    here = f"attempts/{attempt.id}"
    sound = attempt.audio_path
    assert sound is not None
    assert files[f"{here}/record/{sound.name}"] == sound.read_bytes()
    for name in ("journal.jsonl", "answers.json"):
        assert files[f"{here}/record/{name}"] == (attempt.folder / name).read_bytes()
    debrief = json.loads(files[f"{here}/debrief.json"])
    said = [row["text"] for row in debrief["rows"]]
    for words in said:
        assert words in files[f"{here}/transcript.txt"].decode()
    assert files[f"{here}/transcript.csv"].count(b"\r\n") == len(said) + 1
    assert b"talk_share" in files[f"{here}/numbers.csv"]
    header = json.loads(files[f"{here}/record/header.json"])
    assert (header["tellable"], header["learner"]) == ([], attempt.header.learner)
    assert files.keys() >= {f"{here}-2/debrief.json", "person.json"}
    assert files["releases.csv"] == b"course,n\r\n'=2+2,3\r\n"
    readme = files["README.txt"].decode()
    assert "Lena Fuchs" in readme
    assert "What you released." in readme
    assert "20260101-000000-gone-aaaa is not here" in files["left-out.txt"].decode()


def test_an_attempt_that_is_erased_while_it_is_copied_leaves_a_file_that_can_be_read(
    tmp_path: Path,
) -> None:
    attempt, other = record(tmp_path / "a"), record(tmp_path / "b")
    sound = attempt.audio_path
    assert sound is not None
    with sound.open("ab") as longer:
        longer.write(os.urandom(2_000_000))
    made = copied(
        CopiedAttempt(attempt.id, opened(attempt)), CopiedAttempt(other.id, opened(other))
    )
    sent = []
    for piece in made:
        sent.append(piece)
        if len(piece) > 200_000:  # in the middle of the sound
            os.truncate(sound, 0)
    files = unpacked(iter(sent))
    assert f"{attempt.id} is not here, or not whole: it was erased" in str(files["left-out.txt"])
    assert any(name.startswith(f"attempts/{other.id}") for name in files)


def test_a_large_file_is_sent_in_small_pieces(tmp_path: Path) -> None:
    large = tmp_path / "audio.flac"
    with large.open("wb") as file:
        file.truncate(40_000_000)
    made = ZipStream(AT)
    sizes = [len(piece) for piece in (*made.file("audio.flac", large), *made.end())]
    assert sum(sizes) > 40_000_000
    assert max(sizes) < 600_000


def test_a_file_that_is_not_there_raises_before_anything_of_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        next(ZipStream(AT).file("audio.flac", tmp_path / "audio.flac"))
