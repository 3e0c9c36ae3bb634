"""A private PostgreSQL server on a socket in a temporary folder, from Debian's package."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from tests.sound_server import wait_until

_DEBIAN = Path("/usr/lib/postgresql")
"""Debian keeps initdb and postgres off the PATH, in a folder for each version."""

_READY_S = 60.0

NEEDED = "PostgreSQL is not installed; on Debian: apt-get install postgresql"


def program(name: str) -> str | None:
    """Return the path of a program of PostgreSQL, of the newest version; None without one."""
    numbers = [p.parent.parent for p in _DEBIAN.glob(f"*/bin/{name}") if os.access(p, os.X_OK)]
    newest = max(numbers, key=lambda folder: float(folder.name), default=None)
    return str(newest / "bin" / name) if newest is not None else shutil.which(name)


class PostgresServer:
    """A server that loses its data with its folder, so nothing is synced to the disk."""

    def __init__(self) -> None:
        # Not a folder of pytest: the path of a socket has at most 107 bytes, and the server, which
        # refuses to run as root, has to reach it.
        self.folder = Path(tempfile.mkdtemp(prefix="simvoice-postgres-"))
        self._account: dict[str, Any] = {}
        if os.getuid() == 0:
            account = _plain_account()
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "tester", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        """Start the server; return when it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "log_min_messages": "fatal",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_found("postgres"), "-D", str(self.folder / "data"), *options],
                **self._account,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        wait_until(self._answers, _READY_S, "an answer of PostgreSQL")

    def stop(self) -> None:
        """Stop the server, as for maintenance: its clients are thrown out."""
        if self._process is not None:
            self._process.terminate()  # would wait for clients …
            self._process.send_signal(2)  # … SIGINT does not
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """Return the URL of a database, as `SIMVOICE_DATABASE_URL` takes it."""
        return f"postgresql://tester@/{name}?host={self.folder}"

    def create(self, like: str = "template1") -> str:
        """Make a database as a copy of another one and return its name."""
        self._count += 1
        name = f"hub_{self._count}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE "{like}"')
        return name

    def drop(self, name: str) -> None:
        """Remove a database, also when a test has left connections to it open."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run a statement as the superuser, outside a transaction."""
        with psycopg.connect(self._conninfo(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _conninfo(self) -> str:
        return f"host={self.folder} user=tester dbname=postgres"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._conninfo()).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [_found(name), "-D", str(self.folder / "data"), *arguments],
            **self._account,
            cwd=self.folder,
            check=True,
            capture_output=True,
            timeout=_READY_S,
        )


def _found(name: str) -> str:
    path = program(name)
    if path is None:
        raise FileNotFoundError(NEEDED)
    return path


def _plain_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
