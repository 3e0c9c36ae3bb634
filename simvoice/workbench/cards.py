"""The parts of a case as cards of a page: which fields each has, and what a form makes of them.

A card shows some of the fields of one part. What it does not show stays in the file as it is.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, get_args

from simvoice import markup
from simvoice.coding.codebook import CODEBOOK
from simvoice.criteria import rule_kinds
from simvoice.errors import CaseError
from simvoice.patient.case.course_plan import COURSE_FILE
from simvoice.patient.case.fields import STIMULI
from simvoice.patient.case.load import CASE_FILE, SUITE_FILE
from simvoice.patient.decisions import Affect
from simvoice.safe_text import shortened
from simvoice.scoring.instruments.instrument import items
from simvoice.scoring.metrics.definitions import definitions
from simvoice.suggestion_kinds import find_kind, suggestible
from simvoice.workbench.note import CaseFiles
from simvoice.workbench.yaml_text import changed
from simvoice.yaml_file import parse_yaml

Values = dict[str, Any]
"""The content of a file, or of a part of it, as JSON has it."""

FieldKind = Literal["text", "long", "texts", "number", "whole", "yes", "choice", "either", "names",
                    "name", "levels", "pairs"]  # fmt: skip
"""either: yes, no, or neither of them."""

LONGEST_VALUE: Final = 20_000
"""Characters of one field."""
MOST_TEXTS: Final = 500


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


_ENDS_ON: Final = (
    ("closing", "the learner says goodbye"),
    ("time", "the time is over"),
    ("overwhelmed", "the patient cannot take more"),
    ("left", "the learner leaves without a word"),
)
"""What ends an encounter, with words."""

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


# -- cards of a case --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a case."""

    kind: CardKind
    id: str
    """What names it among those of its kind; empty for a single one."""
    value: Values
    label: str
    group: str = ""
    """For lines: what they are for."""


