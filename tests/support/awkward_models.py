"""Small models whose rows are not where most models have them, with a job's data and what it says of axes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, HIDDEN, CLASSES = 16, 32, 8
_Shape = Sequence[int | str]


@dataclass(frozen=True)
class Awkward:
    """``row`` gives a batch of one row, in the form of data; the metric reads ``output``."""

    model: onnx.ModelProto
    row: Callable[[np.random.Generator], dict[str, np.ndarray]]
    axes: dict[str, int | None] | None = None
    output: str = "y"
    layout: str = "1s1c1ins1bs"
    shape: tuple[int, ...] = (1, CLASSES)
    """Of the output, as a metric gets it for one row."""
    more: dict[str, Any] = field(default_factory=dict)


def stateful(names: bool = True) -> Awkward:
    """A step of a recurrent model: state (layers, rows, size), a scalar rate, the next state as an output."""
    rows: str | int = "batch" if names else 1
    nodes = [
        _node("Mul", "x", "rate", to="scaled"),
        _node("MatMul", "scaled", "w1", to="h"),
        _node("ReduceSum", "state", "first", to="memory", keepdims=0),
        _node("Add", "h", "memory", to="sum"),
        _node("Tanh", "sum", to="next"),
        _node("MatMul", "next", "w2", to="y"),
        _node("Unsqueeze", "next", "first", to="one"),
        _node("Concat", "one", "state", to="two", axis=0),
        _node("Slice", "two", "first", "twice", "first", to="stateN"),
    ]
    inputs = {"x": [rows, WIDTH], "state": [2, rows, HIDDEN], "rate": []}
    model = _model(nodes, inputs, {"y": [rows, CLASSES], "stateN": [2, rows, HIDDEN]})

    def row(rng: np.random.Generator) -> dict[str, np.ndarray]:
        state = rng.normal(0, 1, (1, 2, HIDDEN)).astype("f4")
        return {"x": _normal(rng, 1, WIDTH), "state": state, "rate": np.float32(0.5)}

    if names:
        return Awkward(model, row, layout="1s1c1ins4bs")
    return Awkward(model, row, {"state": 1, "stateN": 1})


def time_first() -> Awkward:
    """Time comes before the rows in input and output; the names do not say so."""
    nodes = [*_layers("x", "y")]
    model = _model(nodes, {"x": ["t", "n", WIDTH]}, {"y": ["t", "n", CLASSES]})
    return Awkward(model, _sequence(5), {"x": 1}, layout="1s1c1ins4bs", shape=(1, 5, CLASSES))


def time_first_output() -> Awkward:
    """Only the output has time before the rows, without names."""
    nodes = [*_layers("x", "z"), _node("Transpose", "z", to="y", perm=[1, 0, 2])]
    model = _model(nodes, {"x": ["n", 5, WIDTH]}, {"y": [5, None, CLASSES]})
    return Awkward(model, _sequence(5), {"y": 1}, shape=(1, 5, CLASSES))


def without_rows() -> Awkward:
    """One call is one row: points (any, 16) in, points out."""
    model = _model([*_layers("x", "y")], {"x": ["points", WIDTH]}, {"y": ["points", CLASSES]})
    return Awkward(model, _sequence(7), {"x": None}, shape=(1, 7, CLASSES))


def fixed_table() -> Awkward:
    """A table that is an input, the same for all rows and given once."""
    nodes = [_node("MatMul", "x", "table", to="z"), *_layers("z", "y")]
    model = _model(nodes, {"x": ["n", 3], "table": [3, WIDTH]}, {"y": ["n", CLASSES]})
    table = np.random.default_rng(3).normal(0, 1, (3, WIDTH)).astype("f4")
    return Awkward(
        model, lambda rng: {"x": _normal(rng, 1, 3), "table": table}, {"table": None}, layout="1s1c1ins4bs"
    )


def other_lengths() -> Awkward:
    """Rows of different length."""
    nodes = [*_layers("x", "z"), _node("ReduceMean", "z", to="y", axes=[1], keepdims=0)]
    model = _model(nodes, {"x": ["n", "t", WIDTH]}, {"y": ["n", CLASSES]})
    return Awkward(model, lambda rng: {"x": _normal(rng, 1, int(rng.choice([4, 6, 9])), WIDTH)})


def _sequence(length: int) -> Callable[[np.random.Generator], dict[str, np.ndarray]]:
    return lambda rng: {"x": _normal(rng, 1, length, WIDTH)}


def _layers(given: str, result: str) -> list[onnx.NodeProto]:
    return [
        _node("MatMul", given, "w1", to=f"{result}_h"),
        _node("Relu", f"{result}_h", to=f"{result}_r"),
        _node("MatMul", f"{result}_r", "w2", to=result),
    ]


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(0, 1, shape).astype("f4")


def _node(kind: str, *given: str, to: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, given, [to], **attributes)


def _model(
    nodes: list[onnx.NodeProto], inputs: dict[str, _Shape], outputs: dict[str, Sequence[int | str | None]]
) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    weights = {
        "w1": rng.normal(0, 0.3, (WIDTH, HIDDEN)).astype("f4"),
        "w2": rng.normal(0, 0.3, (HIDDEN, CLASSES)).astype("f4"),
        "first": np.array([0]),
        "twice": np.array([2]),
    }
    read = {name for node in nodes for name in node.input}
    given, made = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in values.items()]
        for values in (inputs, outputs)
    )
    kept = [numpy_helper.from_array(value, name) for name, value in weights.items() if name in read]
    graph = helper.make_graph(nodes, "graph", given, made, kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


MODELS: dict[str, Callable[[], Awkward]] = {
    "a state and a scalar, by names": stateful,
    "a state and a scalar, all sizes fixed": lambda: stateful(names=False),
    "time first": time_first,
    "time first in the output alone": time_first_output,
    "no rows": without_rows,
    "a table beside the rows": fixed_table,
    "rows of other lengths": other_lengths,
}
