"""Two real stations with real engines and browsers: an exam that everything interrupts.

The first learner does an exam at A1. In the encounter the network is pulled and the program gets
SIGKILL. A second one practises at A2. The next learner finds nothing of the first, and the record
arrives once when the network is back.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import TimeoutError as PageTimeout
from playwright.sync_api import sync_playwright

from simvoice import __version__
from simvoice.audio import RATE, Pcm, to_float
from simvoice.hub import assignments, attempts, codes, courses, people
from simvoice.hub.assignments import AssignmentDraft, Mode
from simvoice.hub.codes import CodeKind
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.roles import Role
from simvoice.hub.settings import load_settings
from simvoice.hub.storage.tables import Release, StoredAttempt
from simvoice.hub_client.station_messages import AssignmentOptions, Timer
from simvoice.patient.case.load import load_case
from simvoice.patient.checking.certificate import CERTIFICATE_FILE, Certificate
from simvoice.record.events import LearnerTurn
from tests.endurance.sending import HubProcess, free_port
from tests.exam_day.lab import wait_until
from tests.exam_day.learner import BACK_S
from tests.exam_day.marks import make_marks
from tests.exam_day.real_station import READY_S, Kiosk, RealStation, running
from tests.exam_day.search import heard_in, search_folders, with_words
from tests.exam_day.station_host import Gate
from tests.integration.conftest import CASES, SMALL, Say, write_wav

pytestmark = [
    pytest.mark.engine,
    pytest.mark.browser,
    pytest.mark.realtime,
    pytest.mark.timeout(1200),
]

ONE, TWO = make_marks(2, 29)
QUESTION = "Good morning. Can you tell me what happened to your wrist?"
ASKED = "What will you remember of this conversation?"


@dataclass
class Lab:
    """A hub in a process of its own, reached by each station over a network that can be pulled."""

    hub: Hub
    process: HubProcess
    gates: dict[str, Gate]
    lines: dict[str, str]
    code: str
    code_id: Any
    course: Any


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """Yield a hub with an exam of the small case, a code for it, and lines that pair stations."""
    port = free_port()
    hub = open_hub(load_settings(folder / "hub", {"port": port}, environment={}))
    options = AssignmentOptions(
        seed=7, reading_s=600.0, limit_s=120.0, timer=Timer.HARD, questions=(ASKED,)
    )
    with hub.database.begin() as session:
        educator = people.add(session, hub, login="ito", name="Dr Ito", roles=[Role.EDUCATOR])
        course = courses.create_course(session, "Year 3", "", educator.id)
        exam = assignments.assign(
            session,
            course.id,
            AssignmentDraft("Winter exam", SMALL, Mode.EXAM, attempts_allowed=1, options=options),
            educator.id,
        )
        (code,) = codes.make_for_exam(session, hub, exam, ["Candidate 1"], created_by=educator.id)
        gates = {name: Gate(port) for name in ("A1", "A2")}
        lines = {
            name: f"http://127.0.0.1:{gate.port} {codes.make(session, hub, CodeKind.PAIRING).text}"
            for name, gate in gates.items()
        }
        found = Lab(hub, HubProcess(folder, "", port), gates, lines, code.text, code.id, course.id)
    found.process.start()
    try:
        yield found
    finally:
        found.process.end(signal.SIGTERM)
        for gate in gates.values():
            gate.close()
        hub.database.close()


@pytest.fixture
def station_home(home: Path, tmp_path: Path) -> Path:
    """SIMVOICE_HOME of the stations: the small case, and the clips that other tests have made."""
    made = tmp_path / "home"
    folder = made / "cases" / SMALL
    shutil.copytree(CASES / SMALL, folder)
    plant_certificate(folder / "case.yaml")
    if (home / "cache").is_dir():
        shutil.copytree(home / "cache", made / "cache")
    return made


def plant_certificate(case_file: Path) -> None:
    """Let stations offer a case of the tests, which has no suite that it could pass."""
    planted = Certificate(
        case_sha256=load_case(case_file).sha256,
        suite_sha256="",
        simvoice=__version__,
        conversations=0,
        turns=0,
        probes=0,
        right_answer_rate=0.0,
        injections=0,
        contradiction_rate=0.0,
        endings={},
        skilled_ends="",
        poor_ends="",
    )
    case_file.with_name(CERTIFICATE_FILE).write_text(planted.model_dump_json())


@pytest.fixture
def microphones(say: Say, tmp_path: Path) -> dict[str, Path]:
    """What each learner says, again and again, between bursts of their sound, in a quiet room."""
    question = say(QUESTION).pcm
    made = {}
    for name, marks in (("A1", ONE), ("A2", TWO)):
        pauses = [room_noise(seconds) for seconds in (1.5, 4.0, 2.0)]
        sounds = (pauses[0], question, pauses[1], to_float(marks.sound(10)), pauses[2])
        made[name] = write_wav(tmp_path / f"{name}.wav", *sounds)
    return made


def room_noise(seconds: float) -> Pcm:
    """Return what a microphone hears of an empty room; digital silence is taken for a dead one."""
    random = np.random.default_rng(7)
    return np.asarray(random.normal(0, 0.0005, round(seconds * RATE)), np.float32)


def test_an_exam_survives_network_and_crash_and_the_next_learner_finds_nothing(
    station_home: Path, microphones: dict[str, Path], tmp_path: Path
) -> None:
    with lab(tmp_path) as made, sync_playwright() as playwright:
        stations = {
            name: RealStation(
                name,
                made.lines[name].split()[0],
                made.lines[name],
                tmp_path / name,
                station_home,
                microphones[name],
            )
            for name in ("A1", "A2")
        }
        kiosks = {name: Kiosk(playwright, each) for name, each in stations.items()}
        with running(*stations.values()):
            for kiosk in kiosks.values():
                kiosk.wait_for("welcome", READY_S)
            cases = list((station_home / "cases").rglob("*.yaml"))
            left = [station_home]
            for name, each in stations.items():
                left += [each.data, each.run_folder, tmp_path / name / "tmp"]
            take_exam(made, stations["A1"], kiosks["A1"])
            recognised = practise(kiosks["A2"])
            look_as_the_next(kiosks["A1"], made.code)
            two = with_words(TWO, "", recognised, cases)
            assert len(two.words) > len(TWO.words), recognised
            assert search_folders(left, [replace(ONE, code=made.code), two]) == []
            made.gates["A1"].open()
            wait_until("the arrival of the record", lambda: rows(made.hub), 120.0)
            time_of_arrival = time.monotonic()
            while time.monotonic() < time_of_arrival + 5.0:  # nothing comes a second time
                assert len({row.record_id for row in rows(made.hub)}) == len(rows(made.hub))
                time.sleep(0.5)
            one = with_words(ONE, made.code, check_record(made), cases)
            assert len(one.words) > len(ONE.words)
            assert search_folders(left, [one]) == []


def rows(hub: Hub) -> list[StoredAttempt]:
    with hub.database.read() as session:
        return list(session.query(StoredAttempt).order_by(StoredAttempt.started_at))


def begin(kiosk: Kiosk) -> None:
    """Come to the station and agree."""
    kiosk.wait_for("welcome", 60.0)
    kiosk.press("begin")
    kiosk.wait_for("consent")
    kiosk.press("agree")
    kiosk.wait_for("code")


def enter_room(kiosk: Kiosk) -> None:
    """Go from the microphone's check into the room."""
    page = kiosk.wait_for("microphone")
    page.check("#headphones")
    passed = page.locator("#mic-pass:enabled")
    for _ in range(8):  # a busy browser tears the sound, and a learner tries again
        with suppress(PageTimeout):
            passed.wait_for(timeout=12_000)
            break
        page.click("#mic-check")
    assert passed.count(), page.inner_text("#mic-words")
    kiosk.press("microphone")
    kiosk.wait_for("door")
    kiosk.page().locator('#phase [data-act="enter"]').click(timeout=READY_S * 1000)
    kiosk.wait_for("encounter")


