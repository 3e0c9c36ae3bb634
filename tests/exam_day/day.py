"""An exam day in accelerated time: stations, learners one after another, and random faults.

The hub is a real process. So is each station, with its own server, saved state, sealed records and
outbox; only the engines, the browser and the clocks are scripted. What a day did and what was found
are in its `DayResult`.
"""

from __future__ import annotations

import queue
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from simvoice.hub.storage.tables import StoredAttempt
from simvoice.hub_client.station_messages import Phase
from tests.endurance.sending import HubProcess, free_port
from tests.exam_day.disk import Cut
from tests.exam_day.hub_checks import MOST_LOST_S, Kept, check_access, check_kept
from tests.exam_day.lab import Kind, Lab, furnish, open_lab, wait_until
from tests.exam_day.learner import BACK_S, VISIT_S, ScriptedLearner
from tests.exam_day.marks import make_marks
from tests.exam_day.search import search_folders
from tests.exam_day.station_host import START_S, StationHost
from tests.exam_day.visit import Fault, Planned, Recovery, Visit

SENT_WITHIN_S = 180.0
"""By a real clock: after the last fault, every record is on the hub within this time."""

SEALED_WITHIN_S = 20.0
"""By a real clock: after a full disk has space again, no plain record is left within this time."""

_PAGES = (
    *(Phase.CONSENT, Phase.CODE, Phase.TERMS, Phase.MICROPHONE, Phase.DOOR),
    *(Phase.ENCOUNTER, Phase.QUESTIONS),
)
_ENDS = (Phase.DEBRIEF, Phase.THANKS, Phase.RESET)

WHERE: dict[Fault, tuple[Phase, ...]] = {
    Fault.KILL: (*_PAGES, Phase.ENCOUNTER, Phase.ENCOUNTER, *_ENDS, Phase.WELCOME),
    Fault.POWER: (*_PAGES, Phase.ENCOUNTER, Phase.ENCOUNTER, *_ENDS, Phase.WELCOME),
    Fault.UNPLUG: (Phase.ENCOUNTER,),
    Fault.FULL: (Phase.CODE, Phase.DOOR, Phase.ENCOUNTER, Phase.QUESTIONS),
    Fault.NETWORK: (Phase.WELCOME, *_PAGES, *_ENDS),
    Fault.CLOCK: (Phase.WELCOME, *_PAGES),
    Fault.FROZEN: (*_PAGES, Phase.DEBRIEF),
    Fault.STOPPED: (*_PAGES, Phase.ENCOUNTER, *_ENDS),
    Fault.CLOSED: (*_PAGES, Phase.DEBRIEF),
    Fault.HUB: (*_PAGES, *_ENDS),
    Fault.WRONG_CODE: (Phase.CODE,),
    Fault.LEAVES: _PAGES,
}
"""In which phases each fault is tried. The encounter is the likeliest: there is most to lose."""

_NEVER: dict[Kind, frozenset[Phase]] = {
    Kind.EXAM: frozenset({Phase.DEBRIEF}),
    Kind.OWN_EXAM: frozenset({Phase.DEBRIEF}),
    Kind.PRACTICE: frozenset({Phase.TERMS, Phase.QUESTIONS, Phase.THANKS}),
    Kind.NO_CODE: frozenset({Phase.TERMS, Phase.QUESTIONS, Phase.THANKS}),
}
"""Phases that such a learner does not come to, or not always."""

_SHARES = {
    **dict.fromkeys(Fault, 1.0),
    **{Fault.KILL: 2.0, Fault.POWER: 3.0, Fault.NETWORK: 2.0, Fault.LEAVES: 0.7},
    **{Fault.HUB: 0.5},
}


@dataclass(frozen=True)
class DayPlan:
    """What a day is."""

    stations: int = 8
    learners: int = 40
    seed: int = 0
    speed: float = 6.0
    """Seconds of a station in one second."""
    limit_s: float = 40.0
    """Length of an encounter, in seconds of a station."""
    most_faults: int = 2
    """Of one learner."""
    only: tuple[Fault, ...] = ()
    """Some faults alone; empty for all."""
    same_codes: int = 0
    """Candidates whose code is used at a second station too, while both are without network."""
    every_learner: bool = False
    """Give each learner a fault, in turn, so that a short day has each of them."""
    minutes: float = 60.0
    """By a real clock; learners who have not arrived by then stay away."""
    database_url: str = ""
    """Empty for SQLite."""


