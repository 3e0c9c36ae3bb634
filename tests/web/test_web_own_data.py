"""Everything that this machine keeps: a copy of it, and that nothing is left when it is erased."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from simvoice.debrief.build import build_debrief
from simvoice.reading.reading import read
from simvoice.record.events import RetryOrigin
from simvoice.record.files import AttemptLock
from simvoice.release.contents import Contents
from simvoice.release.prepare import prepare_release
from simvoice.web.attempt_rows import attempt_rows
from simvoice.web.security import TOKEN_HEADER
from tests.exam_day.marks import make_marks
from tests.exam_day.search import search_folders
from tests.planted.marked import plant_marked
from tests.planted.on_page import plant
from tests.web.stand_in import StandIn

pytestmark = pytest.mark.slow

ONE, OTHER = make_marks(2, 11)


def found_of(root: Path) -> set[tuple[int, str]]:
    return {(each.learner, each.what) for each in search_folders([root], [ONE, OTHER])}


def test_what_is_erased_is_gone_to_the_last_byte_and_the_rest_is_whole(
    client: TestClient, simulator: StandIn, token: str, tmp_path: Path
) -> None:
    one, other = (plant_marked(simulator.root, marks) for marks in (ONE, OTHER))
    for attempt in (one, other):
        assert client.get(f"/attempts/{attempt.id}").status_code == 200  # makes the brief
        assert client.get(f"/attempts/{attempt.id}/timeline").status_code == 200
        prepare_release(attempt, build_debrief(attempt, read(attempt)), Contents.WORDS)
    assert client.get(f"/progress/{ONE.name}").status_code == 200
    everything = {(marks.number, what) for marks in (ONE, OTHER) for what in ("text", "sound")}
    assert found_of(tmp_path) == everything  # the search finds it while it is there

    headers = {TOKEN_HEADER: token}
    assert client.delete(f"/attempts/{one.id}", headers=headers).status_code == 200
    assert found_of(tmp_path) == {(OTHER.number, "text"), (OTHER.number, "sound")}
    with zipfile.ZipFile(io.BytesIO(client.get("/own-data.zip").content)) as files:
        assert files.testzip() is None
        folders = {name.split("/")[1] for name in files.namelist() if "/" in name}
        assert folders == {other.id}
        assert OTHER.answer in files.read(f"attempts/{other.id}/record/reflection.json").decode()
        assert OTHER.words[0] in files.read(f"attempts/{other.id}/transcript.txt").decode()
    assert client.delete("/own-data", headers=headers).json() == {"erased": 1}
    assert found_of(tmp_path) == set()
    assert "keeps 0 conversations" in client.get("/own-data").text


def test_nothing_is_erased_without_the_token_of_our_pages(
    client: TestClient, simulator: StandIn, attempt_id: str
) -> None:
    assert client.delete("/own-data").status_code == 403
    assert simulator.store.ids() == [attempt_id]


def test_what_cannot_be_erased_now_is_named_and_stops_nothing_else(
    client: TestClient, simulator: StandIn, token: str, attempt_id: str
) -> None:
    other = plant_marked(simulator.root, OTHER)
    lock = AttemptLock.take(other.folder)  # as another program that reads it
    assert lock is not None
    try:
        answer = client.delete("/own-data", headers={TOKEN_HEADER: token})
    finally:
        lock.release()
    assert answer.status_code == 409
    assert "1 conversation erased, and 1 not:" in answer.json()["message"]
    assert simulator.store.ids() == [other.id]
    assert client.delete("/own-data", headers={TOKEN_HEADER: token}).status_code == 200


def test_the_first_page_folds_retries_and_says_what_to_try_next(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    first = plant(simulator.root, learner="Kim")
    again = RetryOrigin(attempt=first, turn=2, at_s=20.0)
    later = "20261124-101530-breast-biopsy-zzzz"
    plant(simulator.root, "2026-11-24T10:15:30+00:00", attempt=later, learner="Kim", again=again)
    assert "Try next" not in client.get("/").text  # nothing is measured for the first page
    assert client.get("/progress/Kim").status_code == 200
    page = client.get("/").text
    assert "1 whole conversation so far, with 1 patient." in page
    assert "Progress of Kim" in page
    assert f'<a class="button quiet" href="/attempts/{later}">Look at the moment</a>' in page
    assert "<summary>1 retry</summary>" in page
    assert page.count('<li class="row"') == 2
    rows = attempt_rows(simulator.attempts())
    assert [(row.first.id, [each.id for each in row.later]) for row in rows] == [(first, [later])]
    assert client.delete(f"/attempts/{first}", headers={TOKEN_HEADER: token}).status_code == 200
    assert [row.first.id for row in attempt_rows(simulator.attempts())] == [later]
