"""The guide for researchers names all tables and formats."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from simvoice.cli import app
from simvoice.research.export.tables import tables
from simvoice.research.export.write import FORMATS

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "for-researchers.md").read_text("utf-8")


def test_the_guide_names_every_table_and_no_other() -> None:
    (listed,) = re.findall(r"The tables are (.+?)\. `codebook` defines", GUIDE, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", listed)) == {table.name for table in tables(False)}


def test_every_option_in_the_guide_exists() -> None:
    group = typer.main.get_command(app)
    known = {
        option
        for name in ("analyze", "calibrate", "export", "picture", "serve", "talk")
        for parameter in group.commands[name].params  # type: ignore[attr-defined]
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    shown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", GUIDE))
    assert shown <= known
    assert len(shown) >= 10


def test_the_guide_names_every_format() -> None:
    guide = GUIDE.casefold()
    assert [name for name in FORMATS if name not in guide] == []