class CaseDraft:
    """The files of a case with their values."""

    def __init__(self, files: CaseFiles) -> None:
        """Raises CaseError for a file that is no YAML within the bounds, or no mapping."""
        self.files = dict(files)
        self._cards: dict[str, list[Card]] = {}
        self.yaml = {
            name: parse_yaml(files.get(name, "{}").encode(), Path(name))
            for name in (CASE_FILE, SUITE_FILE, COURSE_FILE)
        }
        self.values: dict[str, Values] = {
            name: json.loads(each.json) for name, each in self.yaml.items()
        }
        for name, values in self.values.items():
            if not isinstance(values, dict):
                raise CaseError(f"{name} must be a mapping of fields; see docs/writing-a-case.md")

    @cached_property
    def words(self) -> dict[str, str]:
        """The words of facts, endings and lines by their ids; of one id those of the fact."""
        return {
            name: said for of in ("lines", "endings", "facts") for name, said in self.names([of])
        }

    @property
    def case(self) -> Values:
        """The values of the case file."""
        return self.values[CASE_FILE]

    def cards(self, part: str) -> list[Card]:
        """Return all cards of a kind, in the order of the file."""
        if part not in self._cards:
            self._cards[part] = self._found(part)
        return self._cards[part]

    def _found(self, part: str) -> list[Card]:
        kind = kind_of(part)
        values = self.values[kind.file]
        if kind.shape == "single":
            return [Card(kind, "", values, kind.title)]
        found = _at(values, kind.place)
        if kind.shape == "mapping":
            items = list(found.items()) if isinstance(found, dict) else []
            return [Card(kind, name, each, self._label(kind, name, each)) for name, each in items]
        rows = found if isinstance(found, list) else []
        groups = self._line_groups() if part == "lines" else {}
        cards = []
        for number, each in enumerate(rows):
            if isinstance(each, dict):
                name = str(each.get(kind.key, number)) if kind.key else str(number)
                label = self._label(kind, name, each)
                group = groups.get(name, LINE_GROUPS[-1]) if part == "lines" else ""
                cards.append(Card(kind, name, each, label, group))
        return cards

    def card(self, part: str, card_id: str) -> Card:
        """Return one card. Raises CaseError when it is not there (any more)."""
        found = next((each for each in self.cards(part) if each.id == card_id), None)
        if found is None:
            raise CaseError(f"this {kind_of(part).one} is not in the case any more")
        return found

    def _label(self, kind: CardKind, name: str, value: Any) -> str:
        shown = value.get(kind.label) if isinstance(value, dict) and kind.label else name
        if kind.part == "drills":
            shown = dict(self.names(["moments"])).get(str(shown), shown)
        if isinstance(shown, list):
            shown = ", ".join(code_words(str(each)) for each in shown[:3])
        text = str(shown or name)
        return plain_words(text)

    def names(self, of: Sequence[str]) -> list[tuple[str, str]]:
        """Return what a field can name: (value, words)."""
        found: list[tuple[str, str]] = []
        for each in of:
            match each:
                case "ends":
                    found += _ENDS_ON
                case "codes" | "triggers":
                    own = self.case.get("codes")
                    found += [
                        (one, code_words(one)) for one in (own if isinstance(own, dict) else {})
                    ]
                    found += [
                        (name, f"{code_words(name)}: {shortened(code.definition, 80)}")
                        for name, code in CODEBOOK.items()
                        if name not in dict(found)
                    ]
                    found += STIMULI.items() if each == "triggers" else ()
                case "beats":
                    found += self._beats()
                case "silences":
                    found += self._silences()
                case "metrics":
                    found += [(one.key, one.name) for one in definitions()]
                case "items":
                    found += [(one.id, shortened(one.text, 90)) for one in items().values()]
                case _:
                    found += [(card.id, shortened(card.label, 90)) for card in self.cards(each)]
        return found

    def _beats(self) -> Iterator[tuple[str, str]]:
        for card in self.cards("beats"):
            yield card.id, card.label
        for part in ("beats", "lines"):
            for card in self.cards(part):
                if card.value.get("hold"):
                    words = shortened(card.label, 60)
                    yield f"{card.id}_held", f"{words}: the silence was let stand"
                    yield f"{card.id}_filled", f"{words}: the silence was filled"

    def _silences(self) -> Iterator[tuple[str, str]]:
        for part in ("beats", "lines"):
            for card in self.cards(part):
                if card.value.get("hold"):
                    yield card.id, shortened(card.label, 90)

    def levels(self) -> list[str]:
        """Return the names of the ledger's values."""
        found = self.case.get("ledger")
        return list(found) if isinstance(found, dict) else []

    def _line_groups(self) -> dict[str, str]:
        """Return what each line is for, by its id; the last use that is found counts."""
        found: dict[str, str] = {}

        def note(group: str, ids: Any) -> None:
            for each in ids if isinstance(ids, list) else [ids]:
                if isinstance(each, str):
                    found.setdefault(each, group)

        case = self.case
        note(LINE_GROUPS[0], [c.get("id") for c in _dicts(case.get("lines")) if c.get("exemplars")])
        note(LINE_GROUPS[1], case.get("opening"))
        for beat in _dicts(case.get("beats")):
            note(LINE_GROUPS[1], beat.get("lines"))
        for part in (*_dicts(case.get("beats")), *_dicts(case.get("lines"))):
            hold = part.get("hold") if isinstance(part.get("hold"), dict) else {}
            for key in ("held", "filled"):
                note(LINE_GROUPS[1], hold.get(key) if hold else None)
            note(LINE_GROUPS[0], part.get("instead"))
        note(LINE_GROUPS[2], case.get("must_ask"))
        for line in _dicts(case.get("lines")):
            asks = line.get("asks")
            if isinstance(asks, dict):
                note(LINE_GROUPS[2], line.get("id"))
                for reply in _dicts(asks.get("replies")):
                    note(LINE_GROUPS[2], reply.get("lines"))
        for reaction in _dicts(case.get("reactions")):
            note(LINE_GROUPS[3], reaction.get("lines"))
        for name, group in (("prompts", 4), ("pools", 5)):
            for ids in _lists_in(case.get(name)):
                note(LINE_GROUPS[group], ids)
        for ending in _dicts(case.get("endings")):
            note(LINE_GROUPS[6], ending.get("lines"))
        return found


LINE_GROUPS: Final = (
    "Answers to what learners ask",
    "The first line, moments and silences",
    "What the patient asks",
    "Reactions to what learners do",
    "When no one speaks",
    "For what no line foresees",
    "Endings",
    "Not used yet",
)
"""Headings of the lines by what they are for."""


def _dicts(value: Any) -> list[Values]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _lists_in(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list):
        yield value
    inside = list(value.values()) if isinstance(value, dict) else value
    for each in inside if isinstance(inside, list) else ():
        yield from _lists_in(each)


def plain_words(text: str) -> str:
    """Return a text of the patient without the marks of speech; as it is when they are wrong."""
    try:
        return markup.plain(text)
    except ValueError:
        return text


@cache
def code_words(name: str) -> str:
    """Return a code of the learner's words: "empathy name"."""
    return name.replace("_", " ")


# -- changes ----------------------------------------------------------------------------------


def saved(draft: CaseDraft, part: str, card_id: str, given: Mapping[str, Any]) -> CaseFiles:
    """Return the files with the values of a form in a card.

    given: by the path of each field, texts, or lists of texts for `names`. Fields that are missing
    stay as they are. Raises CaseError for a value that cannot be taken.
    """
    card = draft.card(part, card_id)
    value = json.loads(json.dumps(card.value))
    gone: list[str] = []
    for field in fields_of(card.kind, card.value):
        if field.path in given:
            new = _taken(field, given[field.path], draft)
            if field.takes_out and new in ("", []):
                gone.append(field.takes_out)
            else:
                _put(value, field, new)
    for path in reversed(gone):  # the last first: the places of those before it stay
        _take_out(value, path.split("."))
    if part == "critical_items" and any(each.endswith(".kind") for each in given):
        _settle_judge(value)
    return _written(draft, card.kind, lambda values: _put_card(values, card, value))


