"""Who may begin: the pool, the queue, and one encounter for each learner."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import AttemptError, CaseError, ModelMissing, StorageFull, UsageError
from simvoice.hub.encounters.admission import Admission, AdmitAll, EncounterWish
from simvoice.hub.encounters.answer_times import FEWEST, LIMIT_S
from simvoice.hub.encounters.keeping import OWNER, RecordOwner
from simvoice.hub.encounters.pool import HubEncounters, Standing
from simvoice.hub.encounters.queue import GRACE_S, OFFER_S
from simvoice.hub.retries import OpenAttempt
from simvoice.ports import AudioLine
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import Answered, Finished, Observer, Status
from simvoice.runtime.stages import Engines
from simvoice.web.encounters import Outbox, RunningEncounter
from simvoice.web.ports import CaseCard
from tests.web.stand_in import CASE

WAIT_S = 60.0
PLENTY = 10**11


@dataclass(frozen=True)
class Someone:
    name: str
    person_id: UUID | None = field(default_factory=uuid4)
    code_id: UUID | None = None


class Talk:
    """An encounter that goes on until the test ends it."""

    attempt = "20270101-000000-talk-aaaa"

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._end = threading.Event()

    def run(self) -> Finished:
        assert self._end.wait(WAIT_S)
        return Finished(self.attempt, "learner")

    def end(self, reason: str = "learner") -> None:
        self._end.set()


@dataclass
class StandInSimulator:
    """Has one case, ready at once."""

    fault: Exception | None = None
    talks: list[Talk] = field(default_factory=list)
    folders: list[Path | None] = field(default_factory=list)
    options: list[EncounterOptions] = field(default_factory=list)

    offered: list[CaseCard] = field(default_factory=lambda: [CASE])
    prepared: list[str] = field(default_factory=list)

    def cases(self) -> Sequence[CaseCard]:
        return tuple(self.offered)

    def look_again(self) -> None:
        pass

    def engines(self) -> Engines:
        if self.fault is not None:
            raise self.fault
        return None  # type: ignore[return-value]

    def make_ready(self, case_id: str, **_: object) -> None:
        self.prepared.append(case_id)

    def prepare_rest(self, case_id: str, cancelled: object = None) -> None:
        pass

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer = lambda _: None,
        records: Path | None = None,
        options: EncounterOptions = AS_WRITTEN,
    ) -> Talk:
        self.folders.append(records)
        self.options.append(options)
        self.talks.append(Talk(observer))
        return self.talks[-1]


class SilentLine:
    def stop(self) -> None:
        pass


class World:
    """A hub's encounters with a clock that the test sets."""

    def __init__(self, folder: Path, most: int = 2, fault: Exception | None = None) -> None:
        self.now_s = 0.0
        self.free_bytes = PLENTY
        self.kept: list[RecordOwner] = []
        self.simulator = StandInSimulator(fault)
        self.encounters = HubEncounters(
            folder,
            lambda _, owner: self.kept.append(owner),
            clock_s=lambda: self.now_s,
            free_bytes=lambda: self.free_bytes,
        )
        self.encounters.start(self.simulator, most)  # type: ignore[arg-type]
        preparations = self.encounters._preparations
        assert preparations is not None
        assert preparations.wait_until_settled(WAIT_S)

    def standing(self, who: Someone) -> Standing:
        return self.encounters.state_for(who).standing

    def begin(self, who: Someone) -> RunningEncounter | str:
        """Begin, and wait until its thread has built it."""
        begun = self.encounters.begin(who, CASE.id, SilentLine(), NoPage())  # type: ignore[arg-type]
        until_s = time.monotonic() + WAIT_S
        while isinstance(begun, RunningEncounter) and begun.attempt is None:
            assert time.monotonic() < until_s, "the encounter was not built in time"
            if begun.over.wait(0.002):
                break
        return begun

    def talk(self, who: Someone) -> RunningEncounter:
        self.encounters.join(who, CASE.id)
        running = self.begin(who)
        assert isinstance(running, RunningEncounter), running
        return running

    def finish(self, running: RunningEncounter) -> None:
        running.end()
        assert running.over.wait(WAIT_S)


