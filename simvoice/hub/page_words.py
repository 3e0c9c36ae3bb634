"""Words and places that the templates of the hub need: filters of Jinja, all pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simvoice.display import count_noun, duration_in_words
from simvoice.hub.assignment_options import options_of
from simvoice.hub.assignments import Assigned, Mode
from simvoice.hub.cohort_view import interval_words, learners_met
from simvoice.hub.doors.access import Visitor
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Account, Assignment
from simvoice.web import format


@dataclass(frozen=True, slots=True)
class NavLink:
    """A page in the navigation."""

    key: str
    """A template names itself by it: `{% set place = "courses" %}`."""
    path: str
    words: str
    roles: frozenset[Role] = frozenset()
    """Who sees it; empty for everyone with an account."""


_PLACES = (
    NavLink("home", "/", "Home"),
    NavLink("practice", "/practice", "Practise", frozenset({Role.LEARNER})),
    NavLink("attempts", "/attempts", "Your attempts", frozenset({Role.LEARNER})),
    NavLink("progress", "/progress", "Progress", frozenset({Role.LEARNER})),
    NavLink("courses", "/courses", "Courses", frozenset({Role.EDUCATOR})),
    NavLink("workbench", "/workbench", "Workbench", frozenset({Role.EDUCATOR})),
    NavLink("stations", "/stations", "Stations", frozenset({Role.TECHNICIAN})),
    NavLink("operations", "/operations", "Operations", frozenset({Role.TECHNICIAN})),
    NavLink("people", "/people", "People", frozenset({Role.TECHNICIAN})),
    NavLink("audit", "/audit", "Audit", frozenset({Role.TECHNICIAN, Role.EDUCATOR})),
    NavLink("research", "/research", "Research", frozenset({Role.RESEARCHER})),
    NavLink("devices", "/devices", "Devices"),
)

_MEANS = {
    Role.LEARNER: "talks with patients and keeps private attempts",
    Role.EDUCATOR: "makes courses and opens what is released to them",
    Role.TECHNICIAN: "makes accounts and looks after the server; opens no attempt",
    Role.RESEARCHER: "exports numbers of released attempts, without names",
}


def places(visitor: Visitor) -> list[NavLink]:
    """Return the pages that a visitor can go to, in order."""
    return [each for each in _PLACES if not each.roles or each.roles & visitor.roles]


def role_words(visitor: Visitor) -> str:
    """Return a visitor's roles: "learner, educator"."""
    return _in_order(visitor.roles) or "no role yet"


def person_roles(person: Account) -> str:
    """Return a person's roles; empty without one."""
    return _in_order(frozenset(Role(each.role) for each in person.roles))


def _in_order(roles: frozenset[Role]) -> str:
    return ", ".join(role for role in Role if role in roles)


def role_means(role: Role) -> str:
    """Return what a role may do, in words."""
    return _MEANS[role]


def local(when: datetime | None) -> str:
    """Return a moment in the time zone of the server: "22 November 2026, 10:15"."""
    return "never" if when is None else format.moment(when.astimezone().isoformat())


def local_seconds(when: datetime) -> str:
    """Return a moment with its seconds, for lists that are read by the clock."""
    return f"{local(when)}:{when.astimezone():%S}"


def time_zone() -> str:
    """Return the name of the server's time zone."""
    return datetime.now(UTC).astimezone().tzname() or "UTC"


def from_local(typed: str) -> datetime | None:
    """Return the moment of a field for date and time; None for an empty or unreadable one."""
    try:
        return datetime.fromisoformat(typed).astimezone(UTC) if typed else None
    except (ValueError, OverflowError, OSError):
        return None


def to_local(when: datetime | None) -> str:
    """Return a moment as a field for date and time holds it; empty for None."""
    return "" if when is None else when.astimezone().strftime("%Y-%m-%dT%H:%M")


def dates(assignment: Assignment) -> str:
    """Return from when until when an assignment can be done."""
    opens, closes = assignment.opens_at, assignment.closes_at
    if opens and closes:
        return f"{local(opens)} to {local(closes)}"
    if closes:
        return f"until {local(closes)}"
    return f"from {local(opens)}" if opens else "any time"


def attempts_words(each: Assigned) -> str:
    """Return how many attempts were made and are left: "1 made, 2 left"."""
    made = f"{each.made} made" if each.made else "none yet"
    return made if each.left is None else f"{made}, {each.left} left"


def assigned_words(each: Assigned) -> str:
    """Return what a learner needs to know of the next assignment, in sentences."""
    task = each.assignment
    parts = [Mode(task.mode).words]
    if each.present_round is not None:
        return f"{next_try_words(each)}."
    if task.closes_at is not None:
        parts.append(f"It closes on {local(task.closes_at)}.")
    if each.left is not None:
        parts.append(f"You have {count_noun(each.left, 'attempt')} left.")
    return " ".join(parts)


def next_try_words(each: Assigned) -> str:
    """Return what of a drill is left: "Try 3 of 5, 6 minutes left"; empty without one."""
    drill = options_of(each.assignment).drill
    going_on = each.present_round
    if drill is None or going_on is None:
        return ""
    left = duration_in_words(going_on.left_s(datetime.now(UTC)))
    return f"Try {going_on.tries + 1} of {drill.tries}, {left} left"


def size_words(size: float) -> str:
    """Return a number of bytes for people: "1.5 GB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "assigned_words": assigned_words,
    "attempts_words": attempts_words,
    "dates": dates,
    "interval_words": interval_words,
    "learners_met": learners_met,
    "local": local,
    "local_seconds": local_seconds,
    "next_try_words": next_try_words,
    "person_roles": person_roles,
    "places": places,
    "role_means": role_means,
    "role_words": role_words,
    "size_words": size_words,
}
