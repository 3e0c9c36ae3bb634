"""Eight stations in eight states, for tests of what technicians see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import select

from simvoice import __version__
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.stations.roster import lab_facts
from simvoice.hub.stations.router import take_report
from simvoice.hub.storage.tables import Device, OneTimeCode
from simvoice.hub_client.station_messages import Light, LoopBack, Phase, StationReport

SAID: Final = "my mother had it too"
"""Words that a learner says. No report has a field for them."""

_COMMON: Final[Mapping[str, Any]] = {
    "version": __version__,
    "free_bytes": 80_000_000_000,
    "phase": Phase.WELCOME,
    "light": Light.GREEN,
}


def hall(code: UUID) -> dict[str, dict[str, Any]]:
    """Return what eight stations report, by name. code: an exam code."""
    exam: dict[str, Any] = {"mode": "exam", "case": "breast-biopsy", "code": code}
    waiting, talking = Light.WAITING, Light.TALKING
    return {
        "A1": {**exam, "phase": Phase.ENCOUNTER, "light": talking, "left_s": 462.0}
        | {"level_dbfs": -22.0, "session": uuid4()},
        "A2": {**exam, "phase": Phase.DOOR, "light": waiting, "left_s": 75.0, "is_held": True}
        | {"session": uuid4()},
        "A3": {"light": Light.RED, "reason": "The microphone was unplugged at 09:42."},
        "A4": {"waiting": 2, "version": "0.0.9"},
        "A5": {"phase": Phase.QUESTIONS, "light": waiting, "left_s": 210.0, "mode": "practice"}
        | {"case": "sudden-death", "session": uuid4()},
        "A6": {"loop_back": LoopBack(at=0.0, is_good=False, level_dbfs=None, delay_s=None)},
        "A7": {"free_bytes": 900_000_000, "models": ("whisper-tiny.en",)},
        "A10": {"phase": Phase.CONSENT, "light": waiting, "left_s": 280.0, "session": uuid4()}
        | {"errors": ("09:12 The loudspeaker did not answer.",)},
    }


class Hall:
    """Stations that are paired with a hub and report what `hall` says."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.ids: dict[str, UUID] = {}
        with hub.database.begin() as session:
            code = session.scalars(select(OneTimeCode).where(OneTimeCode.label == "1")).first()
            assert code is not None
            self.reports = {name: {**_COMMON, **one} for name, one in hall(code.id).items()}
            for name in self.reports:
                known = session.scalar(select(Device).where(Device.name == name))
                device = known or Device(kind="station", name=name, token_hash=uuid4().hex)
                session.add(device)
                session.flush()
                self.ids[name] = device.id
        self.boots = {name: uuid4() for name in self.reports}

    def report(self, *names: str) -> None:
        """Let these stations report; default all."""
        for name in names or self.reports:
            given = StationReport(
                **{"name": name, "boot": self.boots[name], "clock": self.hub.now().timestamp()},
                **{"roster": lab_facts(self.hub).roster.version},
                **self.reports[name],
            )
            take_report(self.hub, Visitor(device_id=self.ids[name], login=f"device {name}"), given)
