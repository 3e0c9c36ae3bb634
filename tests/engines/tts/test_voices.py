"""Piper, Praat and Whisper together: Whisper recognises what Piper and Praat produce."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simvoice.audio import RATE, level_dbfs
from simvoice.bench.stage import PEOPLE
from simvoice.bench.stt import normalised_words, word_errors
from simvoice.engines.stt.whisper import Whisper
from simvoice.engines.tts.piper import EDGE_S, Piper
from simvoice.engines.tts.praat_voice import ShapedVoice, Shaper
from simvoice.errors import ModelAltered, ModelMissing
from simvoice.ports import VoiceStyle

pytestmark = pytest.mark.engine

SENTENCE = "I keep thinking of my mother in the hospital."


@pytest.mark.parametrize("person", PEOPLE, ids=["man", "woman", "older woman", "older man"])
def test_every_person_is_understood(person: VoiceStyle, people: ShapedVoice, tiny: Whisper) -> None:
    transcript = tiny.transcribe(people.speak(SENTENCE, person).pcm)
    assert word_errors(normalised_words(SENTENCE), normalised_words(transcript.text)) <= 1


def test_people_have_the_requested_pitch(people: ShapedVoice) -> None:
    from parselmouth import Sound

    for person in PEOPLE[1:]:
        said = people.speak(SENTENCE, person).pcm.astype(np.float64)
        pitch = Sound(said, float(RATE)).to_pitch(pitch_floor=60.0, pitch_ceiling=500.0)
        voiced = pitch.selected_array["frequency"]
        assert np.median(voiced[voiced > 0]) == pytest.approx(person.pitch_hz, rel=0.08)


def test_shaping_keeps_the_length_and_the_silent_edges(piper: Piper, shaper: Shaper) -> None:
    said = piper.speak(SENTENCE, VoiceStyle())
    shaped = shaper.shape(said.pcm, PEOPLE[1])
    assert shaped.size == said.pcm.size
    quiet = said.pcm[: round(EDGE_S * RATE / 2)]
    assert level_dbfs(shaped[: quiet.size]) < level_dbfs(shaped) - 15.0


def test_the_words_are_those_of_the_text_and_in_order_within_the_clip(piper: Piper) -> None:
    text = "“Well… I'm 58,” she said — Dr. Smith knows, of the 25 weeks, mm-hm."
    said = piper.speak(text, VoiceStyle())
    written = [word for word in text.split() if any(c.isalnum() for c in word)]
    assert [w.text.strip("—… ") for w in said.words] == [w.strip("—… ") for w in written]
    edges = [t for word in said.words for t in (word.start_s, word.end_s)]
    assert edges == sorted(edges)
    assert edges[0] >= 0.0
    assert edges[-1] <= said.pcm.size / RATE
    assert all(word.end_s - word.start_s > 0.03 for word in said.words)


def test_each_word_sounds_at_its_times(piper: Piper) -> None:
    said = piper.speak("Cats, dogs.", VoiceStyle())
    for word in said.words:
        inside = said.pcm[round(word.start_s * RATE) : round(word.end_s * RATE)]
        assert level_dbfs(inside) > -35.0
    between = said.pcm[
        round((said.words[0].end_s + 0.05) * RATE) : round((said.words[1].start_s - 0.05) * RATE)
    ]
    if between.size:
        assert level_dbfs(between) < level_dbfs(said.pcm) - 10.0


def test_two_sentences_cut_at_a_word_time_are_recognised_as_the_first(
    piper: Piper, tiny: Whisper
) -> None:
    said = piper.speak("The surgeon was very kind. Tomorrow is Thursday.", VoiceStyle())
    cut = next(word.end_s for word in said.words if word.text == "kind.")
    transcript = normalised_words(tiny.transcribe(said.pcm[: round(cut * RATE)]).text)
    assert transcript == normalised_words("The surgeon was very kind.")


def test_syllable_ends_rise_and_the_last_is_the_end_of_the_last_word(piper: Piper) -> None:
    said = piper.speak("It is probably nothing.", VoiceStyle())
    ends = list(said.syllable_ends_s)
    assert ends == sorted(set(ends))
    assert len(ends) == 7
    assert ends[-1] == pytest.approx(said.words[-1].end_s)


def test_a_clip_begins_and_ends_without_a_click(people: ShapedVoice) -> None:
    for person in PEOPLE[:2]:
        pcm = people.speak("But why?", person).pcm
        assert abs(float(pcm[0])) < 0.01
        assert abs(float(pcm[-1])) < 0.01


def test_slower_is_longer_and_gain_is_in_decibels(piper: Piper) -> None:
    plain = piper.speak(SENTENCE, VoiceStyle())
    slow = piper.speak(SENTENCE, VoiceStyle(duration=1.4))
    quiet = piper.speak(SENTENCE, VoiceStyle(gain_db=-12.0))
    assert slow.pcm.size > 1.15 * plain.pcm.size
    assert level_dbfs(quiet.pcm) == pytest.approx(level_dbfs(plain.pcm) - 12.0, abs=2.0)


def test_no_clip_is_over_full_scale(piper: Piper) -> None:
    assert np.abs(piper.speak("No! Stop!", VoiceStyle(gain_db=20.0)).pcm).max() < 1.0


@pytest.mark.parametrize("text", ["", "   ", "…", "—", "?!"])
def test_a_text_without_words_gives_an_empty_clip(text: str, people: ShapedVoice) -> None:
    said = people.speak(text, PEOPLE[1])
    assert said.pcm.size == 0
    assert said.words == ()


@pytest.mark.parametrize("samples", [1, 10, 160, 1599, 4000])
def test_short_and_voiceless_clips_keep_their_length(samples: int, shaper: Shaper) -> None:
    noise = np.random.default_rng(0).standard_normal(samples).astype(np.float32) * 0.1
    assert shaper.shape(noise, PEOPLE[2]).size == samples
    assert shaper.shape(np.zeros(samples, np.float32), PEOPLE[2]).size == samples


def test_a_clip_that_praat_refuses_is_returned_unchanged(shaper: Shaper) -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    impossible = replace(PEOPLE[1], formant_shift=-1.0)
    assert np.array_equal(shaper.shape(noise, impossible), noise)


def test_a_killed_worker_is_restarted(piper: Piper) -> None:
    shaper = Shaper()
    try:
        said = piper.speak("Still here.", VoiceStyle()).pcm
        first = shaper.pid
        os.kill(first, signal.SIGKILL)
        shaped = shaper.shape(said, PEOPLE[1])
        assert shaped.size == said.size
        assert not np.array_equal(shaped, said)
        assert shaper.pid != first
    finally:
        shaper.close()


def test_a_missing_voice_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="simvoice models pull"):
        Piper(tmp_path / "nowhere")


def test_a_broken_voice_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"broken")
    (tmp_path / "x.onnx.json").write_text("{}")
    with pytest.raises(ModelAltered, match="simvoice models pull"):
        Piper(tmp_path)
