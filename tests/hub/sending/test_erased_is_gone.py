"""What a learner erases is gone from the hub to the last byte, and the laptop is told."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from simvoice.debrief.build import build_debrief
from simvoice.hub import briefs
from simvoice.hub.encounters.keeping import OWNER, RecordOwner
from simvoice.hub.hub import Hub
from simvoice.hub.storage.tables import (
    AttemptBrief,
    Device,
    FinishedRating,
    ItemRating,
    Remark,
    Upload,
)
from simvoice.reading.reading import read
from simvoice.record.files import replace_file
from tests.exam_day.marks import Marks, make_marks
from tests.exam_day.search import search_folders
from tests.hub.conftest import ClientAs
from tests.hub.postgres_server import PostgresServer
from tests.hub.sending.conftest import NewLaptop, Planted
from tests.planted.marked import plant_marked

pytestmark = pytest.mark.slow

(MARKS,) = make_marks(1, 3)
LOGIN = ".".join(MARKS.name.lower().split())
WORDS = replace(MARKS, name="")
"""The marks of the attempt, without those of the account."""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    attempt = plant_marked(tmp_path_factory.mktemp("marked"), MARKS)
    return Planted(attempt, build_debrief(attempt, read(attempt)))


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """The log of the hub, with everything that it can say."""
    file = tmp_path / "hub" / "simvoice.log"
    file.parent.mkdir(exist_ok=True)
    handler = logging.FileHandler(file)
    logger = logging.getLogger("simvoice")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield file
    logger.removeHandler(handler)
    logger.setLevel(level)
    handler.close()


def found(hub: Hub, marks: Marks, server: PostgresServer | None) -> set[str]:
    """Return which marks are left: in data folder, store, cache, log and database."""
    places = [hub.settings.data]
    file = hub.database.file
    if file is not None:
        copies = hub.settings.data / "database"
        shutil.rmtree(copies, ignore_errors=True)
        copies.mkdir()
        for each in file.parent.glob(f"{file.name}*"):  # its log and its index, too
            shutil.copyfile(each, copies / each.name)
    left = {each.what for each in search_folders(places, [marks])}
    if server is not None:
        low = [path.read_bytes().lower() for path in _files(server.folder / "data")]
        left |= {"row" for data in low if any(needle in data for needle in marks.needles)}
    return left


def _files(folder: Path) -> Sequence[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def clean(hub: Hub, server: PostgresServer) -> None:
    """Do what docs/hub-storage.md asks of those who run PostgreSQL."""
    name = str(hub.settings.database).partition("?")[0].rpartition("/")[2]
    server.execute("ALTER SYSTEM SET wal_recycle = off")
    server.execute("SELECT pg_reload_conf()")
    with psycopg.connect(f"host={server.folder} user=tester dbname={name}", autocommit=True) as one:
        one.execute("VACUUM FULL")
        for _ in range(2):
            one.execute("SELECT pg_switch_wal()")
            one.execute("CHECKPOINT")


def test_nothing_of_an_attempt_and_then_of_its_learner_is_left(
    hub: Hub,
    new_laptop: NewLaptop,
    client_as: ClientAs,
    log_file: Path,
    request: pytest.FixtureRequest,
) -> None:
    server = None if hub.database.is_sqlite else request.getfixturevalue("postgres")
    laptop = new_laptop(LOGIN)
    laptop.release()
    laptop.run()
    educator, learner = client_as(login="ito"), client_as(login=LOGIN)
    here = f"/attempts/{laptop.uuid}"
    for path in (here, f"{here}/timeline", f"{here}/audio"):
        assert educator.get(path).status_code == 200
    assert learner.get("/own-data.zip").status_code == 200
    briefs.fill(hub, time_s=None)
    words = " ".join(MARKS.words)
    with hub.database.begin() as session:
        assert session.get(AttemptBrief, laptop.uuid) is not None
        rater = {"attempt_id": laptop.uuid, "rater_id": uuid4()}
        session.add(
            ItemRating(**rater, blind=True, item="a", value="met", comment=f"Said {words}.")
        )
        session.add(FinishedRating(**rater))
        session.add(Remark(attempt_id=laptop.uuid, at_s=4.0, text=f"You said {words}."))
    _half_send(hub, laptop.uuid, laptop.attempt_id, laptop.planted)
    assert found(hub, WORDS, server) >= {"text", "sound"}  # the search finds it while it is there

    assert learner.post(f"{here}/erase").status_code == 303
    if server is not None:
        clean(hub, server)
    assert found(hub, WORDS, server) == set()
    assert educator.get(here).status_code == 404

    # the account: also what has only arrived in part, and a record that is not kept yet
    _half_send(hub, uuid4(), laptop.attempt_id, laptop.planted)
    waiting = hub.settings.data / "encounters" / uuid4().hex
    shutil.copytree(laptop.planted.attempt.folder, waiting / laptop.attempt_id)
    owner = RecordOwner(owner_id=laptop.person)
    replace_file(waiting / OWNER, owner.model_dump_json().encode())
    assert found(hub, MARKS, server) >= {"text", "sound"}
    answer = learner.post("/own-data/erase", data={"login": LOGIN})
    assert "is erased from this server" in answer.text
    if server is not None:
        clean(hub, server)
    assert found(hub, MARKS, server) == set()
    assert "erased" in log_file.read_text()  # the log was written, and searched
    laptop.release()
    laptop.now += 86_401.0
    laptop.run()
    assert laptop.pairings.pairing() is None
    assert laptop.outbox.entries() == ()


def _half_send(hub: Hub, uuid: object, record_id: str, planted: Planted) -> None:
    """Let half an attempt arrive from the learner's laptop."""
    with hub.database.begin() as session:
        device = session.query(Device).filter_by(kind="laptop").one()
        session.add(Upload(attempt_id=uuid, device_id=device.id, manifest={}))
    place = hub.settings.data / "uploads" / str(uuid) / record_id
    shutil.copytree(planted.attempt.folder, place)