def _settle_judge(item: Values) -> None:
    """Let an item have a rule with the fields of its kind, or be left to a human rater."""
    if isinstance(item.get("rule"), dict) and item["rule"].get("kind"):
        item.pop("human", None)
        _trim_rule(item["rule"])
    else:
        item.pop("rule", None)
        item["human"] = True


def _trim_rule(rule: Values) -> None:
    known = rule_kinds().get(rule.get("kind", ""))
    for name in [name for name in rule if known is not None and name not in known.model_fields]:
        del rule[name]
    for each in _dicts(rule.get("rules")):
        _trim_rule(each)


def added(draft: CaseDraft, part: str, text: str) -> tuple[CaseFiles, str]:
    """Return the files with one more part, and what names it. text: its first field."""
    kind = kind_of(part)
    text = " ".join(text.split())
    if not kind.new:
        raise CaseError(f"there is one {kind.one} in a case; change that")
    if not text:
        raise CaseError(f"write something for the new {kind.one} first")
    known = {each.id for each in draft.cards(part)}
    value: Values = {}
    if kind.shape == "list":
        name = text if kind.key == "kind" else new_name(text, known)
        if kind.key:
            value[kind.key] = new_name(name, known)
    name = str(value.get(kind.key, len(known))) if kind.shape == "list" else new_name(text, known)
    if kind.new == "on":
        value["on"] = [text]
    elif kind.new not in (kind.key, "name"):
        value[kind.new] = text
    value |= json.loads(kind.starts)

    def put(values: Values) -> None:
        holder = _at(values, kind.place[:-1]) if kind.place else values
        parts = holder.setdefault(kind.place[-1], {} if kind.shape == "mapping" else [])
        if kind.shape == "mapping":
            parts[name] = value
        else:
            parts.append(value)

    return _written(draft, kind, put), name


def removed(draft: CaseDraft, part: str, card_id: str) -> CaseFiles:
    """Return the files without a part."""
    card = draft.card(part, card_id)
    if card.kind.shape == "single":
        raise CaseError("this part belongs to every case; change it instead")

    def drop(values: Values) -> None:
        parts = _at(values, card.kind.place)
        if card.kind.shape == "mapping":
            del parts[card_id]
        else:
            del parts[_position(parts, card)]

    return _written(draft, card.kind, drop)


def moved(draft: CaseDraft, part: str, card_id: str, by: int) -> CaseFiles:
    """Return the files with a part of a list one place further up (-1) or down (1)."""
    card = draft.card(part, card_id)
    if card.kind.shape != "list":
        raise CaseError("the order of these does not matter")

    def shift(values: Values) -> None:
        parts = _at(values, card.kind.place)
        start = _position(parts, card)
        end = min(max(start + by, 0), len(parts) - 1)
        parts.insert(end, parts.pop(start))

    return _written(draft, card.kind, shift)


def with_exemplar(draft: CaseDraft, line_id: str, words: str) -> CaseFiles:
    """Return the files with one more thing that learners say which a line answers."""
    card = draft.card("lines", line_id)
    words = " ".join(words.split())
    if not words:
        raise CaseError("there are no words to add")
    value = {**card.value, "exemplars": [*(card.value.get("exemplars") or []), words]}
    return _written(draft, card.kind, lambda values: _put_card(values, card, value))


_STOP_WORDS = "a an the i you it is am are was to of and in my your that"
_STOP = frozenset(_STOP_WORDS.split())


def new_name(text: str, known: set[str]) -> str:
    """Return an id for something from its words that is not among `known`."""
    plain = unicodedata.normalize("NFKD", plain_words(text)).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower().replace("'", ""))
    words = [each for each in words if each not in _STOP] or words
    base = "_".join(words[:3])[:40].strip("_")
    base = base if base[:1].isalpha() else f"n_{base}".rstrip("_")
    name, number = base, 2
    while name in known:
        name, number = f"{base}_{number}", number + 1
    return name


def _position(parts: list[Any], card: Card) -> int:
    key = card.kind.key
    if not key:
        return int(card.id)
    rows = ((n, each) for n, each in enumerate(parts) if isinstance(each, dict))
    return next(n for n, each in rows if str(each.get(key, n)) == card.id)


