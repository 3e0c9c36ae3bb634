"""How she sounds: her own voice, bent by what a line feels like and by how she is.

The affect of a line comes first: the author chose it. What trust and distress do comes on top,
in five moods and no more, so that every line can be made to sound before it is needed.
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
    """Ratios on her neutral voice, a change of loudness, and what her pauses do."""

    pitch: float = 1.0
    pitch_range: float = 1.0
    duration: float = 1.0
    gain_db: float = 0.0
    comma_s: float = 0.0
    """Seconds she stops at a comma; 0 leaves it to the voice."""
    breaks: bool = False
    """Her voice fails at the hard word, where the author marked one."""


# Directions after Juslin & Laukka 2003 (doi 10.1037/0033-2909.129.5.770): sadness slow, low, flat
# and quiet; fear quick and high; anger quick, loud, wide; sizes kept small enough to stay natural
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

LITTLE_TRUST: Final = 0.35
MUCH_TRUST: Final = 0.60
MUCH_DISTRESS: Final = 0.70
"""Where a mood begins. A case begins between them as a rule, and the news goes over the last."""

PAUSES: Final = 2
"""A line has at most so many of her mood's: more, and it is a manner instead of a distress."""

# The same source, for smaller steps: tenderness slow, low and even in loudness (open); a voice
# that keeps to itself is flat (guarded). Distress before somebody she can lean on is sadness and
# fear in one, slow and soft but high (shaken); before somebody she has to guard against it is
# fear and anger, quick, high and loud (strained). Of all that stress does to a voice, a higher
# pitch is found most often (Giddens et al. 2013, doi 10.1016/j.jvoice.2012.12.010).
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
    """What her trust and distress make of her voice now."""
    values = dict(state.ledger)
    trust, distress = values.get("trust", 0.5), values.get("distress", 0.0)
    if distress >= MUCH_DISTRESS:
        return "strained" if trust < LITTLE_TRUST else "shaken"
    if trust < LITTLE_TRUST:
        return "guarded"
    return "open" if trust >= MUCH_TRUST else "even"


def style_of(person: Person, affect: Affect, mood: Mood = "even") -> VoiceStyle:
    """Her voice with this affect in this mood, kept within what the knobs allow.

    The pace of the mood is a stretch, so that a line in five moods is synthesised only once.
    """
    knobs, felt, held = person.voice, BENDS[affect], MOODS[mood]
    by_affect, by_ledger = person.bends.affect, person.bends.ledger
    pitch = felt.pitch**by_affect * held.pitch**by_ledger
    pitch_range = felt.pitch_range**by_affect * held.pitch_range**by_ledger
    gain_db = felt.gain_db * by_affect + held.gain_db * by_ledger
    pitch_hz = None if knobs.pitch_hz is None else _within(60.0, knobs.pitch_hz * pitch, 350.0)
    return VoiceStyle(
        formant_shift=knobs.formant_shift,
        pitch_hz=None if pitch_hz is None else round(pitch_hz, 1),
        pitch_range=round(_within(0.3, knobs.pitch_range * pitch_range, 2.0), 3),
        duration=round(_within(0.7, knobs.duration * felt.duration**by_affect, 1.6), 3),
        gain_db=round(_within(-12.0, knobs.gain_db + gain_db, 6.0), 2),
        stretch=round(held.duration**by_ledger, 3),
    )


def spoken(marked: str, affect: Affect, mood: Mood, bends: VoiceBends) -> str:
    """A wording as the voice is to say it now: the author's marks, and her mood's pauses.

    marked: as the author wrote it. A `<break>` is kept only where her voice would fail.
    """
    felt, held = BENDS[affect], MOODS[mood]
    line = markup.parse(marked)
    fails = (felt.breaks and bends.affect > 0.0) or (held.breaks and bends.ledger > 0.0)
    if not fails:
        line = markup.without(line, "break")
    if held.comma_s > 0.0 and bends.ledger > 0.0:
        line = markup.with_pauses_at_commas(line, _pause_s(held, bends), PAUSES)
    return markup.render(line)


def wording_of(line: CaseLine, state: PatientState, text: str) -> tuple[str, Affect]:
    """These plain words of the line's as the author marked them, and the affect they are said
    with; the words as they are when the author wrote none like them."""
    fitting = variant(line, state)
    if fitting is not None and fitting.text == text:
        return fitting.marked, fitting.affect or line.affect
    for marked, _ in line.wordings:
        if markup.plain(marked) == text:
            return marked, line.affect
    return text, line.affect


@dataclass(frozen=True, slots=True)
class Saying:
    """One wording as it may come to be said."""

    spoken: str
    """With marks."""
    affect: Affect
    mood: Mood


def saying(case: Case, marked: str, affect: Affect, mood: Mood) -> Saying:
    """A wording of this case's in this mood."""
    return Saying(spoken(marked, affect, mood, case.person.bends), affect, mood)


def _pause_s(bend: Bend, bends: VoiceBends) -> float:
    return round(min(markup.LONGEST_PAUSE_S, bend.comma_s * bends.ledger), 2)


def _within(least: float, value: float, most: float) -> float:
    return min(most, max(least, value))
