"""Count the work of a call, so that a test can bound it on any machine, however busy."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Work:
    """What was done since `counted` began."""

    calls: int = 0
    """Calls of functions, in Python and in C. What one function in C does inside is not seen."""


@contextmanager
def counted() -> Iterator[Work]:
    """Count the calls of the body, and of threads that begin in it.

    Compare the count with that of other work of the same code: alone it says little, and another
    version of Python or of a library counts otherwise.
    """
    work = Work()

    def count(_frame: object, event: str, _function: object) -> None:
        if event in ("call", "c_call"):
            work.calls += 1

    threading.setprofile(count)
    sys.setprofile(count)
    try:
        yield work
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
