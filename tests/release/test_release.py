"""Releases: what leaves the machine at each level, down to the bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.errors import AttemptError, UsageError
from simvoice.reading.reading import read
from simvoice.record.events import JournalEntry
from simvoice.record.identity import attempt_uuid
from simvoice.record.ratings import Objection, Rating, add_objection, add_ratings
from simvoice.record.reflection import ReflectedMoment, end_reflection, save_text
from simvoice.record.store import Attempt, Store
from simvoice.release.contents import LARGEST_FILE, Contents, describe_file
from simvoice.release.manifest import FileFacts, ReleaseManifest, read_manifest
from simvoice.release.numbers import load_numbers, numbers_of
from simvoice.release.prepare import FOLDER, PreparedRelease, discard_prepared, prepare_release
from tests.planted.on_page import entries, plant

MARKS = ("zebrafish", "quagga", "okapi", "narwhal", "pangolin", "axolotl", "numbat")
"""Words that nothing in simvoice says by itself, planted wherever a person's words can be."""

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOMENTS = (ReflectedMoment(at_s=7.0, words="numbat"),)


def marked(value: Any) -> Any:
    """Return a journal entry with a marked word in each text of it."""
    if isinstance(value, BaseModel):
        changes = {name: marked(getattr(value, name)) for name in type(value).model_fields}
        fixed = {"type", "kind", "outcome", "source", "name", "code", "beat", "suggests"}
        return value.model_copy(
            update={name: each for name, each in changes.items() if name not in fixed}
        )
    if isinstance(value, str):
        return f"{value} zebrafish" if value else value
    if isinstance(value, tuple):
        return tuple(marked(each) for each in value)
    return value


def spoken() -> Iterator[JournalEntry]:
    for entry in entries():
        yield marked(entry)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Attempt:
    root = tmp_path_factory.mktemp("attempts")
    attempt_id = plant(
        root, instead=list(spoken()), learner="quagga", devices={"microphone": "okapi"}
    )
    folder = root / attempt_id
    when = "2026-11-22T11:00:00+00:00"
    add_objection(folder, Objection(item="spikes-1", why="I did say it: narwhal", wall_time=when))
    rating = Rating(rater="pangolin", item="spikes-1", value="met", wall_time=when)
    add_ratings(folder, [rating])
    save_text(folder, MOMENTS, 7.0, "aim", "I did not know: numbat", "", NOW)
    end_reflection(folder, MOMENTS, NOW)
    (folder / "progress.json").write_text('{"axolotl": 1}')
    return Store(root).open(attempt_id)


@pytest.fixture(scope="module")
def debrief(planted: Attempt) -> Debrief:
    return build_debrief(planted, read(planted))


def sent(prepared: PreparedRelease) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in prepared.paths.items()}


def prepared_at(planted: Attempt, debrief: Debrief, contents: Contents) -> PreparedRelease:
    return prepare_release(planted, debrief, contents, [uuid4()])


def test_the_planted_words_reach_the_debrief(debrief: Debrief) -> None:
    assert "zebrafish" in debrief.model_dump_json()
    assert debrief.learner == "quagga"


@pytest.mark.parametrize("contents", list(Contents))
def test_a_manifest_says_what_the_files_are(
    planted: Attempt, debrief: Debrief, contents: Contents
) -> None:
    prepared = prepared_at(planted, debrief, contents)
    found = {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in sent(prepared).items()
    }
    assert found == {each.name: (each.size, each.sha256) for each in prepared.manifest.files}
    assert prepared.manifest.uuid == attempt_uuid(planted.header)
    assert all(describe_file(name, contents) for name in found)


def test_numbers_hold_no_word_and_no_sound(planted: Attempt, debrief: Debrief) -> None:
    files = sent(prepared_at(planted, debrief, Contents.NUMBERS))
    assert set(files) == {"header.json", "journal.jsonl", "closed", "numbers.json"}
    whole = b"\n".join(files.values()).decode()
    assert [word for word in MARKS if word in whole] == []
    # nor any two words in a row that someone said
    said = [entry.text for entry in planted.entries if hasattr(entry, "text")]
    pairs = {f"{a} {b}" for text in said for a, b in pairwise(text.split())}
    assert len(pairs) > 50
    assert [pair for pair in pairs if pair in whole] == []


