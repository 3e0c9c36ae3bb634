"""The tables of an export, and those that are the same in every export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simvoice.research.analysis.conversation import Conversation, Value
from simvoice.research.export.columns import CONVERSATION, Cell, Column, ExportTable
from simvoice.research.export.time_tables import EVENTS, LEDGER, SPEECH, TURNS, UTTERANCES, WORDS
from simvoice.scoring.metrics.change import Retest, detectable, retest
from simvoice.scoring.metrics.definitions import definitions
from simvoice.scoring.metrics.interval import shipped
from simvoice.scoring.metrics.norms import norms

# -- reference tables -------------------------------------------------------------------------
# The tables that are the same in every export: the codebook and the norms.


def _codebook(_: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    table = shipped()
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
            "mdc95": None if known.sem is None else round(detectable(known.sem), 6),
        }


CODEBOOK = ExportTable(
    "codebook",
    "What every metric is; made from the registry that computes them.",
    (
        Column("metric", "string", "Its key.", required=True),
        Column("name", "string", "As a learner reads it; “you” is the learner."),
        Column("unit", "string", "Of its values."),
        Column("definition", "string", "What is measured."),
        Column(
            "better",
            "string",
            "Which way is better; none where that depends on the visit.",
            values=("higher", "lower", "none"),
        ),
        Column("needs", "string", "What it is computed from, apart by spaces."),
        Column("not_measurable_when", "string", "When it has no value."),
        Column("source", "string", "Where the definition comes from."),
        Column(
            "sem_planted",
            "number",
            "Standard error of measurement between two planted conversations alike; empty where "
            "it is not known.",
        ),
        Column(
            "sem_repeats",
            "number",
            "The same between simulated encounters of one learner with one case.",
        ),
        Column(
            "mdc95",
            "number",
            "Minimal detectable change: 1.96 times the root of 2 times the larger of the two.",
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
    "Published numbers from real visits, each with its population. Only those with a metric are "
    "defined as that metric is; the others are for reading.",
    (
        Column("norm", "string", "Its name here.", required=True),
        Column("metric", "string", "The metric that is defined alike; empty when none is."),
        Column("visits", "string", "Kinds of visit it may stand beside, apart by spaces."),
        Column("shown", "string", "The number, in words."),
        Column("centre", "number", "The same as a number, in `unit`."),
        Column("unit", "string", "Of centre."),
        Column("n", "integer", "How many; empty when our source does not give it."),
        Column("of", "string", "What was counted in n."),
        Column("spread", "string", "As the source gives it; empty when it gives none."),
        Column("population", "string", "Whose visits."),
        Column("definition", "string", "As the source defines it."),
        Column("citation", "string", "Where it was published."),
        Column("doi", "string", "Its DOI."),
    ),
    _norms,
    ("norm",),
    is_reference=True,
)


# -- tables -----------------------------------------------------------------------------------
# The tables of an export: which there are, and those with a row a conversation or a metric.


def _conversations(of: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in of:
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
    "One row a conversation: where it comes from and how it was read.",
    (
        CONVERSATION,
        Column(
            "kind",
            "string",
            "An attempt with a simulated patient, or a recording.",
            values=("attempt", "recording"),
        ),
        Column("title", "string", "The case's title, or the recording's name.", tells=True),
        Column("learner", "string", "The name the learner chose.", tells=True),
        Column("patient", "string", "The simulated patient's name.", tells=True),
        Column("when", "string", "When it began; ISO 8601 with zone.", tells=True),
        Column("case", "string", "The case, by its id."),
        Column("visit", "string", "Kinds of visit, apart by spaces; what norms may be shown."),
        Column("length_s", "number", "How long it lasted.", "seconds"),
        Column("learner_channel", "string", "Where the learner's voice was taken from."),
        Column(
            "words_from",
            "string",
            "Where the words come from; empty when there are none.",
            values=("journal", "transcript", "whisper"),
        ),
        Column("input_sha256", "string", "Of the files it was made from.", tells=True),
        Column("sound_rate_hz", "integer", "Sample rate of the sound as it was found.", "hertz"),
        Column("sound_format", "string", "Its sample format, by libsndfile's name."),
        Column("simvoice", "string", "The version of simvoice that measured it."),
        Column("notes", "string", "What was odd about it, in sentences.", tells=True),
    ),
    _conversations,
    ("conversation",),
)


def _metrics_long(of: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    units = {entry.key: entry.unit for entry in definitions()}
    for c in of:
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
    "One row a conversation and metric. What each metric is stands in the codebook.",
    (
        CONVERSATION,
        Column("metric", "string", "The metric, by its key in the codebook.", required=True),
        Column("value", "number", "Its value in `unit`; empty when it is not measurable here."),
        Column("low", "number", "Lower end of its 90 % interval, where calibration knows it."),
        Column("high", "number", "Upper end of it."),
        Column("unit", "string", "The unit of value, low and high."),
        Column("error", "string", "What is known about its error."),
        Column("reason", "string", "Why there is no value; empty when there is one."),
    ),
    _metrics_long,
    ("conversation", "metric"),
)


def _metrics_wide(of: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in of:
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
    """One row a conversation, three columns a metric."""
    columns = [
        CONVERSATION,
        Column("kind", "string", "Attempt or recording.", values=("attempt", "recording")),
        Column("case", "string", "The case, by its id."),
        Column("learner", "string", "The name the learner chose.", tells=True),
        Column("length_s", "number", "How long it lasted.", "seconds"),
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
        "One row a conversation, with every metric as a column; empty where not measurable.",
        tuple(columns),
        _metrics_wide,
        ("conversation",),
    )


def tables(voice_free: bool) -> list[ExportTable]:
    """All of them, or those and their columns that tell nothing of persons and words."""
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
        CODEBOOK,
        NORMS,
    ]
    if not voice_free:
        return every
    return [table.without_words() for table in every if not table.tells]
