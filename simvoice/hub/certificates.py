"""TLS of the hub: check a certificate and its key, and make a private authority for a lab.

What is wrong with a certificate is one sentence, before the hub starts.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from simvoice.errors import SettingError, StorageRefused
from simvoice.safe_text import shortened

AUTHORITY = "authority.pem"
AUTHORITY_KEY = "tls/authority.key"
CERTIFICATE = "tls/hub.pem"
KEY = "tls/hub.key"
"""Files of the private authority in the data folder. The first is public, and given to devices."""

_AUTHORITY_YEARS = 10
_CERTIFICATE_DAYS = 397
"""Browsers refuse certificates that are valid for longer than 398 days."""
_EARLY = timedelta(hours=1)
"""A certificate begins an hour ago: clocks of laptops are not exact."""


@dataclass(frozen=True, slots=True)
class ServedCertificate:
    """What a hub shows to those who connect."""

    names: frozenset[str]
    """Host names and IP addresses, in lower case; "*.example.edu" for a whole domain."""
    expires_at: datetime
    issuer: str
    fingerprint: str
    """SHA-256 of the certificate, in hex [64]."""


def read_certificate(file: Path) -> ServedCertificate:
    """Return what the first certificate of a PEM file says. Raises SettingError."""
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())[0]
        names = _names(found)
    except OSError as error:
        raise SettingError(f"the certificate {file} cannot be read ({error.strerror})") from error
    except (ValueError, IndexError, UnsupportedAlgorithm) as error:
        raise SettingError(f"{file} holds no certificate in PEM form") from error
    return ServedCertificate(
        names=names,
        expires_at=found.not_valid_after_utc,
        issuer=found.issuer.rfc4514_string(),
        fingerprint=found.fingerprint(hashes.SHA256()).hex(),
    )


def check_certificate(
    certificate: Path, key: Path, host: str = "", now: datetime | None = None
) -> ServedCertificate:
    """Return a certificate that the hub can serve with its key.

    host: the name that people type, which the certificate has to name; empty for any. Raises
    SettingError, in a sentence, for files that are missing, damaged, expired, or do not fit.
    """
    found = read_certificate(certificate)
    leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise SettingError(f"the key {key} cannot be read ({error.strerror})") from error
    except TypeError as error:
        raise SettingError(f"the key {key} has a passphrase; give one without") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingError(f"{key} holds no private key in PEM form") from error
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise SettingError(f"the key {key} does not belong to the certificate {certificate}")
    now = now or datetime.now(UTC)
    if now >= found.expires_at:
        raise SettingError(
            f"the certificate {certificate} expired on {found.expires_at:%Y-%m-%d}; renew it, or "
            "check the clock of this machine"
        )
    if now < leaf.not_valid_before_utc:
        raise SettingError(
            f"the certificate {certificate} is valid from {leaf.not_valid_before_utc:%Y-%m-%d} on; "
            "check the clock of this machine"
        )
    if not found.names:
        raise SettingError(f"the certificate {certificate} names no host; browsers refuse it")
    if host and not is_named(host, found.names):
        known = ", ".join(sorted(found.names))
        raise SettingError(
            f"the certificate {certificate} is not for {shortened(host)}, but for "
            f"{shortened(known)}"
        )
    return found


def is_named(host: str, names: frozenset[str]) -> bool:
    """Return True when a host is one of the names of a certificate. Source: RFC 9525, 6.3."""
    host = host.lower()
    return host in names or f"*.{host.partition('.')[2]}" in names


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    names = {name.lower() for name in found.get_values_for_type(x509.DNSName)}
    return frozenset(names | {str(ip) for ip in found.get_values_for_type(x509.IPAddress)})


# -- a private authority


_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)


@dataclass(frozen=True, slots=True)
class MadeCertificate:
    """The files of a certificate that `make_certificate` made."""

    authority: Path
    """What the browsers and devices of the lab have to trust."""
    certificate: Path
    key: Path
    authority_certificate: x509.Certificate
    is_new_authority: bool


def make_certificate(
    folder: Path, names: tuple[str, ...], now: datetime | None = None
) -> MadeCertificate:
    """Make a certificate for a hub, signed by a private authority, which is made the first time.

    folder: the data folder. names: host names or IP addresses; the first is the main one. A
    certificate that is there is replaced; the authority stays, so what trusts it goes on. Raises
    SettingError for a name that cannot be used, StorageRefused for a folder that cannot be written.
    """
    now = now or datetime.now(UTC)
    wanted = [_general_name(name) for name in names]
    if not wanted:
        raise SettingError("a certificate needs the name that people type, such as hub.example.edu")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / KEY).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_new = not (folder / AUTHORITY).exists()
        if is_new:
            _make_authority(folder, now)
        authority = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
        signer = serialization.load_pem_private_key(
            (folder / AUTHORITY_KEY).read_bytes(), password=None
        )
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise ValueError("not our key")
        _make_leaf(folder, wanted, names[0], authority, signer, now)
    except OSError as error:
        raise StorageRefused(
            f"{error.filename or folder} cannot be used ({error.strerror})"
        ) from error
    except ValueError as error:
        raise SettingError(
            f"the private authority {folder / AUTHORITY} or its key {folder / AUTHORITY_KEY} is "
            "damaged; restore them from a backup, or move both away to make a new one, which every "
            "device then has to trust"
        ) from error
    files = (folder / AUTHORITY, folder / CERTIFICATE, folder / KEY)
    return MadeCertificate(*files, authority, is_new)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        plain = name.lower().rstrip(".").encode("idna").decode("ascii")
    except UnicodeError:
        plain = ""
    if not _HOST.fullmatch(plain):
        raise SettingError(
            f"{shortened(name)!r} is not a host name; give a name such as hub.example.edu, or an "
            "IP address"
        )
    return x509.DNSName(plain)


def _make_authority(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"simvoice hub {secrets.token_hex(3)}")]
    )
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        _certificate(name, name, key.public_key(), now, timedelta(days=365 * _AUTHORITY_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / AUTHORITY_KEY, _key_bytes(key))
    _write(folder / AUTHORITY, made.public_bytes(serialization.Encoding.PEM))


def _make_leaf(
    folder: Path,
    wanted: list[x509.GeneralName],
    name: str,
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    lifetime = timedelta(days=_CERTIFICATE_DAYS)
    made = (
        _certificate(subject, authority.subject, key.public_key(), now, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    _write(folder / KEY, _key_bytes(key))
    chain = [made, authority]
    _write(
        folder / CERTIFICATE,
        b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain),
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(file: Path, content: bytes) -> None:
    """Write a file as a whole. Only its owner can read it."""
    partial = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
