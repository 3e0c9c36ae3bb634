"""The kinds of cards of a case, and which fields each has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, get_args

from simvoice.errors import CaseError
from simvoice.patient.case.load import CASE_FILE
from simvoice.patient.decisions import Affect
from simvoice.suggestion_kinds import find_kind, suggestible
from simvoice.yaml_file import parse_yaml

Values = dict[str, Any]
"""The content of a file, or of a part of it, as JSON has it."""

FieldKind = Literal["text", "long", "texts", "number", "whole", "yes", "choice", "either", "names",
                    "name", "levels", "pairs"]  # fmt: skip
"""either: yes, no, or neither of them."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a card."""

    path: str
    """Keys from the part to the value, with dots: `gate.when`."""
    label: str
    kind: FieldKind = "text"
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    """Value and words; for `choice` and `either`."""
    of: tuple[str, ...] = ()
    """What can be named: a kind of card, `ends`, `codes`, `triggers`, `silences`, `metrics` or
    `items`; for `names` and `name`."""
    is_required: bool = False
    """An empty value is kept, so that the check names it; otherwise the field is left out."""
    is_rare: bool = False
    """It is shown under "More"."""
    takes_out: str = ""
    """Path of the part that an empty value takes out, where that is more than the field."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """Parts of a card that are shown one below the other."""

    path: str
    """Keys from the part to their list."""
    fields: tuple[Field, ...]
    """Of each, with paths from it; an empty path where each is one value."""


@dataclass(frozen=True, slots=True)
class RuleFields:
    """A rule by which an item is judged, or several of them in a list."""

    path: str
    label: str


Shown = Field | Repeated | RuleFields


@dataclass(frozen=True, slots=True)
class CardKind:
    """One kind of card."""

    part: str
    title: str
    """The heading of these cards on the page."""
    one: str
    """One of them, in words: "line"."""
    help: str
    """One sentence for the educator."""
    shown: tuple[Shown, ...]
    """What a card has, in order; `fields_of` makes fields of it."""
    file: str = CASE_FILE
    place: tuple[str, ...] = ()
    """Keys to the list or mapping of the parts; empty for a card of the whole file."""
    shape: Literal["single", "list", "mapping"] = "list"
    key: str = "id"
    """The field that names a part of a list; empty when its position does."""
    label: str = ""
    """The field whose words stand for the card."""
    new: str = ""
    """The field that is asked for when one is added; empty when none can be added."""
    new_of: tuple[str, ...] = ()
    """What this field can name; empty where it is words."""
    starts: str = "{}"
    """The other fields of a new one, as JSON."""


# -- kinds ------------------------------------------------------------------------------------


def _affects() -> dict[str, str]:
    return {name: name for name in get_args(Affect)}


def _suggestions() -> dict[str, str]:
    found = {name: find_kind(name) for name in suggestible()}
    words = {n: kind.title_for("the patient") if kind else "(nothing)" for n, kind in found.items()}
    return {"": "—", **words}


def _field(raw: Values) -> Field:
    choices = raw.get("choices", {})
    match choices:
        case "affects":
            choices = _affects()
        case "affects_or_none":
            choices = {"": "as the line", **_affects()}
        case "suggestions":
            choices = _suggestions()
    return Field(**{**raw, "choices": tuple(choices.items()), "of": tuple(raw.get("of", ()))})


def _shown(rows: list[Values], groups: dict[str, list[Values]]) -> Iterator[Shown]:
    for raw in rows:
        if "group" in raw:
            yield from _shown(groups[raw["group"]], groups)
        elif "rule" in raw:
            yield RuleFields(raw["rule"], raw["label"])
        elif "repeat" in raw:
            rest = {name: each for name, each in raw.items() if name not in ("repeat", "fields")}
            inner = raw.get("fields", [{"path": ""}])
            yield Repeated(raw["repeat"], tuple(_field({**each, **rest}) for each in inner))
        else:
            yield _field(raw)


@dataclass(frozen=True, slots=True)
class RuleKind:
    """One kind of rule, as a card shows it."""

    words: str
    shown: tuple[Shown, ...]


def _read() -> tuple[tuple[CardKind, ...], dict[str, RuleKind]]:
    place = files("simvoice.workbench") / "data" / "cards.yaml"
    raw = json.loads(parse_yaml(place.read_bytes(), Path("cards.yaml")).json)
    kinds = tuple(
        CardKind(
            **{
                **{name: each for name, each in kind.items() if name != "fields"},
                "shown": tuple(_shown(kind["fields"], raw["groups"])),
                "place": tuple(kind.get("place", ())),
                "new_of": tuple(kind.get("new_of", ())),
                "starts": json.dumps(kind.get("starts", {})),
            }
        )
        for kind in raw["kinds"]
    )
    rules = {
        kind["kind"]: RuleKind(kind["words"], tuple(_shown(kind["fields"], raw["groups"])))
        for kind in raw["rule_kinds"]
    }
    return kinds, rules


KINDS, RULE_KINDS = _read()
"""All kinds of cards in the order of the page, and all kinds of rules by their names, from
`data/cards.yaml`."""

BY_PART: Final = {kind.part: kind for kind in KINDS}


def kind_of(part: str) -> CardKind:
    """Return a kind of card. Raises CaseError for one that there is not."""
    if part not in BY_PART:
        raise CaseError("there is no such part of a case; load the page again")
    return BY_PART[part]


def may_grow(kind: CardKind) -> bool:
    """Whether a change of one of its fields can give a card other fields."""
    return not all(isinstance(each, Field) for each in kind.shown)


def fields_of(kind: CardKind, value: Values) -> tuple[Field, ...]:
    """Return the fields of one card."""
    return tuple(_fields_of(kind.shown, value, "", ""))


def _fields_of(shown: Sequence[Shown], value: Any, base: str, label: str) -> Iterator[Field]:
    """Yield the fields of a card or of a rule in it. base, label: begin each path and label."""
    for each in shown:
        match each:
            case Field():
                yield replace(each, path=base + each.path, label=label + each.label)
            case Repeated():
                yield from _repeated(each, value, base, label)
            case RuleFields("rules"):
                found = value_at(value, "rules")
                rules = found if isinstance(found, list) else []
                for number, rule in enumerate([*rules, {}]):
                    path, name = f"{base}rules.{number}", _numbered(label, number, len(rules))
                    yield from _rule_fields(rule, path, name + each.label, name, is_inner=True)
            case RuleFields():
                rule = value_at(value, each.path)
                yield from _rule_fields(rule, base + each.path, label + each.label, label)


def _repeated(shown: Repeated, value: Any, base: str, label: str) -> Iterator[Field]:
    found = value_at(value, shown.path)
    rows = found if isinstance(found, list) else []
    for number in range(len(rows) + 1):
        part, is_new = f"{base}{shown.path}.{number}", number == len(rows)
        for position, field in enumerate(shown.fields[:1] if is_new else shown.fields):
            words = f"{_numbered(label, number, len(rows))}{field.label}"
            hint = field.hint
            if position == 0 and not is_new:
                hint = f"{hint} Empty it to take this one out.".strip()
            yield replace(
                field,
                path=f"{part}.{field.path}".rstrip("."),
                label=words,
                hint=hint,
                takes_out=part if position == 0 else "",
            )


def _numbered(label: str, number: int, count: int) -> str:
    """Return how the labels of one of several parts begin. The one after the last is a new one."""
    return f"{label}{number + 1}. " if number < count else f"{label}One more: " if count else label


_DEEPEST: Final = 3
"""Rules inside rules that a card shows. A deeper one stays in the file."""


def _rule_fields(
    rule: Any, path: str, asked: str, label: str, *, is_inner: bool = False
) -> Iterator[Field]:
    """Yield the fields of a rule. asked: the label of its kind. label: begins the others."""
    kinds = tuple((name, kind.words) for name, kind in RULE_KINDS.items())
    none = "—" if is_inner else "a human rater decides"
    is_deep = path.count("rules.") >= _DEEPEST
    if is_deep:
        kinds = tuple(each for each in kinds if each[0] not in ("all", "any"))
    yield Field(f"{path}.kind", asked, "choice", choices=(("", none), *kinds), takes_out=path)
    name = rule.get("kind") if isinstance(rule, dict) else None
    if isinstance(name, str) and name in dict(kinds):
        yield from _fields_of(RULE_KINDS[name].shown, rule, f"{path}.", label)


# -- values of fields -------------------------------------------------------------------------


def value_of(field: Field, value: Any) -> Any:
    """Return the value of a field in a part; None when it is not there."""
    return value_at(value, field.path)


def value_at(value: Any, path: str) -> Any:
    """Return what is at a path of keys with dots; None when it is not there."""
    found = value
    for key in path.split("."):
        if isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, dict):
            found = found.get(key)
        else:
            return None
    return found


def part_at(values: Any, place: Sequence[str]) -> Any:
    """Return what is at keys of mappings; None when it is not there."""
    for key in place:
        values = values.get(key) if isinstance(values, dict) else None
    return values
