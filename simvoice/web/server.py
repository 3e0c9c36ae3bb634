"""Serve the pages on a loopback address until the process is interrupted."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import suppress

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from simvoice.errors import SettingError
from simvoice.hub_client.link import HubLink
from simvoice.web.app import create_app
from simvoice.web.ports import Simulator
from simvoice.web.security import StartKey, is_loopback

_MESSAGE_BYTES = 1 << 23
"""Bytes of the largest message that is read at all: 4 min of sound. The connection of a larger one
is closed; one that is smaller and too large for the line is ignored with a notice (`web.line`)."""

_GRACE_S = 5
"""How long the shutdown waits for connections. The record is closed within it."""


_REQUEST_S = 10.0
"""A browser on this machine sends the head of a request within milliseconds."""

_TOO_SLOW = "The request was not complete in time. Load the page again.\n"


class TimedRequests(H11Protocol):
    """HTTP whose connections end with 408 when the head of a request does not come in time.

    Otherwise anyone on this machine could use up the server's descriptors with requests that are
    never complete. A connection that waits between two requests is closed by uvicorn earlier.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, and watch it."""
        super().connection_made(transport)
        self._answered: object = None
        self._watch()

    def _watch(self) -> None:
        self._answered = self.cycle
        self._check = self.loop.call_later(_REQUEST_S, self._end_if_incomplete)

    def _end_if_incomplete(self) -> None:
        if self.transport.is_closing() or self.conn.our_state is h11.SWITCHED_PROTOCOL:
            return
        has_waited = self.cycle is self._answered and self.conn.their_state is h11.IDLE
        if not has_waited:
            self._watch()
            return
        body = _TOO_SLOW.encode()
        self.transport.write(
            b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body)
        )
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._check.cancel()
        super().connection_lost(exc)


def loopback_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket that only this machine can reach.

    port: 0 takes a free one. Raises SettingError for a host that other machines can reach, and for
    a port that is in use or not allowed.
    """
    if not is_loopback(host):
        raise SettingError(
            f"simvoice serves the pages to this machine only, and {host} is not a loopback "
            "address; leave --host out, or give 127.0.0.1 or ::1"
        )
    # do not depend on how the hosts file resolves "localhost"
    return listening_socket("127.0.0.1" if host == "localhost" else host, port)


def listening_socket(address: str, port: int) -> socket.socket:
    """Return a socket that listens at an IP address. port: 0 takes a free one.

    Raises SettingError for an address or a port that cannot be used.
    """
    if not 0 <= port <= 65_535:
        raise SettingError(f"{port} is not a port; give --port a number from 0 to 65535")
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen()
    except OSError as error:
        made.close()
        raise SettingError(_socket_problem(error, address, port)) from error
    return made


def _socket_problem(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program; give another one with --port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"you may not use port {port}; give one above 1023 with --port"
    return f"{host} port {port} cannot be used ({error.strerror}); give others with --host, --port"


def address_of(made: socket.socket) -> str:
    """Return the address at which the server listens, without the key."""
    host, port = made.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def server_config(
    simulator: Simulator, start_key: StartKey, hub_link: HubLink | None = None
) -> uvicorn.Config:
    """Return the settings of the server with its application."""
    return config_of(create_app(simulator, start_key, hub_link))


def config_of(app: FastAPI) -> uvicorn.Config:
    """Return the settings of a server on loopback for an application with encounters."""
    return uvicorn.Config(
        app,
        log_config=None,  # its lines go to the log of simvoice
        access_log=False,
        server_header=False,
        http=TimedRequests,
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES,
        timeout_graceful_shutdown=_GRACE_S,
    )


def serve(
    simulator: Simulator,
    made: socket.socket,
    *,
    hub_link: HubLink | None = None,
    reflects: bool = True,
    on_address: Callable[[str], None] | None = None,
) -> None:
    """Serve on a socket of `loopback_socket`. Blocks until interrupted.

    hub_link, reflects: as `app.create_app`. on_address: called with the address to open; it carries
    the key of this start.
    """
    start_key = StartKey()
    app = create_app(simulator, start_key, hub_link, reflects=reflects)
    if on_address is not None:
        on_address(start_key.address(address_of(made)))
    run_app(app, made)


def run_app(app: FastAPI, made: socket.socket) -> None:
    """Serve an application on a socket of `loopback_socket`. Blocks until interrupted."""
    with made, suppress(KeyboardInterrupt):  # uvicorn shuts down completely before it raises
        uvicorn.Server(config_of(app)).run(sockets=[made])