def _put_card(values: Values, card: Card, value: Values) -> None:
    kind = card.kind
    if kind.shape == "single":
        values.clear()
        values.update(value)
    elif kind.shape == "mapping":
        _at(values, kind.place)[card.id] = value
    else:
        parts = _at(values, kind.place)
        parts[_position(parts, card)] = value


def _written(draft: CaseDraft, kind: CardKind, change: Callable[[Values], None]) -> CaseFiles:
    values = json.loads(json.dumps(draft.values[kind.file]))
    change(values)
    made = dict(draft.files)
    if kind.file == COURSE_FILE:
        values = {"format": 1, **values}
        if not _holds_something({**values, "format": None}):
            made.pop(COURSE_FILE, None)
            return made
    made[kind.file] = changed(draft.yaml[kind.file], values)
    return made


def _holds_something(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_holds_something, value.values() if isinstance(value, dict) else value))
    return value not in (None, "")


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


def _at(values: Any, place: Sequence[str]) -> Any:
    for key in place:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _put(value: Values, field: Field, new: Any) -> None:
    """Set a field, or take it out when it is empty and may be missing."""
    keys = field.path.split(".")
    is_empty = new in (None, "", [], {}) or (new is False and field.kind == "yes")
    if is_empty and not field.is_required:
        _take_out(value, keys)
        return
    holder: Any = value
    for key, following in zip(keys, [*keys[1:], ""], strict=True):
        is_last = following == ""
        if isinstance(holder, list):
            if int(key) == len(holder):
                holder.append({} if not following.isdigit() else [])
            if is_last:
                holder[int(key)] = new
            else:
                holder = holder[int(key)]
        elif is_last:
            holder[key] = new
        else:
            missing: Any = [] if following.isdigit() else {}
            if not isinstance(holder.get(key), dict | list):
                holder[key] = missing
            holder = holder[key]


def _take_out(value: Any, keys: list[str]) -> None:
    """Take a field out, and with it the mappings that are empty then."""
    key, rest = keys[0], keys[1:]
    if isinstance(value, list):
        if key.isdigit() and int(key) < len(value):
            if rest:
                _take_out(value[int(key)], rest)
            else:
                del value[int(key)]
        return
    if not isinstance(value, dict) or key not in value:
        return
    if not rest:
        del value[key]
        return
    _take_out(value[key], rest)
    if value[key] in ({}, []) and key in _GO_WHEN_EMPTY:
        del value[key]


_GO_WHEN_EMPTY: Final = frozenset(
    {"when", "hold", "asks", "at_least", "at_most", "variants", "replies", "floor"}
)


def _taken(field: Field, given: Any, draft: CaseDraft) -> Any:
    """Return what a form's text means. Raises CaseError for what it cannot mean."""
    if field.kind == "names":
        rows = given if isinstance(given, list) else [given]
        return [str(each) for each in rows if str(each)][:MOST_TEXTS]
    if field.kind == "levels":
        found = given if isinstance(given, dict) else {}
        rows = [(name, str(found.get(name, "")).strip()) for name in draft.levels()]
        return {name: _number(field, text) for name, text in rows if text}
    text = str(given).replace("\r\n", "\n")
    if len(text) > LONGEST_VALUE:
        raise CaseError(f"“{field.label}” is longer than {LONGEST_VALUE:,} letters; shorten it")
    rows = [" ".join(row.split()) for row in text.split("\n")]
    match field.kind:
        case "texts":
            return [row for row in rows if row][:MOST_TEXTS]
        case "pairs":
            return _pairs(field, [row for row in rows if row])
        case "number":
            return _number(field, text) if text.strip() else None
        case "whole":
            number = _number(field, text) if text.strip() else None
            if number is not None and number != int(number):
                raise CaseError(f"give a whole number for “{field.label}”")
            return None if number is None else int(number)
        case "yes":
            return text == "yes"
        case "either":
            return {"yes": True, "no": False}.get(text)
        case "long":
            return _long(text)
        case _:
            return " ".join(text.split())


def _long(text: str) -> str:
    """Return a text of several lines as YAML keeps it, or one line."""
    rows = [row.rstrip() for row in text.strip().split("\n")]
    return "\n".join(rows) + "\n" if len(rows) > 1 else rows[0]


def _number(field: Field, text: str) -> float | int:
    try:
        number = float(text.strip().replace(",", ".").replace("−", "-"))
    except ValueError:
        number = float("nan")
    if not -1e6 < number < 1e6:
        raise CaseError(f"give a number for “{field.label}”, such as 0.5")
    return int(number) if number == int(number) and "." not in text else number


def _pairs(field: Field, rows: list[str]) -> dict[str, str]:
    found = {}
    for row in rows:
        word, sign, meaning = row.partition("=")
        if not sign or not word.strip() or not meaning.strip():
            raise CaseError(f"write “{field.label}” as word = meaning, one a line")
        found[word.strip()] = meaning.strip()
    return found
