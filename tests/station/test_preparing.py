"""Patients of a station are prepared one after the other, and never beside an encounter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from simvoice.errors import ModelMissing
from simvoice.station import preparing
from simvoice.station.pace import PaceFile, PreparationPace
from simvoice.station.preparing import Progress, StationPreparations
from simvoice.station.showing import time_left_words


class SlowPatients:
    """Each case takes until the test lets it go on, or until it is cancelled."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.go = threading.Event()
        self.fault: Exception | None = None

    def make_ready(
        self,
        case_id: str,
        progress: Callable[[float, str], None],
        cancelled: Callable[[], bool],
        *,
        likely_only: bool = False,
    ) -> None:
        self.began.append(case_id)
        progress(0.5, f"Preparing {case_id}")
        until_s = time.monotonic() + 60.0
        while not self.go.wait(0.002) and not cancelled():
            assert time.monotonic() < until_s, "the preparation was neither let on nor cancelled"
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def patients() -> SlowPatients:
    return SlowPatients()


@pytest.fixture
def wanted() -> list[str]:
    return ["ruth", "jesse"]


@pytest.fixture
def preparations(
    patients: SlowPatients, wanted: list[str], tmp_path: Path
) -> Iterator[StationPreparations]:
    def ask() -> Sequence[str]:
        return list(wanted)

    made = StationPreparations(patients, ask, tmp_path)  # type: ignore[arg-type]
    made.page_is_there()
    yield made
    made.stop()


