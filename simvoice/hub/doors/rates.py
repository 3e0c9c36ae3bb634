"""Limit how often one address or one visitor asks something of the hub.

Each count is a bucket that fills again with time (the generic cell rate algorithm, which needs one
number for each key). The counts are in memory, so a restart forgets them; those of wrong passwords
are in the database (`throttle`). We looked at the library `limits`: its store in memory reads the
clock of the machine, which can be set back, and its thread wakes up 100 times a second.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something can be asked."""

    what: str
    """What is counted, in the plural: "exports". No two rates have the same."""
    burst: int
    """So many at once."""
    per_minute: float
    """So many in the long run."""


ADDRESS = Rate("requests from your network", burst=4000, per_minute=12_000)
"""Everything that an address asks. Ninety learners behind one address, who all open their first
page, ask 1,500 times at once; ninety who wait in the queue and 30 stations, 4,000 times a minute.
"""
STRANGERS = Rate("requests without a sign-in from your network", burst=1000, per_minute=1200)
"""What an address asks without a sign-in or a token, files of the pages left out."""
VISITOR = Rate("requests", burst=600, per_minute=1200)
"""What a person, a candidate or a device asks. A station reports 60 times a minute."""

SIGN_INS = Rate("sign-ins from your network", burst=200, per_minute=120)
"""Each can hash a password, which takes 50 ms and 64 MB."""
PASSWORDS = Rate("new passwords", burst=10, per_minute=6)
"""Those that someone who is signed in sets, and the PIN of the stations."""
PAIRINGS = Rate("pairings from your network", burst=60, per_minute=60)
CODES = Rate("lists of codes", burst=20, per_minute=10)
"""Each code takes 50 ms: its hash is made slow, because stations keep it."""
UPLOADS = Rate("uploads", burst=60, per_minute=120)
"""Begun or finished. To finish one reads and hashes a whole recording."""
BEGINNINGS = Rate("tries to begin an encounter", burst=20, per_minute=20)
OPENINGS = Rate("opened attempts", burst=60, per_minute=60)
"""To open one decrypts it and makes its debrief: up to seconds of a core."""
EXPORTS = Rate("exports", burst=10, per_minute=6)
NEW_CASES = Rate("cases that are made or brought in", burst=20, per_minute=10)
"""To read one takes up to a second of a core."""
ASKED_PATIENTS = Rate("questions to a patient of the workbench", burst=60, per_minute=60)
SPOKEN_LINES = Rate("lines to hear", burst=30, per_minute=30)
"""Each takes about a second of a core."""
CASE_CHECKS = Rate("checks of a case", burst=10, per_minute=6)
"""Each takes a core for a minute or more; one runs at a time."""

_MOST_KEYS = 100_000
"""Addresses and visitors that are counted at once: 20 MB."""


class Rates:
    """Counts in memory. Thread-safe."""

    def __init__(
        self, elapsed_s: Callable[[], float] = time.monotonic, most_keys: int = _MOST_KEYS
    ) -> None:
        """elapsed_s: never goes back. most_keys: the most that are counted at once."""
        self._elapsed_s = elapsed_s
        self._most_keys = most_keys
        self._full_at_s: dict[tuple[str, str], float] = {}
        """When the bucket of a key has filled again."""
        self._lock = threading.Lock()

    def take(self, rate: Rate, whose: str) -> float:
        """Count one request. Returns 0, or the seconds to wait; then it is not counted.

        whose: what it is counted for, an address or the id of a visitor.
        """
        one_s = 60.0 / rate.per_minute
        key = (rate.what, whose)
        with self._lock:
            now_s = self._elapsed_s()
            full_at_s = max(now_s, self._full_at_s.get(key, now_s)) + one_s
            wait_s = full_at_s - now_s - rate.burst * one_s
            if wait_s > 1e-6:  # not the rounding of a sum of many
                return wait_s
            if len(self._full_at_s) >= self._most_keys:
                self._forget(now_s)
            self._full_at_s[key] = full_at_s
            return 0.0

    def _forget(self, now_s: float) -> None:
        """Forget buckets that are full; when most are not, the half that is the nearest to it."""
        kept = sorted((at, key) for key, at in self._full_at_s.items() if at > now_s)
        self._full_at_s = {key: at for at, key in kept[-(self._most_keys // 2) :]}

    def __len__(self) -> int:
        """Return how many keys are counted."""
        return len(self._full_at_s)


def network_of(address: str) -> str:
    """Return what counts as one address: the address, or the /64 network of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
