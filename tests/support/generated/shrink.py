"""Make a failing graph smaller: fewer outputs, an earlier end, a later beginning."""

from collections.abc import Callable, Iterator

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from tests.support.generated.builder import FREE_BATCH

Rows = dict[str, np.ndarray]
Fails = Callable[[onnx.ModelProto, Rows], bool]


def shrink(model: onnx.ModelProto, rows: Rows, fails: Fails) -> tuple[onnx.ModelProto, Rows]:
    """Return a model with as few nodes as this finds that still fails; each step is tried once."""
    smaller = True
    while smaller:
        smaller = False
        for candidate, fed in _cuts(model, rows):
            if _size(candidate) < _size(model) and fails(candidate, fed):
                model, rows, smaller = candidate, fed, True
                break
    return model, rows


def _size(model: onnx.ModelProto) -> tuple[int, int]:
    return len(model.graph.node), len(model.graph.output)


def _cuts(model: onnx.ModelProto, rows: Rows) -> Iterator[tuple[onnx.ModelProto, Rows]]:
    values = _values(model, rows)
    outputs = [one.name for one in model.graph.output]
    inner = [name for name in values if name not in outputs and name not in rows]
    ends = [[name] for name in [*outputs, *inner]] + [
        [one for one in outputs if one != left] for left in outputs
    ]
    for end in sorted((end for end in ends if end), key=lambda end: len(_needed(model, set(), end))):
        yield _cut(model, rows, values, end)
    for name in reversed(inner):
        if values[name].shape[:1] == (len(next(iter(rows.values()))),) and values[name].ndim > 1:
            yield _cut(model, rows | {name: values[name]}, values, outputs)


def _values(model: onnx.ModelProto, rows: Rows) -> Rows:
    """Return what ONNX Runtime computes for each tensor of the main graph, rows along axis 0."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    named = {one.name for one in whole.graph.output}
    made = [name for node in whole.graph.node for name in node.output if name]
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made if name not in named)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(whole.SerializeToString(), settings)
    names = [one.name for one in session.get_outputs()]
    count = len(next(iter(rows.values())))
    found = [session.run(None, {key: array[i : i + 1] for key, array in rows.items()}) for i in range(count)]
    values = dict(zip(names, zip(*found, strict=True), strict=True))
    return {
        name: np.concatenate(arrays) if arrays[0].shape[:1] == (1,) else np.stack(arrays)
        for name, arrays in values.items()
        if isinstance(arrays[0], np.ndarray)
    }


def _needed(model: onnx.ModelProto, given: set[str], outputs: list[str]) -> list[onnx.NodeProto]:
    wanted, kept = set(outputs) - given, []
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(_read(node)) - given
    return kept[::-1]


def _read(node: onnx.NodeProto) -> Iterator[str]:
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _read(inner)


def _cut(
    model: onnx.ModelProto, rows: Rows, values: Rows, outputs: list[str]
) -> tuple[onnx.ModelProto, Rows]:
    nodes = _needed(model, set(rows), outputs)
    read = {name for node in nodes for name in _read(node)} | set(outputs)
    weights = [one for one in model.graph.initializer if one.name in read]
    fed = {name: array for name, array in rows.items() if name in read} or dict([next(iter(rows.items()))])
    declared = {one.name: one for one in model.graph.input}
    first = next(iter(declared.values())).type.tensor_type.shape.dim[0]
    batch = FREE_BATCH if first.dim_param else 1
    inputs = [declared.get(name) or _info(name, array, batch) for name, array in fed.items()]
    inputs += [declared[one.name] for one in weights if one.name in declared]
    known = {one.name: one for one in model.graph.output}
    ends = [known.get(name) or _info(name, values[name], batch) for name in outputs]
    graph = helper.make_graph(nodes, "shrunk", inputs, ends, weights)
    shrunk = onnx.ModelProto()
    shrunk.CopyFrom(model)
    shrunk.graph.CopyFrom(graph)
    return shrunk, fed


def _info(name: str, array: np.ndarray, batch: str | int) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, kind, [batch, *array.shape[1:]])
