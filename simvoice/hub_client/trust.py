"""How a computer comes to trust the certificate of a hub.

A hub beyond loopback speaks TLS only. Its certificate comes from an authority of the public web,
from an authority of the institution, whose file a technician gives, or from the hub's own private
authority. The last one is what a lab without a name on the internet has, and no computer knows it.

The pairing page of such a hub shows one line: its address, the fingerprint of its authority, and a
code that is used once. The line travels over the eyes and hands of a person, not over the network.
So the computer can tell the hub from a machine in between before it sends anything that matters:

1. It asks the address for its certificate. This is public, and nothing is sent.
2. It opens a verified connection to the holder of exactly that certificate and reads the
   certificate of its authority, which is public too.
3. It compares the hash of what it read with the fingerprint. A machine in between cannot have
   another authority with the same 120 bits of SHA-256. Only then is the authority kept (pinned).
4. From then on, each connection is verified against this authority alone, and against the name in
   the address. The code and everything after it are sent only over such connections.

A new certificate of the same authority is accepted without a question. Another authority is
refused.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import math
import re
import socket
import ssl
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from simvoice.errors import HubError, HubNotTrusted, SettingError
from simvoice.models.download import certificate_refusal, public_trust
from simvoice.safe_text import shortened
from simvoice.strict_model import StrictModel

AUTHORITY_PATH = "/authority.pem"
"""Where a hub with a private authority serves the certificate of it, to everyone."""

WAIT_S = 10.0
"""Longest wait for each step of a connection. A hub is in the same building."""

NOTICE_DAYS = 21
"""A certificate that ends within so many days is mentioned: a technician is not there each day."""

_MOST_PEM_BYTES = 64_000
"""A certificate has about 1 kB; a list of a few authorities is far below this."""

# -- fingerprints -----------------------------------------------------------------------------
# 120 bits of SHA-256 in 24 characters and one that checks the others, in five groups of five. The
# letters I, L, O and U do not occur, and are read as 1, 1 and 0. Source: Crockford, Base32.

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("ILO", "110")
_CHARACTERS = 24
_GROUP = 5
_GROUPS = 5
_PRIME = 31
"""The check character is the sum of the others, each times its place, modulo this. So one wrong
character and two exchanged ones are found, unless they are 0 and Z, which differ by 31."""


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the fingerprint of a certificate for people: `7K3QF-0XW2M-…`, five groups of five."""
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    value = int.from_bytes(digest[: _CHARACTERS * 5 // 8])
    letters = "".join(_LETTERS[value >> 5 * at & 31] for at in reversed(range(_CHARACTERS)))
    return _grouped(letters + _check(letters))


def read_fingerprint(text: str) -> str:
    """Return a typed fingerprint in its usual form. Raises SettingError when it is mistyped."""
    typed = re.sub(r"[\s-]", "", text).upper().translate(_READ_AS)
    if len(typed) != _CHARACTERS + 1 or any(each not in _LETTERS for each in typed):
        raise SettingError(
            f"{shortened(text, 60)!r} is not a fingerprint of a hub, which has five groups of five "
            "letters and digits; copy it again from the hub's pairing page"
        )
    if _check(typed[:-1]) != typed[-1]:
        raise SettingError(
            "a character of the hub's fingerprint is wrong; compare it with the pairing page and "
            "type it again"
        )
    return _grouped(typed)


def _check(letters: str) -> str:
    return _LETTERS[sum(at * _LETTERS.index(each) for at, each in enumerate(letters, 1)) % _PRIME]


def _grouped(letters: str) -> str:
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


# -- addresses and the pairing line -----------------------------------------------------------


_HOST = re.compile(r"[a-z0-9._:%-]{1,253}")


def hub_address(text: str) -> str:
    """Return the address of a hub in its usual form: `https://hub.example:8443`.

    The scheme may be left out. Only a hub on this computer may be reached without TLS, with http://.
    Raises SettingError for anything but the address of a server.
    """
    given = text.strip()
    try:
        parts = urlsplit(given if "://" in given else f"https://{given}")
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        host, port, parts = "", None, urlsplit("https:")
    plain = parts.path in ("", "/") and not parts.query and not parts.fragment
    if not host or not plain or parts.username is not None or not _HOST.fullmatch(host):
        raise SettingError(
            f"{shortened(given, 60)!r} is not the address of a hub; it looks like "
            "https://hub.example or hub.example:8443"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_computer(host)):
        raise SettingError(
            f"the address of a hub begins with https://, and not with {shortened(parts.scheme, 20)}"
            "://; what is sent without TLS can be read by others"
        )
    shown = f"[{host}]" if ":" in host else host
    usual = _USUAL_PORTS[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, usual) else "")


_USUAL_PORTS = {"https": 443, "http": 80}


def _is_this_computer(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_and_port(address: str) -> tuple[str, int]:
    """Return the host and the port of an address in its usual form."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    return parts.hostname, parts.port or _USUAL_PORTS[parts.scheme]


_LONGEST_CODE = 16
"""A longer word is a fingerprint, perhaps a mistyped one."""


@dataclass(frozen=True, slots=True)
class PairingLine:
    """The line that a person carries from the hub's pairing page to a computer."""

    address: str
    """As `hub_address` returns it."""
    code: str
    """Used once, for some minutes. Empty when only the trust is carried."""
    fingerprint: str = ""
    """Of the hub's private authority; empty for a hub with a certificate that is known anyway."""

    def __str__(self) -> str:
        """Return the line: `hub.example:8443 7K3QF-0XW2M-… CODE`."""
        words = (self.address.removeprefix("https://"), self.fingerprint, self.code)
        return " ".join(word for word in words if word)

    @staticmethod
    def read(text: str) -> PairingLine:
        """Return the parts of a typed or pasted line. Raises SettingError."""
        words = text.split()
        if not words:
            raise SettingError("the line is empty; copy it from the hub's pairing page")
        address, rest = hub_address(words[0]), words[1:]
        if len(rest) >= _GROUPS and all(len(each) == _GROUP for each in rest[:_GROUPS]):
            rest = [
                "".join(rest[:_GROUPS]),
                *rest[_GROUPS:],
            ]  # typed with spaces between the groups
        long = [word for word in rest if len(word.replace("-", "")) > _LONGEST_CODE]
        if len(long) > 1:
            raise SettingError(
                "the line has more parts than an address, a fingerprint and a code; copy it again "
                "from the hub's pairing page"
            )
        return PairingLine(
            address,
            " ".join(word for word in rest if word not in long),
            read_fingerprint(long[0]) if long else "",
        )


# -- trust ------------------------------------------------------------------------------------


class Trust(StrictModel):
    """Which authorities may vouch for a hub. It is stored with the pairing."""

    kind: Literal["public", "file", "pinned"]
    """`public`: those of the system and the web. `file`: those that a technician gave. `pinned`:
    the one whose fingerprint a person carried from the hub."""
    authorities: str = ""
    """Their certificates in PEM; empty for `public`."""

    @staticmethod
    def in_file(path: Path) -> Trust:
        """Return trust in the authorities of a PEM file. Raises SettingError."""
        try:
            with path.open("rb") as file:
                raw = file.read(_MOST_PEM_BYTES + 1)
        except OSError as error:
            raise SettingError(
                f"the file of authorities {path} cannot be read ({error.strerror}); check its path"
            ) from None
        found = _certificates(raw)
        if not found:
            raise SettingError(
                f"{path} holds no certificate in PEM form; give the file of the authority that "
                "signed the hub's certificate"
            )
        return Trust(kind="file", authorities=_pem(found))

    def context(self) -> ssl.SSLContext:
        """Return the settings of a connection that is verified against these authorities alone."""
        if self.kind == "public":
            return public_trust()
        return _strict_context(self.authorities)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of a pinned authority; empty for other kinds."""
        if self.kind != "pinned":
            return ""
        return fingerprint(x509.load_pem_x509_certificate(self.authorities.encode()))


PUBLIC = Trust(kind="public")


def establish(line: PairingLine, *, authorities: Path | None = None) -> Trust:
    """Return the trust for the hub of a pairing line, after a verified connection to it.

    authorities: a file of the institution's authorities, used when the line has no fingerprint.
    Raises HubNotTrusted when another machine answers, HubError when none does.
    """
    if line.fingerprint:
        trust = _pin(line.address, line.fingerprint)
    else:
        trust = PUBLIC if authorities is None else Trust.in_file(authorities)
    certificate_end(line.address, trust)
    return trust


def _pin(address: str, wanted: str) -> Trust:
    """Return trust in the authority with this fingerprint, which the hub itself sends."""
    host, port = host_and_port(address)
    try:
        shown = ssl.get_server_certificate((host, port), timeout=WAIT_S)
        # Trusting exactly this certificate: whoever answers now holds its key.
        sent = _read_authority(host, port, _strict_context(shown))
    except (OSError, http.client.HTTPException) as error:
        raise explained(error, address) from error
    for each in _certificates(sent):
        if fingerprint(each) == wanted:
            return Trust(kind="pinned", authorities=_pem([each]))
    raise HubNotTrusted(
        f"{host} does not have the fingerprint {wanted}, so another machine may answer in its "
        "place; nothing was sent. Compare the fingerprint with the hub's pairing page"
    )


def _read_authority(host: str, port: int, context: ssl.SSLContext) -> bytes:
    with closing(http.client.HTTPSConnection(host, port, timeout=WAIT_S, context=context)) as line:
        line.request("GET", AUTHORITY_PATH)
        answer = line.getresponse()
        return answer.read(_MOST_PEM_BYTES) if answer.status == 200 else b""


def _strict_context(authorities: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # An institution may give the authority that signed, and not the root above it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=authorities)
    return context


def _certificates(raw: bytes) -> list[x509.Certificate]:
    if len(raw) > _MOST_PEM_BYTES:
        return []
    try:
        return x509.load_pem_x509_certificates(raw)
    except ValueError:
        return []


def _pem(certificates: list[x509.Certificate]) -> str:
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)


# -- when a certificate ends ------------------------------------------------------------------


def certificate_end(address: str, trust: Trust) -> datetime:
    """Return when the certificate of a hub ends, read over a verified connection.

    The earlier end counts when a pinned authority ends first. Raises HubError.
    """
    host, port = host_and_port(address)
    try:
        with (
            socket.create_connection((host, port), timeout=WAIT_S) as plain,
            trust.context().wrap_socket(plain, server_hostname=host) as line,
        ):
            found = line.getpeercert() or {}
    except OSError as error:
        raise explained(error, address) from error
    ends = [datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)]
    if trust.kind == "pinned":
        authority = x509.load_pem_x509_certificate(trust.authorities.encode())
        ends.append(authority.not_valid_after_utc)
    return min(ends)


def end_notice(address: str, end: datetime, now: datetime) -> str:
    """Return a sentence when a hub's certificate ends within `NOTICE_DAYS`; empty otherwise."""
    left_days = (end - now).total_seconds() / 86_400
    if left_days > NOTICE_DAYS:
        return ""
    host, _ = host_and_port(address)
    days = max(0, math.floor(left_days))
    when = "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
    return (
        f"The certificate of {host} ends {when} ({end:%Y-%m-%d}). After that, nothing is sent to "
        "it or fetched from it until its technician gives it a new one."
    )


# -- refusals in words ------------------------------------------------------------------------

_EXPIRED, _NOT_YET, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64
"""Results of OpenSSL's verification. Source: openssl/x509_vfy.h, X509_V_ERR_*."""


def explained(error: BaseException, address: str) -> HubError:
    """Return an error with one sentence for a connection to a hub that failed.

    Asks the error and what caused it: libraries hide the error of TLS behind their own.
    """
    host, port = host_and_port(address)
    refusal = certificate_refusal(error)
    if refusal is not None:
        return HubNotTrusted(_refusal_in_words(refusal, host))
    if isinstance(error, ssl.SSLError):
        return HubError(
            f"{host} does not speak TLS on port {port}; check the address on the hub's pairing page"
        )
    return HubError(
        f"{host} cannot be reached on port {port}; check that the hub runs, the network, and the "
        "address"
    )


def _refusal_in_words(refusal: ssl.SSLCertVerificationError, host: str) -> str:
    match refusal.verify_code:
        case code if code == _EXPIRED:
            return (
                f"the certificate of {host} has ended, so nothing was sent; its technician gives "
                "it a new one (or the date of this computer is wrong)"
            )
        case code if code == _NOT_YET:
            return (
                f"the certificate of {host} is not valid yet, so nothing was sent; correct the "
                "date of this computer or of the hub"
            )
        case code if code in (_OTHER_NAME, _OTHER_ADDRESS):
            return (
                f"the certificate of the machine that answers is not for {host}, so nothing was "
                "sent; use the address on the hub's pairing page"
            )
        case _:
            return (
                f"the certificate of the machine that answers as {host} is from an authority that "
                "this computer does not trust, so nothing was sent; if the hub was set up anew, "
                "pair this computer again with the line on its pairing page"
            )
