"""A station for tests of its pages: a test sets what it shows, and sees what was pressed."""

from __future__ import annotations

import atexit
import dataclasses
import shutil
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from simvoice.errors import AttemptError, UsageError
from simvoice.hub_client.station_messages import (
    CommandResult,
    Drill,
    Light,
    LoopBack,
    Phase,
    StationCommand,
    StationReport,
)
from simvoice.ports import AudioLine
from simvoice.record.store import Attempt, Store
from simvoice.station import words
from simvoice.station.view import (
    Action,
    Announcement,
    Choice,
    StationView,
    TechnicianView,
)
from simvoice.web.encounters import EncounterPool, Outbox, RunningEncounter
from tests.planted.on_page import plant
from tests.web.stand_in import CASE, SCRIPT, ScriptedEncounter

PIN = "4711"

CASES = tuple(
    dataclasses.replace(CASE, id=case_id, title=title, patient_name=name)
    for case_id, title, name in (
        (CASE.id, CASE.title, CASE.patient_name),
        ("sudden-death", "A death in the family", "Jesse Keller"),
        ("medication-error", "A medication error", "Dana Ketola"),
        ("goals-of-care", "What matters now", "Everett Coombs"),
        ("angry-relative", "A fall on the ward", "Teresa Medeiros"),
        ("behaviour-change", "Sent to talk about drinking", "Glenn Novak"),
    )
)

QUESTIONS = (
    "What did Ruth Calder worry about most, and how did you find out?",
    "What would you do differently next time?",
)

WELCOME = StationView(version=1, name="A1", phase=Phase.WELCOME, hub="Skills lab North")


def views(attempt: str) -> dict[str, StationView]:
    """Return what a station shows in each phase, by a name. attempt: with a debrief."""
    exam = dataclasses.replace(
        WELCOME,
        mode="exam",
        title="OSCE, station 3",
        course="Communication, year 4",
        case=CASE,
        limit_s=480.0,
        timer_is_hard=True,
        needs_code=False,
        mode_words=(
            "This is an exam: one attempt, timed, without help. You read the debrief when your "
            "educators release it."
        ),
        who_sees=(
            "When you begin, you release this attempt to Edo Visser and Ayo Balogun "
            "(Communication, year 4), and to nobody else: its sound, its words and its numbers. "
            "The recording goes to them encrypted."
        ),
        questions=QUESTIONS,
        answers=("She asked twice about her sister.", ""),
    )
    practice = dataclasses.replace(
        exam,
        mode="practice",
        title="",
        course="",
        questions=(),
        answers=(),
        timer_is_hard=False,
        attempt=attempt,
        may_retry=True,
    )
    drill = dataclasses.replace(
        practice,
        mode="drill",
        title="Silences",
        course="Communication, year 4",
        drill=Drill(skill="Tell her, and let the silence stand.", moment="the-news"),
        tries_left=4,
        drill_left_s=540.0,
        may_retry=False,
    )
    shown = dataclasses.replace
    return {
        "welcome": WELCOME,
        "consent": shown(
            WELCOME, phase=Phase.CONSENT, left_s=290, consent=words.CONSENT, honour=words.HONOUR
        ),
        "code": shown(WELCOME, phase=Phase.CODE, left_s=170, may_practise=True, cases=CASES),
        "code alone": shown(WELCOME, phase=Phase.CODE, left_s=50),
        "choice": shown(
            WELCOME,
            phase=Phase.CODE,
            left_s=170,
            needs_code=False,
            cases=CASES,
            assignments=(
                Choice(UUID(int=1), "Silences", "Communication, year 4", "drill"),
                Choice(UUID(int=2), "Bad news, for practice", "Communication, year 4", "practice"),
            ),
        ),
        "away": shown(WELCOME, phase=Phase.CODE, left_s=290, is_away=True),
        "terms": shown(exam, phase=Phase.TERMS, left_s=290),
        "microphone": shown(exam, phase=Phase.MICROPHONE, left_s=170),
        "door": shown(exam, phase=Phase.DOOR, left_s=95),
        "door of a drill": shown(drill, phase=Phase.DOOR, left_s=95),
        "encounter": shown(exam, phase=Phase.ENCOUNTER),
        "interrupted": shown(
            exam,
            phase=Phase.ENCOUNTER,
            is_interrupted=True,
            notice="The conversation was interrupted. Nothing is lost, and you can go on.",
        ),
        "preparing": shown(
            exam,
            phase=Phase.ENCOUNTER,
            is_ready=False,
            preparing="Preparing Ruth's voice",
            ready_share=0.4,
            ready_in_s=22.0,
        ),
        "questions": shown(exam, phase=Phase.QUESTIONS, left_s=240),
        "debrief": shown(practice, phase=Phase.DEBRIEF, left_s=1100),
        "debrief of a drill": shown(drill, phase=Phase.DEBRIEF, left_s=300),
        "own words": shown(
            practice,
            phase=Phase.DEBRIEF,
            left_s=1100,
            attempt=None,
            may_retry=False,
            reflects_on=attempt,
        ),
        "saving": shown(practice, phase=Phase.DEBRIEF, left_s=1100, attempt=None, is_storing=True),
        "thanks": shown(exam, phase=Phase.THANKS, left_s=18),
        "reset": shown(WELCOME, phase=Phase.RESET),
    }


