"""One lexicon of acknowledgements, live and in measurement."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

import simvoice
from simvoice.acknowledgements import is_acknowledgement, may_become_acknowledgement, phrases
from simvoice.bench.floor import ACKNOWLEDGEMENTS, BIDS
from simvoice.coding.coder import code
from simvoice.timing.intervals import intervals
from simvoice.timing.overlaps import overlaps
from simvoice.timing.prosody import VoiceProfile
from simvoice.timing.turns import TimedWord
from tests.conversation.world import ScriptedMind, World

PACKAGE = Path(simvoice.__file__).parent

ACKNOWLEDGES = [
    *("Mm-hm.", "Mm.", "mhm", "Uh-huh.", "Um-hum.", "Hmm.", "Huh.", "Oh.", "Ah."),
    *("Yeah.", "Yes.", "Okay.", "O.K.", "Right.", "Sure.", "Alright.", "All right."),
    *("I see.", "Of course.", "Got it.", "I hear you.", "I know.", "Go on.", "Oh dear.", "Oh no."),
    *("Fine.", "Good.", "Great.", "Exactly.", "No.", "Yeah, exactly.", "Okay, got it."),
    *("Oh, I see.", "Yeah, okay.", "Right, okay, I see."),
]
ASKS_FOR_THE_TURN = [
    *("Right?", "Okay?", "Yeah?", "Really?", "Really.", "Oh, really.", "Why then?", "Wait."),
    *("No, nothing like that.", "No, wait.", "I understand.", "Thank you.", "Sorry."),
    *("Good morning.", "Fine, but listen.", "Exactly what happened?", "Right side.", "I need you."),
    *("I know of course I see sure", "Yeah, yeah, yeah, yeah.", "see i", "course of know"),
]
TABLE = [
    *((remark, True) for remark in ACKNOWLEDGES),
    *((remark, False) for remark in ASKS_FOR_THE_TURN),
]


@pytest.mark.parametrize(("remark", "acknowledges"), TABLE)
def test_the_words_of_a_remark_decide(remark: str, acknowledges: bool) -> None:
    assert is_acknowledgement(remark) is acknowledges


@pytest.mark.slow
@pytest.mark.parametrize(("remark", "acknowledges"), TABLE)
def test_an_encounter_and_the_measurement_give_one_answer(remark: str, acknowledges: bool) -> None:
    """Half a second over the patient's speech, which goes on."""
    assert (acknowledges_live(remark), acknowledges_in_sound(remark)) == (acknowledges,) * 2


def acknowledges_live(remark: str) -> bool:
    """Whether the patient speaks on, and the encounter records an acknowledgement."""
    line = "one two three four five six seven eight nine ten eleven twelve"
    world = World(ScriptedMind(lines=[line, "go on then"]))
    world.learner(0.5, 1.5, "Tell me about it.").learner(3.0, 3.5, remark).run(9)
    is_noted = [entry.text for entry in world.backchannels] == [remark]
    is_turn = world.turns[-1] == remark
    assert is_noted != is_turn
    assert (world.delivered[0] == line) is is_noted
    return is_noted


def acknowledges_in_sound(remark: str) -> bool:
    """Whether the measurement of overlaps takes the remark for an acknowledgement."""
    learner, patient = intervals([(2.0, 2.5)]), intervals([(0.0, 5.0)])
    none = np.empty(0)
    voice = VoiceProfile(*(none,) * 8)
    texts = remark.split()
    words = [
        TimedWord("learner", text, 2.0 + 0.5 * k / len(texts), 2.0 + 0.5 * (k + 1) / len(texts))
        for k, text in enumerate(texts)
    ]
    (found,) = overlaps(learner, patient, {"learner": voice, "patient": voice}, words)
    return found.kind == "acknowledgement"


def test_a_remark_that_goes_on_after_a_pause_is_more_than_its_first_word() -> None:
    """The transcript ends "No," with a comma, because its sentence goes on."""
    assert acknowledges_in_sound("No.")
    assert not acknowledges_in_sound("No,")


@pytest.mark.parametrize("so_far", ["", "I", "of", "go", "mm", "Al", "oh I", "Yeah, I", "exact"])
def test_the_first_sounds_may_become_an_acknowledgement(so_far: str) -> None:
    assert may_become_acknowledgement(so_far)


@pytest.mark.parametrize("so_far", ["I need", "of the", "right side", "Right?", "but", "yeah but"])
def test_other_words_no_longer_can(so_far: str) -> None:
    assert not may_become_acknowledgement(so_far)


@pytest.mark.parametrize("phrase", phrases("over_speech"))
def test_every_start_of_a_phrase_may_become_it(phrase: str) -> None:
    assert is_acknowledgement(phrase)
    starts = (phrase[:count] for count in range(len(phrase) + 1))
    assert all(map(may_become_acknowledgement, starts))


@pytest.mark.parametrize("phrase", phrases("as_turn"))
def test_a_turn_of_only_such_a_phrase_is_coded_as_an_acknowledgement(phrase: str) -> None:
    assert "acknowledge" in {each.name for each in code(f"{phrase.capitalize()}.")}


@pytest.mark.parametrize("remark", ["Good.", "No.", "Go on.", "Oh dear.", "Um."])
def test_some_phrases_do_more_when_they_are_a_turn_of_their_own(remark: str) -> None:
    assert is_acknowledgement(remark)
    assert "acknowledge" not in {each.name for each in code(remark)}


def test_what_benches_and_calibration_play_as_acknowledgements_are_some() -> None:
    path = PACKAGE / "research" / "calibrate" / "data" / "sentences.toml"
    planted = tomllib.loads(path.read_text(encoding="utf-8"))
    assert all(map(is_acknowledgement, (*planted["acknowledgements"], *ACKNOWLEDGEMENTS)))
    assert not any(map(is_acknowledgement, (*planted["short"], *planted["sentences"], *BIDS)))
