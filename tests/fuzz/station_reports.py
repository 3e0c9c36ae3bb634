"""Reports of stations, as a target of the search: a hub shows a tile of any, or refuses it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from pydantic import ValidationError
from starlette.responses import JSONResponse

from simvoice.hub.stations.board import LabFacts, StationBoard
from simvoice.hub.stations.tiles import tile
from simvoice.hub.storage.tables import Device
from simvoice.hub_client.station_messages import (
    CodeUse,
    CommandResult,
    Light,
    LoopBack,
    Phase,
    Roster,
    StationReport,
)
from tests.fuzz.mutations import damaged_json
from tests.fuzz.search import Target

_AT = datetime(2026, 11, 30, 9, tzinfo=UTC)
_ID = UUID(int=1)


def station_reports(_folder: Path) -> Iterable[Target]:
    """Yield the target that reads what stations report."""
    roster = Roster(version="1", made_at=0, hub="Lab", salt="0" * 32, seal_key="age1")
    facts = LabFacts(roster, "", {_ID: "7"}, left_out=0, read_at=_AT, changed_at=_AT)
    whole = StationReport(
        **{"name": "A1", "boot": _ID, "version": "0.1.0", "phase": Phase.ENCOUNTER},
        **{"light": Light.TALKING, "mode": "exam", "case": "tea", "code": _ID, "session": _ID},
        **{"left_s": 400.0, "level_dbfs": -20.0, "free_bytes": 10**9, "models": ("whisper",)},
        **{"clock": _AT.timestamp(), "errors": ("a fault",), "reason": "a reason"},
        loop_back=LoopBack(at=1e9, is_good=True, level_dbfs=-20.0, delay_s=0.1),
        results=(CommandResult(id=1, done=True, sentence="Done."),),
        uses=(CodeUse(code=_ID, session=_ID, at=1e9),),
    )

    def shown(data: bytes) -> None:
        try:
            report = StationReport.model_validate_json(data)
        except ValidationError:
            return
        board = StationBoard()
        board.note(_ID, report, _AT)
        found = tile(Device(id=_ID, name="A1"), board.now(_ID, _AT), facts, _AT)
        JSONResponse({"level": found.level, "facts": found.facts, "notes": found.notes})

    fields = json.loads(whole.model_dump_json())
    inputs = damaged_json([fields])
    huge = json.dumps({**fields, "free_bytes": 10**400}).encode()
    examples = (b'{"left_s": 1e400}', b"[" * 2_000, huge)
    yield Target("report of a station", inputs, shown, examples=examples)
