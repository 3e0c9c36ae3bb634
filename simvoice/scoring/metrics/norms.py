"""Norms: what real visits showed, and beside which of our numbers that may stand.

The table is data (`data/norms.toml`); the rule is `beside`. A number of another population or of
another definition is no norm, however close it sounds. Why the rule shows none beside a metric, or
in a case that ships, is data too (`data/norm_decisions.toml`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from simvoice.errors import SettingError
from simvoice.scoring.metrics.definitions import Definition, Unit, definitions

ANY_VISIT = "any"
"""The kind of visit that every visit is."""


class Norm(BaseModel):
    """One published number, as data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    metric: str
    """Key of ours that is defined alike; empty when none is."""
    for_definition: str
    """That metric's definition when the two were matched."""
    visits: tuple[str, ...] = Field(min_length=1)
    """Kinds of visit that are its population."""
    shown: str
    """The number, as people read it."""
    centre: float
    """The same for drawing, in `unit`."""
    unit: Unit
    n: int
    """0 when our source does not give it."""
    of: str
    """What was counted in n."""
    spread: str
    """As the source gives it; empty when it gives none."""
    population: str
    definition: str
    """As the source defines it."""
    citation: str
    doi: str

    @property
    def is_whole(self) -> bool:
        """Whether it has what a norm needs to be shown: n, spread and citation."""
        return self.n > 0 and bool(self.of and self.spread and self.citation)

    @property
    def sentence(self) -> str:
        """As it stands beside a number."""
        return (
            f"{self.shown} in {self.population} (n = {self.n} {self.of}; {self.spread}). "
            f"{self.citation}"
        )


@cache
def _table() -> dict[str, Any]:
    data = files("simvoice.scoring") / "data" / "norms.toml"
    return tomllib.loads(data.read_text(encoding="utf-8"))


@cache
def norms() -> tuple[Norm, ...]:
    """All of them, also those that may stand beside nothing of ours."""
    return tuple(Norm.model_validate(entry) for entry in _table()["norm"])


@cache
def visits() -> dict[str, str]:
    """Kinds of visit, and what each means."""
    return dict(_table()["visits"])


def visit_of(instruments: Iterable[str]) -> frozenset[str]:
    """The kinds of visit that a case is, by the instruments that apply to it."""
    known = _table()["instruments"]
    return frozenset(kind for name in instruments for kind in known.get(name, ()))


def check_visits(given: Iterable[str]) -> tuple[str, ...]:
    """`given`, sorted and each once. Raises SettingError for a kind that is not in the table."""
    kinds = tuple(sorted(set(given)))
    for kind in kinds:
        if kind not in visits():
            raise SettingError(
                f"{kind!r} is no kind of visit; choose of: {', '.join(sorted(visits()))}"
            )
    return kinds


def beside(
    metric: str,
    visit: Collection[str],
    *,
    among: Sequence[Norm] | None = None,
    registry: Sequence[Definition] | None = None,
) -> tuple[Norm, ...]:
    """The norms that may stand beside a metric in a visit of these kinds; mostly none.

    metric: its key. visit: kinds, by `visits()`. among, registry: other tables, for tests.
    """
    entries = definitions() if registry is None else registry
    meant = {entry.key: entry for entry in entries}.get(metric)
    if meant is None:
        return ()
    kinds = {ANY_VISIT, *visit}
    return tuple(
        norm
        for norm in (norms() if among is None else among)
        if norm.is_whole
        and norm.metric == metric
        and norm.for_definition == meant.definition
        and norm.unit == meant.unit
        and kinds & set(norm.visits)
    )


# -- why there is none ------------------------------------------------------------------------


class CaseDecision(BaseModel):
    """Of one case that ships."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    visits: tuple[str, ...]
    """Kinds of visit it was taken for; its instruments have to say the same."""
    because: str = Field(min_length=1)
    """Why no norm stands beside its numbers."""


class MetricsDecision(BaseModel):
    """Of some metrics alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[str, ...]
    """Empty for published numbers of which we have no metric."""
    considered: tuple[str, ...]
    """Norms that were looked at, by id."""
    because: str = Field(min_length=1)
    """Why none of them stands beside it everywhere."""


@cache
def _decisions() -> dict[str, Any]:
    data = files("simvoice.scoring") / "data" / "norm_decisions.toml"
    return tomllib.loads(data.read_text(encoding="utf-8"))


@cache
def case_decisions() -> dict[str, CaseDecision]:
    """Case id to what was decided, for the cases that ship."""
    found = [CaseDecision.model_validate(entry) for entry in _decisions()["case"]]
    return {entry.id: entry for entry in found}


@cache
def metric_decisions() -> tuple[MetricsDecision, ...]:
    """What was decided about the metrics, each in one of them."""
    return tuple(MetricsDecision.model_validate(entry) for entry in _decisions()["metrics"])


def why_none(metric: str) -> str:
    """Why no norm stands beside a metric, or beside it in some visits only. Raises KeyError for a
    metric that nobody has decided on."""
    return {key: entry.because for entry in metric_decisions() for key in entry.keys}[metric]


_OF_ANOTHER = (
    "None that we know of was measured in visits like this one, by the same definitions and with "
    "its spread."
)


def note(case_id: str) -> str:
    """For a visit beside whose numbers no norm stands: why. Of a case of somebody's own, what holds
    for every visit."""
    decided = case_decisions().get(case_id)
    return f"No published number is shown. {decided.because if decided else _OF_ANOTHER}"
