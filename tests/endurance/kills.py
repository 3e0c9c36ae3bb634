"""Kill simvoice at random moments, and look at what is left: `scripts/kills` runs it.

Encounters may lose one second. Analysis, export and pull may lose no finished file and leave no
unfinished one; the same command then ends with the result of a run that nobody killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import psutil

from simvoice.audio import FRAME_S, RATE
from simvoice.record.store import Attempt, Store
from simvoice.research.analysis.results import load, results_in
from simvoice.simulate.learner import LearnerScript
from tests.endurance.served import HOUSE, EnduranceFailure, Served, Talk, spoken_scripts, talk
from tests.models import local_site
from tests.models.local_site import Site
from tests.planted.recordings import both, write

End = Literal["SIGKILL", "SIGTERM", "STOP/CONT"]
ENDS: tuple[End, ...] = ("SIGKILL", "SIGTERM", "STOP/CONT")

LOST_S = 1.0
"""Most seconds of an encounter that may be lost."""
WAIT_S = 90.0
"""Longest wait for a process that was told to end, or that ends by itself."""
STOPPED_S = (0.1, 2.5)
"""Shortest and longest stop before SIGCONT."""


@dataclass
class Kill:
    """One kill and what came of it."""

    kind: str
    end: End
    after_s: float
    """Seconds from the start of the process, or of the encounter, to the signal."""
    lost_s: float = 0.0
    faults: list[str] = field(default_factory=list)
    began: bool = True
    """Whether there was anything to lose."""


def check(kill: Kill, holds: bool, what: str) -> None:
    """Note a fault unless it holds."""
    if not holds:
        kill.faults.append(what)


class Killed:
    """A process in a session of its own that is killed, or stopped for a while."""

    def __init__(self, *command: str, env: dict[str, str], errors: Path) -> None:
        self._errors = errors
        self._file = errors.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=HOUSE,
            env=os.environ | env,
            stdout=subprocess.PIPE,
            stderr=self._file,
            text=True,
            start_new_session=True,
        )

    def end(self, kill: Kill, rng: random.Random) -> bool:
        """Send the signal. Return whether the process goes on after it."""
        children = self._children()
        if kill.end == "STOP/CONT":
            self.process.send_signal(signal.SIGSTOP)
            time.sleep(rng.uniform(*STOPPED_S))
            self.process.send_signal(signal.SIGCONT)
            return True
        self.process.send_signal(getattr(signal, kill.end))
        self.wait(kill)
        gone, left = psutil.wait_procs(children, timeout=60)
        check(kill, not left, f"{len(left)} of {len(gone) + len(left)} child processes live on")
        for process in left:
            process.kill()
        return False

    def wait(self, kill: Kill) -> int:
        """Wait for the end of the process, and look at what it printed to stderr."""
        try:
            code = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            kill.faults.append(f"the process did not end within {WAIT_S:.0f} s")
            self.process.kill()
            code = self.process.wait()
        self.close()
        said = self._errors.read_text(errors="replace")
        check(kill, "Traceback" not in said, f"a traceback: {said[-400:]}")
        return code

    def _children(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def close(self) -> None:
        """Kill what is left of it."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._file.close()


# -- encounters ---------------------------------------------------------------------------------


def _recovered(kill: Kill, root: Path, attempt: str, at_least_s: float) -> Attempt | None:
    """Open an attempt as the page would: recover it, and check what is there."""
    store = Store(root)
    try:
        found = store.open(attempt)
        if found.state == "crashed":
            check(kill, "simvoice attempts recover" in found.problem, "no remedy in the list")
            found = store.recover(attempt)
    except Exception as error:
        kill.faults.append(f"it cannot be opened: {error!r}")
        return None
    learner, patient = found.audio()
    kill.lost_s = max(0.0, at_least_s - len(learner) / RATE)
    check(kill, kill.lost_s <= LOST_S, f"{kill.lost_s:.2f} s are lost")
    check(kill, found.state == "complete", f"its state is {found.state}: {found.problem}")
    check(kill, len(learner) == len(patient), "the channels have two lengths")
    check(kill, found.ended is not None, "it has no end")
    left = {path.name for path in found.folder.iterdir()}
    unfinished = {name for name in left if "partial" in name or name in ("audio.wav", "reserve")}
    check(kill, not unfinished, f"half files: {sorted(unfinished)}")
    return found


