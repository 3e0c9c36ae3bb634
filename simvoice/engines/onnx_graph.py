"""Changes to an onnx graph before it is run (the onnx package)."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from simvoice.engines.model_folder import REMEDY
from simvoice.errors import ModelAltered


def load_graph(what: str, path: Path) -> onnx.ModelProto:
    """The graph in a file. Raises ModelAltered when it cannot be parsed."""
    try:
        return onnx.load(str(path))
    except DecodeError as error:
        raise ModelAltered(f"{what} cannot be read as a model; {REMEDY}") from error
