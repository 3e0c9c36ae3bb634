"""One `simvoice serve` in mixed use for an hour: is it flat in memory, descriptors and threads?

Simulated learners speak with every patient in turn, in real time. In between, and in another tab
while they speak, the pages are opened that learners and raters open. `scripts/soak` runs it.
"""

from __future__ import annotations

import csv
import itertools
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil

from simvoice.simulate.learner import LearnerScript
from tests.endurance.served import CLOSE_S, EnduranceFailure, Served, Talk, talk

MOST_MB = 1536.0
"""1.5 GB: a laptop with 4 GB holds it beside its system and a browser."""
MOST_GROWTH = 0.02
"""Of the last quarter over the second. The first quarter loads every patient."""
MOST_MORE = 2
"""Descriptors or threads that the median of the last quarter may be over that of the second."""
MOST_MORE_AT_ONCE = 8
"""The same for the maximum: how many requests come at once differs from visit to visit."""

FIRST_ROUND_S = 40.0
"""Longest encounter of the first round."""
EVERY_S = 10.0
"""Seconds between two samples."""
MB = 1 << 20


# -- samples


@dataclass(frozen=True, slots=True)
class Sample:
    """The processes of a server at one moment."""

    at_s: float
    rss_mb: float
    """Resident memory of the server and its children; pages that they share count twice."""
    descriptors: int
    threads: int
    processes: int
    doing: str


def sample(pid: int, at_s: float, doing: str) -> Sample:
    """Measure a process and its children. Raises psutil.NoSuchProcess when it is gone."""
    root = psutil.Process(pid)
    rss, descriptors, threads, count = 0, 0, 0, 0
    for process in (root, *root.children(recursive=True)):
        try:
            with process.oneshot():
                rss += process.memory_info().rss
                descriptors += process.num_fds()
                threads += process.num_threads()
                count += 1
        except psutil.NoSuchProcess:
            if process is root:
                raise
    return Sample(round(at_s, 1), round(rss / MB, 1), descriptors, threads, count, doing)


class Sampler(threading.Thread):
    """Samples a process every few seconds, and writes each sample to a CSV file at once."""

    def __init__(self, pid: int, every_s: float, path: Path) -> None:
        super().__init__(daemon=True)
        self._pid, self._every_s, self._path = pid, every_s, path
        self._over = threading.Event()
        self.doing = "start"
        """What the learners do now."""
        self.samples: list[Sample] = []

    def run(self) -> None:
        """Sample until `stop` is called or the process is gone."""
        began_s = time.monotonic()
        with self._path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow([each.name for each in fields(Sample)])
            while not self._over.is_set():
                try:
                    found = sample(self._pid, time.monotonic() - began_s, self.doing)
                except psutil.NoSuchProcess:
                    return
                self.samples.append(found)
                rows.writerow(astuple(found))
                file.flush()
                self._over.wait(self._every_s)

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self.join()


# -- verdicts


@dataclass(frozen=True, slots=True)
class Quarter:
    """The samples of a quarter of the time, in short."""

    from_s: float
    to_s: float
    rss_mb: float
    """Median while a learner talks, as the medians below."""
    peak_mb: float
    descriptors: float
    most_descriptors: int
    threads: float
    most_threads: int


