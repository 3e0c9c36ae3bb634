"""Load the instruments from `data/instruments/`: one file each, and one for the headings.

Item texts are in our own words and cite their source. An item has a rule over the record, or says
why it is left to a human.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from pydantic import Field, ValidationError, model_validator

from simvoice.criteria import CriticalItem, ItemRule
from simvoice.errors import UsageError
from simvoice.record.events import Header
from simvoice.safe_text import field_place, shortened
from simvoice.scoring.data_files import read_toml
from simvoice.strict_model import StrictModel

HEADINGS = "headings.toml"


class Item(StrictModel):
    """One thing that the learner did or did not do."""

    id: str = Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
    text: str = Field(min_length=1)
    section: str = ""
    rule: ItemRule | None = None
    human: bool = False
    """Whether the item is left to a human, because the record does not show it."""
    why: str = ""
    """Why the item is left to a human, a sentence."""
    weight: float = Field(default=1.0, gt=0.0)
    """Weight in a heading; the items of instruments have equal weights."""
    note: str = ""
    instead: str = ""
    """A sentence to try when the item was not met."""
    means: dict[str, str] = Field(default_factory=dict)
    """Code that only the case has, to its meaning."""

    @model_validator(mode="after")
    def _one_judge(self) -> Item:
        if self.human == (self.rule is not None):
            raise ValueError(f"item {self.id} needs a rule, or `human = true`, and not both")
        if self.human != bool(self.why):
            raise ValueError(f"item {self.id}: `why` says why an item is left to a human")
        return self


class Instrument(StrictModel):
    """A list of items from one source."""

    id: str = Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
    name: str
    source: str
    """Citation, with doi where there is one."""
    about: str
    """What the instrument is, what simvoice covers of it, and its published numbers."""
    items: tuple[Item, ...] = Field(min_length=1)


@cache
def instruments() -> Mapping[str, Instrument]:
    """Every instrument by id, in the order of the ids. `headings` loads the headings."""
    folder = files("simvoice.scoring") / "data" / "instruments"
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".toml"))
    loaded = [
        read_instrument((folder / name).read_text("utf-8"), name)
        for name in names
        if name != HEADINGS
    ]
    return MappingProxyType({instrument.id: instrument for instrument in loaded})


@cache
def headings() -> tuple[Instrument, ...]:
    """The three headings, each a weighted list of items."""
    entries = read_toml("instruments", HEADINGS)["heading"]
    return tuple(Instrument.model_validate(entry) for entry in entries)


@cache
def items() -> Mapping[str, Item]:
    """Every item of every instrument and heading, by id."""
    every = (*instruments().values(), *headings())
    return MappingProxyType({item.id: item for each in every for item in each.items})


CRITICAL = "critical"
"""The id of the instrument that consists of a case's critical items."""


def critical_instrument(case_id: str, given: Sequence[CriticalItem]) -> Instrument | None:
    """The critical items of a case as an instrument; None when the case has none.

    The ids of its items contain the case: "critical-breast-biopsy-says-cancer".
    """
    if not given:
        return None
    return Instrument(
        id=CRITICAL,
        name="Critical for this case",
        source="the author of the case",
        about="What every learner must do in this case, in the view of its author.",
        items=tuple(
            Item(
                id=f"{CRITICAL}-{case_id}-{each.id.replace('_', '-')}",
                text=each.text,
                rule=each.rule,
                human=each.human,
                why="The author of the case left it to a human." if each.human else "",
                note=each.why,
                instead=each.instead,
                means=each.means,
            )
            for each in given
        ),
    )


def items_for(header: Header) -> Mapping[str, Item]:
    """Every item for one attempt, by id: `items` and the critical items of its case."""
    instrument = critical_instrument(header.case_id, header.critical)
    own = instrument.items if instrument is not None else ()
    return MappingProxyType({**items(), **{item.id: item for item in own}})


def find_instruments(names: Iterable[str]) -> tuple[tuple[Instrument, ...], tuple[str, ...]]:
    """(the instruments with these names, the unknown names).

    Case, blanks and punctuation do not matter: "OS-12" is os12, "GRIEV_ING" is grieving.
    """
    by_name = {_plain(key): each for key, each in instruments().items()}
    by_name |= {_plain(each.name): each for each in instruments().values()}
    found: dict[str, Instrument] = {}
    unknown = []
    for name in names:
        instrument = by_name.get(_plain(name))
        if instrument is None:
            unknown.append(name)
        else:
            found[instrument.id] = instrument
    return tuple(found.values()), tuple(unknown)


def read_instrument(text: str, name: str = "this instrument") -> Instrument:
    """An instrument from the text of its file. Raises UsageError that names the wrong field."""
    try:
        return Instrument.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = field_place(first["loc"], "the whole")
        raise UsageError(
            f"{name} cannot be used: {where}: {shortened(first['msg'])}; the fields are "
            "those of simvoice.scoring.instruments.instrument"
        ) from None
    except (ValueError, RecursionError) as error:  # tomllib lets those of a long number pass
        raise UsageError(f"{name} is not TOML ({error}); correct it and try again") from None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
