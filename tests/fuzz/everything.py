"""All targets of the search: parsers, pages, the WebSocket and commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.commands import command_targets
from tests.fuzz.parsers import all_targets
from tests.fuzz.search import Target
from tests.fuzz.web import web_targets


@contextmanager
def everything(folder: Path) -> Iterator[list[Target]]:
    """Give all targets while the server they need runs. folder: an empty one."""
    parsers, web, commands = (folder / name for name in ("parsers", "web", "commands"))
    for each in (parsers, web, commands):
        each.mkdir()
    with web_targets(web) as pages, command_targets(commands) as typed:
        yield [*all_targets(parsers), *pages, *typed]
