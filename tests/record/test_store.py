"""The store: list, open, recover and erase attempts."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.errors import AttemptError
from simvoice.record.events import Ended
from simvoice.record.files import CLOSED, JOURNAL, check_id, is_id, new_id
from simvoice.record.recorder import Recorder
from simvoice.record.store import Store
from tests.planted.talk import entries, header, record

WHEN = datetime(2026, 11, 22, 10, 15, 30)


# -- ids ------------------------------------------------------------------------------------


def test_an_id_contains_time_and_case() -> None:
    assert new_id("breast-biopsy", WHEN).startswith("20261122-101530-breast-biopsy-")
    assert new_id("breast-biopsy", WHEN) != new_id("breast-biopsy", WHEN)


@given(st.text(max_size=300))
def test_any_name_of_a_case_gives_a_valid_id(case_id: str) -> None:
    assert check_id(new_id(case_id, WHEN))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "../20261122-101530-case-k3f9",
        "20261122-101530-case-k3f9/..",
        "20261122-101530-case-k3f9/../../x",
        "20261122-101530-../../etc-k3f9",
        "20261122-101530-case-k3f9\n",
        "20261122-101530-case-k3f9\0",
        "20261122-101530-CASE-k3f9",
        "20261122-101530--k3f9",
        "٢٠٢٦١١٢٢-101530-case-k3f9",
        "20261122-101530-" + "a" * 200 + "-k3f9",
    ],
)
def test_other_texts_are_not_ids(text: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "attempts")
    (tmp_path / "attempts").mkdir()
    for use in (store.open, store.recover, store.erase):
        with pytest.raises(AttemptError, match="is not an attempt's id"):
            use(text)
    assert (tmp_path / "attempts").is_dir()


@given(st.text(max_size=60))
def test_an_id_is_never_a_path(text: str) -> None:
    assert not is_id(text) or os.path.basename(text) == text


# -- list and open --------------------------------------------------------------------------


def test_a_new_store_is_empty(tmp_path: Path) -> None:
    assert Store(tmp_path / "none").list() == []


def test_the_list_is_newest_first_and_has_each_state(tmp_path: Path) -> None:
    done = record(tmp_path, attempt="20261122-101530-talk-aaaa", learner="Kim")
    crashed = Recorder.create(tmp_path, header("20261122-101531-talk-bbbb"))
    crashed.abandon()
    running = Recorder.create(tmp_path, header("20261122-101532-talk-cccc"))
    (tmp_path / "20261122-101533-talk-dddd").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "20261122-101534-talk-eeee").write_text("a file")
    found = Store(tmp_path).list()
    running.abandon()
    assert [(a.id[-4:], a.state) for a in found] == [
        ("dddd", "damaged"),
        ("cccc", "open"),
        ("bbbb", "crashed"),
        ("aaaa", "complete"),
    ]
    last = found[-1]
    assert (last.id, last.learner, last.patient_name) == (done.id, "Kim", "Ines")
    assert (last.duration_s, last.reason, last.ending) == (50.0, "learner", "polite")
    assert last.when == "2026-11-22T10:15:30+01:00"


def test_a_list_reads_again_only_what_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    same, longer, gone, broken = (record(tmp_path).id for _ in range(4))
    first = {each.id: each for each in store.list()}
    read: list[str] = []
    opened = Store.open
    monkeypatch.setattr(Store, "open", lambda self, one: read.append(one) or opened(self, one))
    assert {each.id: each for each in store.list()} == first
    assert read == []
    store.erase(gone)
    (tmp_path / longer / JOURNAL).write_bytes(b"x\n" + (tmp_path / longer / JOURNAL).read_bytes())
    (tmp_path / broken / CLOSED).unlink()
    new = record(tmp_path).id
    for _ in range(2):  # what is not complete is read each time
        read.clear()
        states = {each.id: each.state for each in store.list()}
        expected = {same: "complete", new: "complete", longer: "damaged", broken: "crashed"}
        assert states == expected
    assert sorted(read) == sorted([longer, broken])
    store.recover(broken)
    assert {each.id: each.state for each in store.list()}[broken] == "complete"


def test_a_missing_attempt_gives_an_error(tmp_path: Path) -> None:
    for use in (Store(tmp_path).open, Store(tmp_path).recover, Store(tmp_path).erase):
        with pytest.raises(AttemptError, match=r"there is no attempt .* simvoice attempts list"):
            use("20261122-101530-talk-aaaa")


def test_a_record_of_another_format_is_reported_and_not_changed(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    path = attempt.folder / "header.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    before = {p.name: p.read_bytes() for p in attempt.folder.iterdir()}
    store = Store(tmp_path)
    with pytest.raises(AttemptError, match=r"in record format 2 and this simvoice reads format 1"):
        store.open(attempt.id)
    with pytest.raises(AttemptError, match="format 2"):
        store.recover(attempt.id)
    assert [a.state for a in store.list()] == ["damaged"]
    assert {p.name: p.read_bytes() for p in attempt.folder.iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize("header_text", ["", "{", "[]", '{"format": 1}', "\x00" * 40])
def test_a_broken_header_is_listed_as_damaged_and_can_be_erased(
    tmp_path: Path, header_text: str
) -> None:
    attempt = record(tmp_path)
    (attempt.folder / "header.json").write_text(header_text)
    store = Store(tmp_path)
    (listed,) = store.list()
    assert listed.state == "damaged"
    assert attempt.id in listed.problem
    store.erase(attempt.id)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("sound", [b"", b"fLaC", bytes(1000)])
def test_unreadable_sound_leaves_the_journal_readable(tmp_path: Path, sound: bytes) -> None:
    attempt = record(tmp_path)
    (attempt.folder / "audio.flac").write_bytes(sound)
    store = Store(tmp_path)
    found = store.open(attempt.id)
    assert found.state == "damaged"
    assert "its sound, audio.flac, cannot be read" in found.problem
    assert "31 entries of its journal and no sound can be read" in found.problem
    assert found.entries == tuple(entries())
    assert store.recover(attempt.id).entries == found.entries
    with pytest.raises(AttemptError, match="was not stored"):
        found.audio()


def test_an_attempt_that_never_had_sound_is_complete(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, header())
    for entry in entries():
        recorder.add(entry)
    recorder.close()
    found = Store(tmp_path).open(recorder.attempt)
    assert (found.state, found.problem) == ("complete", "")
    assert found.duration_s == 50.0


def test_sound_that_was_stored_and_is_gone_is_named_with_its_length(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    (attempt.folder / "audio.flac").unlink()
    found = Store(tmp_path).open(attempt.id)
    assert found.state == "damaged"
    assert "its sound of 0:50 is missing; 31 entries of its journal" in found.problem
    assert found.audio_path is None
    assert found.duration_s == 50.0


def test_an_attempt_of_release_0_1_without_sound_is_complete(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    (attempt.folder / "audio.flac").unlink()
    (attempt.folder / "closed").write_text('{"left_out_samples": 0, "left_out_entries": 0}\n')
    found = Store(tmp_path).open(attempt.id)
    assert (found.state, found.audio_path) == ("complete", None)


def test_recovering_a_complete_attempt_changes_nothing(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in attempt.folder.iterdir()}
    assert Store(tmp_path).recover(attempt.id) == attempt
    after = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in attempt.folder.iterdir()}
    assert after == before


# -- erase ----------------------------------------------------------------------------------


def test_recovering_adds_the_end_of_the_last_line(tmp_path: Path) -> None:
    record(tmp_path)
    store = Store(tmp_path)
    (attempt,) = store.ids()
    journal = tmp_path / attempt / JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-1])
    (tmp_path / attempt / CLOSED).unlink()
    assert store.recover(attempt).state == "complete"
    assert journal.read_bytes() == whole
    assert store.open(attempt).problem == ""


def test_erase_removes_one_attempt(tmp_path: Path) -> None:
    attempt, other = record(tmp_path), record(tmp_path)
    Store(tmp_path).erase(attempt.id)
    assert [p.name for p in tmp_path.iterdir()] == [other.id]
    assert Store(tmp_path).open(other.id).state == "complete"


def test_list_completes_an_erasure_that_was_killed(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    left = attempt.folder.rename(tmp_path / f".{attempt.id}.erased")
    (left / "header.json").unlink()
    assert Store(tmp_path).list() == []
    assert list(tmp_path.iterdir()) == []


def test_a_half_erased_attempt_can_be_erased_by_its_id(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    attempt.folder.rename(tmp_path / f".{attempt.id}.erased")
    Store(tmp_path).erase(attempt.id)
    assert list(tmp_path.iterdir()) == []


def test_list_removes_an_unfinished_folder_of_a_dead_process(tmp_path: Path) -> None:
    fresh = tmp_path / ".20261122-101530-talk-aaaa.new"
    stale = tmp_path / ".20261122-101530-talk-bbbb.new"
    for folder in (fresh, stale):
        folder.mkdir()
    os.utime(stale, (1.0, 1.0))
    Store(tmp_path).list()
    assert list(tmp_path.iterdir()) == [fresh]


def test_erasing_does_not_follow_a_link_out_of_the_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_text("two years")
    root = tmp_path / "attempts"
    root.mkdir()
    attempt = "20261122-101530-talk-aaaa"
    (root / attempt).symlink_to(elsewhere)
    with pytest.raises(AttemptError, match="there is no attempt"):
        Store(root).erase(attempt)
    assert (elsewhere / "thesis.txt").read_text() == "two years"


def test_concurrent_erasures_of_an_attempt_erase_it(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    begin = threading.Barrier(4)
    sentences: list[str] = []

    def erase() -> None:
        begin.wait()
        try:
            Store(tmp_path).erase(attempt.id)
        except AttemptError as error:
            sentences.append(str(error))

    threads = [threading.Thread(target=erase) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Store(tmp_path).list()
    assert list(tmp_path.iterdir()) == []
    assert len(sentences) < 4


@pytest.mark.slow
def test_concurrent_recorders_write_their_own_attempts(tmp_path: Path) -> None:
    threads = [threading.Thread(target=record, args=(tmp_path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = Store(tmp_path)
    found = [store.open(summary.id) for summary in store.list()]
    assert [a.state for a in found] == ["complete"] * 4
    assert all(a.entries == tuple(entries()) for a in found)
    assert all(stat.S_IMODE(a.folder.stat().st_mode) == 0o700 for a in found)


def test_an_attempt_opened_while_recording_finds_its_packed_sound(
    tmp_path: Path,
) -> None:
    recorder = Recorder.create(tmp_path, header())
    recorder.sound(np.full(320, 9, np.int16), np.full(320, 8, np.int16))
    recorder.add(Ended(at_s=0.02, reason="learner"))
    assert recorder.drain()
    opened = Store(tmp_path).open(recorder.attempt)
    recorder.close()
    assert not (recorder.folder / "audio.wav").exists()
    assert opened.audio()[1].tolist() == [8] * 320


def test_a_reader_does_not_prevent_erasing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = record(tmp_path)
    reader = os.open(attempt.folder / "lock", os.O_RDONLY)
    fcntl.flock(reader, fcntl.LOCK_SH)
    monkeypatch.setattr("simvoice.record.files.time.sleep", lambda _: os.close(reader))
    Store(tmp_path).erase(attempt.id)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_list_never_fails_while_attempts_change(tmp_path: Path) -> None:
    done = threading.Event()
    store = Store(tmp_path)

    def churn() -> None:
        for _ in range(8):
            store.erase(record(tmp_path).id)
        done.set()

    busy = threading.Thread(target=churn)
    busy.start()
    seen = set()
    while not done.is_set():
        seen |= {summary.state for summary in store.list()}
    busy.join()
    assert "open" in seen
    assert store.list() == []
