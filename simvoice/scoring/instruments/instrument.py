"""The instruments, as they lie in `data/instruments/`: one file each, and one for the headings.

Item texts are in words of our own and cite their source. An item has a rule over what the record
holds, or says why it is left to a human.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from pydantic import Field, ValidationError, model_validator

from simvoice.criteria import CriticalItem, ItemRule, RulePart
from simvoice.errors import UsageError
from simvoice.record.events import Header

HEADINGS = "headings.toml"


class Item(RulePart):
    """One thing that was done or not."""

    id: str = Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
    text: str = Field(min_length=1)
    section: str = ""
    rule: ItemRule | None = None
    human: bool = False
    """Left to a human: sound or the codebook cannot tell."""
    why: str = ""
    """Why it is left to a human, in a sentence."""
    weight: float = Field(default=1.0, gt=0.0)
    """In the headings; instruments weigh their items alike."""
    note: str = ""
    instead: str = ""
    """A sentence to try where it was not met."""
    means: dict[str, str] = Field(default_factory=dict)
    """Code of a case's own to what it means."""

    @model_validator(mode="after")
    def _one_judge(self) -> Item:
        if self.human == (self.rule is not None):
            raise ValueError(f"item {self.id} needs a rule, or `human = true`, and not both")
        if self.human != bool(self.why):
            raise ValueError(f"item {self.id}: `why` says why an item is left to a human")
        return self


class Instrument(RulePart):
    """A list of items from one source."""

    id: str = Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
    name: str
    source: str
    """Citation, with doi where there is one."""
    about: str
    """What it is, how far this version goes, and its known numbers."""
    items: tuple[Item, ...] = Field(min_length=1)


@cache
def instruments() -> Mapping[str, Instrument]:
    """Every instrument by id, in the order of their ids; the headings are `headings()`."""
    folder = files("simvoice.scoring") / "data" / "instruments"
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".toml"))
    read = (_read((folder / name).read_text("utf-8"), name) for name in names if name != HEADINGS)
    return MappingProxyType({each.id: each for each in read})


@cache
def headings() -> tuple[Instrument, ...]:
    """The three headings people ask for, each a weighted list of items."""
    path = files("simvoice.scoring") / "data" / "instruments" / HEADINGS
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(Instrument.model_validate(each) for each in raw["heading"])


@cache
def items() -> Mapping[str, Item]:
    """Every item of every instrument and heading, by id."""
    every = (*instruments().values(), *headings())
    return MappingProxyType({item.id: item for each in every for item in each.items})


CRITICAL = "critical"
"""The id of the instrument that a case's critical items make."""


def critical_instrument(case_id: str, given: Sequence[CriticalItem]) -> Instrument | None:
    """What the case's author holds that nobody may miss, as an instrument; None without any.

    Its items are named apart by the case: "critical-breast-biopsy-says-cancer".
    """
    if not given:
        return None
    return Instrument(
        id=CRITICAL,
        name="Critical for this case",
        source="the author of the case",
        about="What the author of the case holds that nobody may miss in it.",
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
    """Every item there is for one attempt, by id: `items()` and those critical in its case."""
    author_s = critical_instrument(header.case_id, header.critical)
    own = author_s.items if author_s is not None else ()
    return MappingProxyType({**items(), **{item.id: item for item in own}})


def find_instruments(names: Iterable[str]) -> tuple[tuple[Instrument, ...], tuple[str, ...]]:
    """The instruments that a case's author named, and the names that none goes by.

    Case, blanks and marks do not matter: "OS-12" is os12, "GRIEV_ING" is grieving.
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
    """An instrument from its file's text. Raises UsageError with the place that is wrong."""
    try:
        return _read(text, name)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is not TOML ({error}); correct it and try again") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise UsageError(
            f"{name} cannot be used: {where}: {first['msg']}; the fields are those of "
            "simvoice.scoring.instruments.instrument"
        ) from None


def _read(text: str, name: str) -> Instrument:
    return Instrument.model_validate(tomllib.loads(text))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
