"""The name of a station, and the line that pairs it, as a technician types them."""

from __future__ import annotations

from typing import Final

from simvoice.errors import SettingError
from simvoice.hub_client.code_hash import normal
from simvoice.hub_client.trust import PairingLine
from simvoice.safe_text import one_line, shortened

LONGEST_NAME: Final = 60


def station_name(given: str) -> str:
    """Return the name of a station in one form. Raises SettingError for one that cannot be.

    A name that begins with a dash is an option whose value was forgotten.
    """
    name = one_line(given)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise SettingError(
            f"give the station a name of 1 to {LONGEST_NAME} characters, as on its door: --name A1"
        )
    if name.startswith("-") or not name.isprintable() or not any(map(str.isalnum, name)):
        raise SettingError(
            f"{shortened(name, LONGEST_NAME)!r} cannot be the name of a station; give one with a "
            "letter or a digit, as on its door: --name A1"
        )
    return name


def read_station_line(line: str) -> PairingLine:
    """Return the parts of the line that pairs a station. Raises SettingError when it is damaged."""
    read = PairingLine.read(line)
    if not normal(read.code):
        raise SettingError(
            "the line ends with no code of a hub, which has 12 letters and digits; press “Pair a "
            "station” on the hub and copy the whole line again"
        )
    return read
