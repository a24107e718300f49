"""How much a graph loses where every tensor is rounded to eight bits: a quantiser of a few lines to judge others by.

Each float tensor of the main graph, and each weight, is rounded on its own grid: 255 steps over the range of its
values, with zero on the grid. Nothing is fused, shared or propagated, so nothing can be lost but digits.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from inc_mlflow.arrays import Arrays

STEPS = 255
HUGE = 1e3
"""A tensor with larger or infinite values is a mask, which a quantiser leaves alone."""
LAYERS = ("Conv", "ConvTranspose", "MatMul", "Gemm", "Gather")


def rounding_error(model: onnx.ModelProto, batches: list[Arrays]) -> float:
    """Return the largest relative root mean square error of an output."""
    values = _run(_with_outputs(model), batches)
    outputs = [one.name for one in model.graph.output]
    rounded = _run(_rounded(model, values), batches)
    return max((_relative(values[name], rounded[name]) for name in outputs if name in values), default=0.0)


def _rounded(model: onnx.ModelProto, values: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Put a rounding behind every float tensor, and round the weights of layers."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    _round_weights(graph)
    nodes: list[onnx.NodeProto] = []
    renamed: dict[str, str] = {}
    for one in graph.input:
        if one.name in values:
            nodes += _rounding(graph, one.name, values[one.name], renamed)
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
        nodes.append(node)
        if node.op_type not in ("Constant", "Shape"):
            for name in node.output:
                if name in values:
                    nodes += _rounding(graph, name, values[name], renamed)
    del graph.node[:]
    graph.node.extend(nodes)
    return result


def _round_weights(graph: onnx.GraphProto) -> None:
    weights = {name for node in graph.node if node.op_type in LAYERS for name in node.input[:2]}
    for one in graph.initializer:
        if one.name in weights and one.dims:
            array = numpy_helper.to_array(one)
            if array.dtype.kind == "f":
                one.CopyFrom(numpy_helper.from_array(_on_grid(array), one.name))


def _rounding(
    graph: onnx.GraphProto, name: str, array: np.ndarray, renamed: dict[str, str]
) -> list[onnx.NodeProto]:
    """Nodes for step * floor(clip(x / step) + 0.5): operators that every opset and float type has."""
    if array.dtype.kind != "f" or not array.size or not np.abs(array).max() < HUGE:
        return []
    low, high = min(float(array.min()), 0.0), max(float(array.max()), 0.0)
    step = (high - low) / STEPS or 1.0
    stem = f"rounding/{name}"
    for key, value in {"step": step, "half": 0.5}.items():
        graph.initializer.append(numpy_helper.from_array(np.array(value, array.dtype), f"{stem}/{key}"))
    renamed[name] = f"{stem}/out"
    return [
        helper.make_node("Div", [name, f"{stem}/step"], [f"{stem}/scaled"]),
        helper.make_node("Add", [f"{stem}/scaled", f"{stem}/half"], [f"{stem}/shifted"]),
        helper.make_node("Floor", [f"{stem}/shifted"], [f"{stem}/whole"]),
        helper.make_node("Mul", [f"{stem}/whole", f"{stem}/step"], [renamed[name]]),
    ]


def _on_grid(array: np.ndarray) -> np.ndarray:
    step = np.abs(array).max() / (STEPS // 2) if array.size else 0.0
    return (np.round(array / step) * step).astype(array.dtype) if step else array


def _with_outputs(model: onnx.ModelProto) -> onnx.ModelProto:
    result = onnx.ModelProto()
    result.CopyFrom(model)
    named = {one.name for one in result.graph.output}
    made = [name for node in result.graph.node for name in node.output if name and name not in named]
    result.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    return result


def _run(model: onnx.ModelProto, batches: list[Arrays]) -> dict[str, np.ndarray]:
    """Return all outputs, and the inputs, flat, batches one after the other."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings)
    names = [one.name for one in session.get_outputs()]
    found = [batch | dict(zip(names, session.run(None, batch), strict=True)) for batch in batches]
    tensors = [name for name, value in found[0].items() if isinstance(value, np.ndarray | np.generic)]
    return {name: np.concatenate([np.ravel(one[name]) for one in found]) for name in tensors}


def _relative(true: np.ndarray, found: np.ndarray) -> float:
    if true.dtype.kind != "f":
        return 0.0
    size = float(np.sqrt(np.mean(true.astype(np.float64) ** 2)))
    return float(np.sqrt(np.mean((true.astype(np.float64) - found) ** 2))) / size