def talk_for(kiosk: Kiosk, seconds: float) -> None:
    """Let the microphone speak for a time, from when the patient listens."""
    page = kiosk.page()
    page.locator("#room:not([hidden])").wait_for(timeout=READY_S * 1000)
    page.wait_for_function(
        "() => document.getElementById('floor-words').textContent !== 'Starting…'", timeout=60_000
    )
    page.wait_for_timeout(seconds * 1000)


def take_exam(made: Lab, station: RealStation, kiosk: Kiosk) -> None:
    """Do the exam: the network is pulled, and then the program is killed in the encounter."""
    begin(kiosk)
    kiosk.page().fill("#code", made.code)
    kiosk.page().click("#code-go")
    kiosk.wait_for("terms")
    kiosk.press("accept")
    enter_room(kiosk)
    talk_for(kiosk, 8.0)
    made.gates["A1"].shut(swallows=True)
    talk_for(kiosk, 6.0)
    station.kill()
    killed_s = time.monotonic()
    kiosk.wait_gone()
    kiosk.wait_for("encounter", 60.0)
    assert time.monotonic() - killed_s - station.waited_for_core_s() < BACK_S
    kiosk.press("go on")
    talk_for(kiosk, 12.0)
    kiosk.page().click("#end")
    kiosk.page().click("#end-dialog button[value=end]")
    page = kiosk.wait_for("questions")
    page.fill("#answer-1", f"{ONE.answer}, said {ONE.name}")
    page.click("#hand-in")
    kiosk.wait_for("thanks")
    kiosk.press("done")
    kiosk.wait_for("welcome", 60.0)


