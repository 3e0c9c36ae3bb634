"""`simvoice talk` and `simvoice demo`: an encounter in the terminal."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from simvoice.cli.common import (
    DEFAULT_FORM,
    DEFAULT_PROFILE,
    DEFAULT_WAIT_S,
    STOPPED,
    LlmForm,
    LlmModel,
    LlmUrl,
    LlmWait,
    ProfileOption,
    answers,
    discard_output,
    notes,
    orderly_end,
    server_of,
)
from simvoice.debrief.render_text import render_screen
from simvoice.debrief.retry import (
    CheckpointRef,
    checkpoint_at,
    describe_retry,
    parse_checkpoint_ref,
)
from simvoice.debrief.terminal import command
from simvoice.display import clock
from simvoice.errors import SimvoiceError, UsageError
from simvoice.reading.reading import read
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.runtime.observer import Caption, Encounter, Finished, Observation

if TYPE_CHECKING:
    from simvoice.app.simulator import Simulator

_SOUND_FILES = {".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif"}

CaseArgument = Annotated[str, typer.Argument(help="A case's id, or the path of its file.")]
DemoLearner = Literal["skilled", "poor"]
LearnerOption = Annotated[str, typer.Option(help="A name for the record, such as a pseudonym.")]


@orderly_end()
def talk(
    case: CaseArgument,
    mic: Annotated[
        str, typer.Option(help="Part of a microphone's name, its number, or a sound file.")
    ] = "",
    speaker: Annotated[
        str, typer.Option(help="Part of a loudspeaker's name, its number, or a WAV file to write.")
    ] = "",
    learner: LearnerOption = "",
    headphones: Annotated[
        bool, typer.Option("--headphones", help="You wear headphones: skip the echo test.")
    ] = False,
    captions: Annotated[
        bool, typer.Option("--captions", help="Print what is said during the encounter.")
    ] = False,
    retry_from: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="ATTEMPT@TIME",
            help="Retry from a moment of an attempt: its id, an @, and a time (3:12) or a turn.",
        ),
    ] = "",
    moment: Annotated[
        str,
        typer.Option(metavar="ID", help="Begin at a moment of the case, to practise one skill."),
    ] = "",
    profile: ProfileOption = DEFAULT_PROFILE,
    llm_url: LlmUrl = "",
    llm_model: LlmModel = "",
    llm_form: LlmForm = DEFAULT_FORM,
    llm_wait: LlmWait = DEFAULT_WAIT_S,
) -> None:
    """Talk with a patient. The microphone is the sound card or a sound file."""
    from simvoice.app.simulator import Simulator
    from simvoice.devices.sound_card import SoundCard
    from simvoice.devices.wav import WavLine
    from simvoice.patient.checking.moments import require_moment

    if moment and retry_from:
        raise UsageError("an encounter begins at one place; give --from or --moment")
    server = server_of(llm_url, llm_model, llm_form, llm_wait)
    line: WavLine | SoundCard
    if _is_file(mic):
        if speaker and not _is_file(speaker):
            raise UsageError(
                "a file as the microphone needs a file as the speaker; give a .wav to "
                "--speaker, or leave it out"
            )
        line = WavLine(Path(mic), Path(speaker) if speaker else None)
    elif _is_file(speaker):
        raise UsageError(
            "a file as the speaker needs a file as the microphone; give a sound file to "
            "--mic, or leave --speaker out (the attempt records both voices)"
        )
    else:
        line = SoundCard(_device(mic), _device(speaker), "headphones" if headphones else "auto")
    simulator = Simulator(profile, server=server)
    found = simulator.case(case)
    drill = require_moment(found, moment) if moment else None
    checkpoint = _checkpoint(simulator, retry_from)
    if checkpoint is not None:
        simulator.check_retry(case, checkpoint)
    line.check()  # before the voice is prepared, which may take minutes
    with _progress() as progress:
        simulator.make_ready(case, progress)
    _warn(simulator.model_trouble())
    answers.print(Text(found.door_note.strip()))
    answers.print()
    if checkpoint is not None:
        attempt = simulator.attempt(checkpoint.attempt)
        answers.print(Text(describe_retry(attempt, checkpoint.turn)))
        answers.print()
    if drill is not None:
        answers.print(Text(f"{drill.title}. {drill.skill}"))
        answers.print()
    notes.print("The encounter begins. Ctrl+C ends it.")
    observer = _Captions(found.person.name, captions)
    encounter = simulator.encounter(
        case,
        line,
        learner=learner,
        observer=observer,
        retry_from=checkpoint,
        options=EncounterOptions(moment=moment),
    )
    _run(encounter, observer, simulator.store.root)


@orderly_end()
def demo(
    case: Annotated[str, typer.Argument(help="A case's id.")] = "breast-biopsy",
    learner: Annotated[
        DemoLearner,
        typer.Option(help="The simulated learner."),
    ] = "skilled",
    seed: Annotated[int, typer.Option(help="Seed for the choice among equal lines.")] = 7,
    profile: ProfileOption = DEFAULT_PROFILE,
    llm_url: LlmUrl = "",
    llm_model: LlmModel = "",
    llm_form: LlmForm = DEFAULT_FORM,
    llm_wait: LlmWait = DEFAULT_WAIT_S,
) -> None:
    """Listen to a simulated learner and a patient in real time. Needs no microphone."""
    from simvoice import paths
    from simvoice.app.simulator import Simulator
    from simvoice.devices.simulated import SimulatedLine
    from simvoice.models import manifest
    from simvoice.patient.case.load import locate_case
    from simvoice.simulate.demo import build_script, load_demo

    server = server_of(llm_url, llm_model, llm_form, llm_wait)
    plan = load_demo(locate_case(case, *paths.case_dirs()), learner)
    simulator = Simulator(profile, server=server)
    found = simulator.case(case)
    with _progress() as progress:
        simulator.make_ready(case, lambda done, what: progress(0.8 * done, what))
        voice_id = manifest.digests([simulator.profile["voice"]])["voice"]
        script = build_script(
            plan,
            simulator.engines().voice,
            voice_id,
            paths.cache_dir() / "clips",
            lambda done, total: progress(0.8 + 0.2 * done / total, "Preparing the learner's voice"),
        )
    _warn(simulator.model_trouble())
    observer = _Captions(found.person.name, True)
    line = SimulatedLine(script, tail_s=8.0)
    encounter = simulator.encounter(
        case,
        line,
        learner=f"demo, {learner}",
        observer=observer,
        options=EncounterOptions(seed=seed),
    )
    _run(encounter, observer, simulator.store.root)


def _checkpoint(simulator: Simulator, text: str) -> CheckpointRef | None:
    if not text:
        return None
    attempt, turn, at_s = parse_checkpoint_ref(text)
    return checkpoint_at(simulator.attempt(attempt), turn, at_s)


class _Captions:
    """Prints the words of both speakers during the encounter."""

    def __init__(self, patient: str, shown: bool) -> None:
        self._patient = patient
        self._shown = shown
        self.on_closed: Callable[[], None] = lambda: None
        """Called when no one reads the output any more: a pipe to a program that has ended."""

    def __call__(self, observation: Observation) -> None:
        if self._shown and isinstance(observation, Caption):
            who = "You" if observation.who == "learner" else self._patient
            try:
                answers.print(Text(f"{clock(observation.start_s):>6}  {who}: {observation.text}"))
            except (OSError, SystemExit):  # rich exits when a pipe is closed
                self._shown = False
                discard_output([1])
                self.on_closed()


def _run(encounter: Encounter, captions: _Captions, attempts: Path) -> None:
    from simvoice.debrief.build import build_debrief
    from simvoice.record.store import Store

    captions.on_closed = lambda: encounter.end("stopped")
    with _ends_by_signal(encounter) as caught:
        finished = encounter.run()
    _show(finished)
    if finished.reason == "stopped":
        notes.print("The encounter was stopped, and all until then is kept. To read its debrief:")
        notes.print(command(f"simvoice debrief {finished.attempt}"))
        raise typer.Exit(STOPPED if signal.SIGTERM in caught else SimvoiceError.exit_code)
    answers.print()
    found = Store(attempts).open(finished.attempt)
    answers.print(render_screen(build_debrief(found, read(found))))
    answers.print()
    answers.print("To read this again:")
    answers.print(command(f"simvoice debrief {finished.attempt}"))
    if finished.reason in ("device", "fault"):
        raise typer.Exit(SimvoiceError.exit_code)


def _warn(trouble: str) -> None:
    if trouble:
        notes.print(trouble[:1].upper() + trouble[1:], markup=False)


def _show(finished: Finished) -> None:
    if finished.message:
        notes.print(finished.message, markup=False)


@contextlib.contextmanager
def _ends_by_signal(encounter: Encounter) -> Iterator[Collection[int]]:
    """Let the first Ctrl+C or SIGTERM end the encounter in order; a second one aborts it.

    Gives the signals that came.
    """
    caught: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[number])
        caught.append(number)
        encounter.end("learner" if number == signal.SIGINT else "stopped")

    before: dict[int, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, ask)
    try:
        yield caught
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Bar:
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("Starting", total=1.0)

    def __call__(self, done: float, what: str) -> None:
        self._bar.update(self._task, completed=done, description=what)


@contextlib.contextmanager
def _progress() -> Iterator[_Bar]:
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=notes, transient=True) as bar:
        yield _Bar(bar)


def _is_file(text: str) -> bool:
    return Path(text).suffix.lower() in _SOUND_FILES if text else False


def _device(text: str) -> str | int | None:
    if not text:
        return None
    return int(text) if text.isdigit() else text
