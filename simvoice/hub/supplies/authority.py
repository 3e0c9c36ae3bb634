"""The private authority of a hub, as other computers come to know it."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from simvoice.hub.certificates import AUTHORITY, CERTIFICATE
from simvoice.hub.settings import HubSettings
from simvoice.hub_client.trust import PairingLine, fingerprint, hub_address


def authority_file(settings: HubSettings) -> Path | None:
    """Return the certificate of the private authority; None when another one is served."""
    own = settings.data / CERTIFICATE
    return settings.data / AUTHORITY if settings.certificate == own else None


def authority(settings: HubSettings) -> x509.Certificate | None:
    """Return the private authority; None for a hub whose certificate comes from elsewhere."""
    file = authority_file(settings)
    if file is None:
        return None
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        return None


def pairing_line(settings: HubSettings, address: str, code: str = "") -> PairingLine:
    """Return what a person carries to a computer that is to trust this hub.

    address: under which the computer reaches the hub. code: pairs it; empty for the trust alone.
    """
    found = authority(settings)
    return PairingLine(hub_address(address), code, "" if found is None else fingerprint(found))
