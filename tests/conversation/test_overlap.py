"""The learner's voice over the patient's: acknowledgement, cough, echo, or a bid for the turn."""

from __future__ import annotations

import itertools

import pytest

from simvoice.conversation.events import Duck, StopPlaying
from simvoice.patient.decisions import PlannedHold
from simvoice.record.events import Interruption, PatientSpeech, SimultaneousStart
from tests.conversation.world import WORD_S, ScriptedMind, World

LONG = "one two three four five six seven eight nine ten eleven twelve"


def talking(**how: object) -> World:
    """A world in which the patient's first word sounds at about 1.96 s, for 3.6 s."""
    mind = ScriptedMind(lines=[LONG, "go on then"])
    world = World(mind, **how)  # type: ignore[arg-type]
    return world.learner(0.5, 1.5, "Tell me about it.")


def starts_s(world: World) -> float:
    return world.speeches[0].start_s


def silent_from_s(world: World) -> float:
    """Return when the patient's voice went silent after the barge-in."""
    sounding = [at_s for at_s, level in world.sound if level > 0]
    gaps = [a for a, b in itertools.pairwise(sounding) if b - a > 0.1]
    return gaps[0] if gaps else sounding[-1]


@pytest.mark.slow
@pytest.mark.parametrize("said", ["Mm-hm.", "Okay.", "I see.", "Yeah, okay.", "Right."])
def test_an_acknowledgement_does_not_stop_the_patient(said: str) -> None:
    world = talking().learner(3.0, 3.5, said).run(9)
    assert world.delivered == [LONG]
    assert [entry.text for entry in world.backchannels] == [said]
    assert not world.interruptions
    assert world.turns == ["Tell me about it."]


@pytest.mark.slow
@pytest.mark.parametrize("written", ["I'm on.", "Mom.", "um hum", ""])
def test_a_hum_does_not_stop_the_patient_whatever_its_transcript(written: str) -> None:
    world = talking().learner(3.0, 3.6, written, hum=0.95).run(9)
    assert world.delivered == [LONG]
    assert [entry.text for entry in world.backchannels] == [written]
    assert not world.interruptions


def test_a_hum_followed_by_words_stops_the_patient() -> None:
    world = talking().learner(3.0, 3.3, "Mm.", hum=0.95)
    world.learner(3.32, 5.0, "wait, that is not what I meant.").run(12)
    assert world.interruptions
    assert world.speeches[0].unsaid


def test_a_hum_does_not_fill_a_hold() -> None:
    mind = ScriptedMind(lines=["oh no", "go on then"], holds={0: PlannedHold("headline", 4.0)})
    world = World(mind).learner(0.5, 1.5, "I have the result.").learner(4.0, 4.5, "I'm on.", hum=1)
    world.run(12)
    assert [hold.outcome for hold in world.holds] == ["held"]


def test_the_patient_is_ducked_until_the_overlap_is_judged() -> None:
    world = talking().learner(3.0, 3.4, "Mm-hm.").run(9)
    assert world.loudness(2.9) == pytest.approx(16384, rel=0.01)
    assert world.loudness(3.35) == pytest.approx(16384 * 10 ** (-12 / 20), rel=0.02)
    assert world.loudness(4.2) == pytest.approx(16384, rel=0.01)


def test_a_bid_for_the_turn_stops_the_patient_in_time() -> None:
    world = talking(stt_s=0.12).learner(3.0, 5.0, "Wait, let me explain that to you.").run(12)
    assert 3.45 <= silent_from_s(world) <= 3.0 + 0.65
    assert world.speeches[0].unsaid
    assert [entry.start_s for entry in world.interruptions] == [pytest.approx(3.0, abs=0.021)]


def test_words_that_begin_like_an_acknowledgement_stop_the_patient_once_they_are_more() -> None:
    world = talking(stt_s=0.12).learner(3.0, 5.0, "I need to tell you about it now.").run(12)
    assert silent_from_s(world) <= 3.0 + 0.7
    assert world.speeches[0].unsaid


def test_the_delivered_words_are_recorded_before_the_interruption() -> None:
    world = talking(stt_s=0.12).learner(3.0, 5.0, "Wait, let me explain that to you.").run(12)
    kinds = [type(entry) for entry in world.notes]
    assert kinds.index(PatientSpeech) < kinds.index(Interruption)
    speech = world.speeches[0]
    delivered_s = silent_from_s(world) - speech.start_s
    assert len(speech.heard.split()) == pytest.approx(delivered_s / WORD_S, abs=1)
    assert f"{speech.heard} {speech.unsaid}" == LONG
    assert world.interruptions[0].lost_words == len(speech.unsaid.split())


def test_the_patient_remembers_only_the_delivered_words_and_the_interruption() -> None:
    world = talking(stt_s=0.12).learner(3.0, 5.0, "Wait, let me explain that to you.").run(12)
    mind = world.mind
    assert mind.deliveries[0] == (world.speeches[0].heard, False)
    assert mind.learner_said[1].interrupted
    assert mind.learner_said[1].unsaid == world.speeches[0].unsaid