class NoPage(Outbox):
    """An outbox that no page reads."""

    def __init__(self) -> None:
        pass

    def put_audio(self, message: bytes) -> None:
        pass

    def put_text(self, message: dict[str, object]) -> None:
        pass

    put_status = put_text

    def close(self) -> None:
        pass


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for talk in made.simulator.talks:
        talk.end()
    made.encounters.stop()


ADA, BEN, CEM, DAN = (Someone(name) for name in ("Ada", "Ben", "Cem", "Dan"))


def test_who_comes_while_there_is_room_may_begin_at_once(world: World) -> None:
    state = world.encounters.join(ADA, CASE.id)
    assert (state.standing, state.take_within_s) == (Standing.OFFERED, OFFER_S)
    assert isinstance(world.begin(ADA), RunningEncounter)
    assert world.standing(ADA) is Standing.TALKING


def test_several_talk_at_once_and_the_next_waits_with_an_estimate(world: World) -> None:
    world.talk(ADA)
    world.talk(BEN)
    state = world.encounters.join(CEM, CASE.id)
    assert state.standing is Standing.WAITING
    assert state.sentence == "You are next, about 9 minutes."
    state = world.encounters.join(DAN, CASE.id)
    assert (state.ahead, state.standing) == (1, Standing.WAITING)
    assert state.sentence.startswith("1 before you, about ")


def test_the_estimate_shrinks_as_the_encounters_go_on(world: World) -> None:
    running = [world.talk(ADA), world.talk(BEN)]
    world.encounters.join(CEM, CASE.id)
    for one in running:
        world.simulator.talks[0].observer(Status(0.0, "nobody", -60.0, None))
        one.status = Status(300.0, "nobody", -60.0, None)
    assert world.encounters.state_for(CEM).sentence == "You are next, about 4 minutes."


def test_the_place_of_an_encounter_that_ends_is_offered_to_the_next(world: World) -> None:
    first = world.talk(ADA)
    world.talk(BEN)
    world.encounters.join(CEM, CASE.id)
    world.finish(first)
    assert world.standing(CEM) is Standing.OFFERED
    assert world.standing(ADA) is Standing.AWAY


def test_an_offer_that_is_not_taken_goes_to_the_next(world: World) -> None:
    world.talk(ADA)
    world.encounters.join(BEN, CASE.id)
    world.encounters.join(CEM, CASE.id)
    assert world.standing(CEM) is Standing.WAITING
    for _ in range(4):
        world.now_s += OFFER_S / 4 + 0.1
        assert world.standing(CEM) is Standing.WAITING or world.now_s > OFFER_S
        world.encounters.state_for(BEN)
    assert world.standing(CEM) is Standing.OFFERED
    assert world.standing(BEN) is Standing.AWAY
    assert world.begin(BEN) == "Choose a patient first."


def test_a_closed_waiting_page_loses_its_place_and_a_reload_keeps_it(world: World) -> None:
    world.talk(ADA)
    world.talk(BEN)
    world.encounters.join(CEM, CASE.id)
    world.encounters.join(DAN, CASE.id)
    world.now_s = GRACE_S - 1.0
    assert world.encounters.state_for(DAN).ahead == 1
    world.now_s = GRACE_S + 1.0
    assert world.encounters.state_for(DAN).ahead == 0
    assert world.standing(CEM) is Standing.AWAY


def test_each_learner_has_one_encounter(world: World) -> None:
    world.talk(ADA)
    assert world.encounters.join(ADA, CASE.id).standing is Standing.TALKING
    refused = world.begin(ADA)
    assert isinstance(refused, str)
    assert "another window" in refused
    assert len(world.simulator.talks) == 1


def test_no_one_begins_without_a_place_or_with_another_case(world: World) -> None:
    assert world.begin(ADA) == "Choose a patient first."
    world.encounters.join(ADA, CASE.id)
    refused = world.encounters.begin(ADA, "sudden-death", SilentLine(), NoPage())  # type: ignore[arg-type]
    assert isinstance(refused, str)
    with pytest.raises(CaseError):
        world.encounters.join(ADA, "no-such-case")


