"""How a learner comes into an encounter: a code, with or without the hub, and what is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID, uuid4

from simvoice.errors import UsageError
from simvoice.hub_client.station_messages import (
    Phase,
    RosterCode,
    StationAssignment,
    StationCommand,
)
from simvoice.station import showing
from simvoice.station.hub_talk import HubTalk
from simvoice.station.keeping import FlowKeeper
from simvoice.station.roster_store import NO_ASSIGNMENT, RosterStore, check_open
from simvoice.station.view import Choose
from simvoice.station.visit import CameBack, Chosen, FlowEvent, SignedIn, Visit
from simvoice.web.ports import CaseCard

_NO_CASE: Final = "The case of this code is not on this station; ask a technician."


class Entrance:
    """Accepts codes and choices. Thread-safe."""

    def __init__(
        self,
        keeper: FlowKeeper,
        rosters: RosterStore,
        talk: HubTalk,
        *,
        cases: Callable[[], Sequence[CaseCard]],
        tell: Callable[[FlowEvent], object],
    ) -> None:
        """cases: those that the station has. tell: changes the flow."""
        self._keeper = keeper
        self._rosters = rosters
        self._talk = talk
        self._cases = cases
        self._tell = tell

    def _card(self, case_id: str) -> CaseCard | None:
        return next((each for each in self._cases() if each.id == case_id), None)

    def _visit(self) -> Visit:
        state = self._keeper.state
        if state.phase is not Phase.CODE or state.visit is None:
            raise UsageError("No code is asked for now; the page shows what comes next.")
        return state.visit

    def enter_code(self, text: str) -> None:
        """Let a typed code in. Blocks up to 2 s. Raises UsageError with a sentence."""
        if self._keeper.state.is_away:
            self._tell(CameBack(self._rosters.look_up(text).id))
            return
        visit = self._visit()
        answer = self._talk.claim(text, visit.session)
        if answer is not None:
            self.sign_in(answer.code, answer.assignment, choices=answer.assignments)
            return
        code = self._rosters.look_up(text)
        is_used = self._keeper.is_used_by_other(code, visit.session)
        assignment = self._rosters.check_usable(code, self._keeper.hub_s(), is_used)
        self.sign_in(code, assignment, choices=self._open_for(code))

    def _open_for(self, code: RosterCode) -> tuple[UUID, ...]:
        """Return what the person of a code may do now, as far as this station knows."""
        done = self._keeper.exams_done(code.id)
        return tuple(
            each
            for each in code.assignments
            if each not in done and self._rosters.is_open(each, self._keeper.hub_s())
        )

    def sign_in(
        self,
        code: RosterCode,
        assignment: StationAssignment | None,
        *,
        choices: tuple[UUID, ...] = (),
        command: StationCommand | None = None,
    ) -> None:
        """Tell that a code is accepted. command: of the technician who has set it from afar."""
        if assignment is not None and self._card(assignment.case) is None:
            raise UsageError(_NO_CASE)
        wanted = code.accommodations
        if command is not None and command.accommodations is not None:
            wanted = wanted.joined(command.accommodations)
        self._tell(
            SignedIn(
                code=code.id,
                assignment=assignment,
                reading_s=assignment.options.reading_s if assignment is not None else 0.0,
                expires_at=code.expires_at,
                choices=choices,
                accommodations=wanted,
                from_afar=command is not None,
                session=uuid4() if command is not None else None,
            )
        )

    def practise(self, case_id: str) -> None:
        """Begin a practice without a code. Raises UsageError where the lab does not allow it."""
        visit = self._visit()
        if visit.code is not None or not self._rosters.settings.practice_without_code:
            raise UsageError("Practice without a code is not possible here; enter a code.")
        self._tell(self._free_practice(case_id))

    def _free_practice(self, case_id: str) -> Chosen:
        offered = showing.practice_cases(self._rosters, self._cases())
        card = next((each for each in offered if each.id == case_id), None)
        if card is None:
            raise UsageError("This case is not offered here; choose one of the list.")
        return Chosen(card.id, card.reading_time_s)

    def choose(self, action: Choose) -> None:
        """Take what the person of a code chooses. Raises UsageError with a sentence."""
        if self._visit().code is None:
            raise UsageError("Enter a code first.")
        if action.assignment is None:
            self._tell(self._free_practice(action.case))
            return
        assignment = self._rosters.assignment(action.assignment)
        if assignment is None:
            raise UsageError(NO_ASSIGNMENT)
        if self._card(assignment.case) is None:
            raise UsageError(_NO_CASE)
        check_open(assignment, self._keeper.hub_s())
        self._tell(Chosen(assignment.case, assignment.options.reading_s, assignment))
