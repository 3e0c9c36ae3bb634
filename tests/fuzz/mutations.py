"""Strategies that damage valid files, as a crash, a bad tool or an attack does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

HOSTILE_NUMBERS = (
    *("NaN", "nan", "Infinity", "-Infinity", "1e999", "-1e308", "1e308", "-1", "-0", "0", "00"),
    *("9" * 20, "9" * 400, "9" * 5000, "1" + "0" * 309, "0x10", "1_000", "1e-320", "true", "null"),
    *("2147483648", "-9223372036854775809", "4294967295", "٣", "²", "1.5.2", "1e", ""),
)
"""What stands in place of a number."""

HOSTILE_TEXTS = (
    *("", " ", "\x00", "\x1b[2J", "\r", "\x85", "\u2028", "\ufeff", "\ud800", "\udcff"),
    *("../../etc/passwd", "%00", "=1+1", "NA", "a\u0301" * 50, "\U0001f600", "İ", "ß", "\u202e"),
    *("<pause 1>", "<pause nan>", "<soft>", "&amp;", "&lt", '"', "'", "\\", "{", "}", "x" * 70_000),
)

PIECES = (
    *(b"\n", b"\r", b" ", b"\t", b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\x1a", b"\x15"),
    *(b"[", b"{", b"<", b"(", b'"', b"'", b"&", b"*", b"!", b"%", b"|", b">", b"-", b"- ", b": "),
    *(b"<a>", b"-->", b"<v ", b"&x;", b"<![CDATA[", b"<!--", b"? ", b"&a *a ", b"<<: ", b"1\n"),
    *(b"9", b",", b";", b"a: ", b"+", b"\\u", b"\\x", b"=", b"#", b"@", b"\xc3", b"\xed\xa0\x80"),
)
"""What is inserted, once or thousands of times: half of the syntax of the formats."""

_NUMBER = re.compile(rb"-?\d+(?:[.,]\d+)?")
_LONGEST_RUN = 100_000


def any_text() -> st.SearchStrategy[str]:
    """Return texts with control characters, lone surrogates and everything of HOSTILE_TEXTS."""
    return st.one_of(
        st.text(max_size=40),
        st.text(st.characters(exclude_categories=()), max_size=10),
        st.sampled_from(HOSTILE_TEXTS),
    )


def any_value() -> st.SearchStrategy[Any]:
    """Return any value of JSON, with NaN, huge numbers, odd texts, and deep or wide nesting."""
    number = st.one_of(
        st.integers(),
        st.floats(),
        st.sampled_from([10**20, 10**400, -(10**400), 2**31, -(2**63) - 1, 1e308, -0.0, 5e-324]),
    )
    leaf = st.none() | st.booleans() | number | any_text()
    tree = st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text(), inner, max_size=3),
        max_leaves=6,
    )
    return st.one_of(leaf, leaf, tree)


# -- bytes --------------------------------------------------------------------------------------

_Damage = Callable[[bytes], bytes]


def _at(data: bytes, share: float) -> int:
    return round(share * len(data))


_share = st.floats(0, 1)


def _cut(first: float, second: float) -> _Damage:
    def run(data: bytes) -> bytes:
        a, b = sorted((_at(data, first), _at(data, second)))
        return data[:a] + data[b:]

    return run


def _double(first: float, length: int, times: int) -> _Damage:
    def run(data: bytes) -> bytes:
        a = _at(data, first)
        part = data[a : a + length]
        return data[:a] + part * min(times, 1 + _LONGEST_RUN // max(1, len(part))) + data[a:]

    return run


def _insert(where: float, piece: bytes, times: int) -> _Damage:
    def run(data: bytes) -> bytes:
        a = _at(data, where)
        return data[:a] + piece * min(times, 1 + _LONGEST_RUN // len(piece)) + data[a:]

    return run


def _overwrite(where: float, piece: bytes) -> _Damage:
    def run(data: bytes) -> bytes:
        a = _at(data, where)
        return data[:a] + piece + data[a + len(piece) :]

    return run


def _renumber(which: int, number: str) -> _Damage:
    def run(data: bytes) -> bytes:
        found = list(_NUMBER.finditer(data[:200_000]))
        if not found:
            return data
        match = found[which % len(found)]
        return data[: match.start()] + number.encode() + data[match.end() :]

    return run


def _lines(first: int, second: int, how: str, times: int) -> _Damage:
    def run(data: bytes) -> bytes:
        lines = data.split(b"\n")
        a, b = first % len(lines), second % len(lines)
        if how == "swap":
            lines[a], lines[b] = lines[b], lines[a]
        elif how == "drop":
            del lines[a]
        elif how == "move":
            lines.insert(b, lines.pop(a))
        else:
            most = 1 + _LONGEST_RUN // (1 + len(lines[a]))
            lines[a:a] = [lines[a]] * min(times, most)
        return b"\n".join(lines)

    return run


def _encode(encoding: str) -> _Damage:
    def run(data: bytes) -> bytes:
        return data.decode("utf-8", "replace").encode(encoding, "replace")

    return run


def _newlines(end: bytes) -> _Damage:
    return lambda data: data.replace(b"\n", end)


_many = st.one_of(st.integers(1, 3), st.integers(1, 3), st.integers(1, _LONGEST_RUN))

_TEXT_DAMAGES: tuple[st.SearchStrategy[_Damage], ...] = (
    st.builds(_renumber, st.integers(0, 2_000), st.sampled_from(HOSTILE_NUMBERS)),
    st.builds(
        _lines,
        st.integers(0, 2_000),
        st.integers(0, 2_000),
        st.sampled_from(["swap", "drop", "move", "double"]),
        _many,
    ),
    st.builds(_encode, st.sampled_from(["utf-16", "utf-16-le", "utf-8-sig", "cp1252", "utf-7"])),
    st.builds(_newlines, st.sampled_from([b"\r\n", b"\r", b"\x0c", b"\xe2\x80\xa8", b""])),
    st.builds(
        lambda where, text: _insert(where, text.encode("utf-8", "surrogatepass") or b" ", 1),
        _share,
        any_text(),
    ),
)

_BYTE_DAMAGES: tuple[st.SearchStrategy[_Damage], ...] = (
    st.builds(_cut, _share, _share),
    st.builds(_cut, _share, st.just(1.0)),
    st.builds(_double, _share, st.integers(1, 400), _many),
    st.builds(_insert, _share, st.sampled_from(PIECES), _many),
    st.builds(_overwrite, _share, st.binary(min_size=1, max_size=8)),
    st.builds(_overwrite, st.floats(0, 0.05), st.binary(min_size=1, max_size=8)),
    st.builds(_overwrite, st.floats(0, 0.05), st.sampled_from([b"\xff" * 4, b"\x00" * 4])),
)


def damaged(
    samples: Sequence[bytes], *, is_text: bool = True, most: int = 4
) -> st.SearchStrategy[bytes]:
    """Return samples with one to `most` damages, and sometimes bytes that are no sample at all."""
    kinds = (*_BYTE_DAMAGES, *_TEXT_DAMAGES) if is_text else _BYTE_DAMAGES

    def apply(sample: bytes, damages: list[_Damage]) -> bytes:
        for damage in damages:
            sample = damage(sample)
        return sample[: 4 << 20]

    whole = st.builds(
        apply, st.sampled_from(samples), st.lists(st.one_of(*kinds), min_size=1, max_size=most)
    )
    raw = st.one_of(
        st.binary(max_size=300),
        any_text().map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.builds(
            lambda piece, times: piece * min(times, 1 + _LONGEST_RUN // len(piece)),
            st.sampled_from(PIECES),
            _many,
        ),
    )
    return st.one_of(whole, whole, whole, whole, raw)


# -- trees --------------------------------------------------------------------------------------


def _places(tree: Any, before: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    yield before
    children: Iterator[tuple[int | str, Any]] = iter(())
    if isinstance(tree, dict):
        children = iter(tree.items())
    elif isinstance(tree, list):
        children = iter(enumerate(tree))
    for key, child in children:
        yield from _places(child, (*before, key))


def _with(tree: Any, place: tuple[int | str, ...], how: str, value: Any) -> Any:
    """Return the tree with another value at a place. Places that are gone change nothing."""
    if not place:
        return value if how == "replace" else tree
    key, *rest = place
    try:
        child = tree[key]
    except (KeyError, IndexError, TypeError):
        return tree
    made = dict(tree) if isinstance(tree, dict) else list(tree)
    if rest:
        made[key] = _with(child, tuple(rest), how, value)
    elif how == "drop":
        del made[key]
    elif how == "double" and isinstance(made, list):
        made.insert(key, child)
    elif how == "rename" and isinstance(made, dict):
        made[str(value)[:50]] = made.pop(key)
    else:
        made[key] = value
    return made


def damaged_trees(samples: Sequence[Any], most: int = 3) -> st.SearchStrategy[Any]:
    """Return JSON values with one to `most` places replaced, dropped, doubled or renamed."""
    known = [(sample, list(_places(sample))) for sample in samples]

    def apply(pair: tuple[Any, Any], changes: list[tuple[int, str, Any]]) -> Any:
        tree, places = pair
        for number, how, value in changes:
            tree = _with(tree, places[number % len(places)], how, value)
        return tree

    how = st.sampled_from(["replace", "replace", "replace", "drop", "double", "rename"])
    change = st.tuples(st.integers(0, 5_000), how, any_value())
    return st.builds(apply, st.sampled_from(known), st.lists(change, min_size=1, max_size=most))


def damaged_json(samples: Sequence[Any], most: int = 3) -> st.SearchStrategy[bytes]:
    """Return JSON files: damaged trees, and their text damaged."""
    texts = [json.dumps(sample, ensure_ascii=False).encode() for sample in samples]
    trees = damaged_trees(samples, most).map(
        lambda tree: json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")
    )
    return st.one_of(trees, trees, damaged(texts))
