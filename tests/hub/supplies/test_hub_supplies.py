"""What a hub offers to its devices, and who may read it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from simvoice import paths
from simvoice.engines.tts.clip_pack import PackAbout, pack_file, write_pack
from simvoice.errors import SettingError
from simvoice.hub import audit
from simvoice.hub.certificates import make_certificate
from simvoice.hub.doors.sessions import token_hash
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import AuditEntry, Device, now
from simvoice.hub.supplies.authority import pairing_line
from simvoice.hub.supplies.devices import supplies_page, want_version, wanted_version
from simvoice.hub.supplies.offers import LOOK_EVERY_S, Supplies
from simvoice.hub_client import file_hashes
from simvoice.hub_client.catalogue import SUPPLIES_PATH, Catalogue, DeviceReport, HeldThing
from simvoice.hub_client.trust import AUTHORITY_PATH, PairingLine, fingerprint
from tests.hub.conftest import ADDRESS, ClientAs, app_of
from tests.hub_client.certified import certified_case
from tests.models.local_site import MANIFEST, WEIGHTS, sha256

CATALOGUE = f"{SUPPLIES_PATH}/catalogue"
WHEEL = b"a wheel of simvoice"


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tiny models, of which the hub has one, and a data folder without cases."""
    file = tmp_path / "manifest.toml"
    file.write_text(MANIFEST)
    monkeypatch.setattr(paths, "manifest_file", lambda: file)
    monkeypatch.setenv("SIMVOICE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "models" / "ears"
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(WEIGHTS)
    return tmp_path / "models"


class LookClock:
    """A clock that the test moves."""

    at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture
def look(hub: Hub) -> LookClock:
    """A hub that looks at its disk when this clock has moved on."""
    made = LookClock()
    hub.supplies = Supplies(hub.settings.data / "supplies", clock=made)
    return made


@pytest.fixture
def pair(hub: Hub) -> Iterator[Callable[..., TestClient]]:
    """`pair("station")` returns the client of a paired device of this kind."""
    opened: list[TestClient] = []

    def make(kind: str = "station", name: str = "Room 4", token: str = "t" * 40) -> TestClient:
        with hub.database.begin() as session:
            session.add(Device(kind=kind, name=name, token_hash=token_hash(token)))
        proxy = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
        made = TestClient(
            app_of(hub),
            base_url=ADDRESS,
            headers={"authorization": f"Bearer {token}", **proxy},
            client=("127.0.0.1", 50_000),
        )
        opened.append(made.__enter__())
        return made

    yield make
    for each in opened:
        each.__exit__(None, None, None)


def place_program(hub: Hub, version: str = "0.2.0", content: bytes = WHEEL) -> Path:
    folder = hub.supplies.program_folder
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"simvoice-{version}-py3-none-any.whl"
    file.write_bytes(content)
    return file


def write_case(case_id: str = "tea") -> Path:
    """Write a certified case into the folder of cases that were written on the hub."""
    return certified_case(paths.own_cases_dir(), case_id)


def want(hub: Hub, version: str) -> None:
    with hub.database.begin() as session:
        want_version(session, audit.COMMAND_LINE, version)


def read(client: TestClient) -> Catalogue:
    answer = client.get(CATALOGUE)
    assert answer.status_code == 200, answer.text
    return Catalogue.model_validate_json(answer.content)


# -- who may read


@pytest.mark.parametrize("kind", ["laptop", "station"])
def test_a_paired_device_reads_the_catalogue(kind: str, pair: Callable[..., TestClient]) -> None:
    assert [model.name for model in read(pair(kind)).models] == ["ears"]


def test_a_device_that_is_not_paired_any_more_reads_nothing(
    hub: Hub, pair: Callable[..., TestClient]
) -> None:
    device = pair()
    with hub.database.begin() as session:
        for each in session.query(Device):
            each.unpaired_at = now()
    for path in (CATALOGUE, f"{SUPPLIES_PATH}/files/{sha256(WEIGHTS)}"):
        assert device.get(path).status_code == 401
    assert device.put(f"{SUPPLIES_PATH}/report", json={"program": "0.1.0"}).status_code == 401


@pytest.mark.parametrize("role", [None, *Role])
def test_no_person_and_no_stranger_reads_supplies(
    role: Role | None, client: TestClient, client_as: ClientAs
) -> None:
    browser = client if role is None else client_as(role)
    for path in (CATALOGUE, f"{SUPPLIES_PATH}/files/{sha256(WEIGHTS)}"):
        answer = browser.get(path, headers={"accept": "application/json"})
        assert answer.status_code == 401
        assert WEIGHTS not in answer.content
    assert browser.put(f"{SUPPLIES_PATH}/report", json={"program": "x"}).status_code == 401


def test_the_authority_is_public_and_its_fingerprint_is_on_the_pairing_line(
    hub: Hub, client: TestClient
) -> None:
    assert client.get(AUTHORITY_PATH).status_code == 404
    assert pairing_line(hub.settings, ADDRESS, "4821") == PairingLine(ADDRESS, "4821")
    made = make_certificate(hub.settings.data, ("hub.test",))
    own = {"certificate": made.certificate, "key": made.key}
    hub.settings = hub.settings.model_copy(update=own)
    assert client.get(AUTHORITY_PATH).text == made.authority.read_text()
    shown = pairing_line(hub.settings, ADDRESS)
    assert shown.fingerprint == fingerprint(made.authority_certificate)


def test_an_authority_that_signed_nothing_of_this_hub_is_not_shown(hub: Hub) -> None:
    """A lab that has changed to a certificate of its institution."""
    make_certificate(hub.settings.data, ("hub.test",))
    other = hub.settings.data / "institution.pem"
    hub.settings = hub.settings.model_copy(update={"certificate": other, "key": other})
    assert pairing_line(hub.settings, ADDRESS).fingerprint == ""


# -- files


def test_a_file_is_sent_from_any_byte(pair: Callable[..., TestClient]) -> None:
    device = pair()
    (model,) = read(device).models
    path = f"{SUPPLIES_PATH}/files/{model.files[0].sha256}"
    assert device.get(path).content == WEIGHTS
    for start in (1, 4096, len(WEIGHTS) - 1):
        part = device.get(path, headers={"range": f"bytes={start}-"})
        assert (part.status_code, part.content) == (206, WEIGHTS[start:])
        size = len(WEIGHTS)
        assert part.headers["content-range"] == f"bytes {start}-{size - 1}/{size}"
    beyond = device.get(path, headers={"range": f"bytes={len(WEIGHTS)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(WEIGHTS)}"


@pytest.mark.parametrize("name", ["0" * 64, "..%2f..%2fhub.sqlite3", "secret.key", "x" * 300])
def test_only_what_the_catalogue_names_is_sent(pair: Callable[..., TestClient], name: str) -> None:
    answer = pair().get(f"{SUPPLIES_PATH}/files/{name}")
    assert answer.status_code == 404


def test_a_file_that_changed_since_it_was_hashed_is_not_sent(
    hub: Hub, look: LookClock, pair: Callable[..., TestClient]
) -> None:
    want(hub, "0.2.0")
    file = place_program(hub)
    device = pair()
    program = read(device).program
    assert program is not None
    path = f"{SUPPLIES_PATH}/files/{program.files[0].sha256}"
    assert device.get(path).content == WHEEL
    file.write_bytes(b"another wheel of the same name")
    assert device.get(path).status_code == 404
    again = read(device).program
    assert again is not None
    assert again.files[0].sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


# -- what is offered


def test_a_model_that_is_altered_on_the_hub_is_not_offered(
    look: LookClock, models: Path, pair: Callable[..., TestClient]
) -> None:
    device = pair()
    assert [model.name for model in read(device).models] == ["ears"]
    (models / "ears" / "weights.bin").write_bytes(WEIGHTS[:-1] + b"x")
    look.at_s += LOOK_EVERY_S
    assert read(device).models == ()


def test_only_the_wanted_version_of_the_program_is_offered(
    hub: Hub, look: LookClock, pair: Callable[..., TestClient]
) -> None:
    place_program(hub, "0.2.0")
    place_program(hub, "0.3.0", b"newer")
    (hub.supplies.program_folder / "notes.txt").write_text("not a program")
    device = pair()
    assert read(device).program is None
    want(hub, "0.3.0")
    program = read(device).program
    assert program is not None
    assert [file.name for file in program.files] == ["simvoice-0.3.0-py3-none-any.whl"]
    want(hub, "0.4.0")
    assert "0.4.0 is wanted, but" in hub.supplies.offers("0.4.0").faults[0]
    missing = read(device).program
    assert missing is not None
    assert missing.files == ()
    want(hub, "")
    assert read(device).program is None


@pytest.mark.parametrize("version", ["newest", "../0.2", "1" * 80, "0.2\n0.3", "v0.2"])
def test_what_is_no_version_gets_a_sentence(hub: Hub, version: str) -> None:
    with hub.database.begin() as session:
        with pytest.raises(SettingError, match="is not a version of simvoice"):
            want_version(session, audit.COMMAND_LINE, version)
        assert wanted_version(session) == ""


def test_the_audit_trail_says_who_wanted_which_version(hub: Hub) -> None:
    want(hub, "0.2.0")
    with hub.database.read() as session:
        (entry,) = session.query(AuditEntry)
        assert (entry.who, entry.action, entry.detail) == (
            "command line",
            "set wanted program",
            "0.2.0",
        )


def test_a_certified_case_of_the_hub_is_offered_and_one_that_was_changed_is_not(
    hub: Hub, look: LookClock, pair: Callable[..., TestClient]
) -> None:
    file = write_case()
    (file.parent / "notes.txt").write_text("a note of the author")
    device = pair()
    (case,) = read(device).cases
    assert case.id == "tea"
    assert "notes.txt" not in [each.name for each in case.files]
    for each in case.files:
        sent = device.get(f"{SUPPLIES_PATH}/files/{each.sha256}").content
        assert sent == file.with_name(each.name).read_bytes()
    file.write_text(file.read_text() + "\n# changed\n")
    look.at_s += LOOK_EVERY_S
    assert read(device).cases == ()
    (listed,) = hub.supplies.offers().cases
    assert "was changed after its check" in (listed.fault or "")


def test_a_hostile_case_hides_no_other(look: LookClock, pair: Callable[..., TestClient]) -> None:
    write_case()
    hostile = paths.own_cases_dir() / "hostile"
    hostile.mkdir()
    (hostile / "case.yaml").write_bytes(b"a: &a [*a]\n\x00")
    assert [case.id for case in read(pair()).cases] == ["tea"]


def test_rendered_voices_are_offered_and_a_technician_hears_which_are_outdated(
    hub: Hub, look: LookClock, pair: Callable[..., TestClient]
) -> None:
    shipped = paths.scenarios_dir() / "sudden-death" / "case.yaml"
    voices = hub.supplies.voices_folder
    about = PackAbout(case="sudden-death", case_sha256=sha256(shipped.read_bytes()), voice="a" * 16)
    pack = pack_file(voices, "sudden-death", "a" * 16)
    write_pack(pack, about, [("b" * 32, b"clip")])
    write_pack(
        pack_file(voices, "goals-of-care", "a" * 16),
        PackAbout(case="goals-of-care", case_sha256="0" * 64, voice="a" * 16),
        [],
    )
    pack_file(voices, "tea", "a" * 16).write_bytes(b"no pack")
    device = pair()
    outdated, voice = read(device).voices
    assert (voice.case, voice.voice) == ("sudden-death", "a" * 16)
    assert outdated.case == "goals-of-care"  # it serves the lines that did not change
    sent = device.get(f"{SUPPLIES_PATH}/files/{voice.file.sha256}").content
    assert sent == pack.read_bytes()
    faults = " ".join(hub.supplies.offers().faults)
    assert "simvoice hub supplies render goals-of-care" in faults
    assert f"tea--{'a' * 16}.zip is damaged" in faults


def test_a_look_hashes_only_what_changed(
    hub: Hub, look: LookClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = file_hashes.sha256_of

    def counting(path: Path) -> str:
        hashed.append(path.name)
        return real(path)

    monkeypatch.setattr(file_hashes, "sha256_of", counting)
    want(hub, "0.2.0")
    place_program(hub)
    write_case()
    first = hub.supplies.offers("0.2.0")
    assert "case.yaml" in hashed
    hashed.clear()
    look.at_s += LOOK_EVERY_S
    assert hub.supplies.offers("0.2.0").catalogue == first.catalogue
    assert hashed == []
    place_program(hub, content=b"a newer wheel")
    look.at_s += LOOK_EVERY_S
    assert hub.supplies.offers("0.2.0").catalogue != first.catalogue
    assert hashed == ["simvoice-0.2.0-py3-none-any.whl"]


# -- what devices report


def test_a_technician_sees_what_a_device_lacks(
    hub: Hub, look: LookClock, pair: Callable[..., TestClient]
) -> None:
    write_case()
    want(hub, "0.2.0")
    place_program(hub)
    offered = hub.supplies.offers("0.2.0").catalogue
    behind = DeviceReport(
        program="0.1.0",
        models={"ears": "missing"},
        cases=(HeldThing(name="tea", fault="The case of the hub cannot be used."),),
        free_bytes=10**9,
    )
    whole = DeviceReport(
        program="0.2.0",
        models={"ears": "verified"},
        cases=(HeldThing(name="tea", sha256=offered.cases[0].version),),
    )
    for name, report in (("Room 1", behind), ("Room 2", whole)):
        device = pair(name=name, token=name * 8)
        sent = device.put(
            f"{SUPPLIES_PATH}/report",
            content=report.model_dump_json(),
            headers={"content-type": "application/json"},
        )
        assert sent.status_code == 204
    with hub.database.read() as session:
        page = supplies_page(session, hub.supplies.offers("0.2.0"))
    assert page.wanted == "0.2.0"
    assert [each.reported.device for each in page.devices] == ["Room 1", "Room 2"]
    assert page.devices[0].lacks == (
        "Runs version 0.1.0; 0.2.0 is wanted.",
        "Lacks 1 model: ears.",
        "Lacks 1 case, or has an older one: tea.",
        "The case of the hub cannot be used.",
    )
    assert page.devices[1].lacks == ()


@pytest.mark.parametrize(
    "report", [b"", b"[]", b'{"program": 1}', b'{"program": "x", "person": "y"}', b"{" * 5000]
)
def test_a_report_that_cannot_be_read_is_refused_in_words(
    pair: Callable[..., TestClient], report: bytes
) -> None:
    answer = pair().put(
        f"{SUPPLIES_PATH}/report", content=report, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert "not" in answer.json()["message"]
