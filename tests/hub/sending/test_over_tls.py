"""A laptop pairs with a real hub over TLS, by the line of its page, and releases an attempt."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from simvoice.errors import HubNotTrusted, SimvoiceError
from simvoice.hub import attempts, certificates, courses, people
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.roles import Role
from simvoice.hub.sending import devices
from simvoice.hub.server import LiveCertificate, server_config, with_own_certificate
from simvoice.hub.settings import load_settings
from simvoice.hub.storage.tables import Membership
from simvoice.hub.supplies.authority import pairing_line
from simvoice.hub_client.link import HubLink
from simvoice.hub_client.outbox import EntryState
from simvoice.record.identity import attempt_uuid
from simvoice.release.contents import Contents
from simvoice.web.server import loopback_socket
from tests.hub.sending.conftest import LaptopSource, Planted

pytestmark = pytest.mark.slow


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Hub]:
    """A hub that serves TLS with a certificate of its own authority, in a thread."""
    data = tmp_path / "hub"
    made = loopback_socket("127.0.0.1", 0)
    options = {"host": "0.0.0.0", "port": made.getsockname()[1]}
    hub = open_hub(load_settings(data, options, environment={}))
    certificates.make_certificate(data, ("127.0.0.1",))
    hub.settings = with_own_certificate(hub.settings)
    assert hub.settings.certificate is not None
    assert hub.settings.key is not None
    hub.certificate_names = certificates.check_certificate(
        hub.settings.certificate, hub.settings.key
    ).names
    live = LiveCertificate(hub, hub.settings.certificate, hub.settings.key)
    server = uvicorn.Server(server_config(hub, live))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [made]}, daemon=True)
    thread.start()
    yield hub
    server.should_exit = True
    thread.join(30)
    made.close()
    hub.database.close()


def test_a_line_is_enough_to_pair_and_to_release(
    served: Hub, planted: Planted, tmp_path: Path
) -> None:
    with served.database.begin() as session:
        ito = people.add(session, served, login="ito", name="Dr Ito", roles=[Role.EDUCATOR])
        course = courses.create_course(session, "Year 3", "", ito.id)
        ada = people.add(session, served, login="ada", name="Ada", roles=[Role.LEARNER])
        session.add(Membership(course_id=course.id, person_id=ada.id))
        code = devices.new_code(session, served, Visitor(person_id=ada.id, login="ada")).text
    address = f"https://127.0.0.1:{served.settings.port}"
    line = pairing_line(served.settings, address, code)
    assert line.fingerprint
    link = HubLink(tmp_path / "paired")

    other = line.fingerprint.translate(str.maketrans("0123456789", "1234567890"))
    with pytest.raises(SimvoiceError, match="fingerprint"):
        link.pair(str(line).replace(line.fingerprint, other))
    seen = link.look(str(line))
    assert line.fingerprint in seen.how_trusted
    pairing = link.pair(str(line))
    assert (pairing.person, pairing.trust.fingerprint) == ("Ada", line.fingerprint)

    uuid = attempt_uuid(planted.attempt.header)
    link.start(LaptopSource(planted.attempt.folder.parent, planted.debrief))
    try:
        link.release(uuid, planted.attempt.id, Contents.SOUND, [course.id])
        end = time.monotonic() + 60.0
        while (entry := link.outbox.entry(uuid)) and entry.state is EntryState.WAITING:
            assert time.monotonic() < end, link.state()
            time.sleep(0.05)
    finally:
        link.close()
    assert entry is not None
    assert entry.state is EntryState.SENT, link.state()
    with attempts.opened(served, uuid) as found:
        sound = planted.attempt.folder / "audio.flac"
        assert (found.folder / "audio.flac").read_bytes() == sound.read_bytes()


def test_nothing_is_given_to_a_hub_that_is_not_trusted(served: Hub, tmp_path: Path) -> None:
    link = HubLink(tmp_path / "paired")
    with pytest.raises(HubNotTrusted, match="nothing was sent"):
        link.pair(f"127.0.0.1:{served.settings.port} CDFH-JKMN-PRTV")
    assert link.server == ""
