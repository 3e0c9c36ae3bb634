"""Measurements of the voice in every affect and mood: its styles are audible, and its words are
understood."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest

from simvoice import markup
from simvoice.bench.stt import normalised_words, word_errors
from simvoice.bench.voices import PEOPLE, SENTENCES, WAYS, MeasuredClip, measure, person, say
from simvoice.engines.stt.whisper import Whisper
from simvoice.engines.tts.marked_voice import QUIET_DB, MarkedVoice
from simvoice.engines.tts.praat_voice import ShapedVoice, Shaper
from simvoice.patient.decisions import Affect, Mood
from simvoice.patient.voice import BENDS, MOODS, style_of
from simvoice.ports import VoiceStyle

pytestmark = pytest.mark.engine

FOUR = ("young woman", "old woman", "man of forty", "old man")
TEXT = SENTENCES[0]
"""It has a comma."""


@pytest.fixture(scope="module")
def voice(people: ShapedVoice, shaper: Shaper) -> MarkedVoice:
    return MarkedVoice(people, shaper.stretch)


class ClipMeter:
    """Speaks and measures each clip once."""

    def __init__(self, voice: MarkedVoice) -> None:
        self.measure = cache(self._measure)
        self._voice = voice

    def _measure(self, name: str, affect: Affect, mood: Mood, text: str = TEXT) -> MeasuredClip:
        return measure(say(self._voice, person(name), text, affect, mood))


@pytest.fixture(scope="module")
def meter(voice: MarkedVoice) -> ClipMeter:
    return ClipMeter(voice)


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize("mood", [mood for mood in MOODS if mood != "even"])
def test_a_mood_changes_the_voice_by_its_settings(meter: ClipMeter, name: str, mood: Mood) -> None:
    even, moved = meter.measure(name, "neutral", "even"), meter.measure(name, "neutral", mood)
    bend = MOODS[mood]
    assert even.rate / moved.rate == pytest.approx(bend.duration, abs=0.025)
    assert moved.pitch_hz == pytest.approx(
        style_of(person(name), "neutral", mood).pitch_hz, rel=0.05
    )
    assert moved.level_dbfs - even.level_dbfs == pytest.approx(bend.gain_db, abs=0.6)


@pytest.mark.parametrize("mood", [mood for mood in MOODS if mood != "even"])
def test_a_mood_changes_pitch_and_range_of_all_people_equally(meter: ClipMeter, mood: Mood) -> None:
    """Averages eight clips, because the range of one depends on a few frames of its pitch."""
    pairs = [
        (meter.measure(name, "neutral", "even", text), meter.measure(name, "neutral", mood, text))
        for name in FOUR
        for text in SENTENCES[:2]
    ]
    pitch = sum(moved.pitch_hz / even.pitch_hz for even, moved in pairs) / len(pairs)
    pitch_range = sum(moved.range_st / even.range_st for even, moved in pairs) / len(pairs)
    assert pitch == pytest.approx(MOODS[mood].pitch, abs=0.02)
    assert pitch_range == pytest.approx(MOODS[mood].pitch_range, abs=0.12)


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize("affect", [affect for affect in BENDS if affect != "neutral"])
def test_an_affect_changes_the_voice_by_its_settings(
    meter: ClipMeter, name: str, affect: Affect
) -> None:
    """Averages two sentences, with wider limits, because each affect needs a new synthesis and
    Piper draws random inputs."""
    asked, bend = style_of(person(name), affect), BENDS[affect]
    pairs = [
        (meter.measure(name, "neutral", "even", text), meter.measure(name, affect, "even", text))
        for text in SENTENCES[:2]
    ]
    pace = sum(neutral.rate / felt.rate for neutral, felt in pairs) / 2
    pitch_hz = sum(felt.pitch_hz for _, felt in pairs) / 2
    louder_db = sum(felt.level_dbfs - neutral.level_dbfs for neutral, felt in pairs) / 2
    assert pace == pytest.approx(bend.duration, abs=0.09)
    assert pitch_hz == pytest.approx(asked.pitch_hz, rel=0.06)
    assert louder_db == pytest.approx(bend.gain_db, abs=1.5)


@pytest.mark.parametrize("name", FOUR)
def test_distress_pauses_at_a_comma_for_the_set_time(meter: ClipMeter, name: str) -> None:
    for mood in ("shaken", "strained"):
        clip = meter.measure(name, "neutral", mood)
        assert max(clip.pauses_s) == pytest.approx(MOODS[mood].comma_s, abs=0.05)
    marked = meter.measure(
        name, "neutral", "even", "Nobody said what it was <pause 0.8> until now."
    )
    assert max(marked.pauses_s) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("name", FOUR)
def test_quiet_words_are_softer_in_every_voice(voice: MarkedVoice, name: str) -> None:
    loud = measure(say(voice, person(name), "I told nobody at all.", "neutral", "even"))
    soft = measure(
        say(voice, person(name), "<quiet>I told nobody at all.</quiet>", "neutral", "even")
    )
    assert soft.level_dbfs - loud.level_dbfs == pytest.approx(QUIET_DB - 1.5, abs=2.0)
    assert soft.rate < loud.rate


def test_people_differ_in_pitch_and_in_vocal_tract_length(meter: ClipMeter) -> None:
    """From the highest voice to the lowest, neighbours differ by two semitones or more, and each
    vocal tract is longer than the one before."""
    clips = [meter.measure(name, "neutral", "even") for name in PEOPLE]
    for higher, lower in pairwise(clips):
        assert higher.pitch_hz / lower.pitch_hz > 2 ** (2 / 12)
        assert higher.third_formant_hz > 1.01 * lower.third_formant_hz
    for name, clip in zip(PEOPLE, clips, strict=True):
        assert clip.pitch_hz == pytest.approx(PEOPLE[name].pitch_hz, rel=0.05)
    rate = dict(zip(PEOPLE, (clip.rate for clip in clips), strict=True))
    assert rate["old woman"] < 0.9 * rate["young woman"]
    assert rate["old man"] < 0.9 * rate["young man"]


@pytest.mark.parametrize("name", FOUR)
def test_the_words_are_understood_in_every_affect_and_mood(
    voice: MarkedVoice, tiny: Whisper, name: str
) -> None:
    wrong = words = 0
    for affect, mood in WAYS:
        for text in SENTENCES[2:]:
            said = normalised_words(markup.plain(text))
            clip = say(voice, person(name), text, affect, mood)
            wrong += word_errors(said, normalised_words(tiny.transcribe(clip.pcm).text))
            words += len(said)
    assert wrong / words <= 0.04


@pytest.mark.parametrize("ratio", [0.75, 0.9, 1.1, 1.3, 1.5])
def test_the_clip_has_the_requested_pace(people: ShapedVoice, ratio: float) -> None:
    lengths = [
        people.speak(text, VoiceStyle(duration=ratio)).pcm.size
        / people.speak(text, VoiceStyle()).pcm.size
        for text in map(markup.plain, SENTENCES)
    ]
    assert sum(lengths) / len(lengths) == pytest.approx(ratio, rel=0.05)


def test_a_stretched_clip_has_correct_word_times(people: ShapedVoice, tiny: Whisper) -> None:
    said = people.speak(
        "The surgeon was very kind. Tomorrow is Thursday.", VoiceStyle(stretch=1.25)
    )
    cut = next(word.end_s for word in said.words if word.text == "kind.")
    heard = normalised_words(tiny.transcribe(said.pcm[: round(cut * 16_000)]).text)
    assert heard == normalised_words("The surgeon was very kind.")


def test_every_mood_of_a_person_is_another_style() -> None:
    for name in FOUR:
        styles = {style_of(person(name), affect, mood) for affect in BENDS for mood in MOODS}
        assert len(styles) == len(BENDS) * len(MOODS)