def quarters(samples: Sequence[Sample]) -> list[Quarter]:
    """Return the four quarters. Raises EnduranceFailure when there are too few samples."""
    if len(samples) < 8:
        raise EnduranceFailure(f"{len(samples)} samples are too few; let it run for longer")
    edges = [round(k * len(samples) / 4) for k in range(5)]
    found = []
    for start, end in itertools.pairwise(edges):
        part = samples[start:end]
        # how long learners talk differs from quarter to quarter, and an encounter has its own
        # threads and connection
        talks = [each for each in part if each.doing.startswith("talk")] or part
        found.append(
            Quarter(
                from_s=part[0].at_s,
                to_s=part[-1].at_s,
                rss_mb=statistics.median(each.rss_mb for each in talks),
                peak_mb=max(each.rss_mb for each in part),
                descriptors=statistics.median(each.descriptors for each in talks),
                most_descriptors=max(each.descriptors for each in part),
                threads=statistics.median(each.threads for each in talks),
                most_threads=max(each.threads for each in part),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that must hold."""

    what: str
    holds: bool
    found: str


def verdicts(
    parts: Sequence[Quarter], most_mb: float = MOST_MB, most_growth: float = MOST_GROWTH
) -> list[Verdict]:
    """Judge the quarters."""
    second, last = parts[1], parts[3]
    peak = max(part.peak_mb for part in parts)
    growth = last.rss_mb / second.rss_mb - 1
    found = [
        Verdict(f"at most {most_mb:.0f} MB", peak <= most_mb, f"{peak:.0f} MB"),
        Verdict(
            f"the last quarter within {most_growth:.0%} of the second",
            growth <= most_growth,
            f"{growth:+.1%}",
        ),
    ]
    for name in ("descriptors", "threads"):
        before, after = getattr(second, name), getattr(last, name)
        most_before, most_after = getattr(second, f"most_{name}"), getattr(last, f"most_{name}")
        is_flat = after <= before + MOST_MORE and most_after <= most_before + MOST_MORE_AT_ONCE
        shown = f"median {before:g} to {after:g}, most {most_before} to {most_after}"
        found.append(Verdict(f"{name} flat", is_flat, shown))
    return found


# -- what learners and raters open


@dataclass
class Visitor:
    """Opens the pages of an attempt as learners, raters and teachers do."""

    served: Served
    counts: dict[int, int] = field(default_factory=dict)
    """Number of answers by status."""
    slowest_s: float = 0.0
    slowest: str = ""

    def get(self, path: str, allowed: tuple[int, ...] = (), **headers: str) -> httpx.Response:
        """Open an address. Raises EnduranceFailure for an error of the server."""
        return self._ask("GET", path, headers=headers, allowed=allowed)

    def post(self, path: str, body: Any, allowed: tuple[int, ...] = ()) -> httpx.Response:
        """Send a body as the page does. allowed: statuses from 400 on that are right here."""
        return self._ask("POST", path, json=body, allowed=allowed)

    def _ask(
        self, method: str, path: str, allowed: tuple[int, ...] = (), **more: Any
    ) -> httpx.Response:
        began_s = time.monotonic()
        answer = self.served.browser.request(method, path, **more)
        took_s = time.monotonic() - began_s
        if took_s > self.slowest_s:
            self.slowest_s, self.slowest = took_s, f"{method} {path.split('?')[0]}"
        self.counts[answer.status_code] = self.counts.get(answer.status_code, 0) + 1
        if answer.status_code >= 400 and answer.status_code not in allowed:
            raise EnduranceFailure(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def debrief(self, attempt: str) -> str:
        """Write about a moment, open the debrief and all that its page fetches. Return the page."""
        page = self.get(f"/attempts/{attempt}").text
        if at := re.search(r'id="reflect"[^>]* data-at="([0-9.]+)"', page):
            text = {"field": "aim", "text": "To hear more.", "before": ""}
            self._ask("PUT", f"/attempts/{attempt}/reflection", json={"at_s": float(at[1]), **text})
            self.post(f"/attempts/{attempt}/reflection/end", {})
            page = self.get(f"/attempts/{attempt}").text
        self.get(f"/attempts/{attempt}/timeline")
        self.get(f"/attempts/{attempt}/turns.svg")
        self.get(f"/attempts/{attempt}/audio", range="bytes=0-65535")
        self.get(f"/attempts/{attempt}/audio")
        if f"/attempts/{attempt}/afterwards" in page:
            # 404 while another encounter runs: the voice is in use
            self.get(f"/attempts/{attempt}/afterwards", allowed=(404,))
        return page

    def progress(self, learner: str, earlier: str, attempt: str) -> None:
        """Open the pages over time."""
        page = self.get(f"/progress/{quote(learner)}").text
        for address in sorted(set(re.findall(r'/progress\.svg\?[^"\']+', page)))[:3]:
            self.get(address.replace("&amp;", "&"))
        self.get("/progress")
        if earlier:
            self.get(f"/attempts/{attempt}/change.svg?earlier={earlier}")

    def rating(self, attempt: str, rater: str) -> None:
        """Rate some items blind, finish, and see both judgements."""
        where = f"/attempts/{attempt}"
        self.get(f"{where}/rate")
        page = self.get(f"{where}/rate?rater={quote(rater)}").text
        self.get(f"{where}/rate/timeline")
        items = sorted(set(re.findall(r'data-item="([^"]+)"', page)))
        if not items:
            raise EnduranceFailure(f"the rating page of {attempt} has no items")
        for number, item in enumerate(items):
            body = {"rater": rater, "item": item, "comment": "heard it twice"}
            value = ("met", "not met")[number % 2]
            stored = self.post(f"{where}/ratings", body | {"value": value}, allowed=(422,))
            if stored.status_code == 422:  # this item wants a number
                self.post(f"{where}/ratings", body | {"value": "not judged"})
        self.post(f"{where}/ratings/finish", {"rater": rater})
        self.get(f"{where}/rate?rater={quote(rater)}")
        self.post(f"{where}/objections", {"item": items[0], "why": "I did say so."})
        self.get("/agreement")


# -- the soak


@dataclass
class Soak:
    """The result so far."""

    visitor: Visitor
    talks: int = 0
    retries: int = 0
    closed_tabs: int = 0
    talked_s: float = 0.0
    learner_turns: int = 0
    problems: list[str] = field(default_factory=list)


@contextmanager
def _in_another_tab(visit: Callable[[], str], problems: list[str]) -> Iterator[None]:
    """Visit in a thread after 5 s, while the block runs."""

    def run() -> None:
        time.sleep(5.0)
        try:
            visit()
        except (EnduranceFailure, httpx.HTTPError) as error:
            problems.append(f"in another tab: {error}")

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()


def soak(
    found: Soak,
    scripts: dict[str, LearnerScript],
    *,
    minutes: float,
    encounter_s: float,
    sampler: Sampler,
    say: Callable[[str], None] = print,
) -> None:
    """Use a server for some minutes: encounters of all cases in turn, and visits in between.

    found: takes the results as they come.
    """
    end_s = time.monotonic() + 60.0 * minutes
    visitor, served = found.visitor, found.visitor.served
    last_of: dict[str, str] = {}
    previous = ""
    for number, case in enumerate(itertools.cycle(scripts)):
        if time.monotonic() >= end_s:
            return
        learner = f"Learner {number % 3 + 1}"
        sampler.doing = f"prepare {case}"
        served.prepare(case)
        again = _checkpoint(visitor, last_of.get(case, "")) if number % 4 == 3 else None
        closes = number % 6 == 5
        sampler.doing = f"talk {case}"
        is_first_round = number < len(scripts)  # short, so that the first quarter meets everyone
        limit_s = min(FIRST_ROUND_S if is_first_round else encounter_s, encounter_s)
        limit_s = min(limit_s, max(15.0, end_s - time.monotonic()))
        tab = Visitor(served)
        seen = partial(tab.debrief, previous) if previous else str
        with _in_another_tab(seen, found.problems):
            talked = talk(
                served,
                case,
                scripts[case],
                learner=learner,
                limit_s=limit_s,
                again=again,
                ends=not closes,
            )
        _judge(found, case, talked, closes)
        found.retries += again is not None
        if not talked.attempt:
            continue
        sampler.doing = "visit"
        visitor.get("/")
        if closes:
            _wait_for_end(visitor, talked.attempt)
        visitor.debrief(talked.attempt)
        visitor.progress(learner, last_of.get(case, ""), talked.attempt)
        if number % 2 == 0:
            visitor.rating(talked.attempt, f"Rater {number % 4 + 1}")
        say(
            f"{number + 1:3}  {case:18} {talked.at_s:5.0f} s  {len(talked.captions):3} captions  "
            f"{sampler.samples[-1].rss_mb:5.0f} MB"
        )
        last_of[case] = previous = talked.attempt
    raise AssertionError("the cycle of cases ended")


def _wait_for_end(visitor: Visitor, attempt: str) -> None:
    """Wait until an encounter whose tab was closed has ended: until then its debrief says so."""
    deadline = time.monotonic() + CLOSE_S
    while visitor.get(f"/attempts/{attempt}", allowed=(409,)).status_code == 409:
        if time.monotonic() > deadline:
            raise EnduranceFailure(f"{attempt} did not end after its tab was closed")
        time.sleep(0.25)


def _judge(found: Soak, case: str, talked: Talk, closes: bool) -> None:
    found.talks += 1
    found.closed_tabs += closes
    found.talked_s += talked.at_s
    found.learner_turns += len(talked.captions)
    if not closes and talked.last.get("type") != "finished":
        found.problems.append(f"{case} ended with {talked.last or 'no message'}")
    elif talked.last.get("reason") in ("fault", "device"):
        found.problems.append(f"{case} ended with {talked.last}")
    if talked.notices:
        found.problems.append(f"{case}: {talked.notices}")
    if talked.at_s > 20 and len(talked.captions) < 2:
        found.problems.append(f"{case}: only {len(talked.captions)} captions in {talked.at_s} s")


def _checkpoint(visitor: Visitor, attempt: str) -> tuple[str, int] | None:
    """Return a checkpoint that the debrief of an attempt offers; None without one."""
    if not attempt:
        return None
    offered = re.findall(rf"/again/{re.escape(attempt)}/(\d+)", visitor.debrief(attempt))
    if not offered:
        return None
    visitor.get(f"/again/{attempt}/{offered[0]}")
    return attempt, int(offered[0])


# -- the report


def report(parts: Sequence[Quarter], judged: Sequence[Verdict]) -> str:
    """Return the table of the quarters and the verdicts, as text."""
    lines = ["quarter      minutes   memory (peak)     descriptors (most)  threads (most)"]
    for name, part in zip(("first", "second", "third", "last"), parts, strict=True):
        lines.append(
            f"{name:9} {part.from_s / 60:5.1f} to {part.to_s / 60:4.1f}"
            f"  {part.rss_mb:5.0f} MB ({part.peak_mb:4.0f})"
            f"   {part.descriptors:8g} ({part.most_descriptors:3})"
            f"     {part.threads:6g} ({part.most_threads:3})"
        )
    lines += [
        f"{'holds' if each.holds else 'FAILS':6} {each.what}: {each.found}" for each in judged
    ]
    return "\n".join(lines)
