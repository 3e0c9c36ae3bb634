"""Open onnxruntime sessions with a fixed number of threads."""

from __future__ import annotations

from pathlib import Path

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


def open_session(what: str, model: Path | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Return a CPU session whose threads sleep while they wait for work.

    what: the model, for the error. model: an onnx file or its serialised bytes. Raises
    ModelAltered when onnxruntime cannot read it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: the warnings concern developers
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # On processors without VNNI, 8-bit products overflow and Smart Turn loses half its accuracy.
    options.add_session_config_entry("session.x64quantprecision", "1")
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(
            source, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except _UNREADABLE as error:
        raise ModelAltered(f"{what} cannot be read as a model; {REMEDY}") from error