@dataclass
class DayResult:
    """What came of a day."""

    seconds: float = 0.0
    visits: list[Visit] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    """Each fault, in order."""
    counts: Counter[Fault] = field(default_factory=Counter)
    cuts: list[Cut] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)
    faults: list[str] = field(default_factory=list)

    @property
    def recoveries(self) -> list[Recovery]:
        """Every fault after which a station had to come back."""
        return [each for visit in self.visits for each in visit.recoveries]

    @property
    def all_faults(self) -> list[str]:
        """Everything that was found."""
        return [
            *self.faults,
            *(each for visit in self.visits for each in visit.faults),
            *self.kept.faults,
        ]

    def describe(self) -> str:
        """Return the figures, one a line."""
        kinds = Counter(str(each.learner.kind) for each in self.visits)
        worst = max(self.recoveries, key=lambda one: one.own_s, default=None)
        shown = "none"
        if worst is not None:
            shown = f"{worst.own_s:.1f} s ({worst.fault}"
            shown += f"; {worst.seconds:.1f} s with {worst.waited_s:.1f} s of waiting for a core)"
        pages = sum(each.pages for each in self.visits)
        begun = [one for each in self.visits for one in each.begun if each.learner.code]
        without = sum(1 for each in self.visits if not each.begun)
        return "\n".join(
            (
                f"{len(self.visits)} learners in {self.seconds:.0f} s: "
                + ", ".join(f"{count} {kind}" for kind, count in kinds.items()),
                f"{len(self.happened)} faults: "
                + ", ".join(f"{count} {fault}" for fault, count in self.counts.items()),
                f"{len(self.cuts)} files cut by power cuts, of "
                f"{sum(each.was - each.safe for each in self.cuts)} bytes that were not safe",
                f"worst recovery {shown}; at most {BACK_S:.0f} s are allowed",
                f"{len(begun)} encounters began under a code, {without} learners began none; "
                f"{self.kept.attempts} attempts on the hub, {self.kept.seconds:.0f} s of sound; at "
                f"most {self.kept.most_lost_s:.2f} s lost at an end ({MOST_LOST_S:.0f} s allowed)",
                f"{pages} answers of stations and {self.kept.opened} tries to open an attempt "
                "searched for marks of others",
                f"{len(self.all_faults)} findings",
            )
        )


def plan_faults(plan: DayPlan, number: int, kind: Kind, chosen: random.Random) -> list[Planned]:
    """Return what happens to a learner. number: counts those to whom something happens."""
    kinds = plan.only or tuple(WHERE)
    if plan.every_learner:
        wanted = [kinds[number % len(kinds)]]
    else:
        count = chosen.choices(range(plan.most_faults + 1), (1, *[2] * plan.most_faults))[0]
        wanted = chosen.choices(kinds, [_SHARES[each] for each in kinds], k=count)
    found = []
    for fault in wanted:
        phase = chosen.choice([each for each in WHERE[fault] if each not in _NEVER[kind]])
        if phase is Phase.ENCOUNTER:
            after_s = chosen.uniform(2.0, plan.limit_s - 3.0)
        else:
            after_s = 0.0 if phase in _ENDS else chosen.uniform(0.0, 3.0)
        found.append(Planned(fault, phase, after_s))
    return found


