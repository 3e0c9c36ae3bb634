"""The kinds of suggestions that a debrief can make, from `data/suggestions.toml`.

Rules of a case name a kind (`suggests:`), the record keeps the name with each step of the ledger,
and the debrief and progress read it there.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from pydantic import Field

from simvoice.strict_model import StrictModel

GENERAL: Final = "try_another_way"
"""Id of the kind where nothing more is known."""

NOTHING: Final = "nothing"
"""What a rule names when the learner could not have done better. It is not the id of a kind."""

SeenIn = Literal["silences", "cues"]
Place = Literal["after_patient", "after_information", "closed_question"]


class SuggestionKind(StrictModel):
    """A kind of suggestion. The fields are described in `data/suggestions.toml`."""

    id: str
    title: str
    codes: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    """Codes of words that follow the suggestion."""
    mended: tuple[str, ...] = ()
    """Codes of the learner's next words that repair it, if they raised trust."""
    seen_in: SeenIn | None = None
    """Where the debrief finds it without the ledger."""
    place: Place | None = None
    """Where it was possible and was not done."""
    undone: bool = False
    """Whether the mistake is what was not done before it, so that it is never certain."""
    quotes_question: bool = False
    """Whether the debrief quotes the patient's question before."""
    sentence: str = Field(min_length=1)
    plain: str = ""

    def title_for(self, name: str) -> str:
        """Return the title. name: the patient's name."""
        return self.title.replace("{name}", name)


@cache
def suggestion_kinds() -> tuple[SuggestionKind, ...]:
    """Return all kinds in the order of the file."""
    path = files("simvoice") / "data" / "suggestions.toml"
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(SuggestionKind.model_validate(each) for each in raw["kind"])


def suggestible() -> tuple[str, ...]:
    """Return what a rule may name in `suggests`: the ids of all kinds, and `nothing`."""
    return (*(each.id for each in suggestion_kinds()), NOTHING)


def find_kind(kind_id: str) -> SuggestionKind | None:
    """Return the kind with this id; None without one."""
    return next((each for each in suggestion_kinds() if each.id == kind_id), None)


def kind_seen_in(where: SeenIn) -> SuggestionKind:
    """Return the kind that the debrief finds in the silences, or in the answers to cues."""
    return next(each for each in suggestion_kinds() if each.seen_in == where)


def kind_for_item(item: str) -> SuggestionKind | None:
    """Return the kind for an item of a heading, by its id; None if no kind names the item."""
    return next((each for each in suggestion_kinds() if item in each.items), None)