class ScriptedEncounters:
    """Encounters with scripted engines: a process each, killed within its first seconds."""

    kind = "encounter, scripted engines"
    LENGTH_S = 7.0

    def __init__(self, work: Path, rng: random.Random) -> None:
        self._root, self._work, self._rng = work / "scripted", work, rng
        self._count = 0

    def kill(self, end: End) -> Kill:
        """Begin an encounter, kill it, and open it."""
        self._count += 1
        attempt = f"20270101-000000-talk-{self._count:04d}"
        at_s = self._rng.uniform(0.0, self.LENGTH_S - 1.0)
        kill = Kill(self.kind, end, at_s)
        command = ("tests.endurance.scripted_encounter", str(self._root), attempt)
        killed = Killed(*command, str(self.LENGTH_S), env={}, errors=self._work / "stderr")
        try:
            self._watch(kill, killed, attempt)
        finally:
            killed.close()
        return kill

    def _watch(self, kill: Kill, killed: Killed, attempt: str) -> None:
        output = killed.process.stdout
        assert output is not None
        frames = 0
        goes_on: bool | None = None
        if self._rng.random() < 0.1:  # while the process starts
            kill.after_s = self._rng.uniform(0.0, 1.5)
            time.sleep(kill.after_s)
            goes_on = killed.end(kill, self._rng)
        while line := output.readline() if not output.closed else "":
            if not line.endswith("\n"):
                break
            frames = int(line)
            if goes_on is None and frames * FRAME_S >= kill.after_s:
                killed.process.send_signal(signal.SIGSTOP)  # what it has printed is all
                goes_on = kill.end == "STOP/CONT"
                if goes_on:
                    time.sleep(self._rng.uniform(*STOPPED_S))
                else:
                    killed.process.send_signal(getattr(signal, kill.end))
                killed.process.send_signal(signal.SIGCONT)
        code = killed.wait(kill)
        kill.began = (self._root / attempt).exists()
        if not kill.began:
            check(kill, frames == 0, "nothing was recorded")
            return
        found = _recovered(kill, self._root, attempt, frames * FRAME_S)
        if kill.end == "STOP/CONT" and found is not None:
            check(kill, code == 0, f"it ended with {code}")
            check(kill, found.duration_s >= self.LENGTH_S - LOST_S, f"{found.duration_s} s")


class ServedEncounters:
    """Encounters of a real `simvoice serve` with the real engines. A stop does not end it."""

    kind = "encounter, real engines"
    CASE = "sore-wrist"
    LONGEST_S = 12.0

    def __init__(self, work: Path, rng: random.Random) -> None:
        self._home, self._rng = work / "served", rng
        source = HOUSE / "tests" / "integration" / "cases" / self.CASE
        shutil.copytree(source, self._home / "cases" / self.CASE)
        cases = {self.CASE: source / "case.yaml"}
        self._script: LearnerScript = spoken_scripts(cases, self._home)[self.CASE]
        self._served: Served | None = None

    def kill(self, end: End) -> Kill:
        """Talk with the patient, kill the server in the middle, and open the attempt."""
        if self._served is None:
            self._served = Served(self._home, "--every-case")
        served = self._served
        served.prepare(self.CASE)
        kill = Kill(self.kind, end, self._rng.uniform(0.5, self.LONGEST_S - 1.0))
        is_sent = threading.Event()

        def strike(talked: Talk) -> None:
            if not is_sent.is_set() and talked.sent * FRAME_S >= kill.after_s:
                is_sent.set()
                if kill.end == "STOP/CONT":
                    served.process.send_signal(signal.SIGSTOP)
                    time.sleep(self._rng.uniform(*STOPPED_S))
                    served.process.send_signal(signal.SIGCONT)
                else:
                    served.process.send_signal(getattr(signal, kill.end))

        talked = talk(
            served,
            self.CASE,
            self._script,
            learner="Robin",
            limit_s=self.LONGEST_S,
            each_frame=strike,
        )
        if kill.end != "STOP/CONT":
            self._ended(kill, served)
        check(kill, bool(talked.attempt), f"no encounter began: {talked.last}")
        if not talked.attempt:
            return kill
        found = _recovered(kill, self._home / "attempts", talked.attempt, talked.at_s)
        if found is None:
            return kill
        stored = {getattr(entry, name, "") for entry in found.entries for name in ("text", "heard")}
        told = zip(talked.captions, talked.told_at_s, strict=True)
        lost = [text for text, at_s in told if at_s < talked.at_s - LOST_S and text not in stored]
        check(kill, not lost, f"shown on the page, and not stored: {lost}")
        if kill.end == "STOP/CONT":
            check(kill, talked.last.get("type") == "finished", f"it ended with {talked.last}")
        return kill

    def _ended(self, kill: Kill, served: Served) -> None:
        try:
            served.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            kill.faults.append(f"the server did not end within {WAIT_S:.0f} s")
        served.kill()
        self._served = None
        check(kill, "Traceback" not in served.errors(), f"a traceback: {served.errors()[-400:]}")

    def close(self) -> None:
        """End the server."""
        if self._served is not None:
            self._served.stop()