def until(is_so: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + 60.0
    while not is_so():
        assert time.monotonic() < until_s, f"not within 10 s: {what}"
        time.sleep(0.002)


def test_all_cases_are_prepared_in_the_order_of_their_need(
    preparations: StationPreparations, patients: SlowPatients
) -> None:
    patients.go.set()
    preparations.start()
    until(lambda: preparations.is_ready("jesse"), "the second case is ready")
    assert patients.began == ["ruth", "jesse"]
    assert preparations.states() == (("ruth", True, ""), ("jesse", True, ""))


def test_the_page_comes_before_the_engines(
    patients: SlowPatients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = StationPreparations(patients, lambda: ["ruth"], tmp_path)  # type: ignore[arg-type]
    made.start()
    patients.go.set()
    assert not made.is_ready("ruth")
    made.page_is_there()
    until(lambda: made.is_ready("ruth"), "it is prepared when the page is there")
    made.stop()
    monkeypatch.setattr(preparing, "PAGE_FIRST_S", 0.01)
    alone = StationPreparations(patients, lambda: ["ruth"], tmp_path)  # type: ignore[arg-type]
    alone.start()
    until(lambda: alone.is_ready("ruth"), "it is prepared without a page, too")
    alone.stop()


def test_the_case_of_a_learner_comes_before_the_one_that_is_being_prepared(
    preparations: StationPreparations, patients: SlowPatients, wanted: list[str]
) -> None:
    preparations.start()
    until(lambda: patients.began == ["ruth"], "the first case is begun")
    assert preparations.sentence() == "Preparing ruth"
    wanted.reverse()
    preparations.look_again()
    until(lambda: patients.began == ["ruth", "jesse"], "the other case is begun")
    assert not preparations.is_ready("ruth")
    patients.go.set()
    until(lambda: preparations.is_ready("ruth"), "the first case is prepared afterwards")


def test_a_case_that_is_not_needed_now_gives_way_to_a_learner(
    preparations: StationPreparations, patients: SlowPatients, wanted: list[str]
) -> None:
    patients.go.set()
    preparations.start()
    until(lambda: preparations.is_ready("jesse"), "all are ready")
    patients.go.clear()
    wanted.append("dana")
    preparations.look_again()
    until(lambda: patients.began[-1] == "dana", "a third case is begun")
    wanted[:] = ["ruth"]  # a learner has chosen a case that is ready
    assert preparations.pause(5.0), "the encounter would wait for another patient"
    assert not preparations.is_ready("dana")
    wanted.append("dana")
    patients.go.set()
    preparations.go_on()
    until(lambda: preparations.is_ready("dana"), "it is prepared afterwards")


def test_nothing_is_prepared_while_an_encounter_runs(
    preparations: StationPreparations, patients: SlowPatients
) -> None:
    preparations.start()
    until(lambda: patients.began == ["ruth"], "the first case is begun")
    assert preparations.pause(5.0)
    assert not preparations.is_ready("ruth")
    preparations.look_again()
    assert patients.began == ["ruth"]
    patients.go.set()
    preparations.go_on()
    until(lambda: preparations.is_ready("jesse"), "all are prepared afterwards")


def test_a_case_that_cannot_be_prepared_has_a_sentence_and_another_try(
    preparations: StationPreparations, patients: SlowPatients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "AGAIN_S", 0.01)
    patients.fault = ModelMissing("piper-joe is not here; run: simvoice models pull")
    patients.go.set()
    preparations.start()
    until(lambda: "simvoice models pull" in preparations.trouble("jesse"), "the fault is told")
    patients.fault = None
    until(lambda: preparations.is_ready("jesse"), "it is prepared when its files are there")


def test_new_files_of_cases_are_prepared_again(
    preparations: StationPreparations, patients: SlowPatients
) -> None:
    patients.go.set()
    preparations.start()
    until(lambda: preparations.is_ready("jesse"), "all are ready")
    preparations.forget()
    until(lambda: patients.began == ["ruth", "jesse", "ruth", "jesse"], "all are prepared again")


def test_a_learner_who_waits_comes_before_the_voice_of_announcements(
    patients: SlowPatients, tmp_path: Path
) -> None:
    order: list[str] = []
    waits = threading.Event()
    waits.set()
    made = StationPreparations(
        patients,  # type: ignore[arg-type]
        lambda: ["ruth"],
        tmp_path,
        before=lambda _: order.append("announcements"),
        hurries=waits.is_set,
    )
    patients.go.set()
    made.page_is_there()
    made.start()
    until(lambda: order == ["announcements"], "the announcements are prepared afterwards")
    assert patients.began == ["ruth"]
    assert made.is_ready("ruth")
    made.stop()


# -- how long it takes


class Steps:
    """A patient whose preparation takes a second of the test's clock for each step."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slower = 1.0
        self.seen: list[Progress] = []
        self.ask: Callable[[], Progress] = lambda: Progress(0.0, None)

    def make_ready(
        self,
        case_id: str,
        progress: Callable[[float, str], None],
        cancelled: Callable[[], bool],
        *,
        likely_only: bool = False,
    ) -> None:
        for step in range(10):
            self.now_s += self.slower
            progress((step + 1) / 10, "Preparing")
            self.seen.append(self.ask())


def test_the_second_start_tells_how_long_it_takes_and_learns_when_it_is_slower(
    tmp_path: Path,
) -> None:
    patients = Steps()

    def start() -> StationPreparations:
        made = StationPreparations(
            patients,  # type: ignore[arg-type]
            lambda: ["ruth"],
            tmp_path,
            now_s=lambda: patients.now_s,
        )
        patients.ask, patients.seen = lambda: made.progress("ruth"), []
        return made

    first = start()
    assert first.progress("ruth") == Progress(0.0, None)
    assert first.prepare_next()
    assert patients.seen[0] == Progress(0.1, None)
    assert patients.seen[7].left_s == pytest.approx(2.0)  # from its own speed, after some seconds
    second = start()
    assert second.progress("ruth") == Progress(0.0, 10.0)
    second.prepare_next()
    assert patients.seen[3].left_s == pytest.approx(6.0)
    patients.slower = 3.0
    third = start()
    third.prepare_next()
    assert patients.seen[3].left_s == pytest.approx(18.0)
    (tmp_path / "pace.json").write_text("{")
    assert start().progress("ruth").left_s is None


def test_what_takes_longer_than_before_says_so(tmp_path: Path) -> None:
    file = PaceFile(tmp_path)
    file.keep("ruth", [(n / 100, n / 10) for n in range(101)])
    curve = PaceFile(tmp_path).curve("ruth")
    assert len(curve) <= 17
    pace = PreparationPace(curve, 50.0)
    assert pace.left_s(55.0) == pytest.approx(5.0)
    assert pace.left_s(61.0) == 0.0
    words = [time_left_words(Progress(0.5, left_s)) for left_s in (None, 0.0, 4.0, 21.0, 150.0)]
    assert words == [
        *("", "It takes longer than usual.", "A few seconds."),
        *("About 25 seconds.", "About 3 minutes."),
    ]
