"""For any order of events: no deadlock, no stale reply is played, no word is lost."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simvoice.conversation.events import (
    ClipEnded,
    Embedded,
    EncounterEvent,
    EngineFailed,
    HoldClock,
    Key,
    ModelAnswered,
    SpeechReady,
    Transcribed,
    TurnEndJudged,
    Typed,
    Typing,
)
from simvoice.conversation.state import Rules
from simvoice.patient.decisions import Answer, Improvise, PlannedHold
from simvoice.ports import Transcript
from simvoice.record.events import Hold as HoldEntry
from simvoice.record.events import LearnerTurn, PatientSpeech
from tests.conversation.world import ScriptedMind, World

pytestmark = pytest.mark.slow

LINES = [
    "one two three four five six seven eight nine ten eleven twelve",
    "",
    "oh",
    "well I never thought it would come to this, and now it has, so what do we do",
]
TEXTS = ["What worries you?", "Mm-hm.", "", "I have to tell you and", "Okay.", "It is cancer."]

slots = st.tuples(
    st.floats(0.04, 4.0), st.floats(0.04, 5.0), st.sampled_from(TEXTS), st.floats(-1.5, -0.1)
)
keys = st.builds(Key, st.integers(0, 12), st.integers(0, 3))
never_played = st.builds(Key, st.integers(0, 12), st.integers(50, 59))
"""The player may be late, but it never reports the end of a clip that it still plays."""
strays: st.SearchStrategy[EncounterEvent] = st.one_of(
    st.builds(TurnEndJudged, st.floats(0, 40), keys, st.floats(0, 1)),
    st.builds(
        Transcribed,
        st.floats(0, 40),
        keys,
        st.sampled_from(["turn", "overlap"]),
        st.builds(Transcript, st.sampled_from(TEXTS), st.just(-0.2), st.just(0.0), st.just(1.0)),
    ),
    st.builds(ModelAnswered, st.floats(0, 40), keys, st.builds(Answer, st.just("stale words"))),
    st.builds(SpeechReady, st.floats(0, 40), keys, st.integers(0, 2), st.just(0.3), st.just(())),
    st.builds(
        ClipEnded, st.floats(0, 40), never_played, st.integers(0, 2), st.just(0.1), st.booleans()
    ),
    st.builds(
        EngineFailed,
        st.floats(0, 40),
        keys,
        st.sampled_from(["judge", "turn", "overlap", "embed", "think", "say"]),
        st.just("stray"),
    ),
    st.builds(Embedded, st.floats(0, 40), keys, st.none()),
    st.builds(Typed, st.floats(0, 40), st.sampled_from(TEXTS)),
    st.builds(Typing, st.floats(0, 40)),
    st.builds(HoldClock, st.floats(0, 40), st.booleans()),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A script of voice and silence, with engines of any speed that may fail or never answer."""
    mind = ScriptedMind(
        lines=draw(st.permutations(LINES)),
        holds={1: PlannedHold("news", 3.0)} if draw(st.booleans()) else {},
        silences={2: 1.0} if draw(st.booleans()) else {},
        queries={1: Improvise("…")} if draw(st.booleans()) else {},
    )
    names = ["judge", "turn", "overlap", "embed", "think", "say"]
    stages = st.sets(st.sampled_from(names), max_size=1)
    prob = draw(st.floats(0, 1))
    world = World(
        mind,
        stt_s=draw(st.floats(0, 1.2)),
        judge_s=draw(st.floats(0, 0.5)),
        tts_s=draw(st.floats(0, 0.8)),
        llm_s=draw(st.floats(0, 3.0)),
        output_delay_s=draw(st.floats(0.0, 0.2)),
        complete=lambda start_s, end_s: prob,
        breaks=draw(stages),
        mute=draw(stages),
        half_duplex=draw(st.integers(0, 5)) == 0,
        extra=draw(st.lists(strays, max_size=4)),
    )
    at_s = 0.3
    for gap_s, length_s, text, logprob in draw(st.lists(slots, max_size=7)):
        at_s += gap_s
        world.learner(at_s, at_s + length_s, text, logprob=logprob)
        at_s += length_s
    return world.run(at_s + 3.0)


relaxed = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@relaxed
@given(worlds())
def test_after_any_conversation_a_question_gets_an_answer(world: World) -> None:
    world.breaks.clear()
    world.mute.clear()
    at_s = world.now_s + 40.0
    world.turn_taking = world.turn_taking.model_copy(update={"prompt_after_s": 120.0})
    world.play_by(Rules(world.mind, world.turn_taking))
    world.run(at_s)
    world.mind.lines = ["a plain answer"]
    world.mind.queries.clear()
    before = len(world.turns)
    world.learner(at_s, at_s + 2.0, "Are you still with me?").run(at_s + 16.0)
    assert world.turns[before:] == ["Are you still with me?"]
    assert world.speeches[-1].start_s > at_s


@relaxed
@given(worlds())
def test_every_word_is_either_delivered_or_unsaid(world: World) -> None:
    for speech in world.speeches:
        assert f"{speech.heard} {speech.unsaid}".split() == speech.text.split()
        assert speech.heard.split() == [word.text for word in speech.words]


@relaxed
@given(worlds())
def test_the_record_has_exactly_the_words_that_were_played(world: World) -> None:
    world.utterances.clear()
    world.run(world.now_s + 60.0)
    for start_s, end_s in ((s.start_s, s.end_s) for s in world.speeches):
        assert world.patient_sounds(start_s - 0.03, end_s + 0.03)
    told = [(s.start_s - 0.05, s.end_s + 0.05) for s in world.speeches]
    strays = [
        at_s
        for at_s, level in world.sound
        if level > 0 and not any(start <= at_s <= end for start, end in told)
    ]
    playing_now = world.state.patient_has_turn
    assert not strays or playing_now, f"sound at {strays[:3]} that no entry tells of"


@relaxed
@given(worlds())
def test_no_answer_begins_while_the_learner_is_speaking(world: World) -> None:
    for delay in world.delays:
        for voice in world.utterances:
            believed_s = voice.start_s + world.turn_taking.onset_s + world.output_delay_s + 0.08
            assert not believed_s < delay.first_sound_s < voice.end_s or world.half_duplex


@relaxed
@given(worlds())
def test_entries_are_in_order_and_turn_numbers_rise(world: World) -> None:
    turns = [entry.turn for entry in world.notes if isinstance(entry, LearnerTurn)]
    assert turns == sorted(set(turns))
    for entry in world.notes:
        if isinstance(entry, PatientSpeech | LearnerTurn | HoldEntry):
            assert entry.end_s >= entry.start_s - 1e-6


@settings(relaxed, max_examples=15)
@given(
    st.lists(st.floats(0.2, 20.0), min_size=1, max_size=6),
    st.lists(slots, max_size=4),
    st.permutations(LINES),
)
def test_every_typed_word_is_in_a_turn_in_its_order(
    typed_s: list[float], spoken: list[tuple[float, float, str, float]], lines: list[str]
) -> None:
    world = World(ScriptedMind(lines=lines))
    for number, at_s in enumerate(sorted(typed_s)):
        world.typed(at_s, f"word{number}")
    at_s = 0.3
    for gap_s, length_s, text, logprob in spoken:
        at_s += gap_s
        world.learner(at_s, at_s + length_s, text, logprob=logprob)
        at_s += length_s
    world.run(max(at_s, 20.0) + 40.0)
    words = " ".join(world.turns).split()
    assert [word for word in words if word.startswith("word")] == [
        f"word{number}" for number in range(len(typed_s))
    ]
    assert not world.interruptions or spoken
