"""`simvoice picture`: a conversation, or two of them, as a picture for print and slides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from simvoice import paths
from simvoice.cli.output import answers, print_json
from simvoice.errors import UsageError
from simvoice.research.analysis.load import sources_at

What = Literal["strip", "turns", "change"]


def picture(
    what: Annotated[
        What,
        typer.Argument(
            help="strip: who spoke when. turns: turn-taking over time. change: two of them."
        ),
    ],
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="An attempt's id, or a result from: simvoice analyze; two of them for change.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where it goes: .svg, .png or .pdf."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")] = False,
) -> None:
    """Draw a conversation as SVG, PNG or PDF."""
    from simvoice.research.pictures.change import change
    from simvoice.research.pictures.strip import strip
    from simvoice.research.pictures.style import check_ending, save
    from simvoice.research.pictures.turns import turns

    target = out or Path(f"{what}.svg")
    check_ending(target)
    sources = [source for one in given for source in sources_at([one], paths.attempts_dir())]
    wanted = 2 if what == "change" else 1
    if len(sources) != wanted:
        raise UsageError(
            f"{what} takes {'one conversation' if wanted == 1 else 'two conversations'}, and "
            f"{len(sources)} were named"
        )
    found = [source.load() for source in sources]
    if what == "change":
        made, title = change(found[0], found[1]), "Before and after"
    else:
        made = strip(found[0]) if what == "strip" else turns(found[0])
        title = found[0].title or found[0].id
    save(made, target, title)
    if as_json:
        print_json({"picture": str(target), "what": what, "conversations": [c.id for c in found]})
    else:
        answers.print(Text(f"The picture is in {target}"))
