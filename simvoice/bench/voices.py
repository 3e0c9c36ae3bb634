"""`simvoice bench voices`: measure the synthetic voices in every affect and mood.

Each person says the same sentences. Rate, pitch, range, level and pauses are measured in the
finished sound, by Praat (Boersma 2001); the word error rate shows whether it can be understood.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import parselmouth  # type: ignore[import-not-found]

from simvoice import markup
from simvoice.app.simulator import Simulator
from simvoice.audio import RATE, Pcm, level_dbfs, voiced_span
from simvoice.bench.stt import normalised_words, word_errors
from simvoice.models import manifest
from simvoice.patient.case.fields import VoiceKnobs
from simvoice.patient.case.schema import Person
from simvoice.patient.decisions import Affect, Mood
from simvoice.patient.voice import BENDS, MOODS, spoken, style_of
from simvoice.ports import Speech, SpeechToText, Voice

PEOPLE: Final[Mapping[str, VoiceKnobs]] = MappingProxyType(
    {
        "young woman": VoiceKnobs(formant_shift=1.19, pitch_hz=224, pitch_range=1.1, duration=0.95),
        "woman of fifty": VoiceKnobs(
            formant_shift=1.13, pitch_hz=190, pitch_range=0.95, duration=1.05
        ),
        "old woman": VoiceKnobs(formant_shift=1.08, pitch_hz=161, pitch_range=0.8, duration=1.2),
        "young man": VoiceKnobs(formant_shift=1.03, pitch_hz=134, pitch_range=1.1, duration=0.95),
        "man of forty": VoiceKnobs(formant_shift=0.97, pitch_hz=110, pitch_range=0.95),
        "old man": VoiceKnobs(formant_shift=0.92, pitch_hz=90, pitch_range=0.75, duration=1.18),
    }
)
"""Voice settings for people of different ages; docs/voices.md lists them for authors of cases."""

SENTENCES: Final = (
    "I keep thinking of my mother in the hospital, and how small she was.",
    "Well, they told me to wait, so I waited for three weeks.",
    "Nobody said what it was <pause 0.8> until this morning.",
    "<quiet>I did not tell my husband</quiet> about the <break> cancer.",
)

PAUSE_S: Final = 0.15
"""Seconds from which a silence inside a clause is a pause, and not the closure of a stop."""


@dataclass(frozen=True, slots=True)
class MeasuredClip:
    """The measured values of a clip."""

    rate: float
    """Syllables per second of speech, without pauses."""
    pitch_hz: float
    """Median pitch."""
    range_st: float
    """Semitones between the 10th and the 90th percentile of pitch."""
    level_dbfs: float
    """Level without pauses."""
    pauses_s: tuple[float, ...]
    """Silences of at least `PAUSE_S` between the first and the last sound."""
    third_formant_hz: float
    """Median of the third formant in voiced parts; it depends on the length of the vocal tract."""


def measure(speech: Speech) -> MeasuredClip:
    """Measure one clip, which must contain voiced sound."""
    pauses = _pauses(speech.pcm)
    start, end = voiced_span(speech.pcm)
    sounding_s = (end - start) / RATE - sum(length for _, length in pauses)
    sound = parselmouth.Sound(speech.pcm.astype(np.float64), float(RATE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", parselmouth.PraatWarning)
        pitch = sound.to_pitch(pitch_floor=60.0, pitch_ceiling=500.0)
    track = pitch.selected_array["frequency"]
    voiced = track > 0.0
    hz = track[voiced]
    # Praat's recommendation for the vocal tracts of men and women
    ceiling_hz = 5000.0 if np.median(hz) < 150.0 else 5500.0
    formants = sound.to_formant_burg(maximum_formant=ceiling_hz)
    low, high = np.percentile(hz, [10, 90])
    thirds = np.array([formants.get_value_at_time(3, at_s) for at_s in pitch.xs()[voiced]])
    return MeasuredClip(
        rate=len(speech.syllable_ends_s) / sounding_s,
        pitch_hz=float(np.median(hz)),
        range_st=float(12.0 * np.log2(high / low)),
        level_dbfs=level_dbfs(_without(speech.pcm[start:end], start, pauses)),
        pauses_s=tuple(length for _, length in pauses),
        third_formant_hz=float(np.nanmedian(thirds)),
    )


def _pauses(pcm: Pcm, longer_s: float = PAUSE_S) -> list[tuple[float, float]]:
    """Return (start, length) of inner silences, seconds: more than 40 dB below the loudest part."""
    window = round(0.01 * RATE)
    count = pcm.size // window
    power = np.mean(pcm[: count * window].astype(np.float64).reshape(count, window) ** 2, axis=1)
    loud = np.flatnonzero(power > power.max() * 1e-4)
    found: list[tuple[float, float]] = []
    for before, after in pairwise(loud):
        length_s = float(after - before - 1) * window / RATE
        if length_s >= longer_s:
            found.append((float(before + 1) * window / RATE, length_s))
    return found


def _without(pcm: Pcm, offset: int, pauses: Iterable[tuple[float, float]]) -> Pcm:
    inside = np.ones(pcm.size, dtype=bool)
    for start_s, length_s in pauses:
        start = round(start_s * RATE) - offset
        inside[max(0, start) : start + round(length_s * RATE)] = False
    return pcm[inside]


def person(name: str) -> Person:
    """Return one of `PEOPLE` as a person of a case."""
    return Person(
        name=name, short="Sam", age=50, voice=PEOPLE[name], history=".", family=".", manner="."
    )


def say(voice: Voice, who: Person, text: str, affect: Affect, mood: Mood) -> Speech:
    """Synthesise one clause as this person says it."""
    return voice.speak(spoken(text, affect, mood, who.bends), style_of(who, affect, mood))


def _each_affect() -> Iterator[tuple[Affect, Mood]]:
    return ((affect, "even") for affect in BENDS)


def _each_mood() -> Iterator[tuple[Affect, Mood]]:
    return (("neutral", mood) for mood in MOODS if mood != "even")


WAYS: Final[tuple[tuple[Affect, Mood], ...]] = (
    *_each_affect(),
    *_each_mood(),
    ("tearful", "shaken"),
    ("angry", "strained"),
    ("flat", "guarded"),
    ("warm", "open"),
)
"""Every affect, every mood, and the most extreme pairs."""


def run(quick: bool) -> dict[str, Any]:
    """Return the figures as JSON data. quick: two people and one recogniser, not six and two."""
    simulator = Simulator()
    voice = simulator.voice()
    recognisers = _recognisers(quick)
    people: dict[str, Any] = {}
    wrong: dict[str, Counter[str]] = {name: Counter() for name in recognisers}
    words: Counter[str] = Counter()
    for name in list(PEOPLE)[1::3] if quick else PEOPLE:
        who = person(name)
        people[name] = {}
        for affect, mood in WAYS:
            clips = [say(voice, who, text, affect, mood) for text in SENTENCES]
            way = f"{affect}, {mood}"
            people[name][way] = _means([measure(clip) for clip in clips])
            for text, clip in zip(SENTENCES, clips, strict=True):
                plain = normalised_words(markup.plain(text))
                words.update({way: len(plain), name: len(plain), "all": len(plain)})
                for model, stt in recognisers.items():
                    missed = word_errors(plain, normalised_words(stt.transcribe(clip.pcm).text))
                    wrong[model].update({way: missed, name: missed, "all": missed})
    rates = {
        model: {which: round(count[which] / words[which], 3) for which in words}
        for model, count in wrong.items()
    }
    return {"people": people, "word_error_rate": rates, "words": words["all"]}


def _recognisers(quick: bool) -> dict[str, SpeechToText]:
    # Loads the library, which reads the environment that `Simulator` sets.
    from simvoice.engines.stt.whisper import Whisper

    names = ("whisper-tiny.en",) if quick else ("whisper-tiny.en", "whisper-base")
    return {name: Whisper(manifest.locate(name)) for name in names}


def _means(found: Sequence[MeasuredClip]) -> dict[str, float]:
    return {
        "rate": round(_mean([each.rate for each in found]), 2),
        "pitch_hz": round(_mean([each.pitch_hz for each in found]), 1),
        "range_st": round(_mean([each.range_st for each in found]), 1),
        "level_dbfs": round(_mean([each.level_dbfs for each in found]), 1),
        "pauses": sum(len(each.pauses_s) for each in found),
        "paused_s": round(sum(sum(each.pauses_s) for each in found), 2),
        "third_formant_hz": round(_mean([each.third_formant_hz for each in found])),
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
