"""Which attempts are due, and when erasing them looks like a mistake."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from simvoice.hub.storage.database import Database
from simvoice.hub.storage.retention import Retention, RetentionPlan, plan_retention
from simvoice.hub.storage.tables import Course, Release, StoredAttempt, StoredFile
from tests.hub.kept_attempts import NOON


class Attempts:
    """Rows of attempts of different ages; no recording is needed to plan."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, age_days: float, origin: str = "hub", *, revoked: bool | None = None) -> UUID:
        """Add an attempt; revoked: False for one that is released, None for never."""
        attempt_id = uuid4()
        with self.database.begin() as session:
            session.add(
                StoredAttempt(
                    id=attempt_id,
                    record_id="20261101-090000-breast-biopsy-aaaa",
                    origin=origin,
                    case_id="breast-biopsy",
                    case_title="A result",
                    patient_name="Ines",
                    started_at=NOON - timedelta(days=400),  # a computer with a wrong clock
                    duration_s=60.0,
                    reason="learner",
                    received_at=NOON - timedelta(days=age_days),
                    files=[StoredFile(name="x", size=10, sha256="", object_key="a/b/x")],
                )
            )
            if revoked is not None:
                course = Course(title="A course")
                session.add(course)
                session.flush()
                at = NOON if revoked else None
                session.add(
                    Release(
                        attempt_id=attempt_id,
                        course_id=course.id,
                        contents="sound",
                        revoked_at=at,
                    )
                )
        return attempt_id

    def plan(self, at: datetime = NOON, **retention: object) -> RetentionPlan:
        return plan_retention(self.database, Retention(**retention), at)  # type: ignore[arg-type]


@pytest.fixture
def kept(database: Database) -> Attempts:
    return Attempts(database)


def due(plan: RetentionPlan) -> list[UUID]:
    return [each.id for each in plan.due]


def test_without_a_setting_nothing_is_due(kept: Attempts) -> None:
    kept.add(10_000)
    assert not Retention().is_on
    assert (due(kept.plan()), kept.plan().kept) == ([], 1)


def test_what_is_as_old_as_the_setting_is_due_oldest_first(kept: Attempts) -> None:
    younger, older = kept.add(30), kept.add(31)
    for age in (0, 1, 29.99, 2, 3):
        kept.add(age)
    plan = kept.plan(days=30)
    assert due(plan) == [older, younger]
    assert (plan.size, plan.kept, plan.objection) == (20, 5, "")


def test_the_age_counts_from_the_hub_and_not_from_the_learners_clock(kept: Attempts) -> None:
    kept.add(1)
    assert due(kept.plan(days=30)) == []


def test_released_attempts_have_a_setting_of_their_own(kept: Attempts) -> None:
    released, withdrawn, never = (
        kept.add(50, revoked=False),
        kept.add(50, revoked=True),
        kept.add(50),
    )
    for _ in range(5):
        kept.add(0)
    assert set(due(kept.plan(days=30))) == {released, withdrawn, never}
    assert set(due(kept.plan(days=30, released_days=60))) == {withdrawn, never}
    assert set(due(kept.plan(released_days=40))) == {released}


def test_an_origin_can_have_a_setting_of_its_own(kept: Attempts) -> None:
    ids = {origin: kept.add(50, origin) for origin in ("hub", "laptop", "station")}
    for _ in range(5):
        kept.add(0)
    assert due(kept.plan(days_of={"station": 40})) == [ids["station"]]
    assert set(due(kept.plan(days=40, days_of={"hub": 60}))) == {ids["laptop"], ids["station"]}
    released = kept.add(50, "station", revoked=False)
    assert released not in due(kept.plan(days_of={"station": 40}))


def test_a_clock_far_ahead_is_objected_to(kept: Attempts) -> None:
    for age in (1, 2, 3):
        kept.add(age)
    plan = kept.plan(NOON + timedelta(days=3650), days=30)
    assert len(plan.due) == 3
    assert "more than half" in plan.objection
    assert "2036" in plan.objection


def test_a_clock_set_back_is_objected_to(kept: Attempts) -> None:
    kept.add(1)
    kept.add(50)
    assert kept.plan(NOON - timedelta(days=1), days=30).objection == ""
    plan = kept.plan(NOON - timedelta(days=2), days=30)
    assert "set the clock" in plan.objection


def test_half_may_go_and_more_than_half_may_not(kept: Attempts) -> None:
    kept.add(50)
    kept.add(1)
    assert kept.plan(days=30).objection == ""
    kept.add(50)
    assert kept.plan(days=30).objection.startswith("2 of 3 attempts would be erased")