# -- commands that write files --------------------------------------------------------------------


def contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Commands:
    """A command that writes files: it is killed, run again, and compared with a whole run."""

    kind = ""

    def __init__(self, work: Path, rng: random.Random) -> None:
        self.work, self.rng = work / self.kind, rng
        self.work.mkdir()
        self.number = 0
        self._run_whole(self.work / "whole")
        began_s = time.monotonic()
        self._run_whole(self.work / "second")  # the first one is slower, and kills would miss
        self.whole_s = time.monotonic() - began_s
        self.whole = contents(self.work / "whole")

    def command(self, out: Path, *, again: bool) -> tuple[str, ...]:
        """Return module and arguments. again: `out` has what an earlier run left."""
        raise NotImplementedError

    def env(self, out: Path) -> dict[str, str]:
        """Return the environment of the command."""
        return {"SIMVOICE_HOME": str(self.work / "home")}

    def halves(self, out: Path) -> list[str]:
        """Return the names of unfinished files where finished ones belong."""
        raise NotImplementedError

    def leftovers(self, out: Path) -> list[str]:
        """Return what is left beside the result after a whole run."""
        raise NotImplementedError

    def kill(self, end: End) -> Kill:
        """Start the command, kill it, look, and run it again to its end."""
        self.number += 1
        out = self.work / f"out{self.number}" / "result"
        out.parent.mkdir()
        kill = Kill(self.kind, end, self.rng.uniform(0.0, self.whole_s))
        killed = self._start(out, again=False)
        try:
            with suppress(subprocess.TimeoutExpired):
                killed.process.wait(kill.after_s)
            kill.began = killed.process.poll() is None
            goes_on = killed.end(kill, self.rng)
            if goes_on:
                code = killed.wait(kill)
                check(kill, code == 0, f"it ended with {code} after a stop")
        finally:
            killed.close()
        halves = self.halves(out)
        check(kill, not halves, f"half files: {halves[:5]}")
        self._again(kill, out)
        shutil.rmtree(out.parent)
        return kill

    def _again(self, kill: Kill, out: Path) -> None:
        again = self._start(out, again=True)
        code = again.wait(kill)
        said = (self.work / "stderr").read_text(errors="replace")
        check(kill, code == 0, f"the next run ended with {code}: {said[-300:]}")
        found = contents(out) if out.exists() else {}
        wrong = sorted(
            name for name in self.whole.keys() | found if self.whole.get(name) != found.get(name)
        )
        check(kill, not wrong, f"differs from a whole run: {wrong[:5]}")
        left = self.leftovers(out)
        check(kill, not left, f"left for ever: {left[:5]}")

    def _start(self, out: Path, *, again: bool) -> Killed:
        command = self.command(out, again=again)
        return Killed(*command, env=self.env(out), errors=self.work / "stderr")

    def _run_whole(self, out: Path) -> None:
        kill = Kill(self.kind, "SIGKILL", 0.0)
        code = self._start(out, again=False).wait(kill)
        if code != 0 or kill.faults:
            said = (self.work / "stderr").read_text(errors="replace")
            raise EnduranceFailure(f"{self.kind} does not work: {code} {kill.faults} {said}")