@pytest.mark.slow
@pytest.mark.parametrize(("after_s", "together"), [(0.0, True), (0.3, True), (0.6, False)])
def test_a_simultaneous_start_is_not_an_interruption(after_s: float, together: bool) -> None:
    at_s = starts_s(talking(stt_s=0.12).run(9)) + after_s
    said = "And I would like to know about the rest."
    world = talking(stt_s=0.12).learner(at_s, at_s + 2.0, said).run(14)
    assert world.speeches[0].unsaid  # the patient gives way in any case
    assert len(world.entries(SimultaneousStart)) == together
    assert len(world.interruptions) == (not together)
    assert world.mind.learner_said[1].interrupted == (not together)
    assert world.mind.learner_said[1].unsaid == world.speeches[0].unsaid


def test_a_cough_does_not_stop_the_patient() -> None:
    world = talking().learner(3.0, 3.3, "", logprob=-1.4, no_speech=0.8).run(9)
    assert world.delivered == [LONG]
    assert world.discarded
    assert not world.interruptions


def test_a_short_question_takes_the_turn_once_it_is_transcribed() -> None:
    world = talking().learner(3.0, 3.36, "Why then?").run(12)
    assert world.interruptions
    assert world.turns[-1] == "Why then?"


def test_a_false_barge_in_is_followed_by_the_rest_of_the_line() -> None:
    """The overlap transcript has words, but the whole is only an acknowledgement."""
    world = talking(mute={"overlap"}).learner(3.0, 3.75, "Yeah yeah okay.").run(14)
    assert [c for _, c in world.commands if isinstance(c, StopPlaying)]
    assert " ".join(world.delivered) == LONG
    assert not world.interruptions
    assert world.mind.deliveries == [(LONG, True)]


def test_an_echo_of_the_patient_is_discarded() -> None:
    """The echo arrives while the patient still speaks, and repeats the words before."""
    mind = ScriptedMind(lines=["I was at the market when they rang me", LONG])
    world = World(mind).learner(0.5, 1.5, "Tell me.").learner(5.5, 6.5, "And then?")
    world.learner(7.6, 9.0, "I was at the market when they rang me").run(16)
    assert "market" not in " ".join(world.turns)
    assert world.discarded[-1].reason.startswith("the patient's own words")


def test_a_learner_who_repeats_earlier_words_of_the_patient_is_not_an_echo() -> None:
    mind = ScriptedMind(lines=["I was at the market when they rang me", LONG, "I see."])
    world = World(mind).learner(0.5, 1.5, "Tell me.").learner(11.0, 12.0, "And then?")
    world.learner(14.0, 15.4, "You were at the market when they rang").run(22)
    assert "You were at the market when they rang" in " ".join(world.turns)
    assert not world.discarded


def test_an_answer_over_the_last_word_is_a_turn_not_an_acknowledgement() -> None:
    mind = ScriptedMind(lines=["so is it the bad kind", "oh no"])
    world = World(mind).learner(0.5, 1.5, "Hello.").learner(3.55, 4.2, "Yes.").run(9)
    assert world.speeches[0].end_s > 3.55
    assert world.turns == ["Hello.", "Yes."]
    assert not world.interruptions


@pytest.mark.slow
@pytest.mark.parametrize(("before_s", "lost"), [(0.66, 0), (0.74, 0), (0.9, 1)])
def test_a_barge_in_after_the_last_word_is_not_an_interruption(before_s: float, lost: int) -> None:
    at_s = talking().run(9).speeches[0].end_s - before_s
    world = talking(stt_s=0.12).learner(at_s, at_s + 1.5, "Sorry, one more thing first.").run(14)
    assert world.turns[-1] == "Sorry, one more thing first."
    assert [each.lost_words for each in world.interruptions] == [lost] * bool(lost)
    assert world.mind.learner_said[-1].interrupted == bool(lost)


def test_half_duplex_ignores_the_microphone_while_the_patient_speaks() -> None:
    world = talking(half_duplex=True).learner(3.0, 5.0, "one two three four five").run(9)
    assert world.delivered == [LONG]
    assert not world.interruptions
    assert not [c for _, c in world.commands if isinstance(c, Duck) and c.gain_db < 0]


@pytest.mark.slow
def test_a_voice_that_begins_in_the_same_frame_as_the_patient_loses_nothing() -> None:
    for onset in range(0, 12):
        start_s = 1.84 + onset * 0.02
        world = talking(stt_s=0.12).learner(start_s, start_s + 1.5, "Sorry, one more thing first.")
        world.run(14)
        assert "Sorry, one more thing first." in " ".join(world.turns)
        assert len(world.turns) <= 2


def test_a_late_overlap_transcript_is_not_waited_for() -> None:
    world = talking(mute={"overlap"}).learner(3.0, 5.0, "Wait, let me explain that to you.").run(12)
    assert silent_from_s(world) <= 3.0 + 0.45 + 0.2 + 0.25