def practise(kiosk: Kiosk) -> list[str]:
    """Practise without a code, read the debrief, and go. Returns the learner's words in it."""
    begin(kiosk)
    kiosk.page().click(f'#phase [data-act="without code"][data-case="{SMALL}"]')
    enter_room(kiosk)
    talk_for(kiosk, 12.0)
    kiosk.page().click("#end")
    kiosk.page().click("#end-dialog button[value=end]")
    kiosk.wait_for("debrief")
    kiosk.page().locator("#phase[data-debrief]").wait_for(timeout=120_000)
    said: list[str] = kiosk.page().locator("#transcript .learner .words").all_text_contents()
    kiosk.press("done")
    kiosk.wait_for("welcome", 60.0)
    return said


def look_as_the_next(kiosk: Kiosk, code: str) -> None:
    """Look for the first learner in the page, its history, its storage and its fields."""
    begin(kiosk)
    page = kiosk.page()
    seen = page.content().lower()
    assert not any(text.lower() in seen for text in replace(ONE, code=code).texts)
    assert page.evaluate("history.length") == 1
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert page.evaluate("indexedDB.databases().then((all) => all.length)") == 0
    assert page.evaluate("caches.keys().then((all) => all.length)") == 0
    page.go_back()
    assert kiosk.phase() == "code"
    page = kiosk.page()
    page.focus("#code")
    page.keyboard.press("ArrowDown")
    assert page.input_value("#code") == ""
    page.click("#leave")
    page.click("#leaving button[value=leave]")
    kiosk.wait_for("welcome", 60.0)


def described(hub: Hub, found: list[StoredAttempt]) -> str:
    """Return what the records hold, one entry a line."""
    lines = []
    for row in found:
        lines.append(f"{row.record_id} {row.duration_s} {row.reason}")
        with attempts.opened(hub, row.id) as attempt:
            lines += [f"  {entry!r}"[:200] for entry in attempt.entries]
    return "\n".join(lines)


def check_record(made: Lab) -> list[str]:
    """Compare what arrived: two parts of one exam, under its code, with the learner's sound.

    Returns the words that were recognised.
    """
    found = rows(made.hub)
    assert len(found) == 2
    assert {(row.code_id, row.owner_id, row.origin) for row in found} == {
        (made.code_id, None, "station")
    }
    assert found[0].duration_s > 12.0
    assert found[1].duration_s > 10.0, described(made.hub, found)
    with made.hub.database.read() as session:
        released = list(session.query(Release).filter(Release.revoked_at.is_(None)))
    assert sorted(each.attempt_id for each in released) == sorted(row.id for row in found)
    assert {each.course_id for each in released} == {made.course}
    said: list[str] = []
    for row in found:
        with attempts.opened(made.hub, row.id) as attempt:
            assert attempt.state == "complete"
            learner, _ = attempt.audio()
            assert heard_in(to_float(learner), [ONE, TWO]) == [ONE.number]
            said += [each.text for each in attempt.entries if isinstance(each, LearnerTurn)]
    assert "wrist" in " ".join(said).lower()
    return said
