"""The check of the memory, and what a process may use of the machine."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from simvoice import machine
from simvoice.checkup import memory as checkup
from simvoice.checkup.memory import judge_memory, needed_bytes, require_memory
from simvoice.errors import MemoryShort
from simvoice.machine import Memory
from simvoice.models import manifest

GB = 10**9
HOUSE = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (Memory(used=0, free=8 * GB), "ok", "8.0 GB of memory are free"),
        (Memory(used=0, free=14 * GB // 10), "warn", "1.4 GB of memory are free"),
        (Memory(used=0, free=GB // 2, swap=2 * GB), "warn", "answers slowly"),
        (Memory(used=0, free=GB // 2), "fail", "0.5 GB of memory are free"),
        (Memory(used=GB, free=GB), "ok", "an encounter needs 0.3 GB"),
        (Memory(used=0, free=8 * GB, address_space=2 * GB), "fail", "2.0 GB of address space"),
        (Memory(used=0, free=8 * GB, address_space=3 * GB), "ok", "8.0 GB"),
    ],
)
def test_the_memory_check_depends_on_what_is_free_and_used(
    found: Memory, state: str, words: str
) -> None:
    check = judge_memory(13 * GB // 10, found)
    assert check.state == state
    assert words in check.sentence
    assert bool(check.remedy) == (state != "ok")


def test_larger_models_need_more_by_the_sizes_of_their_files() -> None:
    embedded, studio = (list(manifest.profile(name).values()) for name in ("embedded", "studio"))
    assert 1.168e9 <= needed_bytes(embedded) <= 1.3e9  # the measured peaks
    more = sum(manifest.model(name).bytes for name in studio) - sum(
        manifest.model(name).bytes for name in embedded
    )
    assert needed_bytes(studio) - needed_bytes(embedded) == pytest.approx(1.1 * more)


def test_too_little_memory_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "memory", lambda: Memory(used=0, free=GB // 2))
    with pytest.raises(MemoryShort, match=r"0.5 GB .* needs 1.3 GB; close other programs") as told:
        require_memory(manifest.profile().values())
    assert told.value.exit_code == 3
    monkeypatch.setattr(checkup, "memory", lambda: Memory(used=0, free=2 * GB))
    require_memory(manifest.profile().values())


def test_a_container_counts_with_the_smallest_limit_above_the_process(tmp_path: Path) -> None:
    groups = tmp_path / "cgroup"
    inner = groups / "lab.slice" / "student.scope"
    inner.mkdir(parents=True)
    for folder, limit, used, cached in (
        (inner, "max", 10, 0),
        (inner.parent, "2000000000", 1_500_000_000, 300_000_000),
    ):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\nactive_file 0\n")
    own = tmp_path / "own"
    own.write_text("0::/lab.slice/student.scope\n")
    assert list(machine._free_in_containers(groups, own)) == [800_000_000]
    assert list(machine._free_in_containers(groups, tmp_path / "none")) == []


def test_the_memory_of_this_process_is_real() -> None:
    found = machine.memory()
    assert 10**7 < found.used < 10**11
    assert found.free > 0


# -- in a process with limits


def run(code: str, **limits: object) -> str:
    def limit() -> None:
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), value)  # type: ignore[arg-type]

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_a_limit_of_the_address_space_is_seen() -> None:
    code = "from simvoice.machine import memory; print(memory().address_space)"
    assert run(code) == "None"
    left = int(run(code, RLIMIT_AS=(2 * GB, 2 * GB)))
    assert 0 < left < 2 * GB


@pytest.mark.slow
def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be() -> None:
    code = (
        "import resource; from simvoice.machine import raise_file_limit; raise_file_limit(); "
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    assert run(code, RLIMIT_NOFILE=(64, 64)) == "64"
    assert run(code, RLIMIT_NOFILE=(64, 512)) == "512"
    assert run(code, RLIMIT_NOFILE=(64, 4096)) == "1024"
    assert run(code, RLIMIT_NOFILE=(2048, 4096)) == "2048"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_engines_use_the_cores_that_the_process_may_use() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from simvoice.engines import threads as t; from simvoice import machine; "
        "print(t.CORES, t.STT_THREADS, t.VOICE_THREADS, t.LLM_THREADS); "
        "assert 0.0 <= machine.busy_cores(0.1) <= 1.0"
    )
    assert run(code) == "1 1 1 1"