def test_the_texts_of_numbers_come_from_closed_lists(planted: Attempt, debrief: Debrief) -> None:
    numbers = json.loads(sent(prepared_at(planted, debrief, Contents.NUMBERS))["numbers.json"])

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for each in value.values():
                yield from texts(each)
        elif isinstance(value, list):
            for each in value:
                yield from texts(each)
        elif isinstance(value, str):
            yield value

    known = {number.key for number in debrief.numbers} | {number.unit for number in debrief.numbers}
    known |= {each.id for each in (*debrief.headings, *debrief.instruments)}
    known |= {"heading", "instrument", "numbers", planted.id, planted.header.case_id}
    known |= {str(attempt_uuid(planted.header)), numbers["simvoice"]}
    assert set(texts(numbers)) - known == set()


def test_words_hold_no_sound_and_no_other_persons_words(planted: Attempt, debrief: Debrief) -> None:
    prepared = prepared_at(planted, debrief, Contents.WORDS)
    files = sent(prepared)
    assert "audio.flac" not in files
    assert "audio.wav" not in files
    sound = (planted.folder / "audio.flac").read_bytes()
    whole = b"".join(files.values())
    assert not any(sound[at : at + 64] in whole for at in range(0, len(sound) - 64, 997))
    assert b"pangolin" not in whole  # a rater's judgement
    assert b"axolotl" not in whole  # what progress stores for itself
    assert b"narwhal" in files["objections.jsonl"]
    assert b"numbat" in files["reflection.json"]
    assert files["journal.jsonl"] == (planted.folder / "journal.jsonl").read_bytes()


def test_sound_is_the_record_as_it_is(planted: Attempt, debrief: Debrief) -> None:
    prepared = prepared_at(planted, debrief, Contents.SOUND)
    for name in ("header.json", "journal.jsonl", "audio.flac", "closed"):
        assert prepared.paths[name] == planted.folder / name  # nothing is copied


@pytest.mark.parametrize("contents", list(Contents))
def test_every_level_is_a_complete_record(
    planted: Attempt, debrief: Debrief, contents: Contents, tmp_path: Path
) -> None:
    received = _receive(prepared_at(planted, debrief, contents), tmp_path)
    assert (received.state, received.problem) == ("complete", "")
    assert attempt_uuid(received.header) == attempt_uuid(planted.header)
    assert received.duration_s == pytest.approx(planted.duration_s, abs=0.01)
    assert received.summary().when == planted.summary().when
    assert received.summary().reason == planted.summary().reason
    numbers = load_numbers(received.folder)
    assert numbers == numbers_of(debrief, attempt_uuid(planted.header), contents)


def _receive(prepared: PreparedRelease, root: Path) -> Attempt:
    folder = root / prepared.manifest.record_id
    folder.mkdir(parents=True)
    for name, path in prepared.paths.items():
        shutil.copyfile(path, folder / name)
    return Store(root).open(prepared.manifest.record_id)


def test_released_words_make_a_debrief_with_every_word(
    planted: Attempt, debrief: Debrief, tmp_path: Path
) -> None:
    received = _receive(prepared_at(planted, debrief, Contents.WORDS), tmp_path)
    there = build_debrief(received, read(received))
    assert [(row.who, row.text) for row in there.rows] == [
        (row.who, row.text) for row in debrief.rows
    ]
    assert not there.has_sound


def test_a_record_that_was_made_here_has_no_numbers_beside_it(planted: Attempt) -> None:
    assert load_numbers(planted.folder) is None


def test_numbers_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "numbers.json").write_text('{"format": 2}')
    with pytest.raises(AttemptError, match=r"the numbers of attempt .* cannot be read"):
        load_numbers(tmp_path)


def test_preparing_twice_gives_the_same_bytes(planted: Attempt, debrief: Debrief) -> None:
    for contents in Contents:
        first = sent(prepared_at(planted, debrief, contents))
        assert sent(prepared_at(planted, debrief, contents)) == first


def test_a_draft_of_a_reflection_is_not_released(
    planted: Attempt, debrief: Debrief, tmp_path: Path
) -> None:
    shutil.copytree(planted.folder, tmp_path / planted.id)
    copy = Store(tmp_path).open(planted.id)
    (copy.folder / "reflection.json").unlink()
    save_text(copy.folder, MOMENTS, 7.0, "aim", "numbat", "", NOW)
    assert "reflection.json" not in prepare_release(copy, debrief, Contents.SOUND).paths


