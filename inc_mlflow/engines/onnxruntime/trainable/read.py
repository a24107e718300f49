"""Read a QDQ candidate, or a baseline, as a graph that can be trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.initializers import values
from inc_mlflow.engines.onnxruntime.graph.model_file import graph_inputs, np_dtype, subgraphs
from inc_mlflow.engines.onnxruntime.graph.topological import sort_nodes
from inc_mlflow.engines.onnxruntime.trainable.roundings import (
    Roundings,
    StoredBias,
    StoredWeight,
    constants_of,
)
from inc_mlflow.engines.trainable import (
    ActivationScale,
    Operation,
    RoundedBias,
    RoundedWeight,
    Rounding,
    TrainableGraph,
)
from inc_mlflow.errors import ModelError

_SUFFIX = "_quantized"
"""What the quantiser adds to the name of a weight."""
_NEAR = 0.501
"""Steps between a weight and its rounding; more is no rounding of it, but a weight that was changed."""


def read_trainable(candidate: Path, baseline: Path) -> TrainableGraph:
    """Return a candidate's graph; its weights are those of the baseline where it is their rounding.

    Raises ModelError where the graph has parts that cannot be trained.
    """
    model = onnx.load(candidate)
    sort_nodes(model)
    roundings, folder = Roundings(model, candidate.parent), candidate.parent
    known = {tensor.name: tensor for tensor in onnx.load(baseline).graph.initializer}
    passed = roundings.passed_on
    steps = [_step(node, roundings, folder) for node in model.graph.node if _is_step(node, roundings)]
    stored: list[StoredWeight | StoredBias] = [*roundings.weights.values(), *roundings.biases.values()]
    own = {name for one in stored for name in (one.integers, one.steps)}
    return TrainableGraph(
        steps=tuple(steps),
        constants={name: array for name, array in constants_of(model, folder).items() if name not in own},
        weights={
            name: _weight(one, roundings, known, baseline.parent) for name, one in roundings.weights.items()
        },
        biases={name: _bias(one, roundings) for name, one in roundings.biases.items()},
        scales={
            name: one for rounded in roundings.activations for name, one in (_scale(rounded, roundings),)
        },
        inputs=tuple(value.name for value in graph_inputs(model)),
        outputs={value.name: passed.get(value.name, value.name) for value in model.graph.output},
    )


def _is_step(node: onnx.NodeProto, roundings: Roundings) -> bool:
    if node.op_type == "Constant":
        return False
    return node.op_type == "QuantizeLinear" or not roundings.rounds(node)


def _step(node: onnx.NodeProto, roundings: Roundings, folder: Path) -> Operation | Rounding:
    passed = roundings.passed_on
    inputs = tuple(passed.get(name, name) for name in node.input)
    if node.op_type == "QuantizeLinear":
        return Rounding(inputs[0], node.output[0], roundings.scale_of(node.output[0]))
    if any(True for _ in subgraphs(node)):
        raise ModelError(f"node {node.name!r}: {node.op_type} has graphs of its own and cannot be trained")
    operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
    attributes = {one.name: _plain(one, node, folder) for one in node.attribute}
    return Operation(node.name or node.output[0], operator, inputs, tuple(node.output), attributes)


def _plain(one: onnx.AttributeProto, node: onnx.NodeProto, folder: Path) -> Any:
    """Return an attribute as plain data; the number of a type becomes NumPy's name."""
    if one.name in ("to", "dtype") and one.type == onnx.AttributeProto.INT:
        return np_dtype(one.i, f"node {node.name!r}").name
    value = onnx.helper.get_attribute_value(one)
    if isinstance(value, onnx.TensorProto):
        return values(value, folder)
    if isinstance(value, bytes):
        return value.decode()
    return list(value) if one.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS) else value


def _scale(rounded: str, roundings: Roundings) -> tuple[str, ActivationScale]:
    name, node = roundings.scale_of(rounded), roundings.activations[rounded]
    has = len(node.input) > 2 and node.input[2]
    zero = roundings.array(node.input[2]) if has else np.zeros((), np.uint8)
    limits = np.iinfo(zero.dtype)
    step = float(roundings.array(name).reshape(()))
    return name, ActivationScale(step, int(zero.reshape(())), int(limits.min), int(limits.max))


def _bias(one: StoredBias, roundings: Roundings) -> RoundedBias:
    steps = roundings.array(one.steps)
    return RoundedBias((roundings.array(one.integers) * steps).astype(np.float32), one.scale, one.weight)


def _weight(
    one: StoredWeight, roundings: Roundings, known: Mapping[str, onnx.TensorProto], folder: Path
) -> RoundedWeight:
    integers = roundings.array(one.integers)
    steps = one.spread(roundings.array(one.steps), integers.ndim).astype(np.float32)
    stored = roundings.array(one.zero_points) if one.zero_points else np.zeros((), integers.dtype)
    zero_points = one.spread(stored, integers.ndim).astype(np.int32)
    rounded = ((integers.astype(np.int32) - zero_points) * steps).astype(np.float32)
    limits = np.iinfo(integers.dtype)
    source = known.get(one.integers.removesuffix(_SUFFIX))
    exact = values(source, folder) if source is not None else rounded
    if exact.shape != rounded.shape or not _is_rounding(exact, rounded, steps):
        exact = rounded  # the start has changed the weight before it was rounded
    return RoundedWeight(
        exact.astype(np.float32), steps, zero_points, int(limits.min), int(limits.max), one.layer
    )


def _is_rounding(exact: np.ndarray, rounded: np.ndarray, steps: np.ndarray) -> bool:
    """Tell whether a tensor is another one's rounding; a narrow range clips its largest values by a step."""
    distance = np.abs(exact - rounded) / steps
    return bool(np.quantile(distance, 0.99) <= _NEAR and distance.max() <= 2)
