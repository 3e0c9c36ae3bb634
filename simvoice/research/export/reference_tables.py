"""The tables that are the same in every export: the codebook and the norms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simvoice.research.analysis.conversation import Conversation
from simvoice.research.export.columns import Cell, Column, Table
from simvoice.scoring.metrics.change import Retest, detectable, retest
from simvoice.scoring.metrics.definitions import definitions
from simvoice.scoring.metrics.interval import shipped
from simvoice.scoring.metrics.norms import norms


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


CODEBOOK = Table(
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


NORMS = Table(
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
