"""What a form makes of the cards of a case: its files with the change."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from simvoice.criteria import rule_kinds
from simvoice.errors import CaseError
from simvoice.patient.case.course_plan import COURSE_FILE
from simvoice.workbench.cards import Card, CaseDraft, dicts_in, plain_words
from simvoice.workbench.fields import CardKind, Field, Values, fields_of, kind_of, part_at
from simvoice.workbench.note import CaseFiles
from simvoice.workbench.yaml_text import changed

LONGEST_VALUE: Final = 20_000
"""Characters of one field."""
MOST_TEXTS: Final = 500


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
    for each in dicts_in(rule.get("rules")):
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
        holder = part_at(values, kind.place[:-1]) if kind.place else values
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
        parts = part_at(values, card.kind.place)
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
        parts = part_at(values, card.kind.place)
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
        part_at(values, kind.place)[card.id] = value
    else:
        parts = part_at(values, kind.place)
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


# -- values of a form --------------------------------------------------------------------------


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
