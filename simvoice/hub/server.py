"""Serve the hub: to this machine, over TLS, or behind a proxy that speaks TLS."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import uvicorn

from simvoice import log
from simvoice.errors import SettingError, SimvoiceError
from simvoice.hub import attempts, certificates, codes, people, upkeep
from simvoice.hub.app import create_app
from simvoice.hub.certificates import ServedCertificate
from simvoice.hub.codes import CodeKind
from simvoice.hub.encounters.preparing import HubSimulator
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.sending import sealed
from simvoice.hub.settings import HubSettings
from simvoice.safe_text import shortened
from simvoice.web.ports import CaseCard
from simvoice.web.security import is_loopback, split_host
from simvoice.web.server import TimedRequests, address_of, listening_socket

_log = logging.getLogger(__name__)

_MESSAGE_BYTES = 1 << 23
"""Bytes of the largest message of a WebSocket: 4 min of sound, as for the learner's own pages."""
_GRACE_S = 10
"""How long the shutdown waits for requests. Records are closed within it."""
_WATCH_S = 10.0
"""How often the files of the certificate are looked at."""
_SOON = timedelta(days=14)

_NO_ENCOUNTERS = "No encounters are held on this hub; that is one of its settings."


def with_own_certificate(settings: HubSettings) -> HubSettings:
    """Return settings with the certificate of `simvoice hub certificate`, if that was made."""
    files = (settings.data / certificates.CERTIFICATE, settings.data / certificates.KEY)
    is_needed = not is_loopback(settings.host) and not settings.proxies
    if settings.certificate is None and is_needed and all(file.is_file() for file in files):
        return settings.model_copy(update={"certificate": files[0], "key": files[1]})
    return settings


def check_settings(settings: HubSettings) -> ServedCertificate | None:
    """Return the certificate to serve; None without TLS of the hub's own.

    Raises SettingError, in a sentence, when passwords and voices would cross a network in the
    clear, and for a host or a certificate that cannot be used.
    """
    _checked_host(settings)
    if settings.certificate is None or settings.key is None:
        if settings.proxies and not settings.public_url.startswith("https://"):
            raise SettingError(
                "behind a proxy, the hub needs to know its own address; give --public-url "
                "https://NAME"
            )
        if not is_loopback(settings.host) and not settings.proxies:
            raise SettingError(
                "other machines reach the hub only over TLS; make a certificate with: simvoice hub "
                "certificate NAME, or give --certificate and --key, or --behind-proxy ADDRESS"
            )
        return None
    host = split_host(urlsplit(settings.public_url).netloc) if settings.public_url else ""
    return certificates.check_certificate(settings.certificate, settings.key, host)


class LiveCertificate:
    """The certificate that new connections get. Files that change are read again.

    ACME clients renew a certificate without a word. Files that do not fit each other, because only
    one of them is written yet, change nothing.
    """

    def __init__(self, hub: Hub, certificate: Path, key: Path) -> None:
        self._hub = hub
        self._files = (certificate, key)
        self._seen = self._state()
        self._current = self._context()
        self.entrance = self._context()
        """The context of the listening socket. It passes each connection on to the newest one."""
        self.entrance.sni_callback = self._pass_on
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="certificate", daemon=True)

    def _pass_on(
        self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        connection.context = self._current

    def _context(self) -> ssl.SSLContext:
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.load_cert_chain(*self._files)
        return made

    def _state(self) -> tuple[tuple[int, int, int], ...]:
        found = (file.stat() for file in self._files)
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)

    def refresh(self) -> None:
        """Read the files again if they have changed. What cannot be served is logged."""
        try:
            state = self._state()
            if state == self._seen:
                return
            self._seen = state
            found = certificates.check_certificate(*self._files)
            self._current = self._context()
            self._hub.certificate_names = found.names
            _log.info("the certificate was renewed; it is valid until %s", found.expires_at.date())
        except (SimvoiceError, OSError, ssl.SSLError) as error:
            _log.warning("the new certificate cannot be served, the old one stays: %s", error)

    def _watch(self) -> None:
        while not self._stop.wait(_WATCH_S):
            self.refresh()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the files regularly while the body runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()


def hub_socket(settings: HubSettings) -> socket.socket:
    """Return the listening socket. Raises SettingError for a port that cannot be used."""
    return listening_socket(_checked_host(settings), settings.port)


def _checked_host(settings: HubSettings) -> str:
    host = "127.0.0.1" if settings.host == "localhost" else settings.host
    try:
        return str(ipaddress.ip_address(host))
    except ValueError as error:
        raise SettingError(
            f"{shortened(host)!r} is not an IP address; give --host 0.0.0.0 to listen on every "
            "network of this machine, and the name that people type with --public-url"
        ) from error


