"""`simvoice bench`: measure the figures of the README and docs/benchmarks.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from simvoice.cli.common import AsJson, answers, print_json

app = typer.Typer(
    help="Measure speed and accuracy: latency, hub, stt, floor, voices, analysis, debrief, coder.",
    no_args_is_help=True,
)

Quick = Annotated[bool, typer.Option("--quick", help="Run fewer trials, in under 50 s.")]


@app.command()
def latency(
    quick: Quick = False,
    as_json: AsJson = False,
    busy: Annotated[
        int,
        typer.Option(min=0, max=64, help="Measure also while this many other processes are busy."),
    ] = 0,
    turns: Annotated[
        int | None, typer.Option(min=1, max=30, help="The number of turns, instead of 30.")
    ] = None,
) -> None:
    """Measure the response time: from the end of the learner's speech to the first sound."""
    from simvoice.bench import latency as bench

    _show(bench.run(quick, busy, turns), as_json)


@app.command()
def hub(
    encounters: Annotated[
        str, typer.Option(help="How many learners talk at once: numbers with commas.")
    ] = "1,2,4,8,12,16",
    quick: Annotated[
        bool, typer.Option("--quick", help="Let each learner take 4 turns instead of 10.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure several encounters at once in one hub: answers, memory, lost frames."""
    from simvoice.bench import hub as bench

    report = bench.run(bench.counts_of(encounters), quick=quick)
    if as_json:
        print_json(report)
        return
    found = report.pop("encounters")
    columns = list(next(iter(found.values())))
    table = Table("at once", *(name.replace("_", " ") for name in columns))
    for count, figures in found.items():
        table.add_row(count, *(str(figures[name]) for name in columns))
    answers.print(table)
    _show({name.replace("_", " "): value for name, value in report.items()}, as_json=False)


@app.command()
def stt(quick: Quick = False, as_json: AsJson = False) -> None:
    """Measure speech recognition: speed and word errors, beside unmodified Whisper."""
    from simvoice.bench import stt as bench

    _show(bench.run(quick), as_json)


@app.command()
def floor(quick: Quick = False, as_json: AsJson = False) -> None:
    """Measure turn-taking: cut-offs in pauses, reactions to barge-ins and to backchannels."""
    from simvoice.bench import floor as bench

    _show(bench.run(quick), as_json)


@app.command()
def analysis(quick: Quick = False, as_json: AsJson = False) -> None:
    """Measure the analysis of a recording without words: speed on one core, memory by length."""
    from simvoice.bench import analysis as bench

    _show(bench.run(quick), as_json)


@app.command()
def debrief(
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Run fewer trials: in under 50 s, with --discriminate under 4 minutes."
        ),
    ] = False,
    as_json: AsJson = False,
    discriminate: Annotated[
        bool,
        typer.Option(
            "--discriminate",
            help="Measure instead how well the debrief tells skilled learners from poor ones.",
        ),
    ] = False,
    case: Annotated[
        list[str] | None,
        typer.Option(help="With --discriminate or --claims: only these cases, by their ids."),
    ] = None,
    claims: Annotated[
        Path | None,
        typer.Option(
            "--claims",
            metavar="FOLDER",
            help="Write the claims of scripted debriefs beside their records, for a reader.",
        ),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="With --claims: only these kinds of learners.")
    ] = None,
    number: Annotated[
        list[int] | None,
        typer.Option(min=0, help="With --claims: these encounters of each kind, from 0."),
    ] = None,
) -> None:
    """Measure how long the debrief of ten minutes takes, or how well it tells learners apart."""
    if claims is not None:
        from simvoice.bench import claims as pages

        _show(dict(pages.run(claims, case or (), kind or (), number or ())), as_json)
        return
    if not discriminate:
        from simvoice.bench import debrief as bench

        _show(bench.run(quick), as_json)
        return
    from simvoice.bench import discrimination

    report = discrimination.run(quick, case or ())
    if as_json:
        print_json(report)
        return
    for title, figures in (
        ("AUC, skilled against", report["auc_of_all"]),
        ("The same, in the cases kept for judging", report["auc_judging_of_all"]),
    ):
        table = Table(title, *discrimination.POOR_KINDS, title_justify="left")
        for name, row in figures.items():
            table.add_row(name, *("-" if v is None else f"{v:.2f}" for v in row.values()))
        answers.print(table)
    rest = ("untouched", "critical_met", "critical_met_judging", "encounters", "minutes_a_kind")
    _show({name.replace("_", " "): report[name] for name in rest}, as_json=False)
    answers.print("Items that separate nothing:", ", ".join(report["separates_nothing"]) or "none")


@app.command()
def voices(quick: Quick = False, as_json: AsJson = False) -> None:
    """Measure the voices: rate, pitch, loudness, pauses and word errors in each mood."""
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
        Path,
        typer.Option("--data", help="The folder with AnnoMI's table of annotated conversations."),
    ],
    quick: Quick = False,
    as_json: AsJson = False,
) -> None:
    """Measure the coder: agreement with annotators and with labelled utterances."""
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
