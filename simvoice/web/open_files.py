"""Say in one sentence that the server has no file left to open, which every connection needs."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Callable
from typing import Any

from simvoice import machine
from simvoice.errors import NeedsError

_log = logging.getLogger(__name__)

_NEEDED = 64
"""Open files of the server with a few pages; at rest it has 12."""
_AGAIN_S = 60.0
"""Seconds until the same is said again. While files are missing, every connection fails."""


def check_file_limit() -> None:
    """Raise NeedsError when this process may open fewer files than the pages need."""
    limit = machine.file_limit()
    if limit < _NEEDED:
        raise NeedsError(
            f"this account may open {limit} files at once, and the pages need {_NEEDED}; raise the "
            f"limit: ulimit -n {_NEEDED}"
        )


def say_when_files_run_out(
    loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic
) -> None:
    """Log one sentence when a connection cannot be accepted for want of files.

    It waits until a page is closed. Other faults go to the handler that the loop has. clock:
    returns seconds.
    """
    silent_until_s = float("-inf")
    before = loop.get_exception_handler()

    def handle(found: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal silent_until_s
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in (errno.EMFILE, errno.ENFILE):
            if before is not None:
                before(found, context)
            else:
                found.default_exception_handler(context)
        elif clock() >= silent_until_s:
            silent_until_s = clock() + _AGAIN_S
            _log.error(
                "A page must wait: all %d files that simvoice may open are in use. Close other "
                "pages, or start it again with a higher limit (ulimit -n).",
                machine.file_limit(),
            )

    loop.set_exception_handler(handle)
