"""Types of numbers that are rounded once: when the value that stores them is made.

A field of a `StrictModel` with one of these types rounds what it is given. Code that computes with
a number passes it on as it is, because rounding twice can move a digit: 0.4445 becomes 0.445 and
then 0.45. Reading a stored number gives the same number again. What a page or a table shows is
formatted by `simvoice.display`.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator

_SECOND_PLACES: Final = 3
"""Milliseconds: 16 samples, and a twentieth of the 20 ms frame in which speech is detected."""
_PRECISE_PLACES: Final = 6
"""Microseconds: far below one sample, and above the noise of floating point."""
_LEDGER_PLACES: Final = 4
"""A hundredth of a point of trust; the smallest step of any case is one point."""
_DECIBEL_PLACES: Final = 1
"""People do not hear smaller differences of loudness."""


def round_seconds(value: float) -> float:
    """Return seconds to the millisecond, never minus zero."""
    return _rounded(value, _SECOND_PLACES)


def round_precise(value: float) -> float:
    """Return a number to six decimal places, never minus zero."""
    return _rounded(value, _PRECISE_PLACES)


def round_ledger(value: float) -> float:
    """Return a ledger value, or a change of one, to four decimal places, never minus zero."""
    return _rounded(value, _LEDGER_PLACES)


def _round_decibels(value: float) -> float:
    return _rounded(value, _DECIBEL_PLACES)


def _rounded(value: float, places: int) -> float:
    return round(float(value), places) + 0.0  # float: numpy's numbers too; -0.0 + 0.0 is 0.0


Seconds = Annotated[float, AfterValidator(round_seconds)]
"""Session seconds or a length of time in the record, to the millisecond."""

PreciseSeconds = Annotated[float, AfterValidator(round_precise)]
"""Seconds measured from sound, to the microsecond, so that every machine writes the same digits."""

MetricValue = Annotated[float, AfterValidator(round_precise)]
"""A metric or a probability, to six decimal places, in its own unit."""

LedgerChange = Annotated[float, AfterValidator(round_ledger)]
"""A difference of two values of the patient's ledger, -1..1, to four decimal places."""

Decibels = Annotated[float, AfterValidator(_round_decibels)]
"""A level in dBFS, to one decimal place."""
