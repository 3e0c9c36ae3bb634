"""Sessions of onnxruntime hold their model once, and frugal ones give the memory of a run back."""

from __future__ import annotations

import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper

from simvoice.engines.onnx_session import open_frugal_session, open_session
from simvoice.errors import ModelAltered
from simvoice.machine import release_memory

MB = 2**20


def model(weights_mb: int = 1) -> bytes:
    """Return a model that multiplies by weights and takes rows of any number."""
    width = weights_mb * MB // 4 // 256
    weights = np.ones((256, width), np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["wide"]),
            helper.make_node("ReduceSum", ["wide"], ["y"], keepdims=0),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 256])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])],
        [helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    data: bytes = made.SerializeToString()
    return data


def resident_mb() -> float:
    release_memory()
    return float(psutil.Process().memory_info().rss) / MB


def test_a_frugal_session_gives_the_same_result_and_keeps_no_memory_of_a_large_run() -> None:
    plain, frugal = (make("a test", model()) for make in (open_session, open_frugal_session))
    rows = np.ones((3, 256), np.float32)
    assert frugal.run(None, {"x": rows}) == plain.run(None, {"x": rows})
    before = resident_mb()
    frugal.run(None, {"x": np.ones((40_000, 256), np.float32)})  # needs 160 MB
    assert resident_mb() < before + 40


@pytest.mark.slow
def test_a_session_does_not_keep_the_bytes_of_its_model() -> None:
    data = model(weights_mb=64)
    before = resident_mb()
    session = open_session("a test", data)
    assert resident_mb() < before + 100  # the weights, and not twice
    del data
    assert session.run(None, {"x": np.ones((1, 256), np.float32)})[0] > 0
    assert resident_mb() < before + 40


def test_bytes_that_are_no_model_are_refused_by_both() -> None:
    for make in (open_session, open_frugal_session):
        with pytest.raises(ModelAltered, match="a test cannot be read as a model"):
            make("a test", b"no model")
