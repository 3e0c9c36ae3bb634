"""The numbers of an attempt for a page that shows no word: names come from this machine."""

from __future__ import annotations

from dataclasses import dataclass

from simvoice.display import count_noun
from simvoice.release.numbers import ReleasedNumber, ReleasedNumbers, ReleasedTally
from simvoice.scoring.instruments.instrument import instruments
from simvoice.scoring.metrics.definitions import definition_of, first_on_page, metric_groups
from simvoice.scoring.metrics.quantities import with_interval
from simvoice.web.format import sentence

_NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class ShownNumber:
    """One metric with its value in words."""

    name: str
    shown: str
    definition: str


@dataclass(frozen=True, slots=True)
class ShownTally:
    """How many items of one list were met."""

    name: str
    shown: str


@dataclass(frozen=True, slots=True)
class NumberTable:
    """What a page of numbers shows."""

    first: tuple[ShownNumber, ...]
    """What an educator reads first."""
    groups: tuple[tuple[str, tuple[ShownNumber, ...]], ...]
    """All numbers by subject."""
    lists: tuple[ShownTally, ...]
    turns: str
    told: str


def table_of(numbers: ReleasedNumbers) -> NumberTable:
    """Return the numbers in the order of a debrief. Metrics that are not known here are left out.

    A value that came from another machine is shown with the name that this machine gives its key.
    """
    by_key = {each.key: each for each in numbers.numbers if each.key in definition_of()}
    groups: dict[str, list[ShownNumber]] = {title: [] for title in metric_groups()}
    for key, each in by_key.items():
        groups.setdefault(definition_of()[key].group, []).append(_shown(each))
    first = tuple(_shown(by_key[key]) for key in first_on_page() if key in by_key)
    told = count_noun(numbers.told, "fact")
    if numbers.not_told is not None:
        told += f" told, {numbers.not_told} not told"
    return NumberTable(
        first=first,
        groups=tuple((title, tuple(found)) for title, found in groups.items() if found),
        lists=tuple(_tally(each) for each in numbers.lists),
        turns=f"{count_noun(numbers.learner_turns, 'turn')} of the learner, "
        f"{count_noun(numbers.patient_turns, 'turn')} of the patient",
        told=told,
    )


def _shown(number: ReleasedNumber) -> ShownNumber:
    entry = definition_of()[number.key]
    value = _NOT_MEASURED
    if number.value is not None:
        value = with_interval(entry.unit, number.value, number.low, number.high)
    return ShownNumber(entry.name[:1].upper() + entry.name[1:], value, entry.definition)


def _tally(each: ReleasedTally) -> ShownTally:
    judged = each.met + each.not_met
    parts = [f"{each.met} of {judged} judged items met"] if judged else []
    if each.not_judged:
        parts.append(f"{each.not_judged} not judged")
    if each.counted:
        parts.append(f"{each.counted} counted")
    known = instruments().get(each.list_id)
    name = known.name if known else sentence(each.list_id.replace("_", " ")).rstrip(".")
    return ShownTally(name, ", ".join(parts) or "no items")
