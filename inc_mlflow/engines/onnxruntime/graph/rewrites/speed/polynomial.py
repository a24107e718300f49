"""Read a tensor as a polynomial of another one, whatever the order of its Mul, Add, Sub, Div, Pow and Neg."""

from collections.abc import Mapping

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph

POLYNOMIAL = ("Add", "Div", "Mul", "Neg", "Pow", "Sub")
_DEPTH = 8
_HIGHEST = 3
Polynomial = Mapping[int, float]
"""Power -> coefficient; none is zero."""


def polynomial(graph: EditedGraph, name: str, x: str, depth: int = _DEPTH) -> Polynomial | None:
    """Return a tensor as a polynomial of ``x`` up to the third power; None where it is no such."""
    if name == x:
        return {1: 1.0}
    if (number := graph.number(name)) is not None:
        return {0: number} if number else {}
    node = graph.maker(name, *POLYNOMIAL) if depth else None
    if node is None:
        return None
    parts = [polynomial(graph, one, x, depth - 1) for one in node.input]
    given = [part for part in parts if part is not None]
    return _combined(node, given) if len(given) == len(parts) else None


def product(one: Polynomial, other: Polynomial) -> Polynomial | None:
    """Return the product of two polynomials; None where its degree is too high."""
    found: dict[int, float] = {}
    for power, factor in one.items():
        for further, coefficient in other.items():
            found[power + further] = found.get(power + further, 0.0) + factor * coefficient
    return found if max(found, default=0) <= _HIGHEST else None


def alike(one: Polynomial, other: Polynomial, tolerance: float = 1e-6) -> bool:
    """Tell whether coefficients are equal but for the rounding of float32."""
    return one.keys() == other.keys() and all(np.isclose(one[p], other[p], tolerance, 0) for p in one)


def _combined(node: onnx.NodeProto, parts: list[Polynomial]) -> Polynomial | None:
    first, last = parts[0], parts[-1]
    if node.op_type == "Neg":
        return product(first, {0: -1.0})
    if node.op_type == "Mul":
        return product(first, last)
    if node.op_type == "Div":
        return product(first, {0: 1 / last[0]}) if last.keys() == {0} else None
    if node.op_type == "Pow":
        return _power(first, last)
    sign = -1.0 if node.op_type == "Sub" else 1.0
    total = dict(first)
    for power, coefficient in last.items():
        total[power] = total.get(power, 0.0) + sign * coefficient
    return {power: coefficient for power, coefficient in total.items() if coefficient}


def _power(base: Polynomial, exponent: Polynomial) -> Polynomial | None:
    if exponent.keys() != {0} or exponent[0] not in (2, 3):
        return None
    found: Polynomial | None = base
    for _ in range(int(exponent[0]) - 1):
        found = product(found, base) if found is not None else None
    return found
