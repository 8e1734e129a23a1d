"""Products in 8 bit integers for an ONNX graph, so that a row of a batch never depends on the others.

The quantiser of onnxruntime takes one scale for all activations of a product: what stands beside a text then moves its
vector, and one large activation drowns the small ones of all rows. Here every row has its own scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

LARGEST_WEIGHT = 63
"""Weights have 7 bits: on processors without VNNI pairs of products are added in 16 bits, and 8 would overflow."""
SMALLEST_SIDE = 16
"""Weights with a shorter side are not worth the passes that scaling takes."""
TABLE_ROWS = 1000
"""Lookup tables from this many rows on are stored in 8 bits too."""


def quantise(
    model: onnx.ModelProto, *, layers: tuple[str, ...], examples: Sequence[Mapping[str, np.ndarray]] = ()
) -> int:
    """Turn products with constant weights in nodes whose name has one of `layers` into integer ones, in place.

    Activations are scaled row by row to [-127, 127], weights column by column to 7 bits. Returns how many there were.

    With `examples` (inputs of the graph by name), columns of activations that are large in them are made smaller and
    the weights they meet larger, half way each. Source: SmoothQuant, arXiv:2211.10438, equation 4 with alpha = .5.
    """
    from onnx import numpy_helper

    graph = _Graph(model)
    read = {
        node.input[0] for node in model.graph.node
        if node.op_type != "Gather" and graph.weights(node) is not None and any(layer in node.name for layer in layers)
    }  # fmt: skip
    if examples:
        graph.smooth(_largest(model, sorted(read), examples), model)
    made = 0
    for node in list(model.graph.node):
        weights = graph.weights(node)
        named = any(layer in node.name for layer in layers)
        if weights is None or not named:
            graph.nodes.append(node)
        elif node.op_type == "Gather" and len(weights) >= TABLE_ROWS:
            graph.look_up(node, weights)
        elif node.op_type in ("MatMul", "Gemm") and min(weights.shape) >= SMALLEST_SIDE:
            graph.multiply(node, weights)
            made += 1
        else:
            graph.nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(graph.nodes)
    read = {name for node in graph.nodes for name in node.input}
    del model.graph.initializer[:]
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in graph.constants.items() if n in read)
    return made


def _largest(
    model: onnx.ModelProto, names: list[str], examples: Sequence[Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The largest size of each column of some activations over examples."""
    import onnxruntime
    from onnx import ModelProto, helper

    looked_into = ModelProto()
    looked_into.CopyFrom(model)
    looked_into.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(looked_into.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: dict[str, np.ndarray] = {}
    for given in examples:
        for name, value in zip(names, session.run(names, dict(given)), strict=True):
            largest = np.abs(value).reshape(-1, value.shape[-1]).max(0)
            found[name] = np.maximum(found.get(name, 0), largest)
    return found


class _Graph:
    """The new nodes and constants of a graph."""

    def __init__(self, model: onnx.ModelProto) -> None:
        from onnx import numpy_helper

        self.nodes: list[Any] = []
        self.constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        self.scaled: set[str] = set()
        self.smoothed: dict[str, np.ndarray] = {}

    def weights(self, node: Any) -> np.ndarray | None:
        """The constant matrix that a node multiplies by or looks up in, inputs first; None where there is none."""
        if node.op_type not in ("MatMul", "Gemm", "Gather") or len(node.input) < 2:
            return None
        found = self.constants.get(node.input[0 if node.op_type == "Gather" else 1])
        if found is None or found.ndim != 2 or found.dtype != np.float32:
            return None
        options = {a.name: a for a in node.attribute}
        return found.T if "transB" in options and options["transB"].i else found

    def smooth(self, largest: dict[str, np.ndarray], model: onnx.ModelProto) -> None:
        """Choose what each column of activations is divided by, for all the products that read them."""
        heaviest: dict[str, np.ndarray] = {}
        for node in model.graph.node:
            weights = self.weights(node)
            if node.op_type != "Gather" and weights is not None and node.input[0] in largest:
                rows = np.abs(weights).max(1)
                heaviest[node.input[0]] = np.maximum(heaviest.get(node.input[0], 0), rows)
        for name, rows in heaviest.items():
            self.smoothed[name] = np.sqrt(np.maximum(largest[name], 1e-5) / np.maximum(rows, 1e-5)).astype(np.float32)

    def add(self, op: str, inputs: list[str], output: str, **options: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{output}/{op}", **options))
        return output

    def constant(self, name: str, value: np.ndarray) -> str:
        return name if self.constants.setdefault(name, value) is not None else name

    def rows(self, x: str) -> tuple[str, str]:
        """A row in integers with the middle at 128, and its scale (..., 1); the same for all products that read it."""
        whole, scale = f"{x}/whole", f"{x}/scale"
        if x not in self.scaled:
            self.scaled.add(x)
            if x in self.smoothed:
                x = self.add("Div", [x, self.constant(f"{x}/columns", self.smoothed[x])], f"{x}/smooth")
            last, limit = self.constant("q/last", np.array([-1])), self.constant("q/limit", np.array(127, np.float32))
            tiny = self.constant("q/tiny", np.array(1e-30, np.float32))
            largest = self.add("ReduceMax", [self.add("Abs", [x], f"{x}/abs"), last], f"{x}/max", keepdims=1)
            self.add("Div", [self.add("Max", [largest, tiny], f"{x}/largest"), limit], scale)
            self.add("QuantizeLinear", [self.add("Div", [x, scale], f"{x}/unit"), *self._middle()], whole)
        return whole, scale

    def _middle(self) -> list[str]:
        return [self.constant("q/one", np.array(1, np.float32)), self.constant("q/middle", np.array(128, np.uint8))]

    def multiply(self, node: Any, weights: np.ndarray) -> None:
        name, out = node.input[1], node.output[0]
        if node.input[0] in self.smoothed:
            name, weights = f"{name}/{node.input[0]}", weights * self.smoothed[node.input[0]][:, None]
        scales = np.maximum(np.abs(weights).max(0), 1e-30) / LARGEST_WEIGHT
        whole = self.constant(f"{name}/whole", np.rint(weights / scales).astype(np.int8))
        scale = self.constant(f"{name}/scale", scales.astype(np.float32))
        x, of_row = self.rows(node.input[0])
        product = self.add("MatMulInteger", [x, whole, self._middle()[1]], f"{out}/integer")
        # the scale of the row first: with that of the columns first, onnxruntime takes both for one number
        product = self.add("Mul", [self.add("Cast", [product], f"{out}/float", to=1), of_row], f"{out}/row")
        if node.op_type == "Gemm" and len(node.input) > 2:
            self.add("Add", [self.add("Mul", [product, scale], f"{out}/column"), node.input[2]], out)
        else:
            self.add("Mul", [product, scale], out)

    def look_up(self, node: Any, table: np.ndarray) -> None:
        scales = np.maximum(np.abs(table).max(1, keepdims=True), 1e-30) / 127
        name, index, out = node.input[0], node.input[1], node.output[0]
        whole = self.constant(f"{name}/whole", np.rint(table / scales).astype(np.int8))
        scale = self.constant(f"{name}/scale", scales.astype(np.float32))
        found = self.add("Cast", [self.add("Gather", [whole, index], f"{out}/integer")], f"{out}/float", to=1)
        self.add("Mul", [found, self.add("Gather", [scale, index], f"{out}/scale")], out)
