"""A damaged attempt never hides the others, is never called complete, and says what is left."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from simvoice.audio import RATE
from simvoice.errors import AttemptError, SimvoiceError
from simvoice.record import store
from simvoice.record.events import Ended, Trouble
from simvoice.record.files import FLAC, HEADER, JOURNAL, REJECTED
from simvoice.record.store import AttemptSummary, Store
from tests.planted.damage import (
    FOLDERS,
    HARMLESS,
    HEADERS,
    JOURNALS,
    SOUNDS,
    Damage,
    as_folder,
    write,
)
from tests.planted.talk import record
from tests.work import counted

DAMAGED = "20261122-101530-talk-dddd"
WHOLE = "20261122-101530-talk-wwww"
TIMES = 10
"""The list with a damaged attempt may cost this many times the calls of opening the whole one with
its sound. To say how much sound is left, it reads it in pieces."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded")
    for attempt in (DAMAGED, WHOLE):
        record(root, attempt=attempt, learner="Kim")
    return root


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "attempts"))


def listed(root: Path) -> AttemptSummary:
    """Return the line of the damaged attempt; the other one is in the list as it was."""
    for _ in range(2):  # the first time may import something
        with counted() as opened:
            Store(root).open(WHOLE).audio()
    with counted() as work:
        found = Store(root).list()
    assert work.calls < TIMES * opened.calls
    assert [each.id for each in found] == [WHOLE, DAMAGED]
    assert (found[0].state, found[0].problem, found[0].learner) == ("complete", "", "Kim")
    return found[1]


def each(damages: dict[str, Damage]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("damage", damages.values(), ids=damages.keys())


# -- the list


@pytest.mark.slow
@each(HEADERS)
def test_without_a_header_the_list_says_what_else_is_left(root: Path, damage: Damage) -> None:
    damage(root / DAMAGED)
    found = listed(root)
    assert (found.state, found.duration_s, found.reason) == ("damaged", 50.0, "")
    assert found.when == "2026-11-22T10:15:30+01:00"
    assert DAMAGED in found.problem
    if "format" not in found.problem:
        assert "31 entries of its journal and 0:50 of sound can be read" in found.problem
    for use in (Store(root).open, Store(root).recover):
        with pytest.raises(AttemptError, match=DAMAGED):
            use(DAMAGED)
    Store(root).erase(DAMAGED)
    assert Store(root).ids() == [WHOLE]


@pytest.mark.slow
@each(JOURNALS)
def test_with_a_damaged_journal_the_rest_of_it_and_the_sound_are_left(
    root: Path, damage: Damage
) -> None:
    damage(root / DAMAGED)
    found = listed(root)
    assert (found.state, found.learner, found.patient_name) == ("damaged", "Kim", "Ines")
    assert re.search(r"\d+ entr(y|ies) of its journal and 0:50 of sound can be read", found.problem)
    assert "its journal" in found.problem
    assert f"simvoice attempts recover {DAMAGED}" in found.problem
    learner, _ = Store(root).open(DAMAGED).audio()
    assert len(learner) == 50 * RATE


@pytest.mark.slow
@each(JOURNALS)
def test_a_damaged_journal_is_recovered_and_says_that_it_was(root: Path, damage: Damage) -> None:
    before = Store(root).open(DAMAGED).entries
    damage(root / DAMAGED)
    left = Store(root).open(DAMAGED).entries
    found = Store(root).recover(DAMAGED)
    assert found.entries[: len(left)] == left
    assert found.problem == ""
    assert found.ended is not None
    if len(left) < len(before):
        assert any(isinstance(entry, Trouble) for entry in found.entries) or (
            not left and found.ended.reason == "fault"
        )
    assert listed(root).state == "complete"


@pytest.mark.slow
@each(SOUNDS)
def test_with_damaged_sound_the_journal_is_left(root: Path, damage: Damage) -> None:
    damage(root / DAMAGED)
    found = listed(root)
    assert (found.state, found.duration_s, found.reason) == ("damaged", 50.0, "learner")
    assert re.search(r"31 entries of its journal and (no|0:\d\d of) sound can be", found.problem)
    attempts = Store(root)
    assert attempts.recover(DAMAGED).state == "damaged"  # sound cannot be mended
    opened = attempts.open(DAMAGED)
    try:
        learner, patient = opened.audio()
    except AttemptError:
        assert "no sound can be read" in opened.problem
    else:
        assert 0 < len(learner) == len(patient) < 50 * RATE
        assert re.search(r"its sound breaks off at 0:\d\d of 0:50", opened.problem)


@each(FOLDERS)
def test_a_link_to_a_folder_that_is_gone_is_named_and_can_be_removed(
    root: Path, damage: Damage
) -> None:
    damage(root / DAMAGED)
    found = listed(root)
    assert found.state == "damaged"
    assert "is a link to a folder that is not there" in found.problem
    Store(root).erase(DAMAGED)
    assert [entry.name for entry in root.iterdir()] == [WHOLE]


@each(HARMLESS)
def test_other_files_do_not_matter_to_the_record(root: Path, damage: Damage) -> None:
    damage(root / DAMAGED)
    assert (listed(root).state, listed(root).problem) == ("complete", "")


# -- in detail


def test_a_journal_cut_at_any_byte_of_its_last_two_lines_is_never_complete(root: Path) -> None:
    path = root / DAMAGED / JOURNAL
    whole = path.read_bytes()
    last_two = len(b"\n".join(whole.split(b"\n")[-3:]))
    attempts = Store(root)
    for length in range(len(whole) - last_two, len(whole) - 1):
        path.write_bytes(whole[:length])
        found = attempts.summary(DAMAGED)
        assert (found.state, DAMAGED in found.problem) == ("damaged", True), length
    path.write_bytes(whole[:-1])  # only the end of the line is missing
    assert attempts.summary(DAMAGED).state == "complete"


def test_a_journal_of_release_0_1_that_ends_early_is_never_complete(root: Path) -> None:
    (root / DAMAGED / "closed").write_text('{"left_out_samples": 0, "left_out_entries": 0}\n')
    path = root / DAMAGED / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    ended = next(at for at, line in enumerate(lines) if b'"type":"ended"' in line)
    for kept in range(ended):
        path.write_bytes(b"".join(lines[:kept]))
        found = Store(root).summary(DAMAGED)
        assert found.state == "damaged"
        assert "the end of its journal is missing" in found.problem


@pytest.mark.slow
def test_packed_sound_cut_at_many_lengths_is_read_until_there(root: Path) -> None:
    path = root / DAMAGED / FLAC
    original, _ = soundfile.read(path, dtype="int16", always_2d=True)
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:length])
        found = Store(root).open(DAMAGED)
        assert found.state == "damaged"
        if found.audio_path is not None:
            learner, patient = found.audio()
            assert np.array_equal(learner, original[: len(learner), 0])
            assert np.array_equal(patient, original[: len(patient), 1])
            assert (
                f"{int(len(learner) / RATE) // 60}:{int(len(learner) / RATE) % 60:02d} of sound"
                in (found.problem)
            )


