"""Cohorts without recordings: rows with planted figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

from simvoice.hub import briefs
from simvoice.hub.briefs import Figures, FigureTally, MadeBrief, OwnItem
from simvoice.hub.cohort import CohortRow
from simvoice.hub.hub import Hub
from simvoice.hub.storage.tables import Account, Membership, Release, StoredAttempt
from simvoice.release.contents import Contents
from simvoice.scoring.instruments.instrument import headings, instruments
from simvoice.scoring.metrics.definitions import followed

CASE = "breast-biopsy"
VERSION = "a" * 64
BEGAN = datetime(2026, 11, 2, 9, tzinfo=UTC)
ITEMS = tuple(item.id for item in instruments()["spikes"].items if not item.human)
OWN = OwnItem(id="critical-breast-biopsy-says-cancer", text="Say “cancer”.")


def figures(
    items: Mapping[str, str], numbers: Mapping[str, float] | None = None, **changed: Any
) -> Figures:
    """Return the figures of one attempt. items: outcome by id."""
    counts = list(items.values())
    tally = FigureTally(
        met=counts.count("met"),
        not_met=counts.count("not met"),
        not_judged=counts.count("not judged") + counts.count("open"),
    )
    given: dict[str, Any] = {
        **{"case_sha256": VERSION, "visit": (), "part": "", "duration_s": 300.0},
        **{"learner_turns": 20, "own_items": (OWN,)},
        "numbers": numbers or {},
        "lists": {heading.id: tally for heading in headings()},
        "items": items,
        "moments": dict.fromkeys(items, 30.0),
        **changed,
    }
    return Figures.model_validate(given)


def row(learner: int, number: int, found: Figures, **changed: Any) -> CohortRow:
    """Return an attempt of a learner, who makes one a day."""
    given: dict[str, Any] = {
        **{"attempt_id": UUID(int=1000 * learner + number), "learner": UUID(int=learner)},
        **{"started_at": BEGAN + timedelta(days=number, minutes=learner), "case_id": CASE},
        **{"assignment_id": None, "holds_words": True, "may_play": False, "figures": found},
        **changed,
    }
    return CohortRow(**given)


def planted(
    learners: int, attempts: int, weak: Sequence[str], seed: int = 0, **changed: Any
) -> list[CohortRow]:
    """Return a cohort that mostly misses the weak items and mostly meets the others."""
    random = Random(seed)
    found = []
    for learner in range(1, learners + 1):
        for number in range(attempts):
            items = {}
            for key in (*ITEMS, OWN.id):
                chance = 0.2 if key in weak else 0.8
                judged = random.random() < 0.93
                met = "met" if random.random() < chance else "not met"
                items[key] = met if judged else random.choice(("not judged", "open"))
            numbers = {
                key: round(random.lognormvariate(2.0, 0.6), 3)
                for key in followed()
                if random.random() < 0.95
            }
            found.append(row(learner, number, figures(items, numbers), **changed))
    return found


def release_planted(hub: Hub, course_id: UUID, rows: Sequence[CohortRow]) -> None:
    """Put the learners of rows into a course, with released attempts that have no recording."""
    with hub.database.begin() as session:
        accounts: dict[UUID, UUID] = {}
        for each in rows:
            number = each.learner.int
            if each.learner not in accounts:
                person = Account(login=f"cohort-{number}", name=f"Name {number}")
                session.add(person)
                session.flush()
                accounts[each.learner] = person.id
                session.add(Membership(course_id=course_id, person_id=person.id))
            made = StoredAttempt(
                **{"id": uuid4(), "record_id": f"20261102-0900-{each.attempt_id.int}"},
                **{"owner_id": accounts[each.learner], "origin": "hub", "case_id": CASE},
                **{"case_title": "A biopsy", "patient_name": "Noreen", "duration_s": 300.0},
                **{"started_at": each.started_at, "reason": "learner"},
            )
            session.add(made)
            session.flush()
            given = Release(attempt_id=made.id, course_id=course_id, contents="words")
            if each.may_play:
                given.contents, given.example_since = "sound", BEGAN
            session.add(given)
            brief = MadeBrief(brief=None, figures=each.figures)
            briefs.store(session, made.id, Contents.SOUND, brief)
