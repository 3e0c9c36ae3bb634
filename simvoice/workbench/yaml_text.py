"""Change values in the text of a YAML file, and leave all other text as its author wrote it.

The text is what an educator's case is kept in, so a file that goes out and comes in again has the
same bytes. A change replaces the text of the values that differ. The result is read again; when it
does not say what it should (a list that is used twice by an alias, an unusual layout), the whole
file is written anew, without its comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simvoice.errors import CaseError
from simvoice.yaml_file import YamlFile, parse_yaml

SHORT: Final = 60
"""Characters up to which a list or a mapping stays on one line."""


def changed(file: YamlFile, new: Any) -> str:
    """Return the text of a file with these values. new: as JSON has them.

    Raises CaseError for values that go beyond the bounds of `yaml_file`.
    """
    old = json.loads(file.json)
    if _same(old, new):
        return file.text
    root = file.root()
    if root is not None:
        try:
            text = _spliced(file.text, list(_edits(file.text, root, old, new)))
            if _same(_values(text, file.path), new):
                return text
        except (_Unusual, CaseError):
            pass
    text = written(new)
    if not _same(_values(text, file.path), new):
        raise CaseError(f"{file.path}: this text cannot be kept; use other characters")
    return text


def written(values: Any) -> str:
    """Return values as the text of a YAML file."""
    return _block(values, 0).lstrip("\n") + "\n"


def _values(text: str, path: Path) -> Any:
    return json.loads(parse_yaml(text.encode(), path).json)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same with their types and the order of their keys."""
    return json.dumps(one) == json.dumps(other) or (
        json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )


# -- values as text ---------------------------------------------------------------------------

_PLAIN = re.compile(r"[A-Za-z](?:[\w '’.!?()/-]|,(?= ))*[\w'’.!?)]|[A-Za-z]")
_PLAIN_IN_FLOW = re.compile(r"[A-Za-z](?:[\w '-]*\w)?")
_NOT_PLAIN = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}
_HIDDEN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


def _scalar(value: Any, *, in_flow: bool = False) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    plain = _PLAIN_IN_FLOW if in_flow else _PLAIN
    if plain.fullmatch(value) is not None and value.lower() not in _NOT_PLAIN:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else _scalar(name, in_flow=True)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{_key(key)}: {_flow(each)}" for key, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    return _scalar(value, in_flow=True)


def _is_short(value: Any) -> bool:
    """Whether a list or mapping holds only few short values, such as names."""
    if not value:
        return True
    each = value.values() if isinstance(value, dict) else value
    parts = [one for one in each if isinstance(one, dict | list)]
    is_flat = not parts or (isinstance(value, dict) and all(isinstance(one, list) for one in parts))
    return is_flat and len(_flow(value)) <= SHORT and "\\n" not in _flow(value)


def _block(value: Any, indent: int) -> str:
    """Return what stands after "key:" or "-": " value", or the lines of a list or mapping."""
    pad = " " * indent
    if isinstance(value, dict | list) and _is_short(value) and indent > 0:
        return f" {_flow(value)}"
    if isinstance(value, dict):
        rows = (f"{pad}{_key(key)}:{_block(each, indent + 2)}" for key, each in value.items())
        return "\n" + "\n".join(rows)
    if isinstance(value, list):
        return "\n" + "\n".join(f"{pad}-{_item(each, indent + 2)}" for each in value)
    if isinstance(value, str) and _fits_block(value):
        kept = "" if value.endswith("\n") else "-"
        rows = (f"{pad}{row}" if row else "" for row in value.removesuffix("\n").split("\n"))
        return f" |{kept}\n" + "\n".join(rows)
    return f" {_scalar(value)}"


def _item(value: Any, indent: int) -> str:
    """Return what stands after the "-" of a list: a mapping begins on its line."""
    found = _block(value, indent)
    return f" {found[1 + indent :]}" if found.startswith("\n") else found


def _fits_block(text: str) -> bool:
    rows = text.removesuffix("\n").split("\n")
    return (
        len(rows) > 1
        and bool(rows[0])
        and bool(rows[-1])
        and not text.startswith(" ")
        and all(row == row.rstrip() and row.isprintable() for row in rows)
    )


# -- changes of a text ------------------------------------------------------------------------


class _Unusual(Exception):
    """A layout in which single values cannot be replaced."""


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def _spliced(text: str, edits: list[_Edit]) -> str:
    last = len(text) + 1
    for edit in sorted(edits, key=lambda each: (each.start, each.end), reverse=True):
        if edit.end > last:
            raise _Unusual
        text = text[: edit.start] + edit.text + text[edit.end :]
        last = edit.start
    return text


def _edits(text: str, node: Node, old: Any, new: Any) -> Iterator[_Edit]:
    """Yield what makes the values of a list or mapping those of `new`."""
    if isinstance(node, MappingNode) and isinstance(new, dict) and isinstance(old, dict):
        yield from _of_mapping(text, node, old, new)
    elif isinstance(node, SequenceNode) and isinstance(new, list) and isinstance(old, list):
        yield from _of_list(text, node, old, new)
    else:
        raise _Unusual


