"""Is there enough memory for the models of an encounter?"""

from __future__ import annotations

from collections.abc import Iterable

from simvoice.checkup.checks import Check, fail, ok, warn
from simvoice.errors import MemoryShort
from simvoice.machine import Memory, memory
from simvoice.models import manifest

BASE_BYTES = 800_000_000
"""Memory of an encounter besides its models: Python, its libraries, sound, working memory.

An encounter with the embedded models (437 MB of files, one of them loaded twice) has a peak of
1,168 to 1,297 MB (`simvoice bench latency`); 800 MB and 1.1 times the files are 1,281 MB."""
MODEL_SHARE = 1.1
"""Memory of a model for each byte of its file: the file, and what it works with."""
ADDRESS_BYTES = 900_000_000
"""Address space that is reserved and never used: stacks of threads, mapped libraries. The peak is
2,097 MB with the embedded models."""
COMFORT_BYTES = 500_000_000
"""Memory that the browser and the system need beside an encounter."""

_REMEDY = "close other programs, or use a machine with more memory"


def needed_bytes(models: Iterable[str]) -> int:
    """Return the memory that an encounter needs. models: one name for each role of a profile."""
    return BASE_BYTES + round(MODEL_SHARE * sum(manifest.model(name).bytes for name in models))


def check_memory(models: Iterable[str]) -> Check:
    """Check the memory for the models of a profile."""
    return judge_memory(needed_bytes(models), memory())


def judge_memory(needed: int, found: Memory) -> Check:
    """Judge the memory. needed: bytes of an encounter, with what the process already uses."""
    facts = {"needed_bytes": needed, "free_bytes": found.free, "used_bytes": found.used}
    more = max(0, needed - found.used)
    if found.address_space is not None and found.address_space < more + ADDRESS_BYTES:
        return fail(
            "memory",
            f"a limit of this account leaves {_gb(found.address_space)} of address space, and an "
            f"encounter needs {_gb(more + ADDRESS_BYTES)}",
            "raise the limit (ulimit -v), or remove it",
            **facts,
        )
    sentence = f"{_gb(found.free)} of memory are free, and an encounter needs {_gb(more)}"
    if found.free + found.swap < more:
        return fail("memory", sentence, _REMEDY, **facts)
    if found.free < more:
        return warn("memory", f"{sentence}, so the patient answers slowly", _REMEDY, **facts)
    if found.free < more + COMFORT_BYTES:
        return warn("memory", sentence, _REMEDY, **facts)
    return ok("memory", sentence, **facts)


def require_memory(models: Iterable[str]) -> None:
    """Raise MemoryShort when the memory is too small for the models of a profile."""
    found = check_memory(models)
    if found.state == "fail":
        raise MemoryShort(f"{found.sentence}; {found.remedy}")


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
