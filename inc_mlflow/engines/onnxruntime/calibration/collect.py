"""Calibration: one streaming pass over the rows that keeps statistics only."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from inc_mlflow.engines.fixed_batch import row_count
from inc_mlflow.engines.onnxruntime.calibration.clipped import clipped_inputs
from inc_mlflow.engines.onnxruntime.calibration.histogram import Histogram
from inc_mlflow.engines.onnxruntime.calibration.ranges import MinMax, Ranges
from inc_mlflow.engines.onnxruntime.graph.model_file import graph_inputs, read_structure, with_outputs
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import TimedSession
from inc_mlflow.engines.onnxruntime.runtime.rows import row_axes
from inc_mlflow.engines.onnxruntime.runtime.session import open_proto, options
from inc_mlflow.engines.row_axes import RowsFirst
from inc_mlflow.files import model_sha256

QUANTIZABLE = frozenset(QDQRegistry) | frozenset(QLinearOpsRegistry)
"""Operators that ONNX Runtime's static quantiser handles."""
_FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}


def collect(
    baseline: Path, batches: Iterable[dict[str, np.ndarray]], threads: int, *, histograms: bool = False
) -> Ranges:
    """Run ``batches`` through the baseline and return the ranges of its activations.

    Memory does not grow with the number of rows. Without ``histograms`` the pass costs less, and the ranges
    are only for the calibration method minmax. Raises ModelError where the baseline cannot be read or run, or
    where an activation is NaN.
    """
    model = read_structure(baseline)
    seen = {name: _Tensor(name, histograms) for name in needed_tensors(model)}
    fed = {value.name for value in graph_inputs(model)}
    fetched = [name for name in seen if name not in fed]
    proto = with_outputs(model, fetched)
    session = TimedSession(open_proto(proto, baseline.parent, options(threads)), baseline)
    axes, rows = row_axes(session.session, inside=True), 0
    with ThreadPoolExecutor(threads) as pool:  # idle while the session's own threads run
        spread = map if threads == 1 else pool.map
        for inputs in batches:
            arrays = _activations(session, axes, fetched, inputs) | {
                name: inputs[name] for name in fed & seen.keys()
            }
            list(spread(_Tensor.add, (seen[name] for name in arrays), arrays.values()))
            rows += row_count(inputs)
            del arrays  # the next run may use their memory again
    minmax = {name: tensor.minmax for name, tensor in sorted(seen.items()) if tensor.minmax is not None}
    bounded = {name: ends for name, ends in minmax.items() if ends.bounded}
    counted = {name: counts for name in bounded if (counts := seen[name].histogram)}
    return Ranges(model_sha256(baseline), rows, bounded, counted, frozenset(minmax.keys() - bounded.keys()))


def _activations(
    session: TimedSession, axes: RowsFirst, names: list[str], inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Run one batch; raise ModelError with ONNX Runtime's complaint in one line."""
    if not names:  # given no names, a session returns every output
        return {}
    values = session.run(names, axes.fed(inputs), "calibration rows")
    rows = row_count(inputs)
    return {name: axes.given(name, value, rows) for name, value in zip(names, values, strict=True)}


class _Tensor:
    """Statistics of one tensor over the batches so far."""

    def __init__(self, name: str, histogram: bool) -> None:
        self._name = name
        self.minmax: MinMax | None = None
        self.histogram = Histogram.empty() if histogram else None

    def add(self, values: np.ndarray) -> None:
        """Add one more batch; raise ModelError where it holds NaN.

        The histogram of a tensor that reaches infinity is not continued.
        """
        part = MinMax.of(self._name, values)
        self.minmax = self.minmax.merge(part) if self.minmax else part
        if self.histogram and self.minmax.bounded:
            self.histogram.add(values, max(-part.low, part.high))


def needed_tensors(model: onnx.ModelProto) -> list[str]:
    """Return the names of the float activations around quantisable operators, in graph order.

    A tensor that only a Relu or Clip reads is left out: ONNX Runtime's quantiser gives it the range of the
    clipped tensor, and as an output of the graph it would prevent the fusion of the pair.
    """
    types = _float_activations(model)
    clipped = set(clipped_inputs(model))
    around = chain.from_iterable(
        (*node.input, *node.output) for node in model.graph.node if node.op_type in QUANTIZABLE
    )
    return list(dict.fromkeys(name for name in around if name in types and name not in clipped))


def _float_activations(model: onnx.ModelProto) -> set[str]:
    graph = model.graph
    initializers = {tensor.name for tensor in graph.initializer}
    values = chain(graph.value_info, graph.output, graph.input)
    return {v.name for v in values if v.type.tensor_type.elem_type in _FLOATS and v.name not in initializers}
