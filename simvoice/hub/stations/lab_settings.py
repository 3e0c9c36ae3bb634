"""How the stations of a lab behave, and the PIN of their technicians."""

from __future__ import annotations

import logging
import re

from pydantic import ValidationError
from sqlalchemy.orm import Session

from simvoice.errors import SettingError
from simvoice.hub import audit
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.storage.tables import Setting
from simvoice.hub.storage.upsert import put
from simvoice.hub_client.station_messages import StationSettings

_log = logging.getLogger(__name__)

_SETTINGS = "station_settings"
_PIN = "station_pin"

SHORTEST_PIN = 6
LONGEST_PIN = 12
"""Digits. A station keeps the hash of the PIN on its disk; there, four are tried in minutes."""
_LEAST_DIFFERENT = 3
"""Different digits: 111111 and 121212 are the first that anyone tries."""


def station_settings(session: Session) -> StationSettings:
    """Return how stations behave; the defaults before a technician has set anything."""
    kept = session.get(Setting, _SETTINGS)
    if kept is None:
        return StationSettings()
    try:
        return StationSettings.model_validate_json(kept.value)
    except ValidationError:  # written by another version
        _log.warning("the settings of stations cannot be read; the defaults are used")
        return StationSettings()


def set_station_settings(session: Session, visitor: Visitor, given: StationSettings) -> None:
    """Change how stations behave. They get it within seconds, and use it for the next learner."""
    put(session, Setting(name=_SETTINGS, value=given.model_dump_json()))
    audit.record(session, visitor, "change settings of stations")


def pin_hash(session: Session) -> str:
    """Return the hash of the technicians' PIN, as stations keep it; empty when none is set."""
    kept = session.get(Setting, _PIN)
    return "" if kept is None else kept.value


def check_pin(pin: str) -> str:
    """Return a PIN without spaces. Raises SettingError for one that cannot be used."""
    digits = "".join(pin.split())
    if not re.fullmatch(rf"[0-9]{{{SHORTEST_PIN},{LONGEST_PIN}}}", digits):
        raise SettingError(f"The PIN needs {SHORTEST_PIN} to {LONGEST_PIN} digits.")
    if len(set(digits)) < _LEAST_DIFFERENT:
        raise SettingError(f"The PIN needs at least {_LEAST_DIFFERENT} different digits.")
    return digits


def set_pin(session: Session, hub: Hub, visitor: Visitor, pin: str) -> None:
    """Set the PIN with which technicians open their page at a station. Raises SettingError."""
    hashed = hub.passwords.hash(check_pin(pin))
    put(session, Setting(name=_PIN, value=hashed))
    audit.record(session, visitor, "set PIN of stations")
