"""The certificate of a hub: what can be served, what is refused, and the private authority."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simvoice.errors import SettingError, SimvoiceError
from simvoice.hub.certificates import (
    AUTHORITY,
    AUTHORITY_KEY,
    MadeCertificate,
    check_certificate,
    is_named,
    make_certificate,
)
from simvoice.hub.hub import Hub
from simvoice.hub.server import LiveCertificate, base_address, check_settings
from simvoice.hub.settings import HubSettings, load_settings

NAMES = ("hub.example.edu", "192.0.2.10")


@pytest.fixture
def made(tmp_path: Path) -> MadeCertificate:
    return make_certificate(tmp_path / "hub", NAMES)


def handshake(server: ssl.SSLContext, authority: Path, host: str) -> dict[str, object]:
    """Shake hands in memory; return the server's certificate as the client sees it."""
    trusting = ssl.create_default_context(cafile=str(authority))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=host)
    serving = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, serving):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    found = client.getpeercert()
    assert found
    return dict(found)


def test_a_made_certificate_is_trusted_through_its_authority(
    made: MadeCertificate, hub: Hub
) -> None:
    live = LiveCertificate(hub, made.certificate, made.key)
    for name in NAMES:
        assert handshake(live.entrance, made.authority, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(live.entrance, made.authority, "other.example.edu")


def test_a_renewed_certificate_is_served_without_a_restart(made: MadeCertificate, hub: Hub) -> None:
    live = LiveCertificate(hub, made.certificate, made.key)
    before = handshake(live.entrance, made.authority, NAMES[0])["serialNumber"]
    make_certificate(made.authority.parent, (*NAMES, "second.example.edu"))
    assert handshake(live.entrance, made.authority, NAMES[0])["serialNumber"] == before
    live.refresh()
    after = handshake(live.entrance, made.authority, "second.example.edu")
    assert after["serialNumber"] != before
    assert "second.example.edu" in hub.host_names()


@pytest.mark.parametrize("broken", ["key", "certificate"])
def test_files_that_do_not_fit_change_nothing(
    made: MadeCertificate, hub: Hub, broken: str, tmp_path: Path
) -> None:
    live = LiveCertificate(hub, made.certificate, made.key)
    before = handshake(live.entrance, made.authority, NAMES[0])
    other = make_certificate(tmp_path / "other", NAMES)
    file, its = (made.key, other.key) if broken == "key" else (made.certificate, other.certificate)
    file.write_bytes(its.read_bytes())
    live.refresh()
    assert handshake(live.entrance, made.authority, NAMES[0]) == before
    file.unlink()
    live.refresh()
    assert handshake(live.entrance, made.authority, NAMES[0]) == before


def test_the_authority_stays_when_the_certificate_is_renewed(made: MadeCertificate) -> None:
    again = make_certificate(made.authority.parent, ("hub.example.edu",))
    assert made.is_new_authority
    assert not again.is_new_authority
    assert again.authority_certificate == made.authority_certificate


def test_only_the_owner_reads_the_keys(made: MadeCertificate) -> None:
    for file in (made.key, made.authority.parent / AUTHORITY_KEY):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_browsers_accept_how_long_it_is_valid(made: MadeCertificate) -> None:
    found = check_certificate(made.certificate, made.key)
    assert found.expires_at - datetime.now(UTC) < timedelta(days=398)
    assert found.names == frozenset(NAMES)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("no certificate", "cannot be read"),
        ("no key", "cannot be read"),
        ("text", "holds no certificate in PEM form"),
        ("text as key", "holds no private key in PEM form"),
        ("key of another", "does not belong to the certificate"),
        ("expired", "expired on 20"),
        ("early", "is valid from 20"),
        ("host", "is not for else.example.edu, but for 192.0.2.10, hub.example.edu"),
    ],
)
def test_a_certificate_that_cannot_be_served_is_one_sentence(
    made: MadeCertificate, tmp_path: Path, change: str, sentence: str
) -> None:
    host, now = "", datetime.now(UTC)
    if change == "no certificate":
        made.certificate.unlink()
    elif change == "no key":
        made.key.unlink()
    elif change == "text":
        made.certificate.write_text("nothing")
    elif change == "text as key":
        made.key.write_text("nothing")
    elif change == "key of another":
        made.key.write_bytes(make_certificate(tmp_path / "other", NAMES).key.read_bytes())
    elif change == "expired":
        now += timedelta(days=400)
    elif change == "early":
        now -= timedelta(days=1)
    else:
        host = "else.example.edu"
    with pytest.raises(SettingError, match=sentence) as raised:
        check_certificate(made.certificate, made.key, host, now)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["", "a b", "-x.example", "x" * 64, "a..b", "https://hub", "*.x"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match="is not a host name"):
        make_certificate(tmp_path, (name,))


def test_a_damaged_authority_is_not_replaced_silently(made: MadeCertificate) -> None:
    (made.authority.parent / AUTHORITY).write_text("nothing")
    with pytest.raises(SettingError, match="is damaged"):
        make_certificate(made.authority.parent, NAMES)


def test_a_wildcard_stands_for_one_label() -> None:
    names = frozenset({"*.example.edu"})
    assert is_named("hub.example.edu", names)
    assert not is_named("a.hub.example.edu", names)
    assert not is_named("example.edu", names)


# -- what a hub may listen on


def settings(tmp_path: Path, **options: object) -> HubSettings:
    return load_settings(tmp_path, options, environment={})


def test_other_machines_reach_a_hub_only_over_tls(tmp_path: Path, made: MadeCertificate) -> None:
    with pytest.raises(SettingError, match="only over TLS"):
        check_settings(settings(tmp_path, host="0.0.0.0"))
    assert check_settings(settings(tmp_path)) is None
    files = {"certificate": made.certificate, "key": made.key}
    found = check_settings(settings(tmp_path, host="0.0.0.0", **files))
    assert found is not None
    public = {"public_url": "https://else.example.edu", **files}
    with pytest.raises(SettingError, match="is not for else"):
        check_settings(settings(tmp_path, host="0.0.0.0", **public))


def test_behind_a_proxy_a_hub_needs_its_own_address(tmp_path: Path) -> None:
    proxy = {"host": "0.0.0.0", "proxies": ("192.0.2.1",)}
    with pytest.raises(SettingError, match="give --public-url"):
        check_settings(settings(tmp_path, **proxy))
    assert check_settings(settings(tmp_path, **proxy, public_url="https://hub.test")) is None


def test_a_certificate_without_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimvoiceError, match="needs its key"):
        settings(tmp_path, certificate=Path("some.pem"))


def test_the_address_is_the_one_that_people_type(tmp_path: Path, made: MadeCertificate) -> None:
    found = check_certificate(made.certificate, made.key)
    assert base_address(settings(tmp_path), None, 8766) == "http://127.0.0.1:8766"
    assert base_address(settings(tmp_path, host="::1"), None, 80) == "http://[::1]:80"
    assert base_address(settings(tmp_path), found, 8766) == "https://hub.example.edu:8766"
    given = settings(tmp_path, public_url="https://hub.test/")
    assert base_address(given, found, 8766) == "https://hub.test"
