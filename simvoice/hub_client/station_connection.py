"""What a station asks its hub beyond sending records: its roster, its commands, and codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

import httpx
from pydantic import ValidationError

from simvoice.hub_client import trust
from simvoice.hub_client.connection import HubAway, HubConnection
from simvoice.hub_client.station_messages import (
    STATION_PATH,
    ClaimAnswer,
    ClaimRequest,
    ReportAnswer,
    Roster,
    StationReport,
)

REPORT_S: Final = 5.0
"""A hub in the same building answers within milliseconds. No learner waits for it."""
CLAIM_S: Final = 1.5
"""A learner waits for it. The station has an answer of its own then."""
_LARGEST_ROSTER: Final = 16_000_000
"""Bytes; 5000 codes and 200 assignments have 3,000,000."""


class StationConnection(HubConnection):
    """Requests of a station to its hub. Use as a context manager; one thread at a time."""

    def __enter__(self) -> Self:
        """Return this connection."""
        return self

    def report_state(self, report: StationReport) -> ReportAnswer:
        """Tell how the station is, and return what the hub wants of it. Raises HubError."""
        with self._within(REPORT_S):
            answer = self._send("POST", f"{STATION_PATH}/report", report)
        return self._read(answer, ReportAnswer)

    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Let a visit use a typed code. Can be repeated.

        Raises HubRefused with the hub's sentence for a code that cannot be used, HubAway when the
        hub does not answer.
        """
        with self._within(CLAIM_S):
            answer = self._send("POST", f"{STATION_PATH}/claim", request)
        return self._read(answer, ClaimAnswer)

    def roster(self, known: str) -> Roster | None:
        """Return the roster; None when it still has this version. known: empty for none."""
        headers = {"If-None-Match": f'"{known}"'} if known else {}
        try:
            with self._client.stream("GET", f"{STATION_PATH}/roster", headers=headers) as answer:
                if answer.status_code == httpx.codes.NOT_MODIFIED:
                    return None
                content = bytearray()
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > _LARGEST_ROSTER:
                        raise HubAway("the hub's list for stations is too long")
                status = answer.status_code
        except httpx.HTTPError as error:
            raise HubAway(str(trust.explained(error, self._url))) from error
        if status != httpx.codes.OK:
            self._send("GET", f"{STATION_PATH}/roster")  # raises what this answer stands for
            raise HubAway("the hub gave no list for stations; it is asked again")
        try:
            return Roster.model_validate_json(bytes(content))
        except ValidationError as error:
            raise HubAway(
                "the hub's list for stations is of another version of simvoice; update this station"
            ) from error

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Wait for each answer no longer than this."""
        usual, self._client.timeout = self._client.timeout, httpx.Timeout(seconds)
        try:
            yield
        finally:
            self._client.timeout = usual