class Analyses(Commands):
    """`simvoice analyze` of a folder of recordings, with two workers."""

    kind = "analysis"

    def __init__(self, work: Path, rng: random.Random) -> None:
        self.recordings = work / "recordings"
        for number in range(6):
            write(self.recordings / f"v{number}.wav", both()[: (20 + number) * 16_000])
        super().__init__(work, rng)

    def command(self, out: Path, *, again: bool) -> tuple[str, ...]:
        """Return module and arguments."""
        return ("simvoice", "analyze", str(self.recordings), "--out", str(out), "--jobs", "2")

    def halves(self, out: Path) -> list[str]:
        """Return results that cannot be loaded."""
        found = []
        for path in results_in(out):
            try:
                load(path)
            except Exception as error:
                found.append(f"{path.name}: {error}")
        tables = [path for path in out.glob("*") if path.suffix in (".csv", ".json")]
        return found + [path.name for path in tables if not path.stat().st_size]

    def leftovers(self, out: Path) -> list[str]:
        """Return folders among the results."""
        return [path.name for path in out.iterdir() if path.is_dir()]


class Exports(Commands):
    """`simvoice export --voice-free --key` of the results of an analysis."""

    kind = "export"

    def __init__(self, work: Path, rng: random.Random, results: Path) -> None:
        self.results = results
        super().__init__(work, rng)

    def command(self, out: Path, *, again: bool) -> tuple[str, ...]:
        """Return module and arguments."""
        key = out.parent / "key.csv"
        words = ("simvoice", "export", str(self.results), "--out", str(out))
        replaced = ("--replace",) if again and out.exists() else ()
        return (*words, "--voice-free", "--key", str(key), *replaced)

    def halves(self, out: Path) -> list[str]:
        """Return files that are not as the list of the package says."""
        if not out.exists():
            return []
        try:
            listed = json.loads((out / "datapackage.json").read_bytes())["resources"]
        except (OSError, ValueError, KeyError) as error:
            return [f"datapackage.json: {error!r}"]
        found = contents(out)
        return [
            each["path"] for each in listed if f"sha256:{found.get(each['path'])}" != each["hash"]
        ]

    def leftovers(self, out: Path) -> list[str]:
        """Return everything beside the export and its key."""
        beside = {path.name for path in out.parent.iterdir()} - {out.name, "key.csv"}
        return sorted(beside if out.name == "result" else beside & {".key.csv"})


class SlowSite(local_site.Handler):
    """Sends files slowly, so that kills meet downloads."""

    PIECE = 8 << 10
    PAUSE_S = 0.01

    def setup(self) -> None:
        """Replace the file to the client by one that pauses."""
        super().setup()
        whole = self.wfile.write

        def slowly(data: bytes) -> int:
            for at in range(0, len(data), self.PIECE):
                whole(data[at : at + self.PIECE])
                if len(data) > self.PIECE:
                    time.sleep(self.PAUSE_S)
            return len(data)

        self.wfile.write = slowly  # type: ignore[method-assign, assignment]


