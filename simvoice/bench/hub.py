"""`simvoice bench hub`: several learners talk at once in one hub process.

The hub is the real one, with its real engines, on loopback without TLS. A second process plays the
learners (`bench.hub_clients`), so both share the cores. The answer is measured as in `bench
latency`: from the planted end of the learner's speech to the first sample at the learner's ear,
without the silence that the patient chose.
"""

from __future__ import annotations

import os
import pickle
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil  # type: ignore[import-untyped]
from sqlalchemy import select

from simvoice import paths
from simvoice.app.simulator import Simulator
from simvoice.audio import RATE
from simvoice.bench.hub_clients import LearnerPlan, LearnerResult
from simvoice.bench.latency import SENTENCES, TimedTurn, answers_of, slowness
from simvoice.bench.stage import PEOPLE, Played, percentile
from simvoice.errors import SimvoiceError, UsageError
from simvoice.hub import attempts, people
from simvoice.hub.doors import sessions
from simvoice.hub.doors.access import csrf_token
from simvoice.hub.encounters.answer_times import LIMIT_S
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.roles import Role
from simvoice.hub.settings import MOST_ENCOUNTERS, load_settings
from simvoice.hub.storage.tables import StoredAttempt
from simvoice.models import manifest
from simvoice.record.events import LossCounts, PatientMove
from simvoice.safe_text import shortened
from simvoice.simulate.learner import AfterPatient, At, LearnerClip, LearnerScript, ScriptStep
from simvoice.simulate.speech import cached_clip

CASE = "breast-biopsy"

COUNTS = (1, 2, 4, 8, 12, 16)

TURNS = 10
QUICK_TURNS = 4
"""Turns of each learner."""

FEWEST_ANSWERS = 40
QUICK_ANSWERS = 12
"""With few learners the measurement is repeated until there are so many answers."""

COME_S = 10.0
"""The learners come within this time, each at a moment of its own."""

GAP_S = (0.6, 2.4)
"""Seconds that a learner waits after the patient: shortest and longest."""

TWO_SENTENCES = 0.4
"""Share of turns that have two sentences, with a pause between them that does not end the turn."""

_PAUSE_S = 0.25

_SLOWEST = 8
"""Answers that are listed for each number of learners."""

_IDLE_PERCENT = 10.0
"""Of one core. Preparing a case takes all of one."""

_NEVER_SLOW_S = 60.0
"""Limit of the hub's own guard in this bench, so that all learners talk however slow it gets."""

_READY_S = 900.0
"""The first preparation of a case on a machine takes a minute or two."""

_ASK_S = 4.0
"""The hub lets one person ask for a place 20 times a minute."""


