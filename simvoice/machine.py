"""What this process may use of the machine: cores, memory, open files.

A machine can have more than a process may use: a container, `taskset`, `ulimit`, other programs.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

# -- cores


def usable_cores() -> int:
    """Return the number of cores that this process may run on, 1 or more."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def busy_cores(window_s: float) -> float:
    """Return how many of the usable cores other work keeps busy during `window_s` seconds."""
    shares = psutil.cpu_percent(interval=window_s, percpu=True)
    if hasattr(os, "sched_getaffinity"):
        shares = [shares[core] for core in os.sched_getaffinity(0) if core < len(shares)]
    return float(sum(shares)) / 100.0


# -- memory


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory that this process uses and may use, in bytes."""

    used: int
    """Resident memory of this process."""
    free: int
    """Memory that the machine, or the container, can still give without swapping."""
    swap: int = 0
    """Free swap space."""
    address_space: int | None = None
    """Address space that is left under `ulimit -v`; None without a limit."""


def memory() -> Memory:
    """Return the memory of this moment."""
    own = psutil.Process().memory_info()
    free = int(psutil.virtual_memory().available)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return Memory(
        used=int(own.rss),
        free=min([free, *_free_in_containers()]),
        swap=int(psutil.swap_memory().free),
        address_space=None if limit == resource.RLIM_INFINITY else max(0, limit - int(own.vms)),
    )


_CGROUPS = Path("/sys/fs/cgroup")


def _free_in_containers(
    root: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")
) -> Iterator[int]:
    """Yield the memory that is left in each control group of this process that has a limit.

    Source: the kernel's Documentation/admin-guide/cgroup-v2.rst. Files in the cache of the disk
    count as used there, but the kernel gives them up.
    """
    with suppress(OSError, ValueError):
        name = own.read_text().splitlines()[-1].partition("::")[2].lstrip("/")
        group = root / name
        for folder in (group, *group.parents):
            if folder == root.parent:
                return
            with suppress(OSError, ValueError):
                limit = int((folder / "memory.max").read_text())  # "max" is no number
                used = int((folder / "memory.current").read_text())
                yield max(0, limit - used + _cached(folder / "memory.stat"))


def _cached(stat: Path) -> int:
    lines = (line.split() for line in stat.read_text().splitlines())
    return sum(int(count) for name, count in lines if name in ("inactive_file", "active_file"))


_M_ARENA_MAX = -8
"""Source: mallopt(3)."""
_ARENAS = 2


def share_freed_memory() -> None:
    """Let threads take memory that other threads have freed. Call it before threads are started.

    The C library otherwise opens up to eight heaps for each core, one for each thread that works at
    the same time, and each keeps what it once needed. Two heaps are enough: the models allocate a
    few times a second, not in every loop. Without glibc nothing happens.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_ARENA_MAX, _ARENAS)


def release_memory() -> None:
    """Give memory that this process has freed back to the system. It takes some 10 ms.

    The C library keeps what one thread has freed for that thread, and simvoice has many: after an
    hour of encounters and debriefs it held some 200 MB. Without glibc nothing happens.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


# -- open files

_FILES = 1024
"""What most systems allow. An encounter has some 60 files open, a server more for each page."""


def file_limit() -> int:
    """Return how many files this process may have open at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def raise_file_limit() -> None:
    """Allow this process as many open files as it may ask for, up to 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a sandbox may refuse it; the old limit stays
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
