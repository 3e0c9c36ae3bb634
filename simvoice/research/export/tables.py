"""The tables of an export: conversations, metrics, codebook and norms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simvoice.research.analysis.conversation import Conversation, Value
from simvoice.research.export.columns import CONVERSATION, Cell, Column, ExportTable
from simvoice.research.export.time_tables import (
    ANSWERS,
    EVENTS,
    LEDGER,
    REFLECTIONS,
    SPEECH,
    TURNS,
    UTTERANCES,
    WORDS,
)
from simvoice.rounding import round_precise
from simvoice.scoring.metrics.change import Retest, detectable, retest
from simvoice.scoring.metrics.definitions import definitions
from simvoice.scoring.metrics.interval import shipped_errors
from simvoice.scoring.metrics.norms import norms

# -- reference tables, the same in every export ---------------------------------------------


def _codebook(_: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    table = shipped_errors()
    for entry in definitions():
        known = Retest(None, None) if table is None else retest(entry.key, table)
        yield {
            "metric": entry.key,
            "name": entry.name,
            "unit": entry.unit,
            "definition": entry.definition,
            "better": entry.direction,
            "needs": " ".join(entry.needs),
            "not_measurable_when": entry.unmeasurable,
            "source": entry.source,
            "sem_planted": known.calibration,
            "sem_repeats": known.repeats,
            "mdc95": None if known.sem is None else round_precise(detectable(known.sem)),
        }


CODEBOOK = ExportTable(
    "codebook",
    "Definitions of all metrics, from the registry that computes them.",
    (
        Column("metric", "string", "Key of the metric.", required=True),
        Column("name", "string", "Name that the learner sees; “you” is the learner."),
        Column("unit", "string", "Unit of the values."),
        Column("definition", "string", "What the metric measures."),
        Column(
            "better",
            "string",
            "Which direction is better; none when that depends on the visit.",
            values=("higher", "lower", "none"),
        ),
        Column("needs", "string", "Data that it is computed from, separated by spaces."),
        Column("not_measurable_when", "string", "When the metric has no value."),
        Column("source", "string", "Source of the definition."),
        Column(
            "sem_planted",
            "number",
            "Standard error of measurement between two planted conversations of the same "
            "behaviour; empty when unknown.",
        ),
        Column(
            "sem_repeats",
            "number",
            "Standard error of measurement between simulated encounters of the same learner with "
            "the same case; empty when unknown.",
        ),
        Column(
            "mdc95",
            "number",
            "Minimal detectable change: 1.96 times the square root of 2 times the larger of "
            "sem_planted and sem_repeats.",
        ),
    ),
    _codebook,
    ("metric",),
    is_reference=True,
)


def _norms(_: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for norm in norms():
        yield {
            "norm": norm.id,
            "metric": norm.metric,
            "visits": " ".join(norm.visits),
            "shown": norm.shown,
            "centre": norm.centre,
            "unit": norm.unit,
            "n": norm.n or None,
            "of": norm.of,
            "spread": norm.spread,
            "population": norm.population,
            "definition": norm.definition,
            "citation": norm.citation,
            "doi": norm.doi,
        }


NORMS = ExportTable(
    "norms",
    "Published values of real visits, each with its population. A norm with a metric has the same "
    "definition as that metric; the others are for information only.",
    (
        Column("norm", "string", "Id of the norm.", required=True),
        Column("metric", "string", "Metric with the same definition; empty when there is none."),
        Column("visits", "string", "Kinds of visit that it applies to, separated by spaces."),
        Column("shown", "string", "The value, as text."),
        Column("centre", "number", "The value as a number, in `unit`."),
        Column("unit", "string", "Unit of centre."),
        Column("n", "integer", "Sample size; empty when our source does not give it."),
        Column("of", "string", "What n counts."),
        Column("spread", "string", "Spread as the source gives it; empty when it gives none."),
        Column("population", "string", "The people and visits that were measured."),
        Column("definition", "string", "Definition in the source."),
        Column("citation", "string", "Publication."),
        Column("doi", "string", "DOI of the publication."),
    ),
    _norms,
    ("norm",),
    is_reference=True,
)


# -- conversations and metrics --------------------------------------------------------------


def _conversations(conversations: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in conversations:
        sound = next((f for f in c.inputs if f.role == "sound"), None)
        yield {
            "conversation": c.id,
            "kind": c.kind,
            "title": c.title,
            "learner": c.learner,
            "patient": c.patient,
            "when": c.when,
            "case": c.case_id,
            "visit": " ".join(c.visit),
            "length_s": c.length_s,
            "learner_channel": c.learner_channel,
            "words_from": c.words_from,
            "input_sha256": " ".join(f.sha256 for f in c.inputs),
            "sound_rate_hz": sound.rate if sound else None,
            "sound_format": sound.subtype if sound else "",
            "simvoice": c.simvoice,
            "notes": " ".join(f"{note}." for note in c.notes),
        }


CONVERSATIONS = ExportTable(
    "conversations",
    "One row for each conversation: its source and how it was read.",
    (
        CONVERSATION,
        Column(
            "kind",
            "string",
            "attempt: with a simulated patient; recording: made outside simvoice.",
            values=("attempt", "recording"),
        ),
        Column("title", "string", "Title of the case, or name of the recording.", private=True),
        Column("learner", "string", "Name that the learner gave.", private=True),
        Column("patient", "string", "Name of the simulated patient.", private=True),
        Column("when", "string", "Start time; ISO 8601 with zone.", private=True),
        Column("case", "string", "Id of the case."),
        Column("visit", "string", "Kinds of visit, separated by spaces; they select the norms."),
        Column("length_s", "number", "Length of the conversation.", "seconds"),
        Column("learner_channel", "string", "Channel or file with the learner's voice."),
        Column(
            "words_from",
            "string",
            "Source of the words; empty when there are none.",
            values=("journal", "transcript", "whisper"),
        ),
        Column("input_sha256", "string", "SHA-256 of the input files.", private=True),
        Column("sound_rate_hz", "integer", "Sample rate of the sound file.", "hertz"),
        Column(
            "sound_format", "string", "Sample format of the sound file, as libsndfile names it."
        ),
        Column("simvoice", "string", "Version of simvoice that measured it."),
        Column("notes", "string", "Remarks on the conversation, as sentences.", private=True),
    ),
    _conversations,
    ("conversation",),
)


def _metrics_long(conversations: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    units = {entry.key: entry.unit for entry in definitions()}
    for c in conversations:
        for value in c.metrics:
            yield {
                "conversation": c.id,
                "metric": value.key,
                "value": value.value,
                "low": value.low,
                "high": value.high,
                "unit": units.get(value.key, ""),
                "error": value.error,
                "reason": value.reason,
            }


METRICS_LONG = ExportTable(
    "metrics_long",
    "One row for each conversation and metric. The codebook defines the metrics.",
    (
        CONVERSATION,
        Column("metric", "string", "Key of the metric in the codebook.", required=True),
        Column("value", "number", "Value in `unit`; empty when not measurable."),
        Column("low", "number", "Lower end of the 90 % interval; empty when unknown."),
        Column("high", "number", "Upper end of the 90 % interval; empty when unknown."),
        Column("unit", "string", "Unit of value, low and high."),
        Column("error", "string", "What is known about the measurement error."),
        Column("reason", "string", "Why the value is missing; empty when there is one."),
    ),
    _metrics_long,
    ("conversation", "metric"),
)


def _metrics_wide(conversations: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in conversations:
        values = {value.key: value for value in c.metrics}
        row: dict[str, Cell] = {
            "conversation": c.id,
            "kind": c.kind,
            "case": c.case_id,
            "learner": c.learner,
            "length_s": c.length_s,
        }
        for entry in definitions():
            row |= _wide(entry.key, values.get(entry.key))
        yield row


def _wide(key: str, value: Value | None) -> dict[str, Cell]:
    if value is None:
        return {key: None, f"{key}_low": None, f"{key}_high": None}
    return {key: value.value, f"{key}_low": value.low, f"{key}_high": value.high}


def metrics_wide() -> ExportTable:
    """Return the table with one row for each conversation and three columns for each metric."""
    columns = [
        CONVERSATION,
        Column("kind", "string", "Attempt or recording.", values=("attempt", "recording")),
        Column("case", "string", "Id of the case."),
        Column("learner", "string", "Name that the learner gave.", private=True),
        Column("length_s", "number", "Length of the conversation.", "seconds"),
    ]
    for entry in definitions():
        columns += [
            Column(entry.key, "number", f"{entry.name}: {entry.definition}", entry.unit),
            Column(
                f"{entry.key}_low",
                "number",
                f"{entry.name}: lower end of the 90 % interval.",
                entry.unit,
            ),
            Column(
                f"{entry.key}_high",
                "number",
                f"{entry.name}: upper end of the 90 % interval.",
                entry.unit,
            ),
        ]
    return ExportTable(
        "metrics_wide",
        "One row for each conversation, with every metric as a column; empty when not measurable.",
        tuple(columns),
        _metrics_wide,
        ("conversation",),
    )


def tables(voice_free: bool) -> list[ExportTable]:
    """Return all tables; for the voice-free variant, without private tables and columns."""
    every = [
        CONVERSATIONS,
        metrics_wide(),
        METRICS_LONG,
        TURNS,
        EVENTS,
        SPEECH,
        UTTERANCES,
        WORDS,
        LEDGER,
        ANSWERS,
        REFLECTIONS,
        CODEBOOK,
        NORMS,
    ]
    if not voice_free:
        return every
    return [table.voice_free() for table in every if not table.private]
