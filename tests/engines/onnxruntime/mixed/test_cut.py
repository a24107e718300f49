"""The cut against all assignments of small graphs, one after the other."""

from itertools import product

import numpy as np
import onnx
import pytest
from onnx import helper

from inc_mlflow.engines.onnxruntime.graph.network import Network
from inc_mlflow.engines.onnxruntime.mixed.costs import Costs
from inc_mlflow.engines.onnxruntime.mixed.cut import Errors, best_assignment, predicted
from inc_mlflow.engines.onnxruntime.mixed.units import find_units
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment
from tests.support.graphs import model

SHAPE = [1, 8, 8]
WEIGHTS = {"w": np.ones((8, 8), "f4"), "one": np.array(1, "f4")}


def node(kind, inputs, output):
    return helper.make_node(kind, inputs, [output], name=f"n_{output}")


def branching():
    """Six units: two readers of one tensor, a move, a number, a join, and one that is not covered."""
    nodes = [
        node("MatMul", ["x", "w"], "a"),
        node("Tanh", ["a"], "t"),
        node("Add", ["a", "one"], "s"),
        node("Transpose", ["s"], "m"),
        node("MatMul", ["t", "w"], "b"),
        node("Add", ["m", "b"], "y"),
    ]
    made = model(nodes, WEIGHTS, {"x": SHAPE}, {"y": SHAPE, "a": SHAPE}, 17)
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, SHAPE) for name in "tsmb"]
    made.graph.value_info.extend(values)
    return find_units(Network(made))


def drawn_costs(units, generator):
    """Times of microseconds, some conversions for nothing."""
    names, tensors = [unit.name for unit in units.units], units.tensors()
    costs = Costs(dict.fromkeys(tensors, 64))
    for known in (costs.fp32, costs.int8):
        known.update({name: float(generator.integers(1, 40)) * 1e-6 for name in names})
    costs.dynamic.update(
        {one.name: float(generator.integers(1, 40)) * 1e-6 for one in units.units if one.dynamic}
    )
    for known in (costs._quantize, costs._dequantize):
        known.update({name: float(generator.integers(0, 15)) * 1e-6 for name in tensors})
    errors = Errors(
        {name: float(generator.random()) for name in tensors},
        {name: float(generator.random()) for name in names},
        {name: float(generator.random()) for name in names},
    )
    return costs, errors


def all_assignments(units, able):
    """Yield every choice of FP32, INT8 and, for products, dynamic scales."""
    states = [
        ("fp32", *(["int8"] if unit in able else []), *(["dynamic"] if unit.dynamic else []))
        for unit in units.units
    ]
    for chosen in product(*states):
        named = list(zip((unit.name for unit in units.units), chosen, strict=True))
        yield Assignment(
            *(frozenset(name for name, state in named if state == one) for one in ("int8", "dynamic"))
        )


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("price", [0.0, 3e-6, 1e-4])
def test_no_other_assignment_has_less_time_and_error(seed, price):
    units = branching()
    costs, errors = drawn_costs(units, np.random.default_rng(seed))
    able = [unit for unit in units.units if unit.kind.value != "other"]

    def worth(assignment):
        seconds, error = predicted(units, costs, errors, assignment)
        return seconds + price * error

    best = min(map(worth, all_assignments(units, able)))
    found = best_assignment(units, able, costs, errors, price)
    assert worth(found) == pytest.approx(best, abs=1e-8)
    assert found.int8 <= {unit.name for unit in able}


def test_the_same_numbers_give_the_same_assignment():
    units = branching()
    costs, errors = drawn_costs(units, np.random.default_rng(7))
    first = best_assignment(units, units.units, costs, errors, 1e-6)
    again, other = branching(), Costs(dict(reversed(costs.sizes.items())))
    for ours, theirs in ((other.fp32, costs.fp32), (other.int8, costs.int8), (other.dynamic, costs.dynamic)):
        ours.update(dict(reversed(theirs.items())))
    other._quantize.update(costs._quantize)
    other._dequantize.update(costs._dequantize)
    assert best_assignment(again, again.units, other, errors, 1e-6) == first


def test_a_price_beyond_all_time_leaves_everything_in_fp32():
    units = branching()
    costs, errors = drawn_costs(units, np.random.default_rng(1))
    assert best_assignment(units, units.units, costs, errors, 10.0) == Assignment()


def test_a_unit_without_a_time_in_int8_stays():
    units = branching()
    costs, errors = drawn_costs(units, np.random.default_rng(1))
    costs.int8.clear()
    assert not best_assignment(units, units.units, costs, errors, 0.0).int8
