"""A real hub over TLS, cut at random bytes and killed at random moments; devices too."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simvoice.app.standalone import clip_key
from simvoice.engines.tts.clip_pack import PackAbout, pack_file, write_pack
from simvoice.engines.tts.speech_cache import voice_key
from simvoice.errors import HubError, HubNotTrusted, SimvoiceError
from simvoice.hub import audit
from simvoice.hub.certificates import AUTHORITY, AUTHORITY_KEY, make_certificate
from simvoice.hub.hub import open_hub
from simvoice.hub.settings import load_settings
from simvoice.hub.supplies.devices import supplies_page, want_version
from simvoice.hub_client.connection import Address, HubConnection
from simvoice.hub_client.pairing import Pairing, Pairings, establish_trust, pair
from simvoice.hub_client.supplies import DeviceSupplies, Wanted
from simvoice.hub_client.supply_line import SupplyLine
from simvoice.hub_client.trust import certificate_end
from simvoice.patient.case.load import load_case
from tests.hub.supplies.hub_process import HubProcess, Relay
from tests.hub_client.certified import certified_case
from tests.models.local_site import sha256

pytestmark = pytest.mark.slow

PACK_BYTES = 6_000_000
VOICE = voice_key(clip_key())
ALL = Wanted(VOICE, program=True)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    """A hub with three cases, one rendered voice and a wanted program."""
    made = HubProcess(tmp_path / "hub", tmp_path / "hub-home")
    for name in ("tea", "soup", "bread"):
        certified_case(made.home / "cases", name)
    (made.data / "supplies" / "program").mkdir(parents=True)
    place(made, 1)
    made.start()
    yield made
    made.kill()


def place(hub: HubProcess, version: int) -> None:
    """Put a version of everything on the hub."""
    file = hub.home / "cases" / "tea"
    shutil.rmtree(file)
    case = certified_case(hub.home / "cases", "tea", title=f"Tea, version {version}")
    clips = [
        (f"{at:032x}", random.Random(version * 100 + at).randbytes(100_000)) for at in range(60)
    ]
    about = PackAbout(case="tea", case_sha256=sha256(case.read_bytes()), voice=VOICE)
    write_pack(pack_file(hub.data / "supplies" / "voices", "tea", VOICE), about, clips)
    wheel = hub.data / "supplies" / "program" / f"simvoice-9.{version}.0-py3-none-any.whl"
    wheel.write_bytes(random.Random(version).randbytes(500_000))
    opened = open_hub(load_settings(hub.data, environment={}))
    with opened.database.begin() as session:
        want_version(session, audit.COMMAND_LINE, f"9.{version}.0")
    opened.database.close()


@pytest.fixture
def relay(hub: HubProcess) -> Iterator[Relay]:
    made = Relay(hub.port)
    yield made
    made.close()


@pytest.fixture
def pairing(hub: HubProcess, relay: Relay, tmp_path: Path) -> Pairing:
    """A station that was paired with the line of the hub's page, through the relay."""
    line = hub.pairing_line(relay.port)
    trust = establish_trust(line)
    return pair(
        Pairings(tmp_path / "home" / "paired"),
        Address(line.address, trust),
        line.code,
        connect=HubConnection,
        now=datetime.now(UTC).isoformat(),
        kind="station",
        name="Room 4",
    )


def bring(pairing: Pairing, folder: Path) -> None:
    with SupplyLine(pairing.address, pairing.token, pause=lambda _: time.sleep(0.01)) as line:
        done = DeviceSupplies(folder, running="0.1.0").bring(line, ALL)
        line.report(done.report)


def in_use(folder: Path) -> dict[str, str]:
    found = {}
    for part in ("cases", "voices", "program"):
        for path in (folder / part).rglob("*"):
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = sha256(path.read_bytes())
    return found


def on_hub(hub: HubProcess) -> dict[str, str]:
    """What a device should have, by the files of the hub."""
    found = {
        path.relative_to(hub.home).as_posix(): sha256(path.read_bytes())
        for path in (hub.home / "cases").rglob("*")
        if path.is_file()
    }
    for path in (hub.data / "supplies" / "voices").iterdir():
        found[f"voices/{path.name}"] = sha256(path.read_bytes())
    newest = max((hub.data / "supplies" / "program").iterdir())
    found[f"program/{newest.name}"] = sha256(newest.read_bytes())
    return found


def until_done(once: Callable[[], None], most: int = 200) -> int:
    """Repeat until it ends without an error of the line; return how often it failed."""
    for failures in range(most):
        try:
            once()
            return failures
        except HubNotTrusted:
            raise
        except (HubError, SimvoiceError):
            time.sleep(0.02)
    raise AssertionError(f"not done after {most} tries")


def test_a_line_that_is_cut_at_random_bytes_gives_no_wrong_byte(
    hub: HubProcess, relay: Relay, pairing: Pairing, tmp_path: Path
) -> None:
    chance = random.Random(8)
    folder = tmp_path / "home" / "from-hub"
    whole = on_hub(hub)
    relay.cut_after = lambda: chance.randrange(500, 900_000)
    seen: list[dict[str, str]] = []

    def once() -> None:
        try:
            bring(pairing, folder)
        finally:
            seen.append(in_use(folder))

    before = relay.passed_bytes
    until_done(once)
    assert relay.cuts > 5
    for found in seen:
        assert {name: whole.get(name) for name in found} == found
    assert in_use(folder) == whole
    # what had arrived was not sent again, but for handshakes, catalogues and pieces on the way
    assert relay.passed_bytes - before < 1.2 * PACK_BYTES + 200_000 * relay.cuts


