"""The sound of marks, with a voice whose words are tones of known length, level and time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from simvoice.audio import RATE, Pcm, level_dbfs, samples
from simvoice.engines.tts.clips import BELOW_VOICE_DB, BREATH_S, breath
from simvoice.engines.tts.marked_voice import (
    BREAK_DURATION,
    CATCH_S,
    QUIET_DB,
    QUIET_DURATION,
    SLOW_DURATION,
    MarkedVoice,
)
from simvoice.errors import StageFailed
from simvoice.ports import Speech, SpokenWord, VoiceStyle

WORD_S, GAP_S, EDGE_S = 0.3, 0.04, 0.03
TEXT = "one two three four five six"


class Tones:
    """Speaks each word as 0.3 s of a low tone, 40 ms apart, with a syllable end in its middle."""

    def __init__(self, count_off: int = 0) -> None:
        self.texts: list[str] = []
        self._off = count_off

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        self.texts.append(text)
        words, ends = [], []
        wave = 0.2 * np.sin(2 * np.pi * 300.0 * np.arange(samples(WORD_S)) / RATE)
        sounds = [np.zeros(samples(EDGE_S))]
        at_s = EDGE_S
        for word in text.split():
            words.append(SpokenWord(word, at_s, at_s + WORD_S))
            ends += [at_s + WORD_S / 2, at_s + WORD_S]
            sounds += [wave, np.zeros(samples(GAP_S))]
            at_s += WORD_S + GAP_S
        pcm = np.concatenate(sounds).astype(np.float32)
        return Speech(pcm, tuple(words[self._off :]), tuple(ends))


def stretch(pcm: Pcm, ratio: float) -> Pcm:
    """Stretch by repeating samples; the pitch of the tones does not matter here."""
    size = round(pcm.size * ratio)
    return pcm[np.minimum(np.arange(size) / ratio, pcm.size - 1).astype(int)]


def said(text: str, voice: Tones | None = None) -> Speech:
    return MarkedVoice(voice or Tones(), stretch).speak(text, VoiceStyle())


def silences(speech: Speech) -> list[tuple[float, float]]:
    loud = np.flatnonzero(np.abs(speech.pcm) > 0.004)
    return [(a / RATE, (b - a) / RATE) for a, b in pairwise(loud) if b - a > samples(2 * GAP_S)]


def part(speech: Speech, word: int) -> Pcm:
    found = speech.words[word]
    return speech.pcm[samples(found.start_s) : samples(found.end_s)]


def test_a_line_without_marks_is_not_changed() -> None:
    plain = Tones().speak(TEXT, VoiceStyle())
    assert np.array_equal(said(TEXT).pcm, plain.pcm)


def test_the_voice_receives_the_whole_clause_without_marks() -> None:
    voice = Tones()
    said("one two <pause 0.5> three <quiet>four</quiet> five <break> six", voice)
    assert voice.texts == [TEXT]


@pytest.mark.parametrize("pause_s", [0.2, 0.8, 1.5])
def test_a_pause_is_silence_of_its_length_before_its_word(pause_s: float) -> None:
    speech = said(f"one two three <pause {pause_s}> four five six")
    ((at_s, length_s),) = silences(speech)
    assert length_s == pytest.approx(pause_s, abs=0.012)
    assert at_s == pytest.approx(speech.words[2].end_s, abs=0.012)
    assert at_s + length_s == pytest.approx(speech.words[3].start_s, abs=0.012)


def test_a_pause_at_the_end_of_a_clause_is_silence_after_its_last_word() -> None:
    speech = said("one two <pause 0.7>")
    after = speech.pcm[samples(speech.words[-1].end_s) :]
    assert after.size / RATE == pytest.approx(0.7, abs=0.035)
    assert np.abs(after[samples(0.01) :]).max() == 0.0


def test_words_and_syllables_keep_their_order_and_have_correct_times() -> None:
    speech = said("<breath> one <pause 0.4> two <slow>three four</slow> <break> five six")
    edges = [at for word in speech.words for at in (word.start_s, word.end_s)]
    assert edges == sorted(edges)
    ends = list(speech.syllable_ends_s)
    assert ends == sorted(set(ends))
    assert len(ends) == 12
    assert all(level_dbfs(part(speech, word)) > -24.0 for word in range(6))
    for number, word in enumerate(speech.words):
        assert ends[2 * number + 1] == pytest.approx(word.end_s)


def test_quiet_words_are_softer_and_slower_and_the_others_are_not() -> None:
    speech = said("one two <quiet>three four</quiet> five six")
    loud, soft = level_dbfs(part(speech, 1)), level_dbfs(part(speech, 2))
    assert soft - loud == pytest.approx(QUIET_DB, abs=0.8)
    assert level_dbfs(part(speech, 5)) == pytest.approx(loud, abs=0.5)
    assert part(speech, 3).size / RATE == pytest.approx(WORD_S * QUIET_DURATION, abs=0.02)
    assert part(speech, 5).size / RATE == pytest.approx(WORD_S, abs=0.01)
    assert silences(speech) == []


def test_slow_words_are_longer_and_equally_loud() -> None:
    speech = said("one two <slow>three four</slow> five six")
    assert part(speech, 2).size / RATE == pytest.approx(WORD_S * SLOW_DURATION, abs=0.02)
    assert level_dbfs(part(speech, 2)) == pytest.approx(level_dbfs(part(speech, 1)), abs=0.5)


def test_a_break_is_a_silence_and_a_word_with_a_tremor() -> None:
    speech = said("one two three <break> four five six")
    ((at_s, length_s),) = silences(speech)
    assert at_s == pytest.approx(speech.words[2].end_s, abs=0.012)
    assert CATCH_S <= length_s <= CATCH_S + 0.07
    word = part(speech, 3)
    assert word.size / RATE == pytest.approx(WORD_S * BREAK_DURATION, abs=0.02)
    first, later = word[: samples(0.03)], word[samples(0.07) : samples(0.1)]
    assert level_dbfs(first) < level_dbfs(later) - 3.0


def test_a_breath_precedes_its_word_and_is_far_softer() -> None:
    speech = said("<breath> one two")
    start_s = speech.words[0].start_s
    assert BREATH_S < start_s < BREATH_S + 0.12
    breathed = speech.pcm[: samples(BREATH_S)]
    assert level_dbfs(breathed) == pytest.approx(
        level_dbfs(part(speech, 0)) - BELOW_VOICE_DB, abs=1.0
    )


def test_a_breath_is_the_same_each_time_and_higher_for_a_shorter_vocal_tract() -> None:
    low, high = breath(0.1, 0.9), breath(0.1, 1.2)
    assert np.array_equal(low, breath(0.1, 0.9))
    assert _centre_hz(high) > 1.1 * _centre_hz(low)
    assert abs(float(low[0])) < 0.001
    assert abs(float(low[-1])) < 0.001


def test_marks_are_omitted_when_the_voice_counts_words_differently() -> None:
    voice = Tones(count_off=1)
    plain = Tones(count_off=1).speak(TEXT, VoiceStyle())
    speech = said("one two <pause 1> three four five six", voice)
    assert np.array_equal(speech.pcm, plain.pcm)


def test_an_unknown_mark_is_an_error_that_names_it() -> None:
    with pytest.raises(StageFailed, match="<shout> is no mark"):
        said("one <shout> two")


def test_a_clause_begins_and_ends_without_a_click() -> None:
    speech = said("<quiet>one two</quiet> <pause 0.3> three")
    assert abs(float(speech.pcm[0])) < 0.001
    assert np.abs(np.diff(speech.pcm)).max() < 0.05


def _centre_hz(pcm: Pcm) -> float:
    power = np.abs(np.fft.rfft(pcm)) ** 2
    return float(np.sum(power * np.fft.rfftfreq(pcm.size, 1 / RATE)) / power.sum())