def base_address(settings: HubSettings, certificate: ServedCertificate | None, port: int) -> str:
    """Return the address that people type: "https://hub.example.edu"."""
    if settings.public_url:
        return settings.public_url
    if certificate is None:
        name = "127.0.0.1" if settings.host == "localhost" else settings.host
        return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
    names = sorted(certificate.names, key=_least_typed_last)
    name = f"[{names[0]}]" if ":" in names[0] else names[0]
    return f"https://{name}" + ("" if port == 443 else f":{port}")


def _least_typed_last(name: str) -> tuple[bool, bool, bool, str]:
    is_address = name.replace(".", "").isdigit() or ":" in name
    return ("*" in name, is_loopback(name), is_address, name)


def setup_address(hub: Hub, base: str) -> str | None:
    """Return the address at which the first account is made; None when there is one.

    The address works once. An earlier one stops working. Raises DatabaseAway.
    """
    with hub.database.begin() as session:
        if people.has_technician(session):
            return None
        codes.revoke_open(session, hub, kind=CodeKind.SETUP)
        made = codes.make(session, hub, CodeKind.SETUP)
    return f"{base}/setup?{urlencode({'code': made.text})}"


def server_config(hub: Hub, live: LiveCertificate | None) -> uvicorn.Config:
    """Return the settings of the server with its application."""
    return uvicorn.Config(
        create_app(hub),
        log_config=None,  # its lines go to the log of simvoice
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the guard decides which proxy is believed
        http=TimedRequests,
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_context_factory=None if live is None else lambda _config, _default: live.entrance,
    )


def serve(settings: HubSettings, *, say: Callable[[str], None]) -> None:
    """Serve a hub. Blocks until interrupted.

    say: called with each sentence for the person who runs it. Raises SettingError, StorageRefused,
    DatabaseAway and the like before it serves anything.
    """
    settings = with_own_certificate(settings)
    certificate = check_settings(settings)
    with hub_socket(settings) as made:
        port = made.getsockname()[1]
        hub = open_hub(settings.model_copy(update={"port": port}))
        for sentence in (*upkeep.begin(hub), *attempts.start(hub), *sealed.start(hub)):
            say(sentence)
        live = None
        if certificate is not None and settings.certificate and settings.key:
            hub.certificate_names = certificate.names
            live = LiveCertificate(hub, settings.certificate, settings.key)
            if certificate.expires_at - hub.now() < _SOON:
                say(f"The certificate expires on {certificate.expires_at:%Y-%m-%d}; renew it.")
        base = base_address(settings, certificate, port)
        say(f"{settings.title} is at {base}/")
        if settings.proxies:
            say(f"It listens at {address_of(made)} for its proxy alone.")
        if (setup := setup_address(hub, base)) is not None:
            say(f"It has no account yet. Make the first one within 24 hours at {setup}")
        _begin_encounters(hub)
        server = uvicorn.Server(server_config(hub, live))
        try:
            # uvicorn shuts down completely before it raises
            with suppress(KeyboardInterrupt), live.watched() if live else nullcontext():
                server.run(sockets=[made])
        finally:  # SIGTERM ends it with SystemExit
            hub.model_encounters.stop(0.0)
            hub.encounters.stop()
            hub.workbench.stop()
            attempts.stop(hub)
            hub.database.close()


def _begin_encounters(hub: Hub) -> None:
    """Let a hub hold encounters with the models of this machine.

    Without models it serves everything else, and its pages say why it holds no encounters.
    """
    most = hub.settings.encounters
    if most == 0:
        hub.encounters.start(None, why_none=_NO_ENCOUNTERS, list_cases=_certified_cases)
        return
    try:
        simulator = _simulator(hub)
    except SimvoiceError as error:
        _log.warning("no encounters: %s", log.place(error))
        said = f"No encounters are held on this hub: {error}."
        hub.encounters.start(None, why_none=said, list_cases=_certified_cases)
        return
    limit_s = hub.settings.answer_limit_s
    hub.encounters.start(simulator, most, answer_limit_s=limit_s)


def _certified_cases() -> Sequence[CaseCard]:
    from simvoice.app.simulator import certified_cases  # heavy, and a hub may need none of it

    return certified_cases()


def _simulator(hub: Hub) -> HubSimulator:
    # The heavy libraries read the environment that the simulator sets.
    from simvoice.app.simulator import Simulator

    return Simulator(shared=True, attempts=hub.settings.data / "encounters")