def test_a_hub_that_is_killed_and_changed_in_between_leaves_old_or_new_and_nothing_else(
    hub: HubProcess, relay: Relay, pairing: Pairing, tmp_path: Path
) -> None:
    chance = random.Random(3)
    folder = tmp_path / "home" / "from-hub"
    until_done(lambda: bring(pairing, folder))
    old = on_hub(hub)
    assert in_use(folder) == old
    place(hub, 2)
    new = on_hub(hub)
    relay.bytes_per_s = 6e6
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", BRING, str(tmp_path / "home"), VOICE],
            env=os.environ,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(chance.uniform(0.8, 2.2))
        hub.kill()
        said = process.communicate(timeout=120)[1]
        assert "Traceback" not in said
        found = in_use(folder)
        assert all(sha in (old.get(name), new.get(name)) for name, sha in found.items())
        assert {name for name in old if name.startswith(("cases", "voices"))} <= set(found)
        title = load_case(folder / "cases" / "tea" / "case.yaml").title
        assert title in ("Tea, version 1", "Tea, version 2")
        hub.start()
    relay.bytes_per_s = float("inf")
    until_done(lambda: bring(pairing, folder))
    assert in_use(folder) == new
    opened = open_hub(load_settings(hub.data, environment={}))
    with opened.database.read() as session:
        page = supplies_page(session, opened.supplies.offers("9.2.0"))
    opened.database.close()
    assert [each.reported.device for each in page.devices] == ["Room 4"]


BRING = """
import sys
from pathlib import Path
from simvoice.errors import SimvoiceError
from simvoice.hub_client.pairing import Pairings
from simvoice.hub_client.supplies import DeviceSupplies, Wanted
from simvoice.hub_client.supply_line import SupplyLine
home = Path(sys.argv[1])
pairing = Pairings(home / "paired").pairing()
try:
    with SupplyLine(pairing.address, pairing.token) as line:
        wanted = Wanted(sys.argv[2], program=True)
        DeviceSupplies(home / "from-hub", running="0.1.0").bring(line, wanted)
except SimvoiceError as error:
    print(error, file=sys.stderr)
"""


def test_a_device_that_is_killed_at_random_moments_has_old_or_new_and_goes_on(
    hub: HubProcess, relay: Relay, pairing: Pairing, tmp_path: Path
) -> None:
    chance = random.Random(11)
    folder = tmp_path / "home" / "from-hub"
    until_done(lambda: bring(pairing, folder))
    old = on_hub(hub)
    place(hub, 2)
    new = on_hub(hub)
    relay.bytes_per_s = 8e5  # so that a process which starts in half a second is killed halfway
    killed = 0
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", BRING, str(tmp_path / "home"), VOICE],
            env=os.environ,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            process.wait(timeout=chance.uniform(0.5, 2.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += 1
        assert "Traceback" not in process.communicate(timeout=30)[1]
        found = in_use(folder)
        assert all(sha in (old.get(name), new.get(name)) for name, sha in found.items())
        load_case(folder / "cases" / "tea" / "case.yaml")
    assert killed >= 3
    relay.bytes_per_s = float("inf")
    bring(pairing, folder)
    assert in_use(folder) == new
    assert [path.name for path in (folder / ".fetching").iterdir()] == ["lock"]


def test_a_laptop_fetches_cases_by_command_without_an_internet_connection(
    hub: HubProcess, relay: Relay, pairing: Pairing, tmp_path: Path
) -> None:
    environment = os.environ | {
        "SIMVOICE_HOME": str(tmp_path / "home"),
        "COLUMNS": "200",
        # nothing but loopback answers
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HF_HUB_OFFLINE": "1",
        "SIMVOICE_WHEELS": "",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "simvoice", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    done = run("cases", "pull", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["cases"] == ["bread", "soup", "tea"]
    assert told["voices"] == ["tea"]
    listed = json.loads(run("cases", "list", "--json").stdout)["cases"]
    assert {"tea"} <= {each["id"] for each in listed if each["origin"] == "hub" and each["offered"]}
    hub.kill()
    away = run("cases", "pull")
    assert away.returncode == 1
    assert "cannot be reached" in away.stderr or "stopped answering" in away.stderr


def test_a_hub_with_a_new_certificate_is_known_and_one_with_a_new_authority_is_not(
    hub: HubProcess, relay: Relay, pairing: Pairing, tmp_path: Path
) -> None:
    end = certificate_end(pairing.url, pairing.trust)
    hub.kill()
    make_certificate(hub.data, ("127.0.0.1", "hub.lab"))
    hub.start()
    assert certificate_end(pairing.url, pairing.trust) >= end
    bring(pairing, tmp_path / "home" / "from-hub")
    hub.kill()
    (hub.data / AUTHORITY).unlink()
    (hub.data / AUTHORITY_KEY).unlink()
    make_certificate(hub.data, ("127.0.0.1",))
    hub.start()
    with pytest.raises(HubNotTrusted, match="pair this computer again"):
        bring(pairing, tmp_path / "home" / "from-hub")
