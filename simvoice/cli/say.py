"""`simvoice cases say`: hear a line, for the author of a case."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from simvoice import markup, paths
from simvoice.audio import seconds
from simvoice.cli.output import answers, print_json
from simvoice.errors import UsageError
from simvoice.patient.case.load import load_case, locate_case
from simvoice.patient.decisions import Affect


def say_line(
    name: Annotated[str, typer.Argument(help="A case's id, or the path of its file.")],
    line: Annotated[str, typer.Argument(help='A line\'s id, or words: "I <pause 0.8> knew."')],
    out: Annotated[Path | None, typer.Option(help="The WAV file; LINE.wav without it.")] = None,
    trust: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Her trust; else as the case starts.")
    ] = None,
    distress: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Her distress; else as it starts.")
    ] = None,
    affect: Annotated[
        str | None, typer.Option(help=f"Instead of the line's: {', '.join(get_args(Affect))}.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Her words when asked again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")] = False,
) -> None:
    """Make a line sound as she says it with this trust and distress, into a WAV file."""
    # these load the engines' libraries, which the other commands do without
    from simvoice.app.simulator import Simulator
    from simvoice.devices.wav import write_audio
    from simvoice.runtime.spoken_lines import Wanted, line_of, sound

    if affect is not None and affect not in get_args(Affect):
        raise UsageError(f"there is no affect {affect!r}; use {', '.join(get_args(Affect))}")
    case = load_case(locate_case(name, *paths.case_dirs()))
    said = line_of(case, Wanted(line, again, affect, trust, distress))  # type: ignore[arg-type]
    target = out or Path("line.wav" if " " in line else f"{line}.wav")
    pcm = sound(case, Simulator().voice(), said)
    write_audio(target, pcm)
    row: dict[str, Any] = {
        "case": case.id,
        "text": markup.plain(said.spoken),
        "spoken": said.spoken,
        "affect": said.affect,
        "mood": said.mood,
        "duration_s": round(seconds(pcm.size), 2),
        "file": str(target),
    }
    if as_json:
        print_json(row)
        return
    answers.print(f"{case.person.short}: {said.spoken}", markup=False)
    answers.print(f"    {said.affect}, {said.mood}; {row['duration_s']} s", markup=False)
    answers.print(f"    {target}", markup=False)
