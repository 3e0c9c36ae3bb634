"""`simvoice calibrate`: the measurement error on conversations with known truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.progress import Progress
from rich.table import Table

from simvoice.cli.common import AsJson, answers, notes, print_json
from simvoice.display import percent


def calibrate(
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Use fewer conversations and fit no table, in under 50 s."),
    ] = False,
    as_json: AsJson = False,
    textgrids: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Take the times from the TextGrids in this folder."),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=100,
            help="Instead, let each simulated learner meet each patient this many times, and "
            "report how far each number varies by itself.",
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Save the table of errors, or of --repeats. Not with --quick."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Number of processes. Default: one per core; one with --repeats."
        ),
    ] = None,
) -> None:
    """Report the error of each metric, found on conversations with known truth."""
    from simvoice.app.simulator import planted_voice
    from simvoice.errors import UsageError
    from simvoice.research.calibrate import run
    from simvoice.research.calibrate.skeleton import find_skeletons
    from simvoice.scoring.metrics.interval import errors_to_json

    if quick and write is not None:
        raise UsageError(
            "--quick fits no table, so --write has nothing to save; leave out --quick or --write"
        )
    if repeats is not None:
        if quick or textgrids is not None:
            raise UsageError(
                "--repeats does not work with --quick or --textgrids; leave out --quick and "
                "--textgrids, or --repeats"
            )
        _repeat(repeats, write, workers or 1, as_json)
        return
    find_skeletons(textgrids)  # refuse an unusable folder before any speech is synthesised
    with Progress(console=notes, transient=True) as progress:
        voices = progress.add_task("Recording the voices", total=None)
        spoken = run.record_banks(
            planted_voice(), lambda done, total: _move(progress, voices, done, total)
        )
        progress.remove_task(voices)
        work = progress.add_task("Creating and measuring", total=None)
        outcome = run.calibrate(
            spoken,
            run.QUICK if quick else run.FULL,
            textgrids=textgrids,
            workers=workers,
            done=lambda done, total: _move(progress, work, done, total),
        )
    if write is not None and outcome.table is not None:
        _save(errors_to_json(outcome.table), write)
    report = run.report(outcome)
    if as_json:
        print_json(report)
        return
    answers.print(_table(report))


def _repeat(repeats: int, write: Path | None, workers: int, as_json: bool) -> None:
    from simvoice.bench import repeats as bench
    from simvoice.scoring.metrics.interval import repeats_to_json

    with Progress(console=notes, transient=True) as progress:
        task = progress.add_task("Repeating the encounters", total=None)
        outcome = bench.run(
            repeats, workers=workers, done=lambda done, total: _move(progress, task, done, total)
        )
    if write is not None:
        _save(repeats_to_json(outcome.table), write)
    report = bench.report(outcome)
    if as_json:
        print_json(report)
        return
    answers.print(_errors(report))


def _save(table: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _errors(report: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("metric", "encounters", "mean", "error", "detectable"):
        table.add_column(heading, justify="left" if heading == "metric" else "right", no_wrap=True)
    for key, found in report["metrics"].items():
        table.add_row(
            key,
            str(found["encounters"]),
            *(f"{found[name]:.2f}" for name in ("mean", "sem", "mdc95")),
        )
    table.caption = (
        f"{report['encounters']} encounters, {report['behaviours']} learners each with one case;\n"
        "error: standard deviation within a learner; detectable: 1.96 · √2 times that"
    )
    return table


def _move(progress: Progress, task: Any, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total)


_HEADINGS = (
    *("condition", "edges, ms", "pauses", "overlaps", "talk"),
    *("interrupt.", "by sound", "held"),
)


def _table(report: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in _HEADINGS:
        justify: Literal["left", "right"] = "left" if heading == "condition" else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for name, edges in report["onset_error_ms"].items():
        table.add_row(
            name,
            f"{edges['p50']:.0f} ({edges['p95']:.0f})",
            f"{report['pause_f1'][name]:.3f}",
            f"{report['overlap_f1'][name]:.3f}",
            f"±{report['talk_ratio_error'][name]:.2f}",
            f"{report['interruption_f1'][name]:.3f}",
            f"{report['interruption_f1_by_sound'][name]:.3f}",
            percent(report.get("coverage", {}).get(name, float("nan"))),
        )
    table.caption = (
        "edges, pauses, overlaps and talk come from the sound alone. edges: median (95th\n"
        "percentile) of onset and offset errors; pauses, overlaps: F1; talk: worst error of\n"
        "the share of the talking, in points; interrupt.: F1 of interruptions against\n"
        "acknowledgements where every word and its time is known, and by sound alone;\n"
        "held: share of 90 % intervals that hold the truth, with words and without"
    )
    return table
