"""Briefs of attempts: made of what is here, made again when it changes, gone with the attempt."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select

from simvoice.debrief.build import build_debrief
from simvoice.hub import attempts, briefs
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.object_store import ObjectStore
from simvoice.hub.storage.tables import AttemptBrief
from simvoice.progress.brief import build_brief
from simvoice.reading.reading import read
from simvoice.record.store import Attempt
from simvoice.release.contents import Contents
from simvoice.release.numbers import numbers_of
from simvoice.release.prepare import prepare_release
from simvoice.scoring.metrics.definitions import followed
from tests.hub.kept_attempts import Storage, make_storage

pytestmark = pytest.mark.slow


@pytest.fixture
def storage(database: Database, objects: ObjectStore, tmp_path: Path) -> Storage:
    return make_storage(database, objects, tmp_path)


def figures(storage: Storage, attempt_id: UUID) -> briefs.Figures | None:
    with storage.database.read() as session:
        return briefs.load_figures(session, [attempt_id]).get(attempt_id)


def released(attempt: Attempt, contents: Contents, folder: Path) -> Path:
    """Return a folder with the files of a release, as a laptop sends them."""
    debrief = build_debrief(attempt, read(attempt))
    found = prepare_release(attempt, debrief, contents)
    made = folder / contents.value / attempt.id
    made.mkdir(parents=True)
    for name, path in found.paths.items():
        shutil.copy(path, made / name)
    return made


def test_a_brief_is_what_the_debrief_says_of_the_attempt(storage: Storage) -> None:
    attempt = storage.made()
    kept = storage.keep(attempt)
    with storage.database.read() as session:
        assert briefs.missing(session) == [kept]
    assert briefs.fill(storage, time_s=0.0) == 1  # no time for one more
    assert briefs.fill(storage, time_s=None) == 0
    reading = read(attempt)
    debrief = build_debrief(attempt, reading, with_peaks=False)
    with storage.database.read() as session:
        assert briefs.load(session, [kept]) == {kept: build_brief(attempt, reading, debrief)}
        assert briefs.missing(session) == []
    found = figures(storage, kept)
    assert found is not None
    numbers = numbers_of(debrief, kept, Contents.SOUND)
    measured = {n.key: n.value for n in numbers.numbers if n.value is not None}
    assert found.numbers == {key: measured[key] for key in followed() if key in measured}
    assert {key: (t.met, t.not_met) for key, t in found.lists.items()} == {
        each.list_id: (each.met, each.not_met) for each in numbers.lists
    }
    every = {i.id: i for s in (*debrief.headings, *debrief.instruments) for i in s.items}
    assert found.items == {key: i.outcome for key, i in every.items() if not i.human}
    assert found.moments == {
        key: i.evidence[0].at_s for key, i in every.items() if i.evidence and not i.human
    }
    assert found.moments
    attempts.erase(storage, [kept], reason="learner")
    with storage.database.read() as session:
        assert session.scalar(select(func.count()).select_from(AttemptBrief)) == 0


def test_numbers_alone_tell_no_item_until_more_of_the_attempt_arrives(
    storage: Storage, tmp_path: Path
) -> None:
    attempt = storage.made()
    folder = released(attempt, Contents.NUMBERS, tmp_path)
    kept = attempts.keep(
        storage, folder, origin="laptop", owner_id=storage.owner_id, contents=Contents.NUMBERS
    )
    assert briefs.fill(storage, [kept], time_s=None) == 0
    few = figures(storage, kept)
    assert few is not None
    assert few.items is None
    assert few.lists
    with storage.database.read() as session:
        assert briefs.load(session, [kept]) == {}
    storage.keep(attempt)
    assert figures(storage, kept) is None  # it is of less than is here now
    assert briefs.fill(storage, [kept], time_s=None) == 0
    more = figures(storage, kept)
    assert more is not None
    assert more.items
    assert (more.lists, more.numbers) == (few.lists, few.numbers)


def test_other_rules_make_the_brief_again(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = storage.keep(storage.made())
    briefs.fill(storage, time_s=None)
    monkeypatch.setattr(briefs, "code_fingerprint", lambda: "another version")
    assert figures(storage, kept) is None
    assert briefs.fill(storage, time_s=None) == 0
    assert figures(storage, kept) is not None


def test_an_attempt_that_cannot_be_read_holds_up_no_other(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, kept = storage.keep(storage.made()), storage.keep(storage.made())
    storage.objects.remove([key for key in storage.stored_keys() if lost.hex in key])
    opened: list[UUID] = []
    really_opened = attempts.opened

    def noted(parts: attempts.Parts, attempt_id: UUID) -> AbstractContextManager[Attempt]:
        opened.append(attempt_id)
        return really_opened(parts, attempt_id)

    monkeypatch.setattr(attempts, "opened", noted)
    for _ in range(2):
        assert briefs.fill(storage, time_s=None) == 1
    assert opened.count(lost) == 1  # not in every minute
    assert figures(storage, kept) is not None