@cache
def _planted() -> Path:
    """Record an attempt, once for all tests."""
    made = Path(tempfile.mkdtemp(prefix="planted-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made / plant(made, options={"reflects": True})


class ScriptedStation:
    """Fulfils what the pages ask of `station.station.Station`."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root / "attempts")
        self.shown = WELCOME
        self.actions: list[Action] = []
        self.refusal = ""
        """When set, `act` refuses with this sentence."""
        self.commands: list[StationCommand] = []
        self.measurements: list[LoopBack] = []
        self.windows: list[str] = []
        self.levels: list[float | None] = []
        self.pool = EncounterPool()
        self.encounters: list[ScriptedEncounter] = []
        self.paired_with = "Skills lab North (hub.lab:8766)"
        self.begun = threading.Event()
        self.next_phase: Phase = Phase.QUESTIONS
        """What follows an encounter."""

    def planted(self) -> str:
        """Put an attempt into the station, and return its id."""
        folder = _planted()
        shutil.copytree(folder, self.store.root / folder.name)
        return folder.name

    def show(self, view: StationView, **changes: Any) -> None:
        """Show something else from now on."""
        number = self.shown.version + 1
        self.shown = dataclasses.replace(view, **{"version": number, **changes})

    def change(self, **changes: Any) -> None:
        self.show(self.shown, **changes)

    def announce(self, text: str, *, bell: bool = False, speaks: bool = False) -> None:
        number = 1 + (self.shown.announcement.number if self.shown.announcement else 0)
        self.change(announcement=Announcement(number, text, bell), speaks=speaks)

    # -- what the pages ask

    def on_reset(self, forget: Callable[[], object]) -> None:
        self.forget = forget

    def view(self) -> StationView:
        return self.shown

    def seen(self, window: str, level_dbfs: float | None = None) -> bool:
        self.levels.append(level_dbfs)
        if window not in self.windows:
            self.windows.append(window)
        return window == self.windows[-1]

    def act(self, action: Action) -> None:
        if self.refusal:
            raise UsageError(self.refusal)
        self.actions.append(action)

    def begin_encounter(self, line: AudioLine, outbox: Outbox) -> RunningEncounter | str:
        def build(observer: Any) -> ScriptedEncounter:
            self.store.root.mkdir(parents=True, exist_ok=True)
            made = ScriptedEncounter(self.store.root, line, "", observer, SCRIPT)
            self.encounters.append(made)
            self.change(is_running=True)
            self.begun.set()
            return made

        def ended(_: RunningEncounter) -> None:
            self.change(is_running=False, phase=self.next_phase, left_s=200.0)

        running = self.pool.begin(build, line, outbox, on_end=ended)
        return running or "The conversation before this one is still being closed."

    def attempt(self) -> Attempt:
        if self.shown.attempt is None:
            raise AttemptError("there is no debrief to show now")
        return self.store.open(self.shown.attempt)

    def retried_attempt(self, shown: Attempt) -> Attempt | None:
        again = shown.header.again
        return None if again is None else self.store.open(again.attempt)

    def reflected_attempt(self) -> Attempt:
        if self.shown.reflects_on is None:
            raise AttemptError("nothing is written now")
        return self.store.open(self.shown.reflects_on)

    def measured(self, result: LoopBack) -> None:
        self.measurements.append(result)

    def unlock(self, pin: str) -> None:
        if pin != PIN:
            raise UsageError("This PIN is wrong.")

    def technician(self) -> TechnicianView:
        return TechnicianView(
            report=self.report(),
            paired_with=self.paired_with,
            hub_trouble="the hub does not answer; the station works without it",
            hub_seen_s=75.0,
            roster_made_at=1_796_000_000.0,
            codes=320,
            cases=(("breast-biopsy", True, ""), ("sudden-death", False, "")),
            disk_total_bytes=256_000_000_000,
            wanted_version="0.3.0",
        )

    def command(self, command: StationCommand) -> CommandResult:
        self.commands.append(command)
        if command.verb == "loop back":
            self.change(loop_back=self.shown.loop_back + 1)
        return CommandResult(id=command.id, done=True, sentence="")

    def pair(self, line: str) -> None:
        if not line:
            raise UsageError("Enter the line that the hub shows.")
        self.paired_with = "Skills lab North (hub.lab:8766)"

    def report(self) -> StationReport:
        return StationReport(
            name="A1",
            boot=UUID(int=7),
            version="0.2.0",
            phase=self.shown.phase,
            light=Light.RED,
            reason="the microphone gives no sound",
            mode=self.shown.mode,
            case=self.shown.case.id if self.shown.case else "",
            left_s=self.shown.left_s,
            is_held=self.shown.is_held,
            level_dbfs=None,
            waiting=3,
            free_bytes=120_000_000_000,
            models=(),
            errors=("09:12:44 The browser ended and was started again.",),
            clock=1_796_000_100.0,
            roster="4c1f",
        )
