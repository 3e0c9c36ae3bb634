"""The comparison at the end of an exam day finds what is lost, doubled, or of the wrong learner."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from simvoice.hub import attempts
from simvoice.hub.hub import Hub
from tests.exam_day.hub_checks import Kept, check_kept
from tests.exam_day.lab import Kind, Lab, Learner, furnish, open_lab
from tests.exam_day.marks import make_marks
from tests.exam_day.visit import Begun, Visit
from tests.planted.on_page import plant

pytestmark = pytest.mark.slow

PORT = 18_999


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    chosen = random.Random(3)
    return furnish(tmp_path / "hub", "", PORT, make_marks(8, 5), 2, chosen, limit_s=40.0)


@pytest.fixture
def hub(lab: Lab) -> Iterator[Hub]:
    made = open_lab(lab.data, "", PORT)
    yield made
    made.database.close()


def of_kind(lab: Lab, kind: Kind, number: int = 0) -> Learner:
    return [each for each in lab.learners if each.kind is kind][number]


def found(hub: Hub, lab: Lab, *visits: Visit) -> list[str]:
    kept = Kept()
    check_kept(hub, lab, visits, kept)
    return kept.faults


def visit_of(learner: Learner, attempt: str, at_s: float = 20.0) -> Visit:
    return Visit(learner, "A1", begun=[Begun(attempt, at_s)])


@pytest.fixture
def record(hub: Hub, lab: Lab, tmp_path: Path) -> str:
    """A record that is kept under the code of the first exam, and is not released."""
    attempt = plant(tmp_path / "planted")
    attempts.keep(
        hub,
        tmp_path / "planted" / attempt,
        origin="station",
        code_id=of_kind(lab, Kind.EXAM).code,
        assignment_id=lab.exam,
    )
    return attempt


def test_an_attempt_that_is_not_there_is_lost(hub: Hub, lab: Lab) -> None:
    for kind in (Kind.EXAM, Kind.PRACTICE, Kind.OWN_EXAM):
        (fault,) = found(hub, lab, visit_of(of_kind(lab, kind), "20261130-100000-x-aaaa"))
        assert fault.endswith("is lost")
    assert found(hub, lab, visit_of(of_kind(lab, Kind.NO_CODE), "20261130-100000-x-aaaa")) == []


def test_an_exam_that_is_not_released_or_lacks_its_end_is_found(
    hub: Hub, lab: Lab, record: str
) -> None:
    faults = found(hub, lab, visit_of(of_kind(lab, Kind.EXAM), record))
    assert [fault for fault in faults if "released to 0 courses, not 1" in fault]
    assert not [fault for fault in faults if "lacks" in fault]
    faults = found(hub, lab, visit_of(of_kind(lab, Kind.EXAM), record, at_s=900.0))
    assert [fault for fault in faults if "lacks" in fault]


def test_an_attempt_under_the_code_of_another_is_found(hub: Hub, lab: Lab, record: str) -> None:
    faults = found(hub, lab, visit_of(of_kind(lab, Kind.EXAM, 1), record))
    assert [fault for fault in faults if "is kept for someone else" in fault]


def test_an_attempt_that_nobody_made_is_found(hub: Hub, lab: Lab, record: str) -> None:
    (fault,) = found(hub, lab)
    assert "that no page was told of" in fault


def test_an_attempt_without_a_code_does_not_belong_on_the_hub(
    hub: Hub, lab: Lab, record: str
) -> None:
    faults = found(hub, lab, visit_of(of_kind(lab, Kind.NO_CODE), record))
    assert [fault for fault in faults if "without a code, and the hub has it" in fault]