class Day:
    """One run."""

    def __init__(
        self, plan: DayPlan, folder: Path, say: Callable[[Visit], object] = lambda _: None
    ) -> None:
        """folder: empty; everything of the day is in it."""
        self.plan = plan
        self.folder = folder
        self.result = DayResult()
        self._chosen = random.Random(plan.seed)
        self._hub_lock = threading.Lock()
        self._lock = threading.Lock()
        self._say = say
        self._network: dict[str, float] = {}
        """Name of a station to the monotonic second at which its network is back."""
        port = free_port()
        self.hub = HubProcess(folder, plan.database_url, port)
        self.lab: Lab = furnish(
            folder / "hub",
            plan.database_url,
            port,
            make_marks(plan.learners, plan.seed),
            plan.stations,
            self._chosen,
            limit_s=plan.limit_s,
        )
        self.hosts = [
            StationHost(
                paired,
                folder / f"station-{paired.name}",
                port,
                speed=plan.speed,
                seed=plan.seed,
                learners=plan.learners,
            )
            for paired in self.lab.stations
        ]

    def run(self) -> DayResult:
        """Let the day pass, then look at all that is left of it."""
        began_s = time.monotonic()
        with self._running():
            self._receive_learners(began_s + 60 * self.plan.minutes)
            self._end_all_faults()
            self._await_records()
            hub = open_lab(self.lab.data, self.plan.database_url, self.hub.port)
            try:
                check_access(hub, self.lab, self.hub.port, self.result.kept)
            finally:
                hub.database.close()
        self._look_at_all()
        hub = open_lab(self.lab.data, self.plan.database_url, self.hub.port)
        try:
            check_kept(hub, self.lab, self.result.visits, self.result.kept)
        finally:
            hub.database.close()
        self.result.seconds = time.monotonic() - began_s
        return self.result

    @contextmanager
    def _running(self) -> Iterator[None]:
        self.hub.start()
        try:
            for host in self.hosts:
                host.start()
            for host in self.hosts:
                wait_until(f"the start of {host.paired.name}", host.opened, START_S)
            yield
        finally:
            for host in self.hosts:
                host.stop()
            self.hub.end(signal.SIGTERM)

    # -- learners

    def _receive_learners(self, until_s: float) -> None:
        waiting: queue.SimpleQueue[Visit] = queue.SimpleQueue()
        pairs = self.plan.same_codes if self.plan.stations > 1 else 0
        single = 0
        for learner in self.lab.learners:
            if learner.kind is Kind.EXAM and not learner.expired and pairs > 0:
                pairs -= 1
                together = threading.Barrier(2)
                waiting.put(Visit(learner, "", together=together))
                waiting.put(Visit(learner, "", together=together))
                continue
            planned = plan_faults(self.plan, single, learner.kind, self._chosen)
            single += 1
            waiting.put(Visit(learner, "", planned=planned))

        def receive(host: StationHost, seed: int) -> None:
            chosen = random.Random(seed)
            while time.monotonic() < until_s:
                try:
                    visit = waiting.get_nowait()
                except queue.Empty:
                    return
                visit.station = host.paired.name
                try:
                    self._visit(host, visit, chosen)
                except Exception as error:  # the other learners go on
                    visit.fail(f"the harness failed: {type(error).__name__}: {error}")
                with self._lock:
                    self.result.visits.append(visit)
                    self._say(visit)

        threads = [
            threading.Thread(target=receive, args=(host, self._chosen.getrandbits(32)))
            for host in self.hosts
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def _visit(self, host: StationHost, visit: Visit, chosen: random.Random) -> None:
        visit.arrived_at = time.time()
        if chosen.random() < 0.5:
            host.clock.set_wall(0.0)  # the time service has corrected it
        if visit.together is not None:
            self._cut_off_with_another(host, visit, visit.together)
        others = [one.marks for one in self.lab.learners if one is not visit.learner]
        scripted = ScriptedLearner(
            visit,
            host,
            others,
            lambda due, who: self._inflict(host, due, who, chosen),
            chosen,
            self.plan.limit_s,
        )
        try:
            scripted.run()
        finally:
            scripted.pages.close()
            host.free_disk_when_due(now=True)
        self._look_after(host, visit)
        if self._network.get(host.paired.name, 0.0) < time.monotonic():
            host.gate.open()

    def _cut_off_with_another(
        self, host: StationHost, visit: Visit, together: threading.Barrier
    ) -> None:
        """Take the network away, and wait until that of the other station is away too."""
        wait_until("the list of codes", host.has_roster, START_S)
        host.gate.shut(swallows=False)
        with self._lock:
            self.result.happened.append(f"{visit.station}, learner {visit.learner.number}: twice")
            self.result.counts[Fault.SAME_CODE] += 1
        together.wait(2 * VISIT_S)

    def _look_after(self, host: StationHost, visit: Visit) -> None:
        """Search the station for what is left of the learner who has just gone.

        A record that a full disk kept from being sealed stays until there is space again.
        """
        since = visit.arrived_at - 2.0
        was_full = any(each.fault is Fault.FULL for each in visit.recoveries)
        until_s = time.monotonic() + (SEALED_WITHIN_S if was_full else 0.0)
        while True:
            found = search_folders([host.data], [visit.learner.marks], since=since)
            if not found or time.monotonic() > until_s:
                break
            time.sleep(0.5)
        for each in found:
            visit.fail(f"after the reset there is {each}")

    # -- faults

    def _inflict(
        self, host: StationHost, due: Planned, visit: Visit, chosen: random.Random
    ) -> None:
        """Let a fault happen."""
        with self._lock:
            self.result.happened.append(f"{visit.station}, learner {visit.learner.number}: {due}")
            self.result.counts[due.fault] += 1
        match due.fault:
            case Fault.KILL:
                host.kill()
            case Fault.POWER:
                back_s = chosen.choice((0.0, 60.0, 3600.0, 86_400.0))
                cuts = host.cut_power(chosen, lambda: host.clock.set_back(back_s))
                with self._lock:
                    self.result.cuts += cuts
            case Fault.FULL:
                room = chosen.choice((0, chosen.randrange(2_000, 400_000)))
                host.fill_disk(room, chosen.uniform(5.0, 90.0))
            case Fault.NETWORK:
                for_s = chosen.choice((2.0, 10.0, 60.0, 300.0))
                self._network[host.paired.name] = time.monotonic() + for_s
                host.gate.shut(swallows=chosen.random() < 0.3)
            case Fault.CLOCK:
                host.clock.set_back(chosen.uniform(60.0, 2 * 86_400.0))
            case Fault.FROZEN:
                opened = host.opened()
                number = opened.number if opened else 0
                wait_until(
                    f"another browser after a frozen page at {visit.station}",
                    lambda: (now := host.opened()) is not None and now.number != number,
                    BACK_S,
                )
            case Fault.STOPPED:
                host.freeze()
            case Fault.CLOSED:
                host.close_window()
            case Fault.HUB:
                with self._hub_lock:
                    self.hub.end(signal.SIGKILL)
                    self.hub.start()
            case Fault.UNPLUG | Fault.WRONG_CODE | Fault.LEAVES:
                return  # the learner has done it
            case Fault.SAME_CODE:
                raise AssertionError("it is no fault of a single visit")

    def _end_all_faults(self) -> None:
        for host in self.hosts:
            host.gate.open()
            host.free_disk_when_due(now=True)
            host.clock.set_wall(0.0)

    # -- the end of the day

    def _await_records(self) -> None:
        """Wait until the hub has every record that was begun under a code."""
        wanted = {
            begun.attempt
            for visit in self.result.visits
            for begun in visit.begun
            if begun.attempt and begun.at_s > MOST_LOST_S and visit.learner.kind is not Kind.NO_CODE
        }
        hub = open_lab(self.lab.data, self.plan.database_url, self.hub.port)

        def are_there() -> bool:
            with hub.database.read() as session:
                return wanted <= {each.record_id for each in session.query(StoredAttempt)}

        try:
            wait_until("the arrival of every record", are_there, SENT_WITHIN_S)
        except AssertionError as error:
            self.result.faults.append(str(error))
        finally:
            hub.database.close()

    def _look_at_all(self) -> None:
        """Search what the stations have left, and what they printed, for every learner."""
        marks = [each.marks for each in self.lab.learners]
        for found in search_folders([host.data for host in self.hosts], marks):
            self.result.faults.append(f"at the end of the day there is {found}")
        for host in self.hosts:
            if "Traceback" in (output := host.output()):
                at = output.index("Traceback")
                self.result.faults.append(
                    f"{host.paired.name} printed an error: {output[at : at + 3000]}"
                )
        if "Traceback" in self.hub.output():
            self.result.faults.append(f"the hub printed an error: {self.hub.output()[-3000:]}")


def run_day(
    plan: DayPlan, folder: Path, say: Callable[[Visit], object] = lambda _: None
) -> DayResult:
    """Run a day in an empty folder. say: called with each `Visit` that is over."""
    return Day(plan, folder, say).run()
