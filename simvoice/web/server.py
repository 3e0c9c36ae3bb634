"""Serve the pages on loopback until somebody ends it."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from simvoice.errors import SettingError
from simvoice.web.app import create_app
from simvoice.web.ports import Simulator
from simvoice.web.security import StartKey, is_loopback

_MESSAGE_BYTES = 1 << 17
"""The largest message a page may send: 2 s of sound, twice over."""

_GRACE_S = 5
"""How long the end waits for connections; the record is closed within it."""


def loopback_socket(host: str, port: int) -> socket.socket:
    """A listening socket on this machine only.

    port: 0 takes a free one. Raises SettingError for a host that others could reach, and for a
    port that is taken or not allowed.
    """
    if not is_loopback(host):
        raise SettingError(
            f"the pages are served to this machine only, and {host} is not a loopback address; "
            "leave --host out, or give 127.0.0.1 or ::1"
        )
    if not 0 <= port <= 65_535:
        raise SettingError(f"{port} is not a port; give --port a number from 0 to 65535")
    # "localhost" is left to nobody's hosts file
    address = "127.0.0.1" if host == "localhost" else host
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen()
    except OSError as error:
        made.close()
        raise SettingError(_why_not(error, address, port)) from error
    return made


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program; give another one with --port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is not allowed for you; give one above 1023 with --port"
    return f"{host} port {port} cannot be used ({error.strerror}); give others with --host, --port"


def address_of(made: socket.socket) -> str:
    """Where the server listens, without the key."""
    host, port = made.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(
    simulator: Simulator, made: socket.socket, *, on_address: Callable[[str], None] | None = None
) -> None:
    """Serve on a socket of `loopback_socket`; blocks until interrupted.

    on_address: called with the address, which carries the key of this start, once it answers.
    """
    start_key = StartKey()
    config = uvicorn.Config(
        create_app(simulator, start_key),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES,
        timeout_graceful_shutdown=_GRACE_S,
    )
    if on_address is not None:
        on_address(start_key.address(address_of(made)))
    with made, suppress(KeyboardInterrupt):  # uvicorn has shut down in order before it raises
        uvicorn.Server(config).run(sockets=[made])