class Pulls(Commands):
    """`simvoice models pull` of tiny models from a local package index and hub."""

    kind = "pull"

    def __init__(self, work: Path, rng: random.Random) -> None:
        self.site = Site()
        handler = type("Handler", (SlowSite,), {"site": self.site})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.site.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        for project, data in local_site.WHEELS.items():
            local_site.offer(self.site, project, data)
        for name in ("ears", "throat", "turns", "sense", "spare"):
            address = f"/some/{name}/resolve/{local_site.REVISION}/sub/weights.bin"
            self.site.redirects[address] = f"/store/{name}"
            self.site.files[f"/store/{name}"] = local_site.WEIGHTS
        self.manifest = work / "manifest.toml"
        self.manifest.write_text(local_site.MANIFEST)
        super().__init__(work, rng)
        self.whole = {name: digest for name, digest in self.whole.items() if _is_model(name)}

    def command(self, out: Path, *, again: bool) -> tuple[str, ...]:
        """Return module and arguments."""
        return ("tests.endurance.tiny_pull", str(self.manifest), self.site.url)

    def env(self, out: Path) -> dict[str, str]:
        """Return the environment of the command."""
        return super().env(out) | {"SIMVOICE_MODELS": str(out)}

    def halves(self, out: Path) -> list[str]:
        """Return model files that differ from the pinned ones."""
        found = contents(out) if out.exists() else {}
        return [
            name
            for name, digest in found.items()
            if _is_model(name) and digest != self.whole.get(name)
        ]

    def leftovers(self, out: Path) -> list[str]:
        """Return what is left of downloads."""
        return [name for name in contents(out) if ".pulling" in name and "lock" not in name]

    def _again(self, kill: Kill, out: Path) -> None:
        super()._again(kill, out)
        # stamps hold times of change, so they differ from run to run
        kill.faults[:] = [each for each in kill.faults if not each.startswith("differs")]
        found = {n: d for n, d in (contents(out) if out.exists() else {}).items() if _is_model(n)}
        check(kill, found == self.whole, f"the models differ: {sorted(found)}")

    def close(self) -> None:
        """Stop the site."""
        self.server.shutdown()
        self.server.server_close()


def _is_model(path: str) -> bool:
    return not any(part.startswith(".") for part in path.split("/"))


# -- all ------------------------------------------------------------------------------------------

SHARES = {"scripted": 0.3, "served": 0.1, "analysis": 0.2, "export": 0.2, "pull": 0.2}
"""Share of each kind. The real engines take half a minute to load after each kill."""


def plan(count: int, rng: random.Random, kinds: dict[str, float]) -> list[tuple[str, End]]:
    """Return kinds and signals in random order; the real engines come last."""
    whole = sum(kinds.values())
    counts = {kind: round(count * share / whole) for kind, share in kinds.items()}
    first = max(counts, key=lambda kind: counts[kind])
    counts[first] += count - sum(counts.values())
    made = [(kind, ENDS[k % 3]) for kind, many in counts.items() for k in range(many)]
    rng.shuffle(made)
    return sorted(made, key=lambda each: each[0] == "served")


def run(
    count: int,
    seed: int,
    work: Path,
    *,
    kinds: dict[str, float] | None = None,
    say: Callable[[Kill], None] = lambda _: None,
) -> list[Kill]:
    """Kill so many times. work: an empty folder. say: called after each kill."""
    rng = random.Random(seed)
    chosen = SHARES if kinds is None else kinds
    made: dict[str, ScriptedEncounters | ServedEncounters | Commands] = {}
    results = work / "analysis" / "whole"
    done: list[Kill] = []
    try:
        if "scripted" in chosen:
            made["scripted"] = ScriptedEncounters(work, rng)
        if "analysis" in chosen or "export" in chosen:
            made["analysis"] = Analyses(work, rng)
        if "export" in chosen:
            made["export"] = Exports(work, rng, results)
        if "pull" in chosen:
            made["pull"] = Pulls(work, rng)
        for kind, end in plan(count, rng, chosen):
            if kind not in made:
                made[kind] = ServedEncounters(work, rng)
            done.append(made[kind].kill(end))
            say(done[-1])
    finally:
        for each in made.values():
            if isinstance(each, ServedEncounters | Pulls):
                each.close()
    return done


def report(kills: list[Kill]) -> str:
    """Return a table: for each kind and signal how many, and what was lost."""
    lines = [f"{'kind':28} {'signal':10} kills  in work  most lost  faults"]
    kinds = dict.fromkeys(kill.kind for kill in kills)
    for kind in kinds:
        for end in ENDS:
            some = [kill for kill in kills if (kill.kind, kill.end) == (kind, end)]
            if some:
                lines.append(
                    f"{kind:28} {end:10} {len(some):5}  {sum(k.began for k in some):7}"
                    f"  {max(k.lost_s for k in some):7.2f} s  {sum(bool(k.faults) for k in some):6}"
                )
    return "\n".join(lines)
