"""How a computer comes to trust a hub: real TLS servers on loopback, with a man in the middle."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from simvoice.errors import FetchError, HubError, HubNotTrusted, SettingError
from simvoice.hub_client import trust
from simvoice.hub_client.trust import (
    AUTHORITY_PATH,
    PUBLIC,
    PairingLine,
    Trust,
    certificate_end,
    end_notice,
    establish,
    fingerprint,
    hub_address,
    read_fingerprint,
)
from simvoice.models.download import Downloader
from tests.hub_client.tls import DAY, Authority, tls_server


@pytest.fixture(scope="module")
def lab() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def stranger() -> Authority:
    return Authority()


def line(address: str, authority: Authority, code: str = "4821") -> PairingLine:
    return PairingLine(address, code, fingerprint(authority.certificate))


# -- pairing with a private authority


def test_the_line_of_the_pairing_page_pins_the_authority(lab: Authority, tmp_path: Path) -> None:
    with tls_server(lab.server(tmp_path), authority=lab) as site:
        found = establish(PairingLine.read(str(line(site.address, lab))))
        assert found.kind == "pinned"
        assert found.fingerprint == fingerprint(lab.certificate)
        assert [path for path, _ in site.asked] == [AUTHORITY_PATH]


def test_pinned_trust_survives_being_stored(lab: Authority, tmp_path: Path) -> None:
    with tls_server(lab.server(tmp_path), authority=lab) as site:
        site.pages["/x"] = b"from the hub"
        stored = establish(line(site.address, lab)).model_dump_json()
        again = Trust.model_validate_json(stored)
        with Downloader(trust=again.context()) as downloader:
            assert downloader.read(f"{site.address}/x", what="x") == b"from the hub"


def test_a_machine_in_between_with_its_own_authority_is_refused_and_learns_nothing(
    lab: Authority, stranger: Authority, tmp_path: Path
) -> None:
    with tls_server(stranger.server(tmp_path), authority=stranger) as site:
        with pytest.raises(HubNotTrusted, match="another machine may answer in its place"):
            establish(line(site.address, lab))
        assert {path for path, _ in site.asked} == {AUTHORITY_PATH}
        assert not any("4821" in str(headers) for _, headers in site.asked)


def test_a_machine_in_between_that_shows_the_authority_of_the_hub_is_refused(
    lab: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """The certificate of an authority is public: who shows it need not have its key."""
    with tls_server(stranger.server(tmp_path), authority=lab) as site:
        with pytest.raises(HubNotTrusted, match="authority that this computer does not trust"):
            establish(line(site.address, lab))
        assert {path for path, _ in site.asked} == {AUTHORITY_PATH}


def test_an_authority_of_the_same_name_and_another_key_is_refused(
    lab: Authority, tmp_path: Path
) -> None:
    namesake = Authority(lab.name)
    with tls_server(lab.server(tmp_path), authority=lab) as site:
        pinned = establish(line(site.address, lab))
        port = int(site.address.rpartition(":")[2])
    with (
        tls_server(namesake.server(tmp_path), authority=namesake, port=port) as site,
        pytest.raises(HubNotTrusted, match="does not trust, so nothing was sent"),
    ):
        certificate_end(site.address, pinned)


def test_a_new_certificate_of_the_same_authority_is_accepted(
    lab: Authority, tmp_path: Path
) -> None:
    with tls_server(lab.server(tmp_path), authority=lab) as site:
        pinned = establish(line(site.address, lab))
        port = int(site.address.rpartition(":")[2])
    renewed = lab.server(tmp_path, ends_in=200 * DAY)
    with tls_server(renewed, authority=lab, port=port) as site:
        assert certificate_end(site.address, pinned) > datetime.now(UTC) + 199 * DAY


def test_a_machine_in_between_after_the_pairing_gets_no_request(
    lab: Authority, stranger: Authority, tmp_path: Path
) -> None:
    with tls_server(lab.server(tmp_path), authority=lab) as site:
        pinned = establish(line(site.address, lab))
        port = int(site.address.rpartition(":")[2])
    pauses: list[float] = []
    with (
        tls_server(stranger.server(tmp_path), authority=stranger, port=port) as site,
        Downloader(trust=pinned.context(), pause=pauses.append) as downloader,
    ):
        with pytest.raises(FetchError, match="its certificate is not trusted"):
            downloader.fetch(
                f"{site.address}/x",
                tmp_path / "x",
                what="x",
                headers={"Authorization": "Bearer secret"},
            )
        with pytest.raises(FetchError, match="its certificate is not trusted"):
            downloader.read(f"{site.address}/x", what="x")
        assert site.asked == []
    assert pauses == []  # a refused certificate does not become better


def test_pinned_trust_does_not_follow_the_hub_to_another_server(
    lab: Authority, tmp_path: Path
) -> None:
    with tls_server(lab.server(tmp_path), authority=lab) as site:
        pinned = establish(line(site.address, lab))
        assert pinned.context().check_hostname
        assert len(pinned.context().get_ca_certs()) == 1


# -- other ways to trust


def test_a_file_of_the_institutions_authority_is_trusted(
    lab: Authority, stranger: Authority, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(stranger.pem + lab.pem)
    with tls_server(lab.server(tmp_path)) as site:
        found = establish(PairingLine(site.address, "4821"), authorities=bundle)
        assert found.kind == "file"
        assert certificate_end(site.address, found) > datetime.now(UTC)
        assert site.asked == []


def test_authorities_of_the_web_do_not_vouch_for_a_private_hub(
    lab: Authority, tmp_path: Path
) -> None:
    with (
        tls_server(lab.server(tmp_path)) as site,
        pytest.raises(HubNotTrusted, match="does not trust"),
    ):
        establish(PairingLine(site.address, "4821"))
    assert PUBLIC.context().check_hostname


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff" * 70_000, None])
def test_a_file_without_an_authority_gets_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingError, match=r"ca\.pem"):
        Trust.in_file(file)


# -- refusals in words


def test_an_expired_certificate_gets_a_sentence(lab: Authority, tmp_path: Path) -> None:
    expired = lab.server(tmp_path, starts_in=-30 * DAY, ends_in=-DAY)
    with (
        tls_server(expired, authority=lab) as site,
        pytest.raises(HubNotTrusted, match="has ended, so nothing was sent"),
    ):
        establish(line(site.address, lab))


def test_a_clock_that_was_set_back_gets_a_sentence(lab: Authority, tmp_path: Path) -> None:
    later = lab.server(tmp_path, starts_in=DAY)
    with (
        tls_server(later, authority=lab) as site,
        pytest.raises(HubNotTrusted, match=r"not valid yet.*correct the date"),
    ):
        establish(line(site.address, lab))


def test_another_name_gets_a_sentence(lab: Authority, tmp_path: Path) -> None:
    other = lab.server(tmp_path, host="hub.lab")
    with (
        tls_server(other, authority=lab) as site,
        pytest.raises(HubNotTrusted, match=r"is not for 127\.0\.0\.1"),
    ):
        establish(line(site.address, lab))


def test_a_server_without_tls_and_a_closed_port_get_sentences(lab: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            taken, _ = plain.accept()
            with taken:
                taken.recv(100)
                taken.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"https://127.0.0.1:{plain.getsockname()[1]}"
        with pytest.raises(HubError, match="does not speak TLS"):
            establish(line(address, lab))
        thread.join()
    with pytest.raises(HubError, match="cannot be reached"):
        establish(line(address, lab))


def test_a_server_that_never_answers_ends_the_wait(
    lab: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "WAIT_S", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(HubError, match="cannot be reached"),
    ):
        establish(line(f"https://127.0.0.1:{silent.getsockname()[1]}", lab))


def test_a_hub_that_sends_no_authority_gets_a_sentence(lab: Authority, tmp_path: Path) -> None:
    with tls_server(lab.server(tmp_path)) as site:
        site.pages[AUTHORITY_PATH] = b"\x00" * 200_000
        with pytest.raises(HubNotTrusted, match="does not have the fingerprint"):
            establish(line(site.address, lab))


# -- the end of a certificate


def test_the_end_of_a_certificate_is_said_in_advance(lab: Authority, tmp_path: Path) -> None:
    with tls_server(lab.server(tmp_path, ends_in=9 * DAY + DAY / 2), authority=lab) as site:
        pinned = establish(line(site.address, lab))
        end = certificate_end(site.address, pinned)
    notice = end_notice(site.address, end, datetime.now(UTC))
    assert notice.startswith("The certificate of 127.0.0.1 ends in 9 days (")
    assert end_notice(site.address, end, end - timedelta(days=22)) == ""
    assert "ends tomorrow" in end_notice(site.address, end, end - timedelta(hours=30))
    assert "ends today" in end_notice(site.address, end, end - timedelta(hours=3))


def test_the_end_of_the_pinned_authority_counts_when_it_comes_first(tmp_path: Path) -> None:
    short = Authority(ends_in=5 * DAY)
    with tls_server(short.server(tmp_path), authority=short) as site:
        pinned = establish(line(site.address, short))
        assert certificate_end(site.address, pinned) < datetime.now(UTC) + 6 * DAY


# -- fingerprints, addresses and lines


def test_a_fingerprint_is_read_as_people_type_it(lab: Authority) -> None:
    shown = fingerprint(lab.certificate)
    assert len(shown.replace("-", "")) == 25
    typed = shown.replace("-", " ").lower().replace("0", "o").replace("1", "l")
    assert read_fingerprint(typed) == shown


def test_one_wrong_character_and_two_exchanged_ones_are_found(lab: Authority) -> None:
    shown = fingerprint(lab.certificate).replace("-", "")
    missed = tried = 0
    typos = {
        shown[:at] + letter + shown[at + 1 :]
        for at in range(24)
        for letter in "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    }
    typos |= {shown[:at] + shown[at + 1] + shown[at] + shown[at + 2 :] for at in range(23)}
    for typed in typos - {shown}:
        tried += 1
        try:
            read_fingerprint(typed)
            missed += 1
        except SettingError:
            continue
    assert missed / tried < 0.01


def test_two_authorities_have_two_fingerprints(lab: Authority, stranger: Authority) -> None:
    assert fingerprint(lab.certificate) != fingerprint(stranger.certificate)
    again = x509.load_pem_x509_certificate(lab.pem.encode())
    assert fingerprint(again) == fingerprint(lab.certificate)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hub.lab", "https://hub.lab"),
        (" https://Hub.Lab:8766/ ", "https://hub.lab:8766"),
        ("hub.lab:443", "https://hub.lab"),
        ("[fd00::1]:8766", "https://[fd00::1]:8766"),
        ("10.0.0.5:8766", "https://10.0.0.5:8766"),
        ("http://127.0.0.1:8766/", "http://127.0.0.1:8766"),
        ("http://localhost", "http://localhost"),
        ("bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_address_has_one_form(typed: str, meant: str) -> None:
    assert hub_address(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "",
            "http://hub.lab",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.5",
            "ftp://hub.lab",
            "hub.lab/pages",
            "https://me@hub.lab",
            "a b",
        ),
        *("hub.lab:99999", "https://", "[fd00", "hub.lab?x=1", "x" * 300, "https://\udcff", "\x00"),
    ],
)
def test_what_is_no_address_of_a_hub_gets_a_sentence(typed: str) -> None:
    with pytest.raises(SettingError):
        hub_address(typed)


def test_a_line_is_read_in_each_form_that_people_type(lab: Authority) -> None:
    shown = fingerprint(lab.certificate)
    want = PairingLine("https://hub.lab:8766", "ABCD-EFGH", shown)
    assert PairingLine.read(str(want)) == want
    assert PairingLine.read(f"https://hub.lab:8766/ {shown.lower()} ABCD-EFGH") == want
    assert PairingLine.read(f"hub.lab:8766 {shown.replace('-', ' ')} ABCD-EFGH") == want
    assert PairingLine.read("hub.lab ABCD EFGH") == PairingLine("https://hub.lab", "ABCD EFGH")
    assert PairingLine.read("hub.lab") == PairingLine("https://hub.lab", "")
    here = PairingLine("http://127.0.0.1:8766", "ABCD-EFGH")
    assert PairingLine.read(str(here)) == here


@pytest.mark.parametrize(
    "typed", ["", "hub.lab " + "A" * 25 + " " + "B" * 25, "hub.lab " + "A" * 24]
)
def test_a_line_that_cannot_be_right_gets_a_sentence(typed: str) -> None:
    with pytest.raises(SettingError):
        PairingLine.read(typed)
