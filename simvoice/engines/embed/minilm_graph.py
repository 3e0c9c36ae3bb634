"""Build the MiniLM sentence encoder as an onnx graph from its safetensors weights.

onnxruntime runs the graph on one thread and releases the interpreter lock. A forward pass in
numpy does neither: it uses the BLAS threads that all other numpy code shares.
Architecture: BERT, Devlin et al. 2019; pooling: mean over tokens, Reimers & Gurevych 2019.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors import SafetensorError
from safetensors.numpy import load_file

from simvoice.engines.model_folder import REMEDY
from simvoice.errors import ModelAltered

WIDTH = 384
HEADS = 12
LAYERS = 6
_HEAD = WIDTH // HEADS
_LAYER_NORM_EPSILON = 1e-12
_MASKED = -1e9

Weights = dict[str, NDArray[np.float32]]


def build(path: Path) -> bytes:
    """Return the serialised graph: ids int64 [n, t] and mask float32 [n, t] to vectors [n, 384].

    Raises ModelAltered when the file does not hold MiniLM's weights.
    """
    try:
        graph = _Graph(load_file(path))
        graph.encoder()
    except (SafetensorError, KeyError, OSError) as error:
        raise ModelAltered(f"{path.name} does not hold MiniLM's weights; {REMEDY}") from error
    return graph.serialised()


class _Graph:
    """The nodes and constants of the graph, in the order in which they are added."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def encoder(self) -> None:
        """Add the embeddings, the layers, the mean over unmasked tokens and the normalisation."""
        self._constant("shape_split", np.array([0, 0, HEADS, _HEAD], np.int64))
        self._constant("shape_join", np.array([0, 0, WIDTH], np.int64))
        self._constant("axes_mask", np.array([1, 2], np.int64))
        self._constant("axis_tokens", np.array([1], np.int64))
        self._constant("axis_last", np.array([2], np.int64))
        self._constant("one", np.float32(1.0))
        self._constant("masked", np.float32(_MASKED))
        blocked = self._op("Sub", "one", "mask")
        blocked = self._op("Mul", blocked, "masked")
        blocked = self._op("Unsqueeze", blocked, "axes_mask")
        hidden = self._embeddings()
        for layer in range(LAYERS):
            hidden = self._layer(hidden, blocked, f"encoder.layer.{layer}")
        self._pool(hidden)
        self._weights.clear()

    def serialised(self) -> bytes:
        """Return the model's bytes. Opset 17 is the first with LayerNormalization."""
        model = onnx.ModelProto(ir_version=8)
        model.opset_import.append(helper.make_opsetid("", 17))
        model.graph.name = "minilm"
        model.graph.node.extend(self._nodes)
        # Move the constants one by one: onnx's helper function holds the weights four times.
        while self._constants:
            model.graph.initializer.append(self._constants.popitem()[1])
        for name, kind in (("ids", TensorProto.INT64), ("mask", TensorProto.FLOAT)):
            model.graph.input.append(helper.make_tensor_value_info(name, kind, ["n", "t"]))
        vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", WIDTH])
        model.graph.output.append(vectors)
        serialised: bytes = model.SerializeToString()
        return serialised

    def _embeddings(self) -> str:
        tokens = self._op("Gather", self._weight("embeddings.word_embeddings.weight"), "ids")
        # The input is never a pair of sentences, so the token type is always 0.
        positions = (
            self._weights["embeddings.position_embeddings.weight"]
            + self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._constant("positions", positions)
        self._constant("zero", np.array([0], np.int64))
        self._constant("first_axis", np.array([0], np.int64))
        length = self._op("Shape", "ids", start=1, end=2)
        position = self._op("Slice", "positions", "zero", length, "first_axis")
        return self._norm(self._op("Add", tokens, position), "embeddings.LayerNorm")

    def _layer(self, hidden: str, blocked: str, name: str) -> str:
        attended = self._attention(hidden, blocked, f"{name}.attention")
        hidden = self._norm(self._op("Add", hidden, attended), f"{name}.attention.output.LayerNorm")
        wide = self._gelu(self._dense(hidden, f"{name}.intermediate.dense"))
        back = self._dense(wide, f"{name}.output.dense")
        return self._norm(self._op("Add", hidden, back), f"{name}.output.LayerNorm")

    def _attention(self, hidden: str, blocked: str, name: str) -> str:
        query, key, value = (
            self._op(
                "Transpose",
                self._op("Reshape", self._dense(hidden, f"{name}.self.{part}"), "shape_split"),
                perm=perm,
            )
            for part, perm in (
                ("query", [0, 2, 1, 3]),
                ("key", [0, 2, 3, 1]),
                ("value", [0, 2, 1, 3]),
            )
        )
        self._constant("scale", np.float32(_HEAD**-0.5))
        scores = self._op("Mul", self._op("MatMul", query, key), "scale")
        shares = self._op("Softmax", self._op("Add", scores, blocked), axis=-1)
        mixed = self._op("Transpose", self._op("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self._dense(self._op("Reshape", mixed, "shape_join"), f"{name}.output.dense")

    def _dense(self, hidden: str, name: str) -> str:
        # PyTorch stores weights as [out, in].
        weight = f"{name}.weight.T"
        self._constant(weight, np.ascontiguousarray(self._weights[f"{name}.weight"].T))
        return self._op("Add", self._op("MatMul", hidden, weight), self._weight(f"{name}.bias"))

    def _gelu(self, hidden: str) -> str:
        """The exact GELU, with erf (Hendrycks & Gimpel 2016)."""
        self._constant("root_two", np.float32(2.0**0.5))
        self._constant("half", np.float32(0.5))
        erf = self._op("Erf", self._op("Div", hidden, "root_two"))
        return self._op("Mul", self._op("Mul", hidden, self._op("Add", erf, "one")), "half")

    def _norm(self, hidden: str, name: str) -> str:
        weight, bias = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self._op(
            "LayerNormalization", hidden, weight, bias, axis=-1, epsilon=_LAYER_NORM_EPSILON
        )

    def _pool(self, hidden: str) -> None:
        unmasked = self._op("Unsqueeze", "mask", "axis_last")
        total = self._op("ReduceSum", self._op("Mul", hidden, unmasked), "axis_tokens", keepdims=0)
        count = self._op("ReduceSum", unmasked, "axis_tokens", keepdims=0)
        mean = self._op("Div", total, count)
        length = self._op("ReduceL2", mean, axes=[1], keepdims=1)
        self._nodes.append(helper.make_node("Div", [mean, length], ["vectors"]))

    def _op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def _weight(self, name: str) -> str:
        self._constant(name, self._weights[name])
        return name

    def _constant(self, name: str, value: NDArray[np.generic] | np.generic) -> None:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
