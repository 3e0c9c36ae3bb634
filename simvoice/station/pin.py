"""The PIN of the technicians, and how long one waits after wrong ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from simvoice.display import duration_in_words
from simvoice.errors import UsageError

FREE: Final = 5
"""Wrong PINs without a wait."""
LONGEST_WAIT_S: Final = 900.0

_NO_PIN: Final = "No PIN is set; set one on the hub's page of station settings."


@dataclass(frozen=True, slots=True)
class PinTries:
    """Wrong PINs in a row, and how long the next one waits."""

    wrong: int = 0
    wait_s: float = 0.0
    """As of `at_s`."""
    at_s: float = 0.0
    """Elapsed time of the station."""

    def left_s(self, now_s: float) -> float:
        """Return the seconds until the next PIN is looked at."""
        return max(0.0, self.wait_s - max(0.0, now_s - self.at_s))

    def failed(self, now_s: float) -> PinTries:
        """Return the count with one more wrong PIN: the wait is 2 s, then twice as long each."""
        wrong = self.wrong + 1
        over = wrong - FREE
        wait_s = min(LONGEST_WAIT_S, 2.0 ** min(over, 20)) if over > 0 else 0.0
        return PinTries(wrong, wait_s, now_s)


def check_wait(tries: PinTries, now_s: float) -> None:
    """Raise UsageError while the next PIN is not looked at."""
    left_s = tries.left_s(now_s)
    if left_s > 0:
        wait = duration_in_words(math.ceil(left_s))
        raise UsageError(
            f"Too many wrong PINs. Wait {wait}, then try again. The hub's page of this station "
            "works meanwhile, when the hub can be reached."
        )


def is_right(pin: str, pin_hash: str) -> bool:
    """Return True for the right PIN. Takes about 50 ms. Raises UsageError when none is set."""
    if not pin_hash:
        raise UsageError(_NO_PIN)
    try:
        return PasswordHasher().verify(pin_hash, "".join(pin.split()))
    except InvalidHashError as error:
        raise UsageError("The PIN on the hub cannot be read; set it again there.") from error
    except VerificationError:
        return False
