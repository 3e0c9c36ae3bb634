"""The metric registry: each metric once, as data, with what it is and when it cannot be told.

No metric has been calibrated yet against planted truth, and each says so: a number comes with
its error or with the sentence that the error is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from simvoice.scoring import measures as m
from simvoice.scoring.reading import Reading, Recorded, read

Unit = Literal["percent", "seconds", "count", "words", "per minute"]

NOT_CALIBRATED = "error not yet calibrated"

_HELDNER = "Heldner & Edlund 2010, doi 10.1016/j.wocn.2010.08.002"
_SILENCES = "threshold of Bartels et al. 2016 and Gramling et al. 2022"
_OWN = "simvoice, from the record"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `measure` gives the value in `unit`, or raises NotMeasurable."""

    key: str
    name: str
    unit: Unit
    definition: str
    source: str
    not_measurable_when: str
    measure: Callable[[Reading], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's value in one attempt, or the reason why there is none."""

    key: str
    name: str
    unit: Unit
    value: float | None
    reason: str
    """Why it is not measurable here; empty when it is."""
    error: str
    """Its interval, or that there is none yet."""
    definition: str
    source: str


def measure(attempt: Recorded) -> list[Measured]:
    """Every metric of the registry, in its order."""
    return measure_reading(read(attempt))


def measure_reading(reading: Reading) -> list[Measured]:
    """The same for a reading that was made already (or made from the sound)."""
    return [_measured(metric, reading) for metric in METRICS]


def _measured(metric: Metric, reading: Reading) -> Measured:
    value: float | None = None
    reason = ""
    try:
        value = round(metric.measure(reading), 6)
    except m.NotMeasurable as why:
        reason = f"not measurable here: {why}"
    return Measured(
        key=metric.key,
        name=metric.name,
        unit=metric.unit,
        value=value,
        reason=reason,
        error=NOT_CALIBRATED,
        definition=metric.definition,
        source=metric.source,
    )


_SILENT_SPEAKER = "one of the two did not speak"
_LOST = "more than 1 % of the microphone's sound was lost"

METRICS: tuple[Metric, ...] = (
    Metric(
        "talk_share",
        "your share of the talking",
        "percent",
        "Seconds of your voice over seconds of both voices; acknowledgements count.",
        _OWN,
        _SILENT_SPEAKER,
        m.talk_share,
    ),
    Metric(
        "learner_speech",
        "your speech",
        "seconds",
        "Seconds in which your voice sounded, acknowledgements included.",
        _OWN,
        "never",
        m.speech("learner"),
    ),
    Metric(
        "patient_speech",
        "the patient's speech",
        "seconds",
        "Seconds in which the patient's voice was heard.",
        _OWN,
        "never",
        m.speech("patient"),
    ),
    Metric(
        "learner_turns",
        "your turns",
        "count",
        "A turn lasts from your first sound until the patient takes the floor; "
        "acknowledgements are none.",
        _OWN,
        "never",
        m.turns,
    ),
    Metric(
        "longest_monologue",
        "your longest turn",
        "seconds",
        "From its first sound to its last, pauses included.",
        _OWN,
        "the learner did not speak",
        m.monologue,
    ),
    Metric(
        "response_latency",
        "your response time",
        "seconds",
        "Median floor transfer offset from the patient to you; below zero where you began before "
        "the patient had ended. Silences the patient chose to keep are left out.",
        _HELDNER,
        f"{_SILENT_SPEAKER}; {_LOST}",
        m.latency,
    ),
    Metric(
        "patient_latency",
        "the patient's response time",
        "seconds",
        "Median floor transfer offset from you to the patient, with the machine's own delay "
        "taken off; what remains the patient chose.",
        _HELDNER,
        _SILENT_SPEAKER,
        m.patient_latency,
    ),
    Metric(
        "learner_pauses",
        "your pauses",
        "count",
        "Silences of 0.2 s and more within your turns.",
        _HELDNER,
        f"the learner did not speak; {_LOST}",
        m.pause_count,
    ),
    Metric(
        "learner_pause_length",
        "length of your pauses",
        "seconds",
        "Median of the silences of 0.2 s and more within your turns.",
        _HELDNER,
        f"the learner made no pause; {_LOST}",
        m.pause_median,
    ),
    Metric(
        "overlaps",
        "overlaps",
        "count",
        "Stretches in which both voices sounded; acknowledgements are not counted.",
        _HELDNER,
        "never",
        m.overlap_count,
    ),
    Metric(
        "overlap_time",
        "time in overlap",
        "seconds",
        "Seconds in which both voices sounded; acknowledgements are not counted.",
        _HELDNER,
        "never",
        m.overlap_time,
    ),
    Metric(
        "interruptions",
        "interruptions",
        "count",
        "You took the floor before the patient's words were done; acknowledgements are not "
        "interruptions.",
        _OWN,
        "the patient did not speak",
        m.interruptions,
    ),
    Metric(
        "words_lost",
        "words the patient never got to say",
        "words",
        "Words of the patient's that interruptions cut off.",
        _OWN,
        "the patient did not speak",
        m.words_lost,
    ),
    Metric(
        "seconds_lost",
        "speech the patient never got to say",
        "seconds",
        "Seconds of the patient's speech that interruptions cut off.",
        _OWN,
        "the patient did not speak",
        m.seconds_lost,
    ),
    Metric(
        "first_interruption",
        "first interruption",
        "seconds",
        "Session time at which you first took the floor before the patient's words were done.",
        _OWN,
        "the patient was never interrupted",
        m.first_interruption,
    ),
    Metric(
        "backchannels",
        "acknowledgements",
        "count",
        "Short sounds or words of yours while the patient spoke on.",
        _OWN,
        "the patient did not speak",
        m.backchannels,
    ),
    Metric(
        "silences",
        "silences",
        "count",
        "Stretches of 2 s and more in which nobody spoke, after the machine's own delay was "
        "taken off; before the first and after the last word does not count.",
        _SILENCES,
        f"{_SILENT_SPEAKER}; {_LOST}",
        m.silence_count,
    ),
    Metric(
        "longest_silence",
        "longest silence",
        "seconds",
        "The longest of the silences, without the machine's own delay.",
        _SILENCES,
        f"no silence lasted 2 s; {_LOST}",
        m.longest_silence,
    ),
    Metric(
        "holds_held",
        "silences you let stand",
        "count",
        "Silences the patient fell into after a blow, which you let last for as long as the case "
        "asks.",
        _OWN,
        "the patient never fell silent after a blow",
        m.holds("held"),
    ),
    Metric(
        "holds_filled",
        "silences you filled",
        "count",
        "Silences the patient fell into after a blow, and which you ended by speaking.",
        _OWN,
        "the patient never fell silent after a blow",
        m.holds("filled"),
    ),
    Metric(
        "machine_delay",
        "the machine's own delay",
        "seconds",
        "Median time between your last sound and the patient's first, less what the patient "
        "chose; it is taken off everything above and is nothing you did.",
        _OWN,
        "the patient answered nothing",
        m.machine_delay,
    ),
)
"""In the order in which a debrief shows them."""
