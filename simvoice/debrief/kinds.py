"""The kinds of suggestions, as they lie in `data/suggestions.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final

from pydantic import Field

from simvoice.debrief.model import Part
from simvoice.debrief.wording import sentences_of

OTHER: Final = "other"
"""The kind of a cause that fits none."""

_QUOTE: Final = range(3, 13)
"""How many words are given back: fewer say too little, and more would not be said aloud."""


class Kind(Part):
    """One thing to try, and what asks for it."""

    id: str
    title: str
    causes: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    """Codes of words that do it; empty where it is done by not doing something."""
    mended: tuple[str, ...] = ()
    """Codes of the learner's next words that mend it, where they raised trust."""
    sentence: str = Field(min_length=1)
    plain: str = ""

    def title_for(self, name: str) -> str:
        """name: the patient's."""
        return self.title.replace("{name}", name)

    def sentence_after(self, words: str = "") -> str:
        """A sentence to try. words: what the patient had said, as it was heard; of a longer speech
        the last sentence of fit length is given back."""
        if "{quote}" not in self.sentence:
            return self.sentence
        for each in reversed(sentences_of(words)):
            if len(each.split()) in _QUOTE:
                return self.sentence.replace("{quote}", each)
        return self.plain


@cache
def kinds() -> tuple[Kind, ...]:
    """All kinds, in the order of the file."""
    path = files("simvoice.debrief") / "data" / "suggestions.toml"
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(Kind.model_validate(each) for each in raw["kind"])


def kind_of(cause: str, codes: Iterable[str] = ()) -> Kind:
    """The kind of a cause that lowered trust. codes: of the learner's words behind it."""
    by_cause = (k for k in kinds() if any(re.search(p, cause) for p in k.causes))
    found = frozenset(codes)
    by_code = (k for k in kinds() if found.intersection(k.codes))
    return next(by_cause, None) or next(by_code, None) or kind(OTHER)


def kind_for_item(item: str) -> Kind | None:
    """The kind that a heading's item asks for, by its id; None for items that no kind names."""
    return next((each for each in kinds() if item in each.items), None)


def kind(name: str) -> Kind:
    """By id."""
    return next(each for each in kinds() if each.id == name)
