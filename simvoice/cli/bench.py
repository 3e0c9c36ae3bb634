"""`simvoice bench`: what the README's figures come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from simvoice.cli.common import answers, print_json

app = typer.Typer(
    help="Measure: latency, stt, floor, voices, analysis, debrief, coder.", no_args_is_help=True
)

Quick = Annotated[bool, typer.Option("--quick", help="Fewer trials, under 50 s.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")]


@app.command()
def latency(
    quick: Quick = False,
    as_json: AsJson = False,
    busy: Annotated[
        int, typer.Option(min=0, max=64, help="Compare with this many busy processes beside it.")
    ] = 0,
    turns: Annotated[
        int | None, typer.Option(min=1, max=30, help="How many turns, instead of 30.")
    ] = None,
) -> None:
    """From the end of the learner's speech to the patient's first sound."""
    from simvoice.bench import latency as bench

    _show(bench.run(quick, busy, turns), as_json)


@app.command()
def stt(quick: Quick = False, as_json: AsJson = False) -> None:
    """Transcription: speed and word errors against the stock recogniser."""
    from simvoice.bench import stt as bench

    _show(bench.run(quick), as_json)


@app.command()
def floor(quick: Quick = False, as_json: AsJson = False) -> None:
    """Cut-offs in pauses, giving way to a barge-in, acknowledgements that stop her."""
    from simvoice.bench import floor as bench

    _show(bench.run(quick), as_json)


@app.command()
def analysis(quick: Quick = False, as_json: AsJson = False) -> None:
    """Measuring a recording without its words: speed on one core, and memory by length."""
    from simvoice.bench import analysis as bench

    _show(bench.run(quick), as_json)


@app.command()
def debrief(quick: Quick = False, as_json: AsJson = False) -> None:
    """Making the whole debrief of ten minutes: seconds, and their spread over a few runs."""
    from simvoice.bench import debrief as bench

    _show(bench.run(quick), as_json)


@app.command()
def voices(quick: Quick = False, as_json: AsJson = False) -> None:
    """Rate, pitch, loudness and pauses of each voice in each mood, and word errors."""
    from simvoice.bench import voices as bench

    report = bench.run(quick)
    if as_json:
        print_json(report)
        return
    for name, ways in report["people"].items():
        table = Table("", *next(iter(ways.values())), title=name, title_justify="left")
        for way, row in ways.items():
            table.add_row(way, *map(str, row.values()))
        answers.print(table)
    _show(report["word_error_rate"], as_json=False)


@app.command()
def coder(
    data: Annotated[
        Path, typer.Option("--data", help="The folder with AnnoMI's table of annotated talk.")
    ],
    quick: Quick = False,
    as_json: AsJson = False,
) -> None:
    """Codes of what clinicians say, beside annotators and on labelled utterances."""
    from simvoice.bench import coder as bench

    report = bench.run(data, quick)
    if as_json:
        print_json(report)
        return
    yardsticks = report.pop("yardsticks")
    spread = report.pop("kappa_interval")
    between = {
        name: "to".join(f" {v} " for v in each).strip() if each else None
        for name, each in spread.items()
    }
    rows = {"ours": report.pop("kappa"), "ours, no marks": report.pop("kappa_without_marks")}
    table = Table("kappa", *bench.MEASURES)
    placed = report.pop("kappa_in_place")
    rows["ours, with what was said before"] = dict.fromkeys(bench.MEASURES, "") | placed
    rows["ours, 95 % of draws of encounters"] = between
    for name, row in (rows | yardsticks).items():
        table.add_row(name.replace("_", " "), *(str(row[measure]) for measure in bench.MEASURES))
    answers.print(table)
    _show(report, as_json=False)


def _show(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    table = Table.grid(padding=(0, 2))
    for name, value in report.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {inner}" for key, inner in value.items())
        table.add_row(name, str(value))
    answers.print(table)