def counts_of(text: str) -> tuple[int, ...]:
    """Return the numbers of learners: "1,8" gives (1, 8). Raises UsageError."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(1 <= count <= MOST_ENCOUNTERS for count in found):
        raise UsageError(
            f"{shortened(text)!r} are not numbers from 1 to {MOST_ENCOUNTERS}; give some, as 1,4,8"
        )
    return found


def run(counts: Sequence[int] = COUNTS, *, quick: bool = False) -> dict[str, Any]:
    """Return the figures as JSON data. counts: numbers of learners who talk at once."""
    counts = sorted(set(counts))
    clips = _clips()
    found: dict[str, dict[str, Any]] = {}
    turns, fewest = (QUICK_TURNS, QUICK_ANSWERS) if quick else (TURNS, FEWEST_ANSWERS)
    with (
        tempfile.TemporaryDirectory(prefix="simvoice-bench-") as folder,
        _hub(Path(folder) / "hub", max(counts)) as served,
    ):
        served.wait_until_ready()
        for count in counts:
            found[str(count)] = _measure(served, clips, count, turns, fewest)
    at_limit = [int(n) for n, figures in found.items() if figures["p95_s"] <= LIMIT_S]
    return {
        "encounters": found,
        "limit_s": LIMIT_S,
        "most_at_limit": max(at_limit, default=0),
        "memory_each_mb": _memory_each_mb(found),
        "case": CASE,
        "cores": os.cpu_count(),
    }


def _memory_each_mb(found: dict[str, dict[str, Any]]) -> float | None:
    """Return the slope of the memory over the number of encounters, MB."""
    if len(found) < 2:
        return None
    counts = [int(n) for n in found]
    used = [figures["memory_mb"] for figures in found.values()]
    return round(float(np.polyfit(counts, used, 1)[0]), 1)


# -- the hub


@dataclass
class ServedHub:
    """A hub that runs in a process of its own, and its database from this one."""

    hub: Hub
    process: psutil.Process
    address: str

    def wait_until_ready(self) -> None:
        """Wait until an encounter can begin."""
        plan = self.plans(1, [LearnerScript(())], [0.0])[0]
        headers = {"cookie": plan.cookie, "origin": self.address, "x-simvoice-token": plan.token}
        until_s = time.monotonic() + _READY_S
        with httpx.Client(base_url=self.address, headers=headers, timeout=30.0) as client:
            while time.monotonic() < until_s:
                try:
                    answer = client.post("/encounters/place", json={"case": CASE})
                    if answer.status_code != 200:
                        raise SimvoiceError(f"the hub of the bench refused: {answer.text}")
                    if answer.json().get("standing") == "offered":
                        client.post("/encounters/place/leave")
                        self._wait_until_idle(until_s)
                        return
                except (httpx.TransportError, ValueError):
                    if not self.process.is_running():
                        break
                time.sleep(_ASK_S)
        raise SimvoiceError("the hub of the bench did not become ready; see its log")

    def _wait_until_idle(self, until_s: float) -> None:
        """Wait until the hub has prepared all its cases, or until `until_s`."""
        while time.monotonic() < until_s and self.process.cpu_percent(5.0) > _IDLE_PERCENT:
            pass

    def plans(
        self, count: int, scripts: Sequence[LearnerScript], begin_s: Sequence[float]
    ) -> list[LearnerPlan]:
        """Return new learners with accounts and sign-ins."""
        made: list[LearnerPlan] = []
        with self.hub.database.begin() as session:
            for number in range(count):
                login = f"learner-{secrets.token_hex(4)}"
                person = people.add(
                    session, self.hub, login=login, name=login, roles=[Role.LEARNER]
                )
                token = sessions.begin_sign_in(session, self.hub, person_id=person.id)
                made.append(
                    LearnerPlan(
                        address=self.address,
                        cookie=f"{sessions.cookie_name(self.hub, 'session')}={token}",
                        token=csrf_token(self.hub, token),
                        case_id=CASE,
                        script=scripts[number],
                        begins_s=begin_s[number],
                        seed=number,
                    )
                )
        return made

    def recorded(self, attempt: str) -> Played | None:
        """Return the journal of an attempt once the hub has kept it; None when it has not."""
        until_s = time.monotonic() + 30.0
        while time.monotonic() < until_s:
            with self.hub.database.read() as session:
                row = session.scalar(
                    select(StoredAttempt.id).where(StoredAttempt.record_id == attempt)
                )
            if row is not None:
                with attempts.opened(self.hub, row) as kept:
                    return Played(kept.entries, None)  # type: ignore[arg-type]
            time.sleep(0.2)
        return None


@contextmanager
def _hub(data: Path, most: int) -> Iterator[ServedHub]:
    """Run a hub on loopback; give it and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hub = open_hub(load_settings(data, {"port": port}))
    environment = {**os.environ, "SIMVOICE_HUB_ENCOUNTERS": str(most)}
    environment["SIMVOICE_HUB_ANSWER_LIMIT_S"] = str(_NEVER_SLOW_S)
    command = [sys.executable, "-m", "simvoice", "hub", "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield ServedHub(hub, psutil.Process(process.pid), f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        hub.database.close()


# -- the learners


def _clips() -> list[list[LearnerClip]]:
    """Return the sentences as clips, for each of several voices."""
    simulator = Simulator()
    voice = simulator.voice()
    voice_id = manifest.digests([simulator.profile["voice"]])["voice"]
    folder = paths.cache_dir() / "clips"
    made = [
        [cached_clip(voice, voice_id, text, style, folder) for text in SENTENCES]
        for style in PEOPLE
    ]
    simulator.close()
    return made


def _script(clips: Sequence[LearnerClip], turns: int, seed: int) -> LearnerScript:
    """Return a learner of its own: other sentences, other pauses."""
    chance = random.Random(seed)
    order = chance.sample(range(len(clips)), len(clips))
    steps: list[ScriptStep] = []
    for number in range(turns):
        clip = clips[order[2 * number % len(order)]]
        if chance.random() < TWO_SENTENCES:
            clip = _joined(clip, clips[order[(2 * number + 1) % len(order)]])
        when = At(0.5 + chance.random()) if number == 0 else AfterPatient(chance.uniform(*GAP_S))
        steps.append(ScriptStep(when, clip))
    return LearnerScript(tuple(steps))


def _joined(first: LearnerClip, second: LearnerClip) -> LearnerClip:
    """Return two sentences as one turn."""
    head = first.pcm[: round(first.offset_s * RATE)]
    pause = np.zeros(round(_PAUSE_S * RATE), np.float32)
    tail = second.pcm[round(second.onset_s * RATE) :]
    at_s = first.offset_s + _PAUSE_S - second.onset_s
    return LearnerClip(
        f"{first.text} {second.text}",
        np.concatenate([head, pause, tail]),
        first.onset_s,
        second.offset_s + at_s,
        pauses=((first.offset_s, first.offset_s + _PAUSE_S),),
    )


def _measure(
    served: ServedHub,
    clips: Sequence[Sequence[LearnerClip]],
    count: int,
    turns: int,
    fewest: int,
) -> dict[str, Any]:
    """Return the figures of one number of learners. fewest: answers that are needed."""
    turns_answered: list[TimedTurn] = []
    results: list[LearnerResult] = []
    losses: list[LossCounts] = []
    sources: list[str] = []
    with _Watch(served.process) as watch:
        round_number = 0
        while len(turns_answered) < fewest and round_number < fewest:
            chance = random.Random(1000 * count + round_number)
            scripts = [
                _script(clips[n % len(clips)], turns, chance.randrange(2**31)) for n in range(count)
            ]
            come_s = COME_S if count > 1 else 0.0
            plans = served.plans(count, scripts, [chance.uniform(0.0, come_s) for _ in scripts])
            for result in play_learners(plans):
                results.append(result)
                if result.trouble:
                    raise SimvoiceError(f"a learner of the bench was stopped: {result.trouble}")
                kept = served.recorded(result.attempt)
                if kept is None or result.truth is None:
                    raise SimvoiceError(f"the hub did not keep the attempt {result.attempt}")
                played = Played(kept.entries, result.truth)
                turns_answered += answers_of(played)
                losses += [entry for entry in kept.entries if isinstance(entry, LossCounts)]
                sources += [e.source for e in kept.entries if isinstance(e, PatientMove)]
            round_number += 1
    answers = [turn.after_ms / 1000.0 for turn in turns_answered]
    return {
        "p50_s": round(percentile(answers, 0.5), 3),
        "p95_s": round(percentile(answers, 0.95), 3),
        "p99_s": round(percentile(answers, 0.99), 3),
        "answers": len(answers),
        "queue_wait_s": round(percentile([result.wait_s for result in results], 0.95), 2),
        "lost_frames": sum(each.lost_frames for each in losses),
        "speaker_gaps": sum(result.underruns for result in results),
        "slow_frames": sum(each.slow_frames for each in losses),
        "late_frames_of_bench": sum(result.late_frames for result in results),
        "fallback_share": round(sources.count("fallback") / max(1, len(sources)), 3),
        "model_share": round(sources.count("model") / max(1, len(sources)), 3),
        "memory_mb": round(watch.peak_mb),
        "hub_cores": round(watch.cores, 2),
        "slowest": [asdict(turn) for turn in sorted(turns_answered, key=slowness)[:_SLOWEST]],
    }


def play_learners(plans: Sequence[LearnerPlan]) -> list[LearnerResult]:
    """Let a process play these learners, and return what they heard."""
    with tempfile.TemporaryDirectory(prefix="simvoice-bench-") as folder:
        plan = Path(folder) / "plan.pickle"
        plan.write_bytes(pickle.dumps(list(plans)))
        # -c and not -m: the results name the classes of the module, and not those of __main__
        code = "from simvoice.bench.hub_clients import main; main()"
        subprocess.run([sys.executable, "-c", code, str(plan)], check=True)
        results: list[LearnerResult] = pickle.loads(plan.with_suffix(".results").read_bytes())
        return results


class _Watch:
    """The memory of a process with its children, and the cores that it uses."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak_mb = 0.0
        self.cores = 0.0

    def __enter__(self) -> _Watch:
        self._began_s = time.monotonic()
        self._used_s = self._cpu_s()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.cores = (self._cpu_s() - self._used_s) / (time.monotonic() - self._began_s)

    def _all(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def _cpu_s(self) -> float:
        return sum(sum(each.cpu_times()[:2]) for each in self._all())

    def _run(self) -> None:
        while not self._done.wait(0.5):
            used = sum(each.memory_info().rss for each in self._all())
            self.peak_mb = max(self.peak_mb, used / 2**20)
