"""`simvoice hub` as a process: a bare machine, TLS, the first account, a restart."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from simvoice.cli.hub import app
from simvoice.errors import SettingError
from simvoice.hub.certificates import MadeCertificate, make_certificate
from simvoice.hub.hub import open_hub
from simvoice.hub.settings import load_settings
from simvoice.release.sealed import ENDING
from tests.hub.conftest import PASSWORD, token_of

WAIT_S = 60.0


@dataclass
class Running:
    """A hub that answers, and what it printed at its start."""

    process: subprocess.Popen[str]
    said: str
    port: int


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def command(data: Path, *options: str) -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, "SIMVOICE_HUB_DATA": str(data), "SIMVOICE_HOME": str(data.parent)}
    environment["PYTHONUNBUFFERED"] = "1"
    environment["SIMVOICE_HUB_ENCOUNTERS"] = "0"  # it loads no models
    return [sys.executable, "-m", "simvoice", "hub", *options], environment


def run(data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    arguments, environment = command(data, *options)
    return subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=WAIT_S, check=False
    )


def answers(port: int, *, is_secure: bool) -> bool:
    try:
        base = f"{'https' if is_secure else 'http'}://127.0.0.1:{port}"
        return httpx.get(f"{base}/sign-in", verify=False, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def running(data: Path, *options: str) -> Iterator[Running]:
    """Run a hub until it answers; end it with SIGTERM."""
    port = free_port()
    arguments, environment = command(data, "--port", str(port), *options)
    said = data.parent / "said"
    with (
        said.open("w") as out,
        subprocess.Popen(
            arguments, env=environment, stdout=out, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        try:
            ends = time.monotonic() + WAIT_S
            while True:
                assert process.poll() is None, said.read_text()
                assert time.monotonic() < ends, "the hub does not answer"
                if answers(port, is_secure="--host" in options):
                    break
                time.sleep(0.1)
            yield Running(process, said.read_text(), port)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 143, said.read_text()


def browse(made: MadeCertificate, port: int) -> httpx.Client:
    base = f"https://127.0.0.1:{port}"
    return httpx.Client(
        base_url=base,
        verify=ssl.create_default_context(cafile=str(made.authority)),
        headers={"origin": base, "accept": "text/html"},
        timeout=60,
    )


@pytest.mark.slow
def test_from_a_bare_machine_to_a_person_who_is_signed_in(tmp_path: Path) -> None:
    data = tmp_path / "hub"
    made = make_certificate(data, ("127.0.0.1",))
    with running(data, "--host", "0.0.0.0") as hub:
        found = re.search(r"https://127\.0\.0\.1:\d+(/setup\?code=[\w-]+)", hub.said)
        assert found is not None, hub.said
        with browse(made, hub.port) as sam:
            form = {
                "token": token_of(sam.get(found[1])),
                "code": found[1].partition("=")[2],
                "login": "sam",
                "name": "Sam Fox",
                "password": PASSWORD,
            }
            assert sam.post("/setup", data=form).status_code == 303
            assert "Sam Fox" in sam.get("/account").text
            kept = dict(sam.cookies)
            assert set(kept) == {"__Host-simvoice-session", "__Host-simvoice-device"}
        make_certificate(data, ("127.0.0.1", "renewed.example.edu"))  # used at the restart
        copy = data / "cache" / "attempts" / "an open attempt"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text("decrypted")
    assert not copy.exists()  # SIGTERM, too, ends a hub in order
    with running(data, "--host", "0.0.0.0") as hub:
        assert "no account yet" not in hub.said
        with browse(made, hub.port) as sam:
            for name, value in kept.items():
                sam.cookies.set(name, value)
            assert "Sam Fox" in sam.get("/account").text  # a restart signs nobody out
            answer = sam.get("/sign-in", headers={"host": "evil.example"})
            assert answer.status_code == 403


@pytest.mark.slow
def test_a_person_who_was_added_in_the_terminal_comes_in(tmp_path: Path) -> None:
    data = tmp_path / "hub"
    open_hub(load_settings(data)).database.close()  # as its first start does
    added = run(data, "add-person", "robin", "--name", "Robin Hale", "--role", "technician")
    assert added.returncode == 0, added.stderr
    code = re.search(r"Code for the sign-in page: (\S+),", added.stdout)
    assert code is not None
    again = run(data, "add-person", "ROBIN")
    assert (again.returncode, again.stderr) == (
        2,
        "The login 'robin' is taken; give another one.\n",
    )
    wrong = run(data, "add-person", "kim", "--role", "dean")
    assert wrong.returncode == 2
    assert "'dean' is no role" in wrong.stderr
    with running(data) as hub:
        assert "no account yet" not in hub.said
        base = f"http://127.0.0.1:{hub.port}"
        ours = {"origin": base, "accept": "text/html"}
        with httpx.Client(base_url=base, headers=ours, timeout=60) as robin:
            token = token_of(robin.get("/sign-in"))
            there = robin.post("/sign-in/code", data={"token": token, "code": code[1]})
            form = {"token": token_of(robin.get(there.headers["location"])), "code": code[1]}
            assert robin.post("/invitation", data={**form, "password": PASSWORD}).is_redirect
            assert "Robin Hale" in robin.get("/account").text
            log = run(data, "forget-sign-ins")
            assert log.returncode == 0, log.stderr
            assert robin.get("/account").is_redirect


@pytest.mark.parametrize(
    "command",
    [
        ("add-person", "robin"),
        ("check",),
        ("forget-sign-ins",),
        ("import", "."),
        ("seal-key", "--new"),
        ("supplies", "list"),
        ("supplies", "want", "0.2.0"),
    ],
)
def test_a_command_makes_no_hub_in_a_wrong_folder(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / f"record{ENDING}").write_bytes(b"")
    given = [str(tmp_path) if each == "." else each for each in command]
    data = tmp_path / "hub"
    done = CliRunner().invoke(app, ["--data", str(data), *given])
    assert isinstance(done.exception, SettingError), done.output
    assert f"there is no hub in {data}; give the data folder" in str(done.exception)
    assert not data.exists()


# -- starts that cannot be


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--host", "0.0.0.0"), "other machines reach the hub only over TLS"),
        (("--host", "hub"), "'hub' is not an IP address"),
        (("--host", "0.0.0.0", "--behind-proxy", "10.0.0.1"), "give --public-url"),
        (("--behind-proxy", "here"), "does not appear to be an IPv4 or IPv6 network"),
        (("--certificate", "none.pem"), "a certificate needs its key"),
        (("--certificate", "none.pem", "--key", "none.key"), "none.pem cannot be read"),
    ],
)
def test_a_start_that_cannot_be_is_one_sentence(
    tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    data = tmp_path / "hub"
    done = CliRunner().invoke(app, ["--data", str(data), *options])
    assert isinstance(done.exception, SettingError)
    assert sentence in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not data.exists()
