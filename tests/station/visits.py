"""Assignments, codes and visits for tests of a station."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from simvoice.hub_client.code_hash import code_hash
from simvoice.hub_client.station_messages import (
    Accommodations,
    AssignmentOptions,
    Drill,
    ModeName,
    Phase,
    Roster,
    RosterCode,
    StationAssignment,
    StationSettings,
)
from simvoice.station.flow import advance
from simvoice.station.view import AcceptTerms, Agree, EnterRoom, MicrophonePassed
from simvoice.station.visit import (
    Arrived,
    Chosen,
    EncounterBegun,
    EncounterRuns,
    FlowEvent,
    FlowState,
    SignedIn,
    Visit,
)

SALT = "00112233445566778899aabbccddeeff"
CODE = "CDFH-JKMN-PRTV"
SETTINGS = StationSettings()
CASE = "breast-biopsy"


def assignment(mode: ModeName = "exam", **options: Any) -> StationAssignment:
    """Return an assignment; an exam has two questions and a seed."""
    given: dict[str, Any] = {"reading_s": 60.0}
    if mode == "exam":
        given |= {"seed": 7, "questions": ("What went well?", "What next?")}
    if mode == "drill":
        given |= {"drill": Drill(skill="Let it stand.", moment="news", tries=3, minutes=10.0)}
    return StationAssignment(
        id=uuid4(),
        title="Breaking bad news",
        course="Year 3",
        educators=("Dr. Hale",),
        case=CASE,
        mode=mode,
        options=AssignmentOptions(**{**given, **options}),
    )


def roster(assigned: StationAssignment | None = None, text: str = CODE, **fields: Any) -> Roster:
    """Return a roster with one code, for an assignment or, without one, for a person."""
    code = RosterCode(
        id=UUID(int=1),
        hash=code_hash(text, SALT),
        assignment=assigned.id if assigned else None,
        expires_at=fields.pop("expires_at", 2_000_000_000.0),
        is_used=fields.pop("is_used", False),
        accommodations=fields.pop("accommodations", Accommodations()),
    )
    given: dict[str, Any] = {
        "version": "1",
        "made_at": 1_700_000_000.0,
        "hub": "Skills lab",
        "salt": SALT,
        "seal_key": "age1none",
        "assignments": (assigned,) if assigned else (),
        "codes": (code,),
    }
    return Roster(**{**given, **fields})


class Walk:
    """A state, and the time of the station; events are told to it one after the other."""

    def __init__(self, settings: StationSettings = SETTINGS) -> None:
        self.settings = settings
        self.state = FlowState()
        self.now_s = 0.0

    def tell(self, *events: FlowEvent, after_s: float = 0.0) -> Walk:
        """Let time pass, and then tell events."""
        self.now_s += after_s
        for event in events:
            self.state = advance(self.state, event, self.now_s, self.settings)
        return self

    @property
    def phase(self) -> Phase:
        return self.state.phase

    @property
    def visit(self) -> Visit:
        assert self.state.visit is not None, "no learner is here"
        return self.state.visit

    def arrive(self) -> Walk:
        return self.tell(Arrived(uuid4()), Agree())

    def sign_in(self, assigned: StationAssignment, **fields: Any) -> Walk:
        """Come with a code for an assignment, up to its terms."""
        event = SignedIn(UUID(int=1), assigned, assigned.options.reading_s, **fields)
        return self.arrive().tell(event)

    def to_door(self, assigned: StationAssignment | None = None) -> Walk:
        if assigned is None:
            return self.arrive().tell(Chosen(CASE, 60.0), MicrophonePassed())
        return self.sign_in(assigned).tell(AcceptTerms(), MicrophonePassed())

    def talk(self, assigned: StationAssignment | None = None, attempt: str = "a1") -> Walk:
        """Come to an encounter that runs."""
        return self.to_door(assigned).tell(EnterRoom(), EncounterBegun(attempt), EncounterRuns())
