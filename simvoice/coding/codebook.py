"""The codebook: the codes of utterances and their groups, read from `data/codebook.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Code:
    """One thing that an utterance does."""

    name: str
    """A name of the codebook or of a case's own code: question_open, empathy_name, warning_shot
    …"""
    words: str
    """The words of the utterance that show it."""
    confidence: float = 1.0
    """0..1."""


@dataclass(frozen=True, slots=True)
class CodeDefinition:
    """What a code means."""

    definition: str
    """One sentence."""
    source: str
    """The instrument or study that it comes from; "simvoice" where it is our own."""
    groups: frozenset[str]
    """Names of its groups, those that include another group among them."""


@dataclass(frozen=True, slots=True)
class Codebook:
    """All codes and all groups."""

    codes: Mapping[str, CodeDefinition]
    """Name of a code to its definition, in the order in which the rules are tried."""
    groups: Mapping[str, str]
    """Name of a group to what its codes have in common, a sentence."""

    def group(self, name: str) -> frozenset[str]:
        """The names of the codes of a group. Raises ValueError for an unknown group."""
        if name not in self.groups:
            raise ValueError(
                f"the codebook has no group {name!r}; its groups: {', '.join(self.groups)}"
            )
        return frozenset(code for code, each in self.codes.items() if name in each.groups)


def read_codebook(raw: Mapping[str, Any]) -> Codebook:
    """Return the codebook of a parsed file; see the head of `data/codebook.toml` for its form.

    Raises ValueError, with a sentence, for a key that is missing or unknown, for a group that a
    code or a group names and the file does not define, and for a group without codes.
    """
    _check_keys("the file", raw, {"groups", "codes"})
    parts: dict[str, frozenset[str]] = {}
    for name, group in raw["groups"].items():
        _check_keys(f"the group {name!r}", group, {"means"}, {"includes"})
        parts[name] = _known_groups(f"the group {name!r}", group.get("includes", ()), raw)
    codes: dict[str, CodeDefinition] = {}
    for name, code in raw["codes"].items():
        _check_keys(f"the code {name!r}", code, {"definition", "source"}, {"groups"})
        own = _known_groups(f"the code {name!r}", code.get("groups", ()), raw)
        wider = {group for group, includes in parts.items() if includes & own}
        codes[name] = CodeDefinition(code["definition"], code["source"], own | wider)
    book = Codebook(
        MappingProxyType(codes),
        MappingProxyType({name: group["means"] for name, group in raw["groups"].items()}),
    )
    for name in book.groups:
        if not book.group(name):
            raise ValueError(f"no code belongs to the group {name!r}; name it at a code or drop it")
    return book


def _check_keys(
    what: str, found: Mapping[str, Any], needed: set[str], optional: Collection[str] = ()
) -> None:
    if missing := needed - found.keys():
        raise ValueError(f"{what} of the codebook lacks {', '.join(sorted(missing))}")
    if unknown := found.keys() - needed - set(optional):
        raise ValueError(f"{what} of the codebook has unknown keys: {', '.join(sorted(unknown))}")


def _known_groups(what: str, named: Any, raw: Mapping[str, Any]) -> frozenset[str]:
    if unknown := set(named) - raw["groups"].keys():
        raise ValueError(
            f"{what} of the codebook names unknown groups: {', '.join(sorted(unknown))}; "
            f"its groups: {', '.join(raw['groups'])}"
        )
    return frozenset(named)


def _load() -> Codebook:
    path = files("simvoice.coding") / "data" / "codebook.toml"
    return read_codebook(tomllib.loads(path.read_text(encoding="utf-8")))


_BOOK: Final = _load()

CODEBOOK: Final = _BOOK.codes
"""Name of a code to its definition, in the order of the file."""

GROUPS: Final = _BOOK.groups
"""Name of a group to what its codes have in common."""


def group(name: str) -> frozenset[str]:
    """The names of the codes of a group of the codebook. Raises ValueError for an unknown group.

    Modules call it once, for a constant, so that a wrong name fails at import.
    """
    return _BOOK.group(name)


EMPATHY: Final = group("empathy")
"""The codes of empathic responses."""

QUESTIONS: Final = group("questions")
"""The codes of questions by their form."""

NEWS: Final = group("news")
"""The codes of the news itself."""


def in_order(codes: Collection[str]) -> tuple[str, ...]:
    """The codes of the codebook among these, in its order."""
    return tuple(name for name in CODEBOOK if name in codes)
