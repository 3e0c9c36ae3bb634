"""The technician's page of supplies, and the line with which a device is paired."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice import paths
from simvoice.hub.certificates import CERTIFICATE, KEY, make_certificate
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Device, now
from simvoice.hub_client.catalogue import DeviceReport, HeldThing
from simvoice.hub_client.trust import PairingLine, fingerprint
from tests.hub.conftest import ADDRESS, ClientAs
from tests.hub_client.certified import certified_case


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path / "home"))


def test_a_technician_sees_what_is_offered_and_what_devices_lack(
    hub: Hub, client_as: ClientAs
) -> None:
    tech = client_as(Role.TECHNICIAN)
    assert "No device has reported" in tech.get("/supplies").text
    certified_case(paths.own_cases_dir(), title="Tea & <b>cake</b>")
    broken = certified_case(paths.own_cases_dir(), "soup")
    broken.write_text(broken.read_text() + "# changed\n")
    report = DeviceReport(program="0.1.0", cases=(HeldThing(name="tea"),), free_bytes=10**9)
    with hub.database.begin() as session:
        session.add(
            Device(
                kind="station",
                name="Room <4>",
                token_hash="0" * 64,
                report=report.model_dump(mode="json"),
                reported_at=now(),
            )
        )
    hub.supplies = type(hub.supplies)(hub.settings.data / "supplies")
    page = tech.get("/supplies").text
    assert "Tea &amp; &lt;b&gt;cake&lt;/b&gt;" in page
    assert "Room &lt;4&gt;" in page
    assert "Lacks 1 case, or has an older one: tea." in page
    assert "Soup was changed after its check" in page


def test_a_technician_sets_and_clears_the_wanted_version(hub: Hub, client_as: ClientAs) -> None:
    tech = client_as(Role.TECHNICIAN)
    assert tech.post("/supplies/program", data={"version": "0.2.0"}).status_code == 303
    page = tech.get("/supplies?done=wanted").text
    assert "simvoice 0.2.0" in page
    assert "told the next time that they ask" in page
    assert "place its wheel there" in page
    refused = tech.post("/supplies/program", data={"version": "newest"})
    assert refused.status_code == 422
    assert "is not a version of simvoice" in refused.text
    tech.post("/supplies/program", data={"version": ""})
    assert "each device keeps its version" in tech.get("/supplies").text


def test_the_page_of_a_code_shows_the_whole_line_with_the_fingerprint(
    hub: Hub, client_as: ClientAs
) -> None:
    made = make_certificate(hub.settings.data, ("hub.test",))
    own = {"certificate": hub.settings.data / CERTIFICATE, "key": hub.settings.data / KEY}
    hub.settings = hub.settings.model_copy(update=own)
    page = client_as(Role.TECHNICIAN).post("/devices/station-code").text
    shown = page.partition('<p class="secret line">')[2].partition("</p>")[0]
    line = PairingLine.read(shown)
    assert line.address == ADDRESS
    assert line.fingerprint == fingerprint(made.authority_certificate)
    assert line.code
