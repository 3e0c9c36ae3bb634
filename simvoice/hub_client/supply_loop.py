"""Fetch from the hub again and again, for a device that runs all day."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from simvoice import log
from simvoice.errors import SimvoiceError
from simvoice.hub_client.connection import HubForgot
from simvoice.hub_client.sending_loop import wait_s

_log = logging.getLogger(__name__)

EVERY_S = 1800.0
"""Half an hour: a case that an educator releases in the morning is there in the next lesson."""


def keep_supplied(
    bring: Callable[[], object],
    wait: Callable[[float], bool],
    *,
    every_s: float = EVERY_S,
    jitter: Callable[[], float] = random.random,
) -> None:
    """Call `bring` until `wait` returns True, or until the hub does not know the device any more.

    bring: fetches once, and raises SimvoiceError when it could not fetch all; it is then called
    again after a wait that grows. wait: waits for so many seconds, and returns True to end.
    """
    failures = 0
    while True:
        try:
            bring()
            failures = 0
        except HubForgot as error:
            _log.warning("supplies of the hub are not fetched any more: %s", error)
            return
        except SimvoiceError as error:
            failures += 1
            if failures == 1:
                _log.warning("the supplies of the hub wait: %s", log.place(error))
        # Half of the wait is at random, so that the stations of a lab do not ask all at once.
        delay_s = wait_s(failures, jitter()) if failures else every_s * (0.5 + 0.5 * jitter())
        if wait(min(delay_s, every_s)):
            return
