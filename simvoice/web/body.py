"""What a page sends: small JSON objects, and sentences where they cannot be used."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException

from simvoice.errors import AttemptError
from simvoice.record.ids import check_id
from simvoice.record.store import Attempt
from simvoice.web.ports import Simulator

_MOST_BYTES = 32_768
"""The longest text that a page sends, several times over."""


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request. Raises HTTPException 422 for anything else."""
    whole = b""
    async for part in request.stream():
        whole += part
        if len(whole) > _MOST_BYTES:
            raise HTTPException(422, "That is too long; shorten it and send it again.")
    try:
        body = json.loads(whole)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise HTTPException(422, "What was sent is not a JSON object; load the page again.")
    return body


def text_in(body: dict[str, Any], name: str) -> str:
    """A text field of a body. Raises HTTPException 422 where it is missing or no text."""
    value = body.get(name)
    if not isinstance(value, str):
        raise HTTPException(422, f"The text “{name}” is missing; load the page again.")
    return value


def ended(request: Request, attempt_id: str) -> Attempt:
    """An attempt that is over. Raises AttemptError, HTTPException 409 while it is going on."""
    simulator: Simulator = request.app.state.simulator
    found = simulator.attempt(check_id(attempt_id))
    if found.state == "open":
        raise HTTPException(
            409, "This conversation is going on right now; say it once it has ended."
        )
    if not found.folder.is_dir():  # erased a moment ago
        raise AttemptError("This attempt is not here any more.")
    return found