def test_lines_that_cannot_be_read_are_kept_when_the_journal_is_recovered(root: Path) -> None:
    path = root / DAMAGED / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3:3] = [b'{"type":"learner_voice","start_s":NaN,"end_s":2.0,"level_dbfs":-30.0}\n']
    path.write_bytes(b"".join(lines))
    Store(root).recover(DAMAGED)
    assert (root / DAMAGED / REJECTED).read_bytes() == lines[3]


def test_what_stands_in_the_place_of_a_journal_is_kept(root: Path) -> None:
    as_folder(JOURNAL)(root / DAMAGED)
    (root / DAMAGED / JOURNAL / "notes").write_text("kept")
    Store(root).recover(DAMAGED)
    (kept,) = (root / DAMAGED).glob(f"{REJECTED}.*")
    assert (kept / "notes").read_text() == "kept"


def test_an_attempt_that_ends_while_it_is_read_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = record(tmp_path)
    mark, journal = attempt.folder / "closed", attempt.folder / JOURNAL
    content, whole = mark.read_bytes(), journal.read_bytes()
    mark.unlink()
    journal.write_bytes(whole[: whole.rindex(b'{"type":"ended"')])

    def end_now(_folder: Path) -> bool:
        journal.write_bytes(whole)
        mark.write_bytes(content)
        return False

    monkeypatch.setattr(store, "in_use", end_now)
    found = Store(tmp_path).open(attempt.id)
    assert (found.state, found.entries) == ("complete", attempt.entries)


# -- folders that this user may not read


@pytest.fixture
def readable_place() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


@pytest.fixture
def other_user() -> Iterator[None]:
    """Another user than root, for whom permissions count."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", [".", HEADER, JOURNAL, FLAC])
def test_what_may_not_be_read_is_named(
    recorded: Path, readable_place: Path, name: str, request: pytest.FixtureRequest
) -> None:
    root = Path(shutil.copytree(recorded, readable_place / "attempts"))
    for path in (root, *root.rglob("*")):
        os.chown(path, 65534 if os.geteuid() == 0 else -1, -1)
    (root / DAMAGED / name).chmod(0)
    request.getfixturevalue("other_user")
    try:
        found = listed(root)
        assert found.state == "damaged"
        assert DAMAGED in found.problem
        if name in (".", HEADER):
            with pytest.raises(SimvoiceError):
                Store(root).open(DAMAGED)
    finally:
        (root / DAMAGED / name).chmod(0o700)


def test_a_pipe_in_the_place_of_the_header_does_not_block(root: Path) -> None:
    path = root / DAMAGED / HEADER
    path.unlink()
    os.mkfifo(path)
    assert listed(root).state == "damaged"


def test_the_end_that_recovery_adds_is_not_one_that_was_recorded(root: Path) -> None:
    write(JOURNAL, b"")(root / DAMAGED)
    assert Store(root).recover(DAMAGED).entries[-1] == Ended(at_s=50.0, reason="fault")
