"""Norms: published numbers of real visits, and the metrics that each one may be shown with.

The table is data (`data/norms.toml`); `norms_beside` is the rule. A number of another population or
another definition is not a norm. The reasons why no norm is shown with a metric, or in a case that
ships, are data too (`data/norm_decisions.toml`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from pydantic import Field

from simvoice.errors import SettingError
from simvoice.scoring.data_files import read_toml
from simvoice.scoring.metrics.definitions import Definition, Unit, definitions
from simvoice.strict_model import StrictModel

ANY_VISIT = "any"
"""The kind of visit that includes every visit."""


class Norm(StrictModel):
    """One published number."""

    id: str
    metric: str
    """Key of our metric with the same definition; empty when there is none."""
    for_definition: str
    """That metric's definition at the time of the match."""
    visits: tuple[str, ...] = Field(min_length=1)
    """Kinds of visit in its population."""
    shown: str
    """The number as text."""
    centre: float
    """The number for drawing, in `unit`."""
    unit: Unit
    n: int
    """Sample size; 0 when our source does not give it."""
    of: str
    """What `n` counts."""
    spread: str
    """As the source gives it; empty when it gives none."""
    population: str
    definition: str
    """As the source defines it."""
    citation: str
    doi: str

    @property
    def is_whole(self) -> bool:
        """Whether it has n, spread and citation, which a norm needs to be shown."""
        return self.n > 0 and bool(self.of and self.spread and self.citation)

    @property
    def sentence(self) -> str:
        """The sentence that is shown with a number."""
        return (
            f"{self.shown} in {self.population} (n = {self.n} {self.of}; {self.spread}). "
            f"{self.citation}"
        )


@cache
def _table() -> dict[str, Any]:
    return read_toml("norms.toml")


@cache
def norms() -> tuple[Norm, ...]:
    """All published numbers, including those that are shown with no metric."""
    return tuple(Norm.model_validate(entry) for entry in _table()["norm"])


@cache
def visits() -> dict[str, str]:
    """Kinds of visit, each with its meaning."""
    return dict(_table()["visits"])


def visit_kinds(instruments: Iterable[str]) -> frozenset[str]:
    """The kinds of visit of a case, from the instruments that apply to it."""
    known = _table()["instruments"]
    return frozenset(kind for name in instruments for kind in known.get(name, ()))


def check_visits(given: Iterable[str]) -> tuple[str, ...]:
    """`given`, sorted and without repeats. Raises SettingError for an unknown kind."""
    kinds = tuple(sorted(set(given)))
    for kind in kinds:
        if kind not in visits():
            raise SettingError(
                f"{kind!r} is no kind of visit; choose from: {', '.join(sorted(visits()))}"
            )
    return kinds


def norms_beside(
    metric: str,
    visit: Collection[str],
    *,
    among: Sequence[Norm] | None = None,
    registry: Sequence[Definition] | None = None,
) -> tuple[Norm, ...]:
    """The norms that may be shown with a metric in a visit of these kinds; usually none.

    metric: its key. visit: kinds, by `visits()`. among, registry: other tables, for tests.
    """
    entries = definitions() if registry is None else registry
    definition = {entry.key: entry for entry in entries}.get(metric)
    if definition is None:
        return ()
    kinds = {ANY_VISIT, *visit}
    return tuple(
        norm
        for norm in (norms() if among is None else among)
        if norm.is_whole
        and norm.metric == metric
        and norm.for_definition == definition.definition
        and norm.unit == definition.unit
        and kinds & set(norm.visits)
    )


# -- why no norm is shown --------------------------------------------------------------------


class CaseDecision(StrictModel):
    """Why no norm is shown in one case that ships."""

    id: str
    visits: tuple[str, ...]
    """Kinds of visit assumed for the case; its instruments must give the same."""
    because: str = Field(min_length=1)
    """Why no norm is shown with its numbers."""


class MetricsDecision(StrictModel):
    """Why no norm is shown with some metrics."""

    id: str
    """Named by `norm_decision` of each of its metrics; by none, where it is about published numbers
    without a metric of ours."""
    considered: tuple[str, ...]
    """Norms that were considered, by id."""
    because: str = Field(min_length=1)
    """Why none of them is shown in every visit."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of its metrics."""
        return tuple(entry.key for entry in definitions() if entry.norm_decision == self.id)


@cache
def _decisions() -> dict[str, Any]:
    return read_toml("norm_decisions.toml")


@cache
def case_decisions() -> dict[str, CaseDecision]:
    """Case id to the decision, for the cases that ship."""
    found = [CaseDecision.model_validate(entry) for entry in _decisions()["case"]]
    return {entry.id: entry for entry in found}


@cache
def metric_decisions() -> tuple[MetricsDecision, ...]:
    """The decisions about metrics."""
    return tuple(MetricsDecision.model_validate(entry) for entry in _decisions()["metrics"])


_OTHER_CASES = (
    "We know of none that was measured in visits like this one, by the same definitions and with "
    "its spread."
)


def no_norm_note(case_id: str) -> str:
    """Why no norm is shown in a visit: the decision for a case that ships, otherwise the general
    reason."""
    decided = case_decisions().get(case_id)
    return f"No published number is shown. {decided.because if decided else _OTHER_CASES}"