def test_while_answers_are_slow_no_one_new_begins_and_the_page_says_so(world: World) -> None:
    world.talk(ADA)
    for _ in range(FEWEST):
        world.simulator.talks[0].observer(Answered(1.0, LIMIT_S + 1.0))
    state = world.encounters.join(BEN, CASE.id)
    assert state.standing is Standing.WAITING
    assert "answer slowly" in state.sentence
    assert not world.encounters.load().admits
    world.now_s = 30.0
    world.encounters.state_for(BEN)
    world.now_s = 45.0
    world.encounters.state_for(BEN)
    world.now_s = 61.0
    assert world.standing(BEN) is Standing.OFFERED


def test_without_memory_for_one_more_no_one_new_begins(world: World) -> None:
    world.talk(ADA)
    world.free_bytes = 300_000_000
    state = world.encounters.join(BEN, CASE.id)
    assert state.standing is Standing.WAITING
    assert "memory" in state.sentence
    world.free_bytes = PLENTY
    assert world.standing(BEN) is Standing.OFFERED


def test_each_encounter_records_into_a_folder_of_its_own_and_is_kept(world: World) -> None:
    task = uuid4()
    first = world.talk(ADA)
    world.encounters.join(BEN, CASE.id, EncounterWish(task))
    second = world.begin(BEN)
    assert isinstance(second, RunningEncounter)
    folders = {folder.parent for folder in world.simulator.folders if folder is not None}
    assert len(world.simulator.folders) == 2
    assert len(folders) == 1
    for number, folder in enumerate(world.simulator.folders):
        assert folder is not None
        (folder / f"20270101-00000{number}-talk-aaaa").mkdir()
    world.finish(first)
    world.finish(second)
    world.encounters.stop()
    kept = {(owner.owner_id, owner.assignment_id) for owner in world.kept}
    assert kept == {(ADA.person_id, None), (BEN.person_id, task)}


def test_a_full_disk_refuses_in_a_sentence_and_the_place_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> Path:
        raise StorageFull("the disk is full; free some space")

    monkeypatch.setattr(world.encounters._keeper, "open", full)
    world.encounters.join(ADA, CASE.id)
    assert world.begin(ADA) == "the disk is full; free some space"
    assert world.standing(ADA) is Standing.OFFERED


def test_someone_with_an_exam_code_waits_like_everyone(world: World) -> None:
    candidate = Someone("114", person_id=None, code_id=uuid4())
    assert (
        world.encounters.join(candidate, CASE.id, EncounterWish(uuid4())).standing
        is Standing.OFFERED
    )
    assert isinstance(world.begin(candidate), RunningEncounter)


def test_without_models_the_hub_says_why(tmp_path: Path) -> None:
    world = World(tmp_path, fault=ModelMissing("whisper is not here; run: simvoice models pull"))
    state = world.encounters.join(ADA, CASE.id)
    assert state.standing is Standing.WAITING
    assert "whisper is not here" in state.sentence
    world.encounters.stop()


def test_a_hub_without_encounters_offers_no_case(tmp_path: Path) -> None:
    encounters = HubEncounters(tmp_path, lambda folder, owner: None)
    encounters.start(None, list_cases=lambda: (CASE,))
    assert encounters.cases() == ()
    assert encounters.assignable() == (CASE,)  # stations hold them
    assert encounters.load().most == 0
    with pytest.raises(UsageError, match="No encounters"):
        encounters.join(ADA, CASE.id)
    encounters.stop()


def test_the_load_counts_who_talks_and_waits(world: World) -> None:
    world.talk(ADA)
    world.talk(BEN)
    world.encounters.join(CEM, CASE.id)
    load = world.encounters.load()
    assert (load.running, load.most, load.waiting, load.admits) == (2, 2, 1, True)
    assert load.wait_s is not None
    assert load.wait_s > 480.0


