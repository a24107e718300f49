"""Write GELU, x (1 + erf(x / sqrt 2)) / 2 or its form with tanh, in the order that ONNX Runtime fuses.

Exporters order its factors in many ways, of which ONNX Runtime knows some.
"""

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.polynomial import (
    POLYNOMIAL,
    Polynomial,
    alike,
    polynomial,
    product,
)
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule

_ROOT, _SLOPE, _CUBIC = 2**0.5, (2 / np.pi) ** 0.5, 0.044715
_ARGUMENTS: dict[str, Polynomial] = {"Erf": {1: 1 / _ROOT}, "Tanh": {1: _SLOPE, 3: _SLOPE * _CUBIC}}
_HALF: Polynomial = {1: 0.5}
_NEAR = 12
"""Tensors before the bend among which x is looked for."""


def is_unscaled_gelu(graph: EditedGraph, name: str) -> bool:
    """Tell whether a tensor is x (1 + erf(...)) or x (1 + tanh(...)), to which the half belongs."""
    node = graph.maker(name, "Mul")
    sums = [graph.maker(one, "Add") for one in node.input] if node is not None else []
    added = [one for found in sums if found is not None for one in found.input]
    return any(graph.maker(one, "Erf", "Tanh") is not None for one in added)


def _apply(graph: EditedGraph) -> int:
    return sum(_reorder(graph, node) for node in graph.nodes("Erf", "Tanh"))


def _reorder(graph: EditedGraph, bend: onnx.NodeProto) -> bool:
    added = graph.reader(bend.output[0], "Add")
    if added is None or polynomial(graph, _other(added, bend.output[0]), bend.output[0]) != {0: 1.0}:
        return False
    argument = _ARGUMENTS[bend.op_type]
    for x in _before(graph, bend.input[0]):
        found = polynomial(graph, bend.input[0], x)
        last = _last(graph, added.output[0], x) if found is not None and alike(found, argument) else None
        if last is None or len(graph.shape(x) or ()) != len(graph.shape(last.output[0]) or (0,)):
            continue
        if not _fuses(graph, bend, added, last, x):
            _write(graph, bend.op_type, x, last)
            return True
    return False


def _before(graph: EditedGraph, name: str) -> list[str]:
    """Return the tensors of which the argument of a bend may be a polynomial."""
    found = [name]
    for one in found:
        node = graph.maker(one, *POLYNOMIAL)
        inputs = (
            [] if node is None else [given for given in node.input if graph.constant_shape(given) is None]
        )
        found += [given for given in inputs if given not in found]
        if len(found) > _NEAR:
            break
    return found[1:]


def _last(graph: EditedGraph, name: str, x: str) -> onnx.NodeProto | None:
    """Return the node behind which 1 + bend has been multiplied by x / 2."""
    total: Polynomial | None = {0: 1.0}
    while total is not None and (node := graph.reader(name, "Div", "Mul")) is not None:
        if node.op_type == "Div" and node.input[0] != name:
            return None
        factor = polynomial(graph, _other(node, name), x)
        if factor is not None and node.op_type == "Div":
            factor = {0: 1 / factor[0]} if factor.keys() == {0} else None
        total = product(total, factor) if factor is not None else None
        if total is not None and alike(total, _HALF):
            return node
        name = node.output[0]
    return None


def _fuses(
    graph: EditedGraph, bend: onnx.NodeProto, added: onnx.NodeProto, last: onnx.NodeProto, x: str
) -> bool:
    """Tell whether the factors stand in an order that ONNX Runtime knows."""
    if bend.op_type == "Erf":
        first = graph.maker(bend.input[0], "Div")
        return first is not None and first.input[0] == x
    halved = graph.maker(_other(last, added.output[0]), "Mul") if added.output[0] in last.input else None
    return halved is not None and x in halved.input and _has_power(graph, bend.input[0])


def _has_power(graph: EditedGraph, argument: str) -> bool:
    """Tell whether an argument is made of Pow, Mul, Add and Mul, as one form that ONNX Runtime knows."""
    names = [argument]
    for kind in ("Mul", "Add", "Mul"):
        makers = [node for name in names if (node := graph.maker(name, kind)) is not None]
        names = [name for node in makers for name in node.input]
    return any(graph.maker(name, "Pow") is not None for name in names)


def _write(graph: EditedGraph, kind: str, x: str, last: onnx.NodeProto) -> None:
    out, shape = last.output[0], graph.shape(last.output[0])

    def number(value: float) -> str:
        return graph.new_constant(np.array(value, np.float32), f"{out}_number")

    def add(operator: str, *inputs: str) -> str:
        return graph.add(operator, inputs, f"{out}_{operator.lower()}", shape)

    if kind == "Erf":
        argument = add("Div", x, number(_ROOT))
    else:
        cubic = add("Mul", add("Pow", x, number(3)), number(_CUBIC))
        argument = add("Mul", add("Add", x, cubic), number(_SLOPE))
    bent = add("Add", add(kind, argument), number(1))
    graph.put(last, "Mul", [add("Mul", x, number(0.5)), bent])


def _other(node: onnx.NodeProto, name: str) -> str:
    return str(node.input[1] if node.input[0] == name else node.input[0])


GELU = Rule("gelu", _apply)
