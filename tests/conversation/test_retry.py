"""Retry: from any checkpoint, the same learner gets the same patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice import paths
from simvoice.conversation.checkpoint import checkpoint, restore, retry_start
from simvoice.conversation.events import Key
from simvoice.conversation.state import begin_retry
from simvoice.patient.case.load import load_case, locate_case
from simvoice.patient.decisions import Decision, Improvise, Move, PatientState, PlannedHold
from simvoice.patient.mind import Patient
from simvoice.record.events import (
    Checkpoint,
    Interruption,
    LearnerTurn,
    PatientMove,
    PatientSpeech,
    entry_adapter,
)
from simvoice.record.events import Hold as HoldEntry
from tests.conversation.world import ScriptedMind, Utterance, World

text = st.text(max_size=30)
share = st.floats(0.0, 1.0)
names = st.frozensets(text, max_size=4)
states = st.builds(
    PatientState,
    ledger=st.lists(st.tuples(text, share), max_size=4).map(tuple),
    disclosed=names,
    said=st.lists(text, max_size=4).map(tuple),
    spoken=st.lists(text, max_size=4).map(tuple),
    asked=names,
    beats=names,
    turns=st.integers(0, 99),
    prompts=st.integers(0, 9),
    pending_question=st.none() | text,
    transcript=st.lists(st.tuples(text, text), max_size=4).map(tuple),
    seed=st.integers(0, 2**31),
    counts=st.lists(st.tuples(text, st.integers(0, 9)), max_size=4).map(tuple),
    last_line=st.none() | text,
    cut=st.none() | text,
    cut_turn=st.integers(0, 99),
)
moves = st.builds(
    Move,
    kind=st.sampled_from(["open", "answer", "feel", "silent", "close"]),
    text=text,
    line_id=st.none() | text,
    affect=st.sampled_from(["neutral", "tearful", "warm"]),
    mood=st.sampled_from(["even", "shaken"]),
    spoken=text,
    silence_before_s=st.floats(0.0, 20.0),
    hold=st.none() | st.builds(PlannedHold, beat=text, window_s=st.floats(0.0, 30.0)),
    ending=st.none() | text,
    source=st.sampled_from(["authored", "model", "fallback"]),
)


@pytest.mark.slow
@given(states, moves, st.lists(st.floats(-9.0, 0.0), max_size=9).map(tuple))
def test_a_checkpoint_is_restored_without_loss(
    state: PatientState, move: Move, sureness: tuple[float, ...]
) -> None:
    decision = Decision(state, move, "why")
    entry = checkpoint(decision, turn=3, last_turn=4, at_s=1.0, sureness=sureness)
    read = entry_adapter.validate_json(entry.model_dump_json())
    assert isinstance(read, Checkpoint)
    assert restore(read) == (state, move)
    assert read.sureness == sureness


def test_the_test_above_has_every_field_of_the_patient() -> None:
    def given_to(strategy: Any) -> set[str]:
        return set(strategy.wrapped_strategy.kwargs)

    assert given_to(states) == set(PatientState.__dataclass_fields__)
    assert given_to(moves) == set(Move.__dataclass_fields__)


# -- replay -----------------------------------------------------------------------------------

LATE_S = 70.0

Make = Callable[[], World]


def scripted() -> World:
    """Holds held and filled, an interruption, a prompt, a silent answer and a model's line."""
    mind = ScriptedMind(
        lines=["First I fell and then I lay there for an hour.", "One. Two. Three.", "", "Five."],
        holds={1: PlannedHold("fall", 2.0), 3: PlannedHold("count", 2.0)},
        silences={4: 1.2},
        queries={5: Improvise("what would she say")},
    )
    world = World(mind=mind)
    world.learner(1.0, 2.0, "tell me what events")
    world.learner(5.0, 7.0, "excuse me I have to know who was with you")  # over the patient's voice
    world.learner(15.0, 16.0, "and then", logprob=-0.7)
    world.learner(16.9, 17.4, "mm", no_speech=0.9, logprob=-2.0)
    world.learner(21.0, 22.5, "I am sorry to hear that")
    world.learner(24.2, 25.0, "go on please")  # into the hold
    world.learner(52.0, 53.0, "I was thinking of you")
    return world


def breast_biopsy() -> World:
    """The real patient of the first case, without an embedder."""
    case = load_case(locate_case("breast-biopsy", paths.scenarios_dir()))
    world = World(mind=Patient(case))  # type: ignore[arg-type]
    world.learner(1.0, 3.0, "Good morning, I'm Doctor Okafor. Please sit down.")
    world.learner(9.0, 11.0, "What do you understand about why we did the biopsy?")
    world.learner(24.0, 26.5, "I'm afraid I have bad news. The biopsy shows a cancer.")
    world.learner(41.0, 43.0, "I can see this is a shock. I am so sorry.")
    world.learner(44.0, 46.0, "The MRI will stage the carcinoma and then there is a lumpectomy.")
    world.learner(58.0, 60.0, "What worries you most?")
    return world