# -- what may begin


@dataclass
class Desk:
    """Admits what it is told to."""

    refuses: str = ""
    admitted: list[RecordOwner] = field(default_factory=list)
    taken_back: int = 0

    def admit(self, owner: RecordOwner, retry: CheckpointRef | None) -> Admission:
        if self.refuses:
            raise UsageError(self.refuses)
        self.admitted.append(owner)
        counted = owner.model_copy(update={"begun_id": uuid4()})
        return Admission(counted, EncounterOptions(seed=7, typed=True))

    def take_back(self, admission: Admission) -> None:
        self.taken_back += 1

    @contextmanager
    def own_attempts(self, owner: RecordOwner) -> Iterator[OpenAttempt]:
        with AdmitAll().own_attempts(owner) as open_attempt:
            yield open_attempt


class ReadingPage(NoPage):
    """An outbox that keeps what a page would read."""

    def __init__(self) -> None:
        self.said: list[dict[str, object]] = []

    def put_text(self, message: dict[str, object]) -> None:
        self.said.append(message)


def begin_at(world: World, desk: Desk) -> ReadingPage:
    """Begin an encounter that the desk decides about, and wait until it runs or is over."""
    world.encounters._admissions = desk
    world.encounters.join(ADA, CASE.id)
    page = ReadingPage()
    running = world.encounters.begin(ADA, CASE.id, SilentLine(), page)  # type: ignore[arg-type]
    assert isinstance(running, RunningEncounter), running
    until_s = time.monotonic() + WAIT_S
    while running.attempt is None and not running.over.wait(0.002):
        assert time.monotonic() < until_s, "the encounter neither began nor ended"
    return page


def test_a_changed_case_is_prepared_again_and_an_encounter_with_it_goes_on(world: World) -> None:
    running = world.talk(ADA)
    prepared = len(world.simulator.prepared)
    world.simulator.offered.append(replace(CASE, id="another-case"))
    world.encounters.look_again(CASE.id)
    until_s = time.monotonic() + WAIT_S
    while len(world.simulator.prepared) < prepared + 2:
        assert time.monotonic() < until_s, world.simulator.prepared
        time.sleep(0.002)
    assert world.simulator.prepared[prepared:] == [CASE.id, "another-case"]
    assert world.standing(ADA) is Standing.TALKING
    world.finish(running)
    assert world.encounters.join(BEN, "another-case").case_id == "another-case"


def test_an_encounter_gets_the_options_of_its_admission(world: World) -> None:
    desk = Desk()
    begin_at(world, desk)
    assert world.simulator.options == [EncounterOptions(seed=7, typed=True)]
    (folder,) = world.simulator.folders
    assert folder is not None
    owner = RecordOwner.model_validate_json((folder / OWNER).read_bytes())
    assert owner.begun_id is not None  # after a crash, the record is found by it
    assert desk.taken_back == 0


def test_what_was_used_up_while_it_waited_does_not_begin(world: World) -> None:
    page = begin_at(world, Desk(refuses="You have made the 1 attempt that this assignment allows."))
    assert world.simulator.talks == []
    assert page.said[-1]["type"] == "fault"
    assert page.said[-1]["message"] == "You have made the 1 attempt that this assignment allows."
    assert world.standing(ADA) is Standing.AWAY


def test_an_encounter_that_cannot_be_built_does_not_count(world: World) -> None:
    def broken(*_: object, **__: object) -> Talk:
        raise StorageFull("the disk is full; free some space")

    desk = Desk()
    world.simulator.encounter = broken  # type: ignore[method-assign]
    page = begin_at(world, desk)
    assert page.said[-1]["message"] == "the disk is full; free some space"
    assert (len(desk.admitted), desk.taken_back) == (1, 1)


def test_nobody_has_attempts_before_a_hub_has_courses() -> None:
    with (
        AdmitAll().own_attempts(RecordOwner()) as open_attempt,
        pytest.raises(AttemptError, match="no attempt a1"),
    ):
        open_attempt("a1")
