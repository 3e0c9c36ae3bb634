"""Databases and stores for the tests of the hub.

Each test of `database` runs on SQLite and on PostgreSQL, and each test of `objects` on a folder and
on S3 (moto, a mock). Plain `pytest` runs SQLite and the folder alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from simvoice.hub.storage.database import Database
from simvoice.hub.storage.object_store import ObjectStore
from tests.hub import postgres_server
from tests.hub.postgres_server import PostgresServer
from tests.hub.s3_server import S3Server

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a running server of this test process."""
    if postgres_server.program("postgres") is None:
        pytest.fail(postgres_server.NEEDED)
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_with_tables(postgres: PostgresServer) -> str:
    """Return the name of a database that has the tables, to copy."""
    name = postgres.create()
    _make_tables(postgres.url(name))
    return name


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of SQLite that has the tables, to copy."""
    file = tmp_path_factory.mktemp("tables") / "hub.sqlite3"
    _make_tables(f"sqlite:///{file}")
    return file


@pytest.fixture(params=BOTH)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a database without tables, on each kind of database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty' / 'hub.sqlite3'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a database with empty tables, on each kind of database."""
    if request.param == "sqlite":
        file = tmp_path / "hub.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_with_tables"), file)
        yield f"sqlite:///{file}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create(like=request.getfixturevalue("postgres_with_tables"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return a database with empty tables, on each kind of database."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Return a running S3 server of this test process. It is a mock."""
    server = S3Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.slow)])
def store_url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Return where an empty store is, of each kind."""
    if request.param == "folder":
        return str(tmp_path / "store")
    server: S3Server = request.getfixturevalue("s3")
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    bucket = f"lab-{uuid4().hex[:12]}"
    server.make_bucket(bucket)
    return f"s3://{bucket}/hub"


@pytest.fixture
def objects(store_url: str) -> ObjectStore:
    """Return an empty store, of each kind."""
    made = ObjectStore(store_url)
    made.make()
    return made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(mount, check=False).returncode != 0:
        assert os.environ.get("CI") != "true", "CI has to be able to mount a file system"
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def _make_tables(url: str) -> None:
    made = Database(url)
    made.upgrade()
    made.close()