def impatient() -> World:
    """The same, with a learner who talks into holds and asks what no line answers."""
    world = breast_biopsy()
    world.utterances = world.utterances[:2]
    world.learner(22.0, 24.0, "You have cancer.")
    world.learner(27.6, 30.0, "But don't worry it will all be fine, we will cut it out.")
    world.learner(31.0, 33.0, "Do you like the colour of the walls in this building?")
    world.learner(45.0, 47.0, "Who is at home with you?")
    return world


Events = tuple[list[dict[str, Any]], list[float]]


def events_after(world: World, after: Checkpoint) -> Events:
    """Return everything that events after a checkpoint, and its times in seconds since then."""
    kinds = (Checkpoint, PatientMove, PatientSpeech, LearnerTurn, HoldEntry, Interruption)
    start = next(i for i, e in enumerate(world.notes) if e is after) + 1
    times: list[float] = []

    def untimed(value: Any) -> Any:
        if isinstance(value, list):
            return [untimed(each) for each in value]
        if not isinstance(value, dict):
            return value
        stamps = [name for name in value if name in ("at_s", "start_s", "end_s", "stopped_s")]
        times.extend(value[name] - after.at_s for name in stamps)
        return {name: untimed(each) for name, each in value.items() if name not in stamps}

    found = [e for e in world.notes[start:] if isinstance(e, kinds)]
    return [untimed(e.model_dump(mode="json")) for e in found], times


def retry(make: Make, original: World, entry: Checkpoint) -> tuple[World, Checkpoint]:
    """Retry with the rest of the learner's script, shifted to the new start of the line."""
    start = retry_start(original.notes, entry)

    def world(shift_s: float | None) -> World:
        made = make()
        made.retry_from(start)
        told = made.utterances
        made.utterances = []
        if shift_s is not None:
            made.utterances = [
                replace(u, start_s=round(u.start_s + shift_s, 3), end_s=round(u.end_s + shift_s, 3))
                for u in told
                if u.end_s > entry.at_s
            ]
        return made

    silent = world(None).run(10.0)
    shift_s = silent.entries(Checkpoint)[0].at_s - entry.at_s
    whole = world(shift_s).run(LATE_S + shift_s)
    return whole, whole.entries(Checkpoint)[0]


@pytest.mark.slow
@pytest.mark.parametrize("make", [scripted, breast_biopsy, impatient])
def test_from_every_checkpoint_the_same_words_lead_to_the_same_patient(make: Make) -> None:
    original = make().run(LATE_S)
    moments = original.entries(Checkpoint)
    assert len(moments) >= 5
    followed = 0
    for entry in moments:
        retried, first = retry(make, original, entry)
        assert first.mind == entry.mind
        assert {**first.move, "silence_before_s": 0} == {**entry.move, "silence_before_s": 0}
        expected, times = events_after(original, entry)
        events, when = events_after(retried, first)
        assert events == expected
        assert when == pytest.approx(times, abs=1e-6)
        followed += len(expected)
    assert followed > 30


@pytest.mark.slow
def test_the_scripts_cover_every_kind_of_event() -> None:
    worlds = [make().run(LATE_S) for make in (scripted, breast_biopsy, impatient)]
    holds = [hold.outcome for world in worlds for hold in world.holds]
    kinds = [move.kind for world in worlds for move in world.entries(PatientMove)]
    assert {"held", "filled"} <= set(holds)
    assert {"prompt", "silent"} <= set(kinds)
    assert any(world.interruptions for world in worlds)
    assert any(world.model_text in world.delivered for world in worlds)


@pytest.mark.slow
def test_the_retry_begins_with_the_line_whatever_the_learner_says_before() -> None:
    original = scripted().run(LATE_S)
    entry = original.entries(Checkpoint)[1]
    world = scripted()
    world.retry_from(retry_start(original.notes, entry))
    world.utterances = [Utterance(0.2, 1.6, "hello are you there")]
    world.run(12.0)
    assert isinstance(world.entries(PatientMove)[0], PatientMove)
    assert world.entries(PatientMove)[0].turn == entry.turn
    assert world.speeches[0].text == entry.move["text"]


@pytest.mark.slow
def test_a_hold_is_repeated_at_once() -> None:
    mind = ScriptedMind(lines=["One.", ""], holds={1: PlannedHold("blow", 3.0)})
    original = World(mind=mind).learner(6.0, 7.0, "it is bad news").run(20.0)
    entry = next(e for e in original.entries(Checkpoint) if not e.move["text"])
    world = World(mind=mind)
    world.retry_from(retry_start(original.notes, entry))
    world.run(12.0)
    (hold,) = world.holds
    assert (hold.outcome, hold.beat) == ("held", "blow")
    assert hold.start_s == pytest.approx(1.0, abs=0.05)


@pytest.mark.slow
def test_the_turn_numbers_continue() -> None:
    original = scripted().run(LATE_S)
    entry = original.entries(Checkpoint)[2]
    state = begin_retry(retry_start(original.notes, entry))
    assert Key(state.last_turn, 0) >= Key(entry.turn, 0)
    assert state.delivered_words


@pytest.mark.slow
def test_the_checkpoints_of_ten_minutes_are_a_small_part_of_the_record() -> None:
    world = breast_biopsy().run(LATE_S)
    sizes = [len(entry.model_dump_json()) for entry in world.entries(Checkpoint)]
    assert max(sizes) < 3000
