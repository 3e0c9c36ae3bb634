"""Run the whole check of educators' cases, one after the other, in a process beside the hub.

It takes minutes of a core, so it runs at the lowest priority and does not disturb encounters. How
far it is stays here while pages come and go; a certificate goes into the database. After a restart
of the hub, a check that had not ended is begun again from the page.
"""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal
from uuid import UUID

from simvoice.display import count_noun, percent
from simvoice.patient.checking.certificate import CERTIFICATE_FILE
from simvoice.patient.checking.report import LEAST_RIGHT
from simvoice.safe_text import shortened
from simvoice.workbench.note import CaseFiles

_log = logging.getLogger(__name__)

LONGEST_S: Final = 3_600.0
"""A check that takes longer is ended; the largest case of simvoice takes five minutes."""
_UNEXPECTED: Final = (
    "The check ended unexpectedly. Start it again; the log of this server says more."
)
_MOST_SHOWN: Final = 12
"""Findings of one kind that are shown."""

Certified = Callable[[UUID, int, str], None]
"""Called with the case, the revision and the content of its certificate."""

CheckCommand = Callable[[Path], Sequence[str]]
"""Returns the command that checks the case in a folder."""


def own_command(folder: Path) -> Sequence[str]:
    """Return the command of `simvoice.app.case_check`."""
    return (sys.executable, "-m", "simvoice.app.case_check", str(folder))


@dataclass(frozen=True, slots=True)
class CaseCheck:
    """How far the check of a case is, or how it ended."""

    revision: int
    state: Literal["waiting", "running", "passed", "failed"]
    done: int = 0
    total: int = 0
    sentences: tuple[str, ...] = ()
    """What was found, for the educator; the first is the summary."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state in ("passed", "failed")


@dataclass(frozen=True, slots=True)
class _Wanted:
    key: UUID
    revision: int
    case_id: str
    files: CaseFiles


class CaseChecks:
    """The checks of one hub. Thread-safe. Its thread begins with the first check."""

    def __init__(self, certified: Certified, command: CheckCommand = own_command) -> None:
        """certified: called in the thread of the checks, for each case that passed."""
        self._certified = certified
        self._command = command
        self._lock = threading.Lock()
        self._states: dict[UUID, CaseCheck] = {}
        self._queue: queue.Queue[_Wanted | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self._is_stopping = False

    def state(self, key: UUID) -> CaseCheck | None:
        """Return the newest check of a case; None when none ran since the start of the hub."""
        with self._lock:
            return self._states.get(key)

    def start(self, key: UUID, revision: int, case_id: str, files: CaseFiles) -> CaseCheck:
        """Check a revision of a case; a check of this case that has not ended goes on instead."""
        with self._lock:
            present = self._states.get(key)
            if present is not None and not present.is_over:
                return present
            made = self._states[key] = CaseCheck(revision, "waiting")
            self._queue.put(_Wanted(key, revision, case_id, files))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="case-checks", daemon=True)
                self._thread.start()
            return made

    def stop(self) -> None:
        """End the check that runs, and the thread."""
        with self._lock:
            self._is_stopping = True
            thread, process = self._thread, self._process
        self._queue.put(None)
        if process is not None:
            process.kill()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (wanted := self._queue.get()) is not None:
            if self._is_stopping:
                return
            try:
                self._set(wanted, self._check(wanted))
            except Exception:  # the page would wait for ever
                _log.exception("The check of an educator's case ended with an error.")
                self._set(wanted, CaseCheck(wanted.revision, "failed", sentences=(_UNEXPECTED,)))

    def _set(self, wanted: _Wanted, state: CaseCheck) -> None:
        with self._lock:
            self._states[wanted.key] = state

    def _check(self, wanted: _Wanted) -> CaseCheck:
        state = CaseCheck(wanted.revision, "running")
        self._set(wanted, state)
        last: dict[str, Any] = {}
        with TemporaryDirectory(prefix="simvoice-check-") as place:
            folder = Path(place) / wanted.case_id
            folder.mkdir()
            for name, text in wanted.files.items():
                (folder / name).write_text(text, encoding="utf-8")
            for last in self._answers(folder):
                if "done" in last:
                    done, total = int(last["done"]), int(last["total"])
                    state = replace(state, done=done, total=total)
                    self._set(wanted, state)
            if last.get("certified"):
                text = (folder / CERTIFICATE_FILE).read_text(encoding="utf-8")
                self._certified(wanted.key, wanted.revision, text)
                return replace(state, state="passed", sentences=in_words(last["report"]))
        fault = last.get("fault")
        sentences = in_words(last["report"]) if "report" in last else (str(fault or _UNEXPECTED),)
        return replace(state, state="failed", sentences=sentences)

    def _answers(self, folder: Path) -> Sequence[dict[str, Any]] | Any:
        """Yield what the process says."""
        process = subprocess.Popen(
            self._command(folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        with self._lock:
            self._process = process
        timer = threading.Timer(LONGEST_S, process.kill)
        timer.start()
        try:
            assert process.stdout is not None
            for row in process.stdout:
                yield json.loads(row)
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
            with self._lock:
                self._process = None


# -- the report in words


_FINDINGS: Final = {
    "leak": "The patient tells something too early",
    "role_break": "The patient leaves the role",
    "unknown_fact": "The patient says something that the case does not know",
    "repeat": "The patient says the same twice",
    "dead_end": "The patient has nothing left to say; add lines to “For what no line foresees”",
    "contradiction": "The patient contradicts the case",
}


def in_words(report: dict[str, Any]) -> tuple[str, ...]:
    """Return the report of a check as sentences; the first says whether it passed."""
    share = percent(float(report["right_answer_rate"]), 0)
    talks = count_noun(int(report["conversations"]), "conversation")
    asked = count_noun(int(report["probes"]), "question")
    found = [
        f"The case passed: {share} of {asked} had a right answer, and {talks} were without a fault."
        if report["passed"]
        else f"The case did not pass: {share} of {asked} had a right answer in {talks}."
    ]
    if report["right_answer_rate"] < LEAST_RIGHT:
        found.append(f"At least {percent(LEAST_RIGHT, 0)} of the questions need a right answer.")
    found += _earned(report)
    found += [f"An unexpected ending: {each}." for each in report["unexpected_endings"][:3]]
    found += [
        f"The moment for drills “{each['moment']}” is not reached; the patient says another line."
        for each in report["missed_moments"]
    ]
    for each in report["findings"][:_MOST_SHOWN]:
        said = f"“{shortened(each['said'], 80)}”: “{shortened(each['line'], 80)}”"
        found.append(f"{_FINDINGS.get(each['kind'], each['kind'])} ({each['learner']}). To {said}.")
    found += [
        f"“{shortened(each['ask'], 100)}” gets another answer than you chose."
        for each in report["misses"][:_MOST_SHOWN]
    ]
    return tuple(found)


def _earned(report: dict[str, Any]) -> list[str]:
    skilled, poor = report["skilled"], report["poor"]
    if skilled is None or poor is None:
        return ["The check needs a learner “skilled” and a learner “poor”."]
    found = []
    if skilled["ending"] == poor["ending"]:
        found.append("The skilled and the poor learner get the same ending; they must differ.")
    if skilled["trust"] <= poor["trust"]:
        found.append("The skilled learner does not earn more trust than the poor one.")
    if len(skilled["told"]) <= len(poor["told"]):
        found.append("The skilled learner is not told more than the poor one.")
    return found
