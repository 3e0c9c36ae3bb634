"""Read the YAML files of a case's folder with bounds on size, depth and aliases.

A file may come from anyone. Whatever is in its place, reading it takes about as long as reading the
largest case of simvoice, and a fault is one sentence that names the file.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.resolver import VersionedResolver

from simvoice.errors import CaseError

Location = tuple[int | str, ...]
"""Keys and indices from the top of a file to one of its values."""

MOST_BYTES: Final = 1_000_000
"""Six times the largest case of simvoice."""
MOST_VALUES: Final = 20_000
"""Keys and values, each alias counted with all that it stands for. The largest case of simvoice has
10,000."""
MOST_DEPTH: Final = 40
"""Lists and mappings inside each other. A case needs 7."""
_SLOW_PARTS: Final = 12_000
"""Files with more colons, commas, list items and lines are read by libyaml only: the other parser,
which reads a file twice, takes 0.6 s for so many. The largest case of simvoice has 10,400."""
_SHOWN: Final = 120
"""Characters of a parser's message that are shown. It may repeat the file's own text."""

_STANDARD_KINDS = ("str", "int", "float", "bool", "null", "seq", "map")
_STANDARD_TAGS = frozenset({"!", *(f"tag:yaml.org,2002:{kind}" for kind in _STANDARD_KINDS)})


class _Resolver(VersionedResolver):
    """Reads YAML 1.2, whichever parser is used. Asking for the version of each value takes longer
    than reading it."""

    processing_version = (1, 2)


def _yaml(*, pure: bool) -> YAML:
    made = YAML(typ="safe", pure=pure)
    made.Resolver = _Resolver
    return made


def read_bytes(path: Path) -> bytes:
    """The content of a file of a case. Raises CaseError for anything but a file of usual size.

    It neither blocks on a pipe nor reads a device.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise CaseError(
                    f"{path} is not a file, but a folder, a pipe or a device; put a file there"
                )
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise CaseError(f"there is no case file {path}; check the path") from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.EISDIR:
            raise CaseError(f"{path} is a folder; put a file there") from None
        reason = getattr(error, "strerror", None) or "unreadable"
        raise CaseError(
            f"{path} cannot be read ({reason}); check the path and its permissions"
        ) from None
    if len(raw) > MOST_BYTES:
        raise CaseError(
            f"{path} has more than {MOST_BYTES // 1_000_000} MB, which no case needs; shorten it"
        )
    return raw


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The content of a YAML file that was found to be within the bounds."""

    path: Path
    raw: bytes
    json: str
    """Its values as JSON."""
    _text: str
    _pure: bool
    """Only the slow parser reads it."""

    @property
    def text(self) -> str:
        """The content as text."""
        return self._text

    def root(self) -> Node | None:
        """The nodes of the file with their places in `text`; None for an empty file.

        An alias is the node that it stands for.
        """
        found: Node | None = _yaml(pure=self._pure).compose(self._text)
        return found

    def line_of(self, location: Location) -> int:
        """The 1-based line number of the deepest part of `location` that exists."""
        line, node = 1, self.root()
        for part in location:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return line


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file. Raises CaseError."""
    return parse_yaml(read_bytes(path), path)


def parse_yaml(raw: bytes, path: Path) -> YamlFile:
    """The values of YAML in UTF-8; `path` is for messages. Raises CaseError.

    libyaml reads a case ten times as fast as the parser in Python, which reads only what libyaml
    refuses: some valid YAML 1.2, and files with an error, which it explains better.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CaseError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    try:
        return _parsed(raw, text, path, pure=False)
    except MarkedYAMLError as error:
        if sum(map(raw.count, (b":", b",", b"- ", b"\n"))) > _SLOW_PARTS:
            raise _explained(error, path) from None
    except (YAMLError, ValueError) as error:
        raise _explained(error, path) from None
    try:
        return _parsed(raw, text, path, pure=True)
    except (YAMLError, ValueError) as error:
        raise _explained(error, path) from None


def _parsed(raw: bytes, text: str, path: Path, *, pure: bool) -> YamlFile:
    """Raises CaseError, YAMLError and ValueError."""
    for problem, line in _beyond_bounds(_yaml(pure=pure).parse(text)):
        raise CaseError(f"{path}:{line}: {problem}")
    try:
        values = _yaml(pure=pure).load(text)
        # dates become texts, as authors expect
        as_json = json.dumps(values, default=str, ensure_ascii=False)
        as_json.encode()
        return YamlFile(path, raw, as_json, text, pure)
    except UnicodeEncodeError:
        raise ValueError("a text has half of a character, such as \\ud800") from None
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise ValueError("a key or a value is of no kind that a case has") from None


def _beyond_bounds(events: Iterator[Any]) -> Iterator[tuple[str, int]]:
    """(what is wrong, line) for each bound that the events of a parser exceed.

    It stops at the first event that is too much, so the parser reads no further.
    """
    sizes: dict[str, int | None] = {}
    """Anchor to the number of values it stands for; None inside its own value."""
    opened: list[tuple[str | None, int]] = []
    """Anchor of each list or mapping that has begun, and the values before it."""
    total = documents = 0
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, NodeEvent):
            total += 1
        match event:
            case DocumentStartEvent():
                documents += 1
                if documents > 1:
                    yield "a second document begins; keep one, without a line ---", line
            case AliasEvent():
                size = sizes.get(event.anchor, 0)
                if size is None:
                    yield f"*{event.anchor} stands inside its own value; write it out", line
                total += size or 0
            case ScalarEvent():
                if event.anchor:
                    sizes[event.anchor] = 1
            case SequenceStartEvent() | MappingStartEvent():
                opened.append((event.anchor, total - 1))
                if event.anchor:
                    sizes[event.anchor] = None
                if len(opened) > MOST_DEPTH:
                    yield f"more than {MOST_DEPTH} brackets or indents deep; flatten it", line
            case SequenceEndEvent() | MappingEndEvent():
                anchor, before = opened.pop()
                if anchor:
                    sizes[anchor] = total - before
        if total > MOST_VALUES:
            yield f"more than {MOST_VALUES:,} values, aliases included; shorten the file", line
        tag = getattr(event, "tag", None)
        if tag is not None and str(tag) not in _STANDARD_TAGS:
            shown = _short(str(tag).replace("tag:yaml.org,2002:", "!!"))
            yield f"the tag {shown!r} is not read here; remove it", line


def _explained(error: Exception, path: Path) -> CaseError:
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, problem = mark.line + 1 if mark else 1, _short(str(error.problem))
        return CaseError(f"{path}:{line}: not valid YAML ({problem}); correct this line")
    reason = str(error).replace('in "<unicode string>", ', "at ")
    if "int_max_str_digits" in reason:
        reason = "a number has thousands of digits"
    return CaseError(f"{path}:1: not valid YAML ({_short(reason)}); correct the file")


def _short(text: str) -> str:
    text = " ".join(text[: 10 * _SHOWN].split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _child(node: Node | None, part: int | str) -> tuple[int, Node] | None:
    """The 1-based line and the node of a part of a list or mapping; None if there is none."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line + 1, item
    return None
