"""The outbox: its states, its file, and everything that learners and hubs can do in any order."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from simvoice.errors import SimvoiceError, StorageFull, UsageError
from simvoice.hub_client import outbox as outbox_module
from simvoice.hub_client.outbox import EntryState, ReleaseOutbox
from simvoice.hub_client.outbox_file import Contact
from simvoice.release.contents import Contents
from tests.hub_client.scripted_hub import COURSE, OTHER, Killed, Laptop, ScriptedHub

ATTEMPT = "20261122-101530-breast-biopsy-k3f9"


@pytest.fixture
def outbox(tmp_path: Path) -> ReleaseOutbox:
    return ReleaseOutbox(tmp_path / "hub" / "outbox.sqlite3", lambda: 100.0)


def test_reading_an_outbox_makes_no_file(outbox: ReleaseOutbox) -> None:
    assert (outbox.entries(), outbox.entry(uuid4()), outbox.contact()) == ((), None, Contact())
    assert not outbox.path.parent.exists()


def test_only_its_owner_can_read_it(outbox: ReleaseOutbox) -> None:
    outbox.release(uuid4(), ATTEMPT, Contents.SOUND, [COURSE])
    assert stat.S_IMODE(outbox.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(outbox.path.parent.stat().st_mode) == 0o700


def test_it_survives_the_process(outbox: ReleaseOutbox) -> None:
    made = outbox.release(uuid4(), ATTEMPT, Contents.WORDS, [COURSE, OTHER])
    again = ReleaseOutbox(outbox.path, lambda: 200.0)
    assert again.entries() == (made,)
    assert again.next_pending() == made
    assert made.state is EntryState.WAITING
    assert made.courses == (COURSE, OTHER)


def test_a_release_to_no_course_is_refused(outbox: ReleaseOutbox) -> None:
    with pytest.raises(UsageError, match="choose at least one course"):
        outbox.release(uuid4(), ATTEMPT, Contents.SOUND, [])


def test_a_report_about_an_older_press_changes_nothing(outbox: ReleaseOutbox) -> None:
    uuid = uuid4()
    first = outbox.release(uuid, ATTEMPT, Contents.SOUND, [COURSE])
    assert outbox.mark_begun(first, 10)
    outbox.withdraw(uuid)
    assert not outbox.mark_sent(first)
    assert not outbox.mark_progress(first, 5)
    assert not outbox.mark_refused(first, "No.")
    found = outbox.entry(uuid)
    assert found is not None
    assert found.state is EntryState.WITHDRAWING
    assert not outbox.is_current(first)
    assert outbox.is_current(found)


def test_a_release_after_a_withdrawal_waits_again(outbox: ReleaseOutbox) -> None:
    uuid = uuid4()
    outbox.mark_begun(outbox.release(uuid, ATTEMPT, Contents.SOUND, [COURSE]), 10)
    outbox.withdraw(uuid)
    again = outbox.release(uuid, ATTEMPT, Contents.NUMBERS, [OTHER])
    assert (again.state, again.contents, again.has_begun) == (
        EntryState.WAITING,
        Contents.NUMBERS,
        True,
    )


def test_erasing_what_the_hub_has_kept_takes_it_out(outbox: ReleaseOutbox) -> None:
    entry = outbox.release(uuid4(), ATTEMPT, Contents.SOUND, [COURSE])
    outbox.mark_begun(entry, 10)
    outbox.mark_sent(entry)
    outbox.erased(ATTEMPT)
    assert outbox.entries() == ()


def test_erasing_does_not_forget_a_withdrawal(outbox: ReleaseOutbox) -> None:
    entry = outbox.release(uuid4(), ATTEMPT, Contents.SOUND, [COURSE])
    outbox.mark_begun(entry, 10)
    outbox.mark_sent(entry)
    outbox.withdraw(entry.uuid)
    outbox.erased(ATTEMPT)
    assert outbox.keep_only([]) == 0
    found = outbox.entry(entry.uuid)
    assert found is not None
    assert found.state is EntryState.WITHDRAWING


def test_no_word_of_an_attempt_is_in_the_file(outbox: ReleaseOutbox) -> None:
    outbox.release(uuid4(), ATTEMPT, Contents.SOUND, [COURSE])
    with sqlite3.connect(outbox.path) as database:
        columns = {row[1] for row in database.execute("PRAGMA table_info(entry)")}
    database.close()
    assert columns == {
        *{"uuid", "attempt", "state", "contents", "courses", "press", "has_begun"},
        *{"pressed_at", "told_at", "note", "sent_bytes", "total_bytes"},
    }


def test_what_was_taken_out_is_overwritten(outbox: ReleaseOutbox) -> None:
    outbox.release(uuid4(), ATTEMPT, Contents.SOUND, [COURSE])
    outbox.empty()
    assert ATTEMPT.encode() not in outbox.path.read_bytes()


# -- files that cannot be used --------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"\0" * 4096, os.urandom(5000)])
def test_a_damaged_file_gets_a_sentence(outbox: ReleaseOutbox, content: bytes) -> None:
    outbox.path.parent.mkdir()
    outbox.path.write_bytes(content)
    with pytest.raises(SimvoiceError, match=r"the outbox .* is damaged; move this file away"):
        outbox.entries()


def test_a_file_of_a_newer_version_gets_a_sentence_and_stays(outbox: ReleaseOutbox) -> None:
    outbox.release(uuid4(), ATTEMPT, Contents.SOUND, [COURSE])
    with sqlite3.connect(outbox.path) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()
    before = outbox.path.read_bytes()
    with pytest.raises(SimvoiceError, match="of a newer version of simvoice"):
        outbox.entries()
    assert outbox.path.read_bytes() == before


def test_a_full_disk_gets_a_sentence(
    outbox: ReleaseOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise sqlite3.OperationalError("database or disk is full")

    outbox.release(uuid4(), ATTEMPT, Contents.SOUND, [COURSE])
    monkeypatch.setattr(outbox_module, "_next_press", full)
    with pytest.raises(StorageFull, match="the disk is full"):
        outbox.release(uuid4(), ATTEMPT, Contents.SOUND, [COURSE])
    assert len(outbox.entries()) == 1


def test_a_folder_that_cannot_be_written_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file where the folder should be")
    outbox = ReleaseOutbox(tmp_path / "hub" / "outbox.sqlite3", lambda: 1.0)
    with pytest.raises(SimvoiceError, match="cannot be used"):
        outbox.release(uuid4(), ATTEMPT, Contents.SOUND, [COURSE])


# -- everything in any order ----------------------------------------------------------------------

ATTEMPTS = tuple(f"2026112{day}-101530-case-k3f{day}" for day in range(3))
attempts = st.sampled_from(ATTEMPTS)


class AnyOrder(RuleBasedStateMachine):
    """A learner presses, connections break, programs die, hubs are away or restored."""

    @initialize()
    def set_up(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.hub = ScriptedHub()
        self.laptop = Laptop(Path(self.place.name), self.hub)
        for number, attempt in enumerate(ATTEMPTS):
            self.laptop.source.add(attempt, audio_flac=bytes([number]) * 1500)
        self.here = set(ATTEMPTS)
        self.wanted: dict[str, tuple[Contents, str]] = {}
        """What the learner last asked for, of attempts that are released."""
        self.ever: set[str] = set()
        self.hub.fault = self._watch
        self.plan: list[Any] = []

    def teardown(self) -> None:
        self.hub.fault = lambda request: None
        self.hub.cut_after = None
        self.laptop.outbox.try_now()
        self.laptop.now += 86_401.0
        self.laptop.run(200)
        for attempt in ATTEMPTS:
            kept = self.hub.kept.get(str(self.laptop.source.uuid(attempt)))
            if attempt in self.wanted:
                contents, course = self.wanted[attempt]
                assert kept is not None
                assert kept.courses == {course}
                assert Contents(kept.contents).rank >= contents.rank
                folder = self.laptop.source.root / attempt
                assert all((folder / n).read_bytes() == data for n, data in kept.files.items())
            elif attempt in self.here:
                assert kept is None or kept.courses == set()
        assert self.hub.partial == {}
        assert self.hub.manifests == {}
        self.place.cleanup()

    def _watch(self, request: httpx.Request) -> httpx.Response | Exception | None:
        if request.method in ("PUT", "PATCH") or request.url.path.endswith("/finish"):
            uuid = UUID(request.url.path.split("/")[4])
            named = {self.laptop.source.uuid(attempt) for attempt in self.ever}
            assert uuid in named, "an attempt without permission was sent"
        return self.plan.pop(0) if self.plan else None

    @rule(attempt=attempts, contents=st.sampled_from(Contents), course=st.sampled_from([0, 1]))
    def release(self, attempt: str, contents: Contents, course: int) -> None:
        if attempt in self.here:
            chosen = (COURSE, OTHER)[course]
            self.laptop.release(attempt, contents, chosen)
            self.wanted[attempt] = (contents, str(chosen.id))
            self.ever.add(attempt)

    @rule(attempt=attempts)
    def withdraw(self, attempt: str) -> None:
        self.laptop.outbox.withdraw(self.laptop.source.uuid(attempt))
        self.wanted.pop(attempt, None)

    @rule(attempt=attempts, on_the_page=st.booleans())
    def erase(self, attempt: str, on_the_page: bool) -> None:
        if attempt in self.here:
            self.laptop.source.erase(attempt)
            if on_the_page:
                self.laptop.outbox.erased(attempt)
            self.here.discard(attempt)
            self.wanted.pop(attempt, None)

    @rule(steps=st.integers(1, 4))
    def work(self, steps: int) -> None:
        for _ in range(steps):
            try:
                self.laptop.sender.step()
            except Killed:
                self.laptop.start()

    @rule(after=st.integers(0, 2500), kills=st.booleans())
    def cut(self, after: int, kills: bool) -> None:
        self.hub.cut_after, self.hub.kills = after, kills

    @rule()
    def lose_an_answer(self) -> None:
        self.hub.loses_answer = True

    @rule(statuses=st.lists(st.sampled_from([None, 503, 507, 429, 0]), max_size=5))
    def be_away(self, statuses: list[int | None]) -> None:
        def answer(status: int | None) -> Any:
            if status is None:
                return None
            if status == 0:
                return httpx.ConnectError("no route")
            return httpx.Response(status, json={"message": "Not now."})

        self.plan = [answer(each) for each in statuses]

    @rule(seconds=st.sampled_from([5.0, 60.0, 4000.0, 90_000.0, -100_000.0]))
    def pass_time(self, seconds: float) -> None:
        self.laptop.now += seconds

    @rule()
    def start_again(self) -> None:
        self.laptop.start()

    @precondition(lambda self: bool(self.hub.partial))
    @rule()
    def drop_partial_uploads(self) -> None:
        self.hub.partial.clear()
        self.hub.manifests.clear()

    @invariant()
    def no_attempt_is_there_twice(self) -> None:
        assert len(self.laptop.outbox.entries()) <= len(ATTEMPTS)

    @invariant()
    def kept_attempts_are_whole(self) -> None:
        for kept in self.hub.kept.values():
            assert len(kept.files.get("audio.flac", bytes(1500))) == 1500


def _run(examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        AnyOrder,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_any_order_of_events_ends_as_the_learner_wants() -> None:
    _run(examples=10, steps=15)


@pytest.mark.slow
def test_many_orders_of_events_end_as_the_learner_wants() -> None:
    _run(examples=150, steps=40)
