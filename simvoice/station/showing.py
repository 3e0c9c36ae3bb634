"""What pages and technicians see of a state: a view for the learner, a light for the hall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simvoice.hub_client.station_messages import Accommodations, Light, Phase
from simvoice.station import words
from simvoice.station.encounters import limit_s
from simvoice.station.flow import WARNING, left_s
from simvoice.station.preparing import Progress
from simvoice.station.roster_store import RosterStore
from simvoice.station.view import Announcement, Choice, StationView
from simvoice.station.visit import EncounterStage, FlowState, Visit
from simvoice.web.ports import CaseCard


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a view is made of."""

    name: str
    version: int
    now_s: float
    """Elapsed time of the station."""
    state: FlowState
    rosters: RosterStore
    cases: tuple[CaseCard, ...]
    fault: str
    encounter_left_s: float | None
    """Seconds until the time of the running encounter is over; None without a limit."""
    is_running: bool
    is_sealed: bool
    """The record of the last attempt is sealed."""
    note: str
    """What the hub says is wrong with this station."""
    preparing: str
    progress: Progress | None
    """Of the patient of this visit; None when it is ready, and without one."""
    loop_backs: int


def view(facts: Facts) -> StationView:
    """Return what a page of the learner shows."""
    state, rosters = facts.state, facts.rosters
    settings, roster = rosters.settings, rosters.roster
    said = state.said
    announcement = None
    if said.text:
        announcement = Announcement(said.number, said.text, said.bell, said.is_quiet)
    shared: dict[str, Any] = {
        "version": facts.version,
        "name": facts.name,
        "phase": state.phase,
        "left_s": shown_left_s(state, facts.now_s, facts.encounter_left_s),
        "is_held": state.is_held,
        "warning": WARNING if state.is_warned else "",
        "announcement": announcement,
        "speaks": settings.speak_announcements,
        "fault": facts.fault,
        "note": facts.note,
        "notice": state.notice,
        "hub": roster.hub if roster is not None else "",
        **_readiness(facts),
        "is_running": facts.is_running,
        "is_interrupted": state.stage is EncounterStage.INTERRUPTED,
        "loop_back": facts.loop_backs,
    }
    if state.visit is None or state.phase is Phase.RESET:
        return StationView(**shared)
    if state.is_away:
        large_type = Accommodations(large_type=state.visit.accommodations.large_type)
        hidden: dict[str, Any] = {
            "phase": Phase.CODE,
            "is_interrupted": False,
            "notice": "",
            "announcement": None,
        }
        return StationView(**{**shared, **hidden, "accommodations": large_type, "is_away": True})
    return StationView(**shared, **_of_visit(facts, state.visit))


def _readiness(facts: Facts) -> dict[str, Any]:
    """Return the fields of a view about the preparation of the patient."""
    progress = facts.progress
    if progress is None:
        return {}
    return {
        "is_ready": False,
        "preparing": facts.preparing,
        "ready_share": progress.share,
        "ready_in_s": progress.left_s,
    }


def time_left_words(progress: Progress) -> str:
    """Return how long a preparation still takes, in a sentence; empty while nothing is known."""
    left_s = progress.left_s
    if left_s is None:
        return ""
    if left_s <= 0.0:
        return "It takes longer than usual."
    if left_s <= 5.0:
        return "A few seconds."
    if left_s <= 90.0:
        return f"About {5 * math.ceil(left_s / 5)} seconds."
    return f"About {math.ceil(left_s / 60)} minutes."


def preparing_words(progress: Progress | None, cases: Sequence[tuple[str, bool, str]]) -> str:
    """Return which patients are not ready, in sentences for a technician; empty when all are.

    progress: of the patient for whom a learner waits. cases: id, readiness and trouble of each.
    """
    if progress is not None:
        return f"The patient is being prepared. {time_left_words(progress)}".strip()
    ready = sum(is_ready for _, is_ready, _ in cases)
    if all(is_ready or trouble for _, is_ready, trouble in cases):
        return ""
    return f"{ready} of {len(cases)} patients are ready."


def _of_visit(facts: Facts, visit: Visit) -> dict[str, Any]:
    """Return the fields of a view that are about the learner."""
    state, settings = facts.state, facts.rosters.settings
    shown: dict[str, Any] = {"accommodations": visit.accommodations}
    if state.phase is Phase.CONSENT:
        shown |= {"consent": words.consent(settings), "honour": words.honour(settings)}
    if state.phase is Phase.CODE:
        shown |= {
            "may_practise": settings.practice_without_code,
            "needs_code": visit.code is None,
            "assignments": _choices(facts.rosters, visit),
            "cases": tuple(practice_cases(facts.rosters, facts.cases)),
        }
    if not visit.case:
        return shown
    card = next((each for each in facts.cases if each.id == visit.case), None)
    assigned = visit.assignment
    length_s = limit_s(visit, card)
    return shown | {
        "mode": visit.mode,
        "title": assigned.title if assigned is not None else "",
        "course": assigned.course if assigned is not None else "",
        "mode_words": words.mode_words(visit),
        "who_sees": words.who_sees(visit),
        "case": card.lasting(length_s) if card is not None else None,
        "limit_s": length_s,
        "timer_is_hard": assigned is not None and assigned.options.timer.value == "hard",
        "drill": visit.drill,
        "tries_left": visit.tries_left,
        "questions": visit.questions,
        "drill_left_s": visit.drill_left_s,
        **_afterwards(facts, visit),
    }


def _afterwards(facts: Facts, visit: Visit) -> dict[str, Any]:
    """Return the fields of a view for the time after an encounter."""
    phase = facts.state.phase
    if phase is Phase.QUESTIONS:
        return {"answers": visit.answers}
    if phase not in (Phase.DEBRIEF, Phase.THANKS):
        return {}
    if phase is Phase.DEBRIEF and visit.is_reflecting:
        return {"reflects_on": visit.attempt}
    is_stored = visit.code is None or facts.is_sealed
    has_debrief = phase is Phase.DEBRIEF and bool(visit.attempt) and is_stored
    return {
        "attempt": visit.attempt if has_debrief else None,
        "may_retry": has_debrief and visit.mode == "practice",
        "is_storing": bool(visit.attempt) and not is_stored,
    }


def _choices(rosters: RosterStore, visit: Visit) -> tuple[Choice, ...]:
    known = (rosters.assignment(each) for each in visit.choices)
    return tuple(
        Choice(each.id, each.title, each.course, each.mode) for each in known if each is not None
    )


def practice_cases(rosters: RosterStore, offered: Sequence[CaseCard]) -> list[CaseCard]:
    """Return the cases that anyone may practise: those that the lab names, or all."""
    named = rosters.settings.practice_cases
    return [card for card in offered if not named or card.id in named]


def shown_left_s(state: FlowState, now_s: float, encounter_left_s: float | None) -> float | None:
    """Return the seconds that a clock shows; in the encounter those of the patient."""
    if state.stage is EncounterStage.RUNNING:
        return encounter_left_s
    return left_s(state, now_s)


def light(state: FlowState, red_reason: str) -> Light:
    """Return the state of the room. red_reason: empty when nothing is wrong."""
    if red_reason:
        return Light.RED
    if state.stage is EncounterStage.RUNNING:
        return Light.TALKING
    return Light.WAITING if state.visit is not None or state.phase is Phase.TEST else Light.GREEN
