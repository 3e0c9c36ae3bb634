"""Briefs: their content, and how they are stored, checked and erased."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simvoice.debrief.build import build_debrief
from simvoice.progress import brief_store
from simvoice.progress.brief import AdviceEvent, Brief, build_brief
from simvoice.progress.brief_store import (
    FILE,
    build_waiting,
    count_learners,
    load_brief,
    make_brief,
    normalize_name,
    scan_store,
)
from simvoice.reading.reading import read
from simvoice.record.events import RetryOrigin
from simvoice.record.files import HEADER, JOURNAL
from simvoice.record.recorder import Recorder
from simvoice.record.store import Attempt, Store
from simvoice.scoring.metrics.definitions import followed
from tests.planted.builder import checkpoint, hold, learner_turn, ledger_step, patient_move
from tests.planted.talk import header, record

MORE = (
    checkpoint(7, 41.0),
    learner_turn(8, 42.0, "so it was hard what was it like", "reflection", "question_open"),
    patient_move(8, 44.5, ledger_step("cut her off", -0.1, suggests="let_finish")),
    hold(45.0, 47.0, "filled", "b", window_s=4.0),
)


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return record(tmp_path / "attempts", MORE, learner="Kim", models={"stt": "abc"})


def brief_of(attempt: Attempt) -> Brief:
    reading = read(attempt)
    return build_brief(attempt, reading, build_debrief(attempt, reading, with_peaks=False))


@pytest.mark.slow
def test_a_brief_agrees_with_the_debrief(attempt: Attempt) -> None:
    debrief, brief = build_debrief(attempt, read(attempt), with_peaks=False), brief_of(attempt)
    assert (brief.attempt, brief.learner, brief.case_id) == (attempt.id, "Kim", "planted-talk")
    assert (brief.recogniser, brief.turns, brief.english) == ("abc", 5, True)
    for heading, scored in zip(brief.headings, debrief.headings, strict=True):
        assert heading.has_share == (scored.share is not None)
        for items, outcome in ((heading.met, "met"), (heading.not_met, "not met")):
            told = [(i.text, i.weight) for i in scored.items if i.outcome == outcome]
            assert list(items) == told
    numbers = {number.key: number for number in debrief.numbers}
    assert {number.key for number in brief.numbers} == set(followed())
    assert all(number.value == numbers[number.key].value for number in brief.numbers)
    cuts = next(number for number in brief.numbers if number.key == "talk_share")
    assert cuts.low is not None
    assert cuts.high is not None
    assert cuts.low <= (cuts.value or 0.0) <= cuts.high
    assert brief.counts == {"question_closed": 0, "question_open": 1, "reflection": 1}
    assert brief.trust == (0.55, 0.55)
    assert [each.title for each in brief.advice] == [e.title for e in debrief.suggestions]


@pytest.mark.slow
def test_a_brief_has_what_was_done_and_the_mistakes(attempt: Attempt) -> None:
    did = brief_of(attempt).did
    (kept,) = [e for e in did if (e.kind, e.what) == ("let_silence_stand", "done")]
    assert kept.at_s == pytest.approx(14.0, abs=0.02)
    assert AdviceEvent(kind="let_silence_stand", at_s=47.0, what="amiss") in did
    assert AdviceEvent(kind="let_finish", at_s=42.0, what="amiss by the ledger") in did
    assert AdviceEvent(kind="give_back", at_s=42.0, what="done") in did
    assert AdviceEvent(kind="ask_openly", at_s=42.0, what="done") in did
    assert [each.at_s for each in did] == sorted(each.at_s for each in did)


@pytest.mark.slow
def test_a_brief_is_stored_with_its_attempt(attempt: Attempt) -> None:
    assert load_brief(attempt.folder) is None
    made = make_brief(attempt)
    assert load_brief(attempt.folder) == made == brief_of(attempt)
    assert (attempt.folder / FILE).stat().st_mode & 0o077 == 0
    store = Store(attempt.folder.parent)
    store.erase(attempt.id)
    assert not attempt.folder.exists()


@pytest.mark.slow
def test_a_brief_is_out_of_date_when_its_sources_change(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_brief(attempt)
    with (attempt.folder / JOURNAL).open("ab") as journal:
        journal.write(b"\n")
    assert load_brief(attempt.folder) is None
    make_brief(attempt)
    assert load_brief(attempt.folder) is not None
    with monkeypatch.context() as changed:
        changed.setattr(brief_store, "_FORMAT", brief_store._FORMAT + 1)
        brief_store.code_fingerprint.cache_clear()
        assert load_brief(attempt.folder) is None
    brief_store.code_fingerprint.cache_clear()
    assert load_brief(attempt.folder) is not None


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "{", "[]", '{"made_by": "1", "made_from": "", "brief": {}}'])
def test_a_damaged_brief_is_built_again(attempt: Attempt, text: str) -> None:
    (attempt.folder / FILE).write_text(text, encoding="utf-8")
    assert load_brief(attempt.folder) is None
    assert make_brief(attempt) == load_brief(attempt.folder)


@pytest.mark.slow
def test_the_brief_of_another_attempt_is_not_used(attempt: Attempt) -> None:
    make_brief(attempt)
    data = json.loads((attempt.folder / FILE).read_text(encoding="utf-8"))
    data["brief"]["attempt"] = "20261122-101530-planted-talk-zzzz"
    (attempt.folder / FILE).write_text(json.dumps(data), encoding="utf-8")
    assert load_brief(attempt.folder) is None


@pytest.mark.slow
def test_without_free_space_the_brief_is_built_and_not_stored(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(brief_store, "replace_file", full)
    assert make_brief(attempt) == brief_of(attempt)
    assert load_brief(attempt.folder) is None


@pytest.mark.slow
def test_attempts_that_cannot_be_read_are_named_and_left_out(attempt: Attempt) -> None:
    root = attempt.folder.parent
    crashed = Recorder.create(root, header("20270101-000000-talk-aaaa", learner="Kim"))
    crashed.abandon()
    running = Recorder.create(root, header("20270102-000000-talk-bbbb", learner="Kim"))
    broken = record(root, learner="Kim")
    (broken.folder / HEADER).write_text("{", encoding="utf-8")
    try:
        found = scan_store(Store(root))
    finally:
        running.close()
    assert [each.id for each in found.waiting] == [attempt.id]
    why = {each.attempt: (whose, each.why) for whose, each in found.skipped}
    assert why[crashed.attempt] == (
        "Kim",
        f"attempt {crashed.attempt} did not end properly; "
        f"run: simvoice attempts recover {crashed.attempt}",
    )
    assert why[running.attempt] == ("Kim", f"attempt {running.attempt} is being recorded now")
    assert why[broken.id][0] is None
    assert "simvoice attempts erase" in why[broken.id][1]


@pytest.mark.slow
def test_waiting_briefs_are_built_and_stored_the_newest_first(tmp_path: Path) -> None:
    ids = [f"2026112{day}-101530-planted-talk-aaaa" for day in (1, 2, 3)]
    for each in ids:
        record(tmp_path, attempt=each, learner="Kim")
    store = Store(tmp_path)
    done: list[None] = []
    looked = scan_store(store)
    assert [each.id for each in looked.waiting] == ids
    assert build_waiting(store, looked.waiting, time_s=0.0) == ((), (), 3)
    made, failed, left = build_waiting(store, looked.waiting, done=lambda: done.append(None))
    assert [each.attempt for each in made] == ids[::-1]
    assert (failed, left, len(done)) == ((), 0, 3)
    rescanned = scan_store(store)
    assert ([each.attempt for each in rescanned.briefs], rescanned.waiting) == (ids, ())


def test_an_attempt_erased_meanwhile_is_named(attempt: Attempt) -> None:
    store = Store(attempt.folder.parent)
    waiting = scan_store(store).waiting
    store.erase(attempt.id)
    made, failed, left = build_waiting(store, waiting)
    assert (made, left) == ((), 0)
    assert f"there is no attempt {attempt.id}" in failed[0].why


@pytest.mark.slow
def test_only_listed_attempts_are_read(tmp_path: Path) -> None:
    one = record(tmp_path, attempt="20261121-101530-planted-talk-aaaa", learner="Kim")
    make_brief(record(tmp_path, attempt="20261122-101530-planted-talk-aaaa", learner="Robin"))
    found = scan_store(Store(tmp_path), [one.summary()])
    assert (found.briefs, [each.id for each in found.waiting]) == ((), [one.id])


@pytest.mark.slow
def test_no_journal_is_opened_when_there_are_briefs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"2026112{day}-101530-planted-talk-aaaa" for day in (1, 2, 3)]
    for each in ids:
        make_brief(record(tmp_path, attempt=each))

    def opened(self: Store, attempt: str) -> Attempt:
        raise AssertionError(f"{attempt} was opened")

    monkeypatch.setattr(Store, "open", opened)
    assert [each.attempt for each in scan_store(Store(tmp_path)).briefs] == ids


@pytest.mark.slow
def test_the_brief_of_a_retry_has_its_origin(tmp_path: Path) -> None:
    origin = RetryOrigin(attempt="20261121-101530-planted-talk-aaaa", turn=3, at_s=12.5)
    assert brief_of(record(tmp_path, again=origin)).again == origin


def test_names_that_differ_only_in_spaces_are_equal() -> None:
    assert [normalize_name(each) for each in (" Kim ", "Kim  B", "-", "", "kim")] == [
        "Kim",
        "Kim B",
        "",
        "",
        "kim",
    ]
    assert count_learners(["Kim", "", "ann", " Kim"]) == {"ann": 1, "Kim": 2, "": 1}
