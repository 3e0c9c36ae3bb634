from pathlib import Path

import numpy as np
import pytest

from simvoice.audio import RATE, Pcm
from simvoice.bench.stage import PEOPLE
from simvoice.bench.stt import normalised_words, word_errors
from simvoice.engines.stt import whisper as module
from simvoice.engines.stt.whisper import Whisper, compression, doubled, looks_wrong, repeats
from simvoice.engines.tts.praat_voice import ShapedVoice
from simvoice.errors import ModelAltered, ModelMissing
from simvoice.ports import Transcript, VoiceStyle


def test_a_phrase_said_many_times_repeats() -> None:
    assert repeats("No? No? No? No? No?")
    assert repeats("I see. I see. I see. I see. I see. I see. I see.")
    assert repeats("okay, " * 30)


def test_ordinary_speech_does_not_repeat() -> None:
    assert not repeats("No, no, no.")
    assert not repeats("I'm so sorry to hear that, and I know that you are afraid of what comes.")
    assert not repeats("")


def test_a_text_said_twice_is_doubled() -> None:
    assert doubled("No. No.")
    assert doubled("I see, I see.")
    assert not doubled("No, no, no.")
    assert not doubled("Yes.")
    assert not doubled("")


def test_an_empty_text_has_no_compression() -> None:
    assert compression("") == 0.0


def test_an_unsure_text_looks_wrong_unless_no_one_spoke() -> None:
    assert looks_wrong(Transcript("hm", -1.4, 0.1, 0.5))
    assert not looks_wrong(Transcript("hm", -1.4, 0.9, 0.5))
    assert not looks_wrong(Transcript("hm", -0.4, 0.1, 0.5))


@pytest.mark.engine
@pytest.mark.parametrize("name", ["tiny", "base"])
def test_short_and_longer_utterances_are_recognised_in_the_short_window(
    name: str, people: ShapedVoice, request: pytest.FixtureRequest
) -> None:
    whisper: Whisper = request.getfixturevalue(name)
    for text in (
        "Tell me more about that.",
        "Your surgeon will call you tomorrow morning to set up an appointment for next week.",
    ):
        transcript = whisper.transcribe(people.speak(text, PEOPLE[1]).pcm)
        assert word_errors(normalised_words(text), normalised_words(transcript.text)) <= 1
        assert transcript.path == "window"
        assert transcript.avg_logprob > -0.8
        assert transcript.no_speech_prob < 0.5


@pytest.mark.engine
def test_punctuation_is_kept(people: ShapedVoice, tiny: Whisper) -> None:
    assert tiny.transcribe(people.speak("How are you feeling?", VoiceStyle()).pcm).text[-1] == "?"


@pytest.mark.engine
def test_short_acknowledgements_are_not_doubled(people: ShapedVoice, tiny: Whisper) -> None:
    for text in ("Okay.", "Right.", "I see.", "Of course.", "Tell me more.", "Are you okay?"):
        words = normalised_words(tiny.transcribe(people.speak(text, PEOPLE[0]).pcm).text)
        assert len(words) <= len(normalised_words(text)) + 1


@pytest.mark.engine
def test_a_hint_does_not_become_part_of_the_text(people: ShapedVoice, tiny: Whisper) -> None:
    pcm = people.speak("When did it start?", VoiceStyle()).pcm
    transcript = tiny.transcribe(pcm, hint="I found a lump in my breast in the shower.")
    assert normalised_words(transcript.text) == normalised_words("When did it start?")


@pytest.mark.engine
def test_noise_has_at_least_one_doubtful_score(tiny: Whisper) -> None:
    random = np.random.default_rng(1)
    for level in (0.003, 0.03, 0.2):
        noise = (random.standard_normal(2 * RATE) * level).astype(np.float32)
        found = tiny.transcribe(noise)
        doubtful = found.no_speech_prob > 0.5 or found.avg_logprob < -0.8 or not found.text
        assert doubtful, found


@pytest.mark.engine
def test_an_empty_utterance_gives_an_empty_text(tiny: Whisper) -> None:
    assert tiny.transcribe(np.zeros(0, np.float32)).text == ""


@pytest.mark.engine
def test_only_the_last_thirty_seconds_are_recognised(people: ShapedVoice, tiny: Whisper) -> None:
    said = people.speak("Thank you for telling me.", VoiceStyle()).pcm
    long: Pcm = np.concatenate([np.zeros(32 * RATE, np.float32), said])
    assert "telling" in tiny.transcribe(long).text


@pytest.mark.engine
def test_a_text_cut_by_the_token_limit_is_recognised_by_the_stock_path(
    people: ShapedVoice, tiny: Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SPARE_TOKENS", 1)
    monkeypatch.setattr(module, "TOKENS_PER_S", 0)
    transcript = tiny.transcribe(people.speak("Would you like some water?", VoiceStyle()).pcm)
    assert transcript.path == "stock"
    assert normalised_words(transcript.text) == normalised_words("Would you like some water?")


def test_a_missing_model_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"model\.bin is missing.*simvoice models pull"):
        Whisper(tmp_path)


def test_a_broken_model_names_the_remedy(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"broken")
    with pytest.raises(ModelAltered, match="simvoice models pull"):
        Whisper(tmp_path)


@pytest.mark.engine
def test_words_come_with_their_times(base: Whisper, people: ShapedVoice) -> None:
    first, second = (
        people.speak(text, PEOPLE[1]).pcm for text in ("Tell me more.", "What worries you most?")
    )
    silence = np.zeros(2 * RATE, np.float32)
    words = base.words(np.concatenate((first, silence, second)))
    assert normalised_words(" ".join(word.text for word in words)) == normalised_words(
        "Tell me more. What worries you most?"
    )
    begins_s = (len(first) + len(silence)) / RATE
    (what,) = [word for word in words if word.text.startswith("What")]
    assert what.start_s == pytest.approx(begins_s, abs=0.6)  # Whisper starts it in the silence
    assert all(0.0 <= word.start_s <= word.end_s for word in words)
    assert all(0.0 < word.prob <= 1.0 for word in words)
    assert base.words(np.zeros(0, np.float32)) == []
