"""Open onnxruntime sessions with a fixed number of threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import onnxruntime  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state  # type: ignore[import-untyped]

from simvoice.engines.model_folder import REMEDY
from simvoice.errors import ModelAltered

# Piper draws random inputs. With a fixed seed, the same run of a process sounds the same.
onnxruntime.set_seed(20)

# onnxruntime's exceptions have no common base class.
_UNREADABLE: tuple[type[Exception], ...] = (
    ort_state.Fail,
    ort_state.InvalidArgument,
    ort_state.InvalidGraph,
    ort_state.InvalidProtobuf,
    ort_state.NoSuchFile,
    ort_state.NotImplemented,
    ort_state.RuntimeException,
)


class FrugalSession:
    """A session that gives the memory of each run back after it.

    By itself a session keeps the most that any run needed, and rounds it up to a power of two. A
    voice needs 10 MB for a clause and 150 MB for the longest sentence. Giving it back costs a
    tenth of the time.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._options = onnxruntime.RunOptions()
        self._options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Any]) -> list[Any]:
        """As `InferenceSession.run`."""
        found: list[Any] = self._session.run(outputs, inputs, self._options)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@cache
def _register_exact_memory() -> None:
    """Let sessions that ask for it take as much memory as they need, and not the next power of two.

    They share it, so each run must give it back (`FrugalSession`).
    """
    info = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    as_requested = {
        "max_mem": 0,
        "arena_extend_strategy": 1,
        "initial_chunk_size_bytes": -1,
        "max_dead_bytes_per_chunk": -1,
    }
    onnxruntime.create_and_register_allocator(info, onnxruntime.OrtArenaCfg(as_requested))


def open_frugal_session(what: str, model: Path | bytes, threads: int = 1) -> FrugalSession:
    """Return a session for a model whose runs differ much in size. Raises as `open_session`."""
    _register_exact_memory()
    return FrugalSession(open_session(what, model, threads, shares_memory=True))


def open_session(
    what: str, model: Path | bytes, threads: int = 1, *, shares_memory: bool = False
) -> onnxruntime.InferenceSession:
    """Return a CPU session whose threads sleep while they wait for work.

    what: the model, for the error. model: an onnx file or its serialised bytes. shares_memory:
    with other such sessions; see `open_frugal_session`. Raises ModelAltered when onnxruntime cannot
    read it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: the warnings concern developers
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # On processors without VNNI, 8-bit products overflow and Smart Turn loses half its accuracy.
    options.add_session_config_entry("session.x64quantprecision", "1")
    if shares_memory:
        options.add_session_config_entry("session.use_env_allocators", "1")
    source = model if isinstance(model, bytes) else str(model)
    try:
        session = onnxruntime.InferenceSession(
            source, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except _UNREADABLE as error:
        raise ModelAltered(f"{what} cannot be read as a model; {REMEDY}") from error
    # It keeps the bytes to begin again with other providers, of which there are none here. Those of
    # the voice and of the sentence encoder have 150 MB.
    session._model_bytes = None
    return session