def _can_recurse(node: Node, old: Any, new: Any) -> bool:
    is_mapping = isinstance(node, MappingNode) and isinstance(old, dict) and isinstance(new, dict)
    is_list = isinstance(node, SequenceNode) and isinstance(old, list) and isinstance(new, list)
    return bool(old) and bool(new) and (is_mapping or (is_list and not _is_flow(node)))


def _is_flow(node: Node) -> bool:
    return isinstance(node, MappingNode | SequenceNode) and bool(node.flow_style)


def _of_mapping(
    text: str, node: MappingNode, old: dict[str, Any], new: dict[str, Any]
) -> Iterator[_Edit]:
    pairs = {str(key.value): (key, value) for key, value in node.value}
    indent = node.value[0][0].start_mark.column if node.value else 0
    for name, before in old.items():
        key, value = pairs[name]
        end = _end_of_value(text, key, value)
        if name not in new:
            if node.flow_style:
                raise _Unusual
            start = _line_start(text, key.start_mark.index)
            yield _Edit(start, _line_end(text, end), "")
        elif not _same(before, new[name]):
            is_alias = value.start_mark.index < key.end_mark.index
            if not is_alias and _can_recurse(value, before, new[name]):
                try:
                    yield from list(_edits(text, value, before, new[name]))
                    continue
                except _Unusual:
                    pass
            if node.flow_style:
                if is_alias:
                    raise _Unusual
                yield _Edit(value.start_mark.index, end, _flow(new[name]))
            else:
                yield _Edit(key.end_mark.index, end, f":{_block(new[name], indent + 2)}")
    added = {name: value for name, value in new.items() if name not in old}
    if not added:
        return
    if not old:
        raise _Unusual
    if node.flow_style:
        at = node.end_mark.index - 1
        more = "".join(f", {_key(name)}: {_flow(value)}" for name, value in added.items())
        yield _Edit(at, at, more)
        return
    at = _line_end(text, _end_of(text, node))
    pad = " " * indent
    rows = "".join(f"{pad}{_key(name)}:{_block(v, indent + 2)}\n" for name, v in added.items())
    yield _Edit(at, at, rows if at == 0 or text[at - 1] == "\n" else f"\n{rows}")


def _of_list(text: str, node: SequenceNode, old: list[Any], new: list[Any]) -> Iterator[_Edit]:
    if node.flow_style or not old or not new:
        raise _Unusual
    places = [_place_of_item(text, each) for each in node.value]
    before, after = [json.dumps(each) for each in old], [json.dumps(each) for each in new]
    indent = places[0][1]
    if len(before) == len(after) and sorted(before) == sorted(after):
        left = list(range(len(before)))
        for position, wanted in enumerate(after):
            source = next(number for number in left if before[number] == wanted)
            left.remove(source)
            if source != position:
                yield _Edit(*places[position][2:], text[slice(*places[source][2:])])
        return
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "replace" and b - a == d - c:
            for number, value in zip(range(a, b), new[c:d], strict=True):
                yield from _of_item(text, node.value[number], places[number], old[number], value)
        elif tag != "equal":
            for number in range(a, b):
                yield _Edit(*places[number][2:], "")
            at = places[a][2] if a < len(places) else places[-1][3]
            rows = (f"{' ' * indent}-{_item(value, indent + 2)}\n" for value in new[c:d])
            yield _Edit(at, at, "".join(rows))


def _of_item(
    text: str, node: Node, place: tuple[int, int, int, int], old: Any, new: Any
) -> Iterator[_Edit]:
    if _can_recurse(node, old, new):
        try:
            yield from list(_edits(text, node, old, new))
            return
        except _Unusual:
            pass
    dash, indent, _, end = place
    if isinstance(node, MappingNode | SequenceNode) and node.flow_style:
        yield _Edit(node.start_mark.index, node.end_mark.index, _flow(new))
    else:
        yield _Edit(dash, end, f"-{_item(new, indent + 2)}\n")


def _place_of_item(text: str, node: Node) -> tuple[int, int, int, int]:
    """Return where an item of a list is: dash, its column, begin and end of its own lines."""
    start = _line_start(text, node.start_mark.index)
    found = re.match(r"( *)- ", text[start : node.start_mark.index + 1])
    if found is None:
        raise _Unusual
    dash = start + len(found[1])
    end = _line_end(text, _end_of(text, node))
    if end > 0 and text[end - 1] != "\n":
        raise _Unusual
    return dash, len(found[1]), start, end


def _end_of(text: str, node: Node) -> int:
    """Return where the text of a node ends, without what follows it."""
    if isinstance(node, ScalarNode) or _is_flow(node) or not node.value:
        whole = text[node.start_mark.index : node.end_mark.index]
        return int(node.start_mark.index) + len(whole.rstrip())
    if isinstance(node, MappingNode):
        return _end_of_value(text, *node.value[-1])
    last = node.value[-1]
    if last.start_mark.index < node.start_mark.index:
        raise _Unusual
    return _end_of(text, last)


_ALIAS = re.compile(r":\s+\*[\w-]+")


def _end_of_value(text: str, key: Node, value: Node) -> int:
    if value.start_mark.index >= key.end_mark.index:
        return _end_of(text, value)
    found = _ALIAS.match(text, key.end_mark.index)
    if found is None:
        raise _Unusual
    return found.end()


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1