def test_what_was_prepared_is_removed(planted: Attempt, debrief: Debrief) -> None:
    before = {path.name for path in planted.folder.iterdir()} - {FOLDER}
    prepared_at(planted, debrief, Contents.NUMBERS)
    assert (planted.folder / FOLDER).is_dir()
    discard_prepared(planted.folder)
    assert {path.name for path in planted.folder.iterdir()} == before
    assert Store(planted.folder.parent).open(planted.id).state == "complete"


def test_erasing_the_attempt_erases_what_was_prepared(
    planted: Attempt, debrief: Debrief, tmp_path: Path
) -> None:
    shutil.copytree(planted.folder, tmp_path / planted.id)
    copy = Store(tmp_path).open(planted.id)
    prepare_release(copy, debrief, Contents.WORDS)
    Store(tmp_path).erase(planted.id)
    assert list(tmp_path.iterdir()) == []


def test_an_attempt_without_sound_releases_its_words(planted: Attempt, debrief: Debrief) -> None:
    silent = replace(planted, audio_path=None)
    with pytest.raises(AttemptError, match=r"the sound of attempt .* was not stored"):
        prepare_release(silent, debrief, Contents.SOUND)
    assert prepare_release(silent, debrief, Contents.WORDS).manifest.size > 1000


@pytest.mark.parametrize("state", ["open", "crashed", "damaged"])
def test_only_a_complete_attempt_is_released(
    planted: Attempt, debrief: Debrief, state: Any
) -> None:
    broken = replace(planted, state=state)
    with pytest.raises(AttemptError, match="is not complete"):
        prepare_release(broken, debrief, Contents.SOUND)


# -- manifest -------------------------------------------------------------------------------


@cache
def _valid() -> dict[str, Any]:
    names = ("header.json", "journal.jsonl", "closed", "numbers.json", "audio.flac")
    return {
        "format": 1,
        "uuid": str(uuid4()),
        "record_id": "20261122-101530-breast-biopsy-k3f9",
        "contents": "sound",
        "courses": [str(uuid4())],
        "files": [{"name": name, "size": 100, "sha256": "0" * 64} for name in names],
        "simvoice": "0.2.0",
    }


def _read(**changes: Any) -> ReleaseManifest:
    return read_manifest(json.dumps({**_valid(), **changes}).encode())


def _files(**sizes: int) -> list[dict[str, Any]]:
    known = {each["name"]: each["size"] for each in _valid()["files"]}
    known |= {name.replace("_", "."): size for name, size in sizes.items()}
    return [{"name": name, "size": size, "sha256": "0" * 64} for name, size in known.items()]


def test_a_valid_manifest_is_read() -> None:
    assert _read().size == 500
    assert _read().file("closed") == FileFacts(name="closed", size=100, sha256="0" * 64)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"record_id": "../../etc/passwd"}, "is not an attempt's id"),
        ({"contents": "everything"}, "contents"),
        ({"format": 2}, "format"),
        ({"more": 1}, "more"),
        ({"uuid": "1"}, "uuid"),
        ({"courses": [_valid()["courses"][0]] * 2}, "names something twice"),
        ({"courses": [str(uuid4()) for _ in range(51)]}, "courses"),
        ({"files": _files() * 2}, "names something twice"),
        ({"files": _files()[1:]}, "it has no header.json"),
        ({"files": _files(audio_wav=100)}, "two files of sound"),
        ({"files": _files(journal_rejected=1)}, "no file 'journal.rejected'"),
        ({"files": _files(closed=10_001)}, "its closed has 10001 bytes and may have 10000"),
        ({"files": _files(audio_flac=LARGEST_FILE["audio.flac"] + 1)}, "may have 300000000"),
        ({"files": _files(closed=0)}, "files.2.size"),
        ({"contents": "words"}, "a release of words has no file 'audio.flac'"),
        ({"files": [{"name": "closed", "size": 1, "sha256": "z" * 64}]}, "files.0.sha256"),
    ],
)
def test_a_manifest_that_cannot_be_used_gets_a_sentence(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        _read(**changes)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 19_000, b"\xff", b" " * 20_001])
def test_what_is_no_manifest_gets_a_sentence(data: bytes) -> None:
    with pytest.raises(UsageError, match="the list of files"):
        read_manifest(data)


def test_a_file_that_is_not_part_of_it_is_named() -> None:
    with pytest.raises(UsageError, match=r"no file '\.\./lock'"):
        _read().file("../lock")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_a_sentence(data: bytes) -> None:
    with pytest.raises(UsageError):
        read_manifest(data)
