"""How the patient's voice sounds: the voice of the person, changed by the affect of a line and by
the patient's mood.

The affect of a line, which the author chose, comes first. Trust and distress add one of only five
moods, so that every line can be synthesised before it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from simvoice import markup
from simvoice.patient.case.fields import VoiceBends
from simvoice.patient.case.schema import Case, CaseLine, Person
from simvoice.patient.decisions import Affect, Mood, PatientState
from simvoice.patient.ledger import variant
from simvoice.ports import VoiceStyle


@dataclass(frozen=True, slots=True)
class Bend:
    """A change of the neutral voice: ratios, a change of loudness, and pauses."""

    pitch: float = 1.0
    pitch_range: float = 1.0
    duration: float = 1.0
    gain_db: float = 0.0
    comma_s: float = 0.0
    """Seconds of pause at a comma; 0 leaves the pause to the voice."""
    breaks: bool = False
    """The voice breaks at a word that the author marked with `<break>`."""


# Directions after Juslin & Laukka 2003 (doi 10.1037/0033-2909.129.5.770): sadness slow, low, flat
# and quiet; fear quick and high; anger quick, loud, wide. The sizes are small enough to sound
# natural.
BENDS: Final[Mapping[Affect, Bend]] = MappingProxyType(
    {
        "neutral": Bend(),
        "flat": Bend(pitch=0.97, pitch_range=0.65, duration=1.10, gain_db=-2.0),
        "tearful": Bend(pitch=1.04, pitch_range=0.80, duration=1.16, gain_db=-3.0, breaks=True),
        "anxious": Bend(pitch=1.06, pitch_range=1.10, duration=0.94),
        "angry": Bend(pitch=1.03, pitch_range=1.25, duration=0.95, gain_db=2.0),
        "warm": Bend(pitch=0.99, pitch_range=1.08, duration=1.04),
    }
)

LOW_TRUST: Final = 0.35
HIGH_TRUST: Final = 0.60
HIGH_DISTRESS: Final = 0.70
"""Limits of the moods. A case usually starts between them, and the news passes the last one."""

MOST_PAUSES: Final = 2
"""Most pauses that a mood adds to a line; more would sound like a manner instead of distress."""

# The same source, with smaller changes. Tenderness is slow, low and even in loudness (open); a
# reserved voice is flat (guarded). Distress with trust is sadness and fear together: slow and soft
# but high (shaken). Distress without trust is fear and anger: quick, high and loud (strained). The
# most common effect of stress on a voice is a higher pitch (Giddens et al. 2013, doi
# 10.1016/j.jvoice.2012.12.010).
MOODS: Final[Mapping[Mood, Bend]] = MappingProxyType(
    {
        "even": Bend(),
        "guarded": Bend(pitch=0.99, pitch_range=0.82, duration=0.95),
        "open": Bend(pitch=0.98, pitch_range=1.10, duration=1.05, gain_db=-0.5),
        "shaken": Bend(
            pitch=1.03, pitch_range=0.92, duration=1.07, gain_db=-1.5, comma_s=0.55, breaks=True
        ),
        "strained": Bend(
            pitch=1.05, pitch_range=1.12, duration=0.94, gain_db=1.0, comma_s=0.35, breaks=True
        ),
    }
)


def mood_of(state: PatientState) -> Mood:
    """The mood that follows from trust and distress."""
    values = dict(state.ledger)
    trust, distress = values.get("trust", 0.5), values.get("distress", 0.0)
    if distress >= HIGH_DISTRESS:
        return "strained" if trust < LOW_TRUST else "shaken"
    if trust < LOW_TRUST:
        return "guarded"
    return "open" if trust >= HIGH_TRUST else "even"


def style_of(person: Person, affect: Affect, mood: Mood = "even") -> VoiceStyle:
    """The voice style of a person for an affect and a mood, within the limits of `VoiceKnobs`.

    The pace of the mood is a stretch, so that a line in five moods is synthesised only once.
    """
    knobs, by_line, by_mood = person.voice, BENDS[affect], MOODS[mood]
    affect_weight, mood_weight = person.bends.affect, person.bends.ledger
    pitch = by_line.pitch**affect_weight * by_mood.pitch**mood_weight
    pitch_range = by_line.pitch_range**affect_weight * by_mood.pitch_range**mood_weight
    gain_db = by_line.gain_db * affect_weight + by_mood.gain_db * mood_weight
    pitch_hz = None if knobs.pitch_hz is None else _clamp(60.0, knobs.pitch_hz * pitch, 350.0)
    return VoiceStyle(
        formant_shift=knobs.formant_shift,
        pitch_hz=None if pitch_hz is None else round(pitch_hz, 1),
        pitch_range=round(_clamp(0.3, knobs.pitch_range * pitch_range, 2.0), 3),
        duration=round(_clamp(0.7, knobs.duration * by_line.duration**affect_weight, 1.6), 3),
        gain_db=round(_clamp(-12.0, knobs.gain_db + gain_db, 6.0), 2),
        stretch=round(by_mood.duration**mood_weight, 3),
    )


def spoken(marked: str, affect: Affect, mood: Mood, bends: VoiceBends) -> str:
    """A wording with the marks for the voice: the author's marks and the pauses of the mood.

    marked: as the author wrote it. A `<break>` is kept only where the affect or the mood makes the
    voice break.
    """
    by_line, by_mood = BENDS[affect], MOODS[mood]
    line = markup.parse(marked)
    breaks = (by_line.breaks and bends.affect > 0.0) or (by_mood.breaks and bends.ledger > 0.0)
    if not breaks:
        line = markup.without(line, "break")
    if by_mood.comma_s > 0.0 and bends.ledger > 0.0:
        line = markup.with_pauses_at_commas(line, _comma_pause_s(by_mood, bends), MOST_PAUSES)
    return markup.render(line)


def marked_wording(line: CaseLine, state: PatientState, text: str) -> tuple[str, Affect]:
    """The marked form of a plain text of the line, and its affect; the text itself if the line has
    no such wording."""
    fitting = variant(line, state)
    if fitting is not None and fitting.text == text:
        return fitting.marked, fitting.affect or line.affect
    for marked, _ in line.wordings:
        if markup.plain(marked) == text:
            return marked, line.affect
    return text, line.affect


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """One wording in one mood, ready for the voice."""

    spoken: str
    """The text with marks."""
    affect: Affect
    mood: Mood


def spoken_line(case: Case, marked: str, affect: Affect, mood: Mood) -> SpokenLine:
    """A wording of the case in a mood."""
    return SpokenLine(spoken(marked, affect, mood, case.person.bends), affect, mood)


def _comma_pause_s(bend: Bend, bends: VoiceBends) -> float:
    return round(min(markup.LONGEST_PAUSE_S, bend.comma_s * bends.ledger), 2)


def _clamp(low: float, value: float, high: float) -> float:
    return min(high, max(low, value))
