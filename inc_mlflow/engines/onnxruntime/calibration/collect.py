"""Calibration: one streaming pass over the rows that keeps only statistics."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from inc_mlflow.engines.fixed_batch import fixed_batch, padded, trimmed
from inc_mlflow.engines.onnxruntime.calibration.histogram import Histogram
from inc_mlflow.engines.onnxruntime.calibration.ranges import MinMax, Ranges
from inc_mlflow.engines.onnxruntime.graph.model_file import graph_inputs, read_structure, with_outputs
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import Watched
from inc_mlflow.engines.onnxruntime.runtime.session import open_proto, options
from inc_mlflow.files import model_sha256

QUANTIZABLE = frozenset(QDQRegistry) | frozenset(QLinearOpsRegistry)
"""Operators that ONNX Runtime's static quantiser handles."""
_FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}
_CLIPPING = {"Relu", "Clip"}


def collect(
    baseline: Path, batches: Iterable[dict[str, np.ndarray]], threads: int, *, histograms: bool = False
) -> Ranges:
    """Run ``batches`` through the baseline and return the ranges.

    Memory does not grow with the number of rows.

    Without ``histograms`` the ranges serve the method minmax only, and cost less.
    """
    model = read_structure(baseline)
    seen = {name: _Tensor(name, histograms) for name in needed_tensors(model)}
    fed = {value.name for value in graph_inputs(model)}
    fetched = [name for name in seen if name not in fed]
    watched = Watched(open_proto(with_outputs(model, fetched), baseline.parent, options(threads)), baseline)
    rows = 0
    with ThreadPoolExecutor(threads) as pool:  # idle while the session's own threads run
        spread = map if threads == 1 else pool.map
        for inputs in batches:
            arrays = _activations(watched, fetched, inputs) | {
                name: inputs[name] for name in fed & seen.keys()
            }
            list(spread(_Tensor.add, (seen[name] for name in arrays), arrays.values()))
            rows += len(next(iter(inputs.values())))
            del arrays  # the next run may use their memory again
    found = [
        (name, one) for name, one in sorted(seen.items()) if one.minmax is not None and one.minmax.bounded
    ]
    return Ranges(
        model_sha256(baseline),
        rows,
        {name: one.minmax for name, one in found if one.minmax},
        {name: one.histogram for name, one in found if one.histogram},
        frozenset(name for name, one in seen.items() if one.minmax is not None and not one.minmax.bounded),
    )


def _activations(watched: Watched, names: list[str], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run one batch; ModelError is ONNX Runtime's complaint in one line."""
    batch = fixed_batch(value.shape for value in watched.session.get_inputs())
    values = watched.run(names, padded(inputs, batch), "calibration rows")
    rows = len(next(iter(inputs.values())))
    return {name: trimmed(value, rows, batch) for name, value in zip(names, values, strict=True)}


class _Tensor:
    """What the batches so far say about one tensor."""

    def __init__(self, name: str, histogram: bool) -> None:
        self._name = name
        self.minmax: MinMax | None = None
        self.histogram = Histogram.empty() if histogram else None

    def add(self, values: np.ndarray) -> None:
        """Take one more batch; ModelError where it holds NaN.

        A tensor that reaches infinity is not counted any more.
        """
        part = MinMax.of(self._name, values)
        self.minmax = self.minmax.merge(part) if self.minmax else part
        if self.histogram and self.minmax.bounded:
            self.histogram.add(values, max(-part.low, part.high))


def needed_tensors(model: onnx.ModelProto) -> list[str]:
    """Return the float activations around quantisable operators, in graph order.

    Left out is what only a Relu or Clip reads: ONNX Runtime's quantiser gives such a tensor the range of the
    clipped one, and fetching it would keep the pair from being fused.
    """
    types = _float_activations(model)
    clipped = set(clipped_inputs(model))
    around = chain.from_iterable(
        (*node.input, *node.output) for node in model.graph.node if node.op_type in QUANTIZABLE
    )
    return list(dict.fromkeys(name for name in around if name in types and name not in clipped))


def clipped_inputs(model: onnx.ModelProto) -> dict[str, str]:
    """Map each tensor that only one Relu or Clip reads to that operator's output."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {value.name for value in model.graph.output}
    return {
        name: nodes[0].output[0]
        for name, nodes in readers.items()
        if len(nodes) == 1
        and nodes[0].op_type in _CLIPPING
        and nodes[0].input[0] == name
        and name not in outputs
    }


def _float_activations(model: onnx.ModelProto) -> set[str]:
    graph = model.graph
    initializers = {tensor.name for tensor in graph.initializer}
    values = chain(graph.value_info, graph.output, graph.input)
    return {v.name for v in values if v.type.tensor_type.elem_type in _FLOATS and v.name not in initializers}
