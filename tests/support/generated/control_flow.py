"""If, Loop and Scan whose bodies read tensors of the graph around them, and local functions."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.support.generated.builder import GraphBuilder, Tensor
from tests.support.generated.layers import layer

FUNCTIONS = "tests.functions"
FIRST_FUNCTIONS = 8
"""First IR version with local functions."""


@layer(weight=1.5)
def branches(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """If on a condition that is constant or computed; both branches read x, one holds a layer."""
    if b.chance(0.5):
        condition = b.constant(np.array(b.chance(0.5)))
    else:
        mean = b.add("ReduceMean", [b.live[0]], (), keepdims=0)
        condition = b.nodes_of("Less", [mean, b.scalar(b.pick([-9.0, 0.0, 9.0]))], 1)[0]
    bodies = {"then_branch": _dense_body(b, x), "else_branch": _body(b, x, b.pick(["Relu", "Neg", "Tanh"]))}
    return [b.add("If", [condition], x.shape, **bodies)]


@layer(since=9)
def loop(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """Add x to a running value some times."""
    state, out, condition = b.fresh("state"), b.fresh("state"), b.fresh("condition")
    count, kept = b.fresh("count"), b.fresh("condition")
    nodes = [
        helper.make_node("Add", [state, x.name], [out]),
        helper.make_node("Identity", [condition], [kept]),
    ]
    body = helper.make_graph(
        nodes,
        "body",
        [
            helper.make_tensor_value_info(count, TensorProto.INT64, []),
            helper.make_tensor_value_info(condition, TensorProto.BOOL, []),
            helper.make_tensor_value_info(state, b.float_type, None),
        ],
        [
            helper.make_tensor_value_info(kept, TensorProto.BOOL, []),
            helper.make_tensor_value_info(out, b.float_type, None),
        ],
    )
    times, always = b.constant(np.array(2, np.int64)), b.constant(np.array(True))
    return [b.add("Loop", [times, always, x], x.shape, body=body)]


@layer(3, since=9)
def scan(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """Walk over axis 1; each step multiplies by weights of the graph around."""
    wide, out = x.shape[-1], b.pick([2, 4])
    weights, part, made = b.weight((wide, out), wide), b.fresh("part"), b.fresh("product")
    body = helper.make_graph(
        [helper.make_node("MatMul", [part, weights], [made])],
        "body",
        [helper.make_tensor_value_info(part, b.float_type, None)],
        [helper.make_tensor_value_info(made, b.float_type, None)],
    )
    attributes = {"scan_input_axes": [1], "scan_output_axes": [1], "num_scan_inputs": 1}
    return [b.add("Scan", [x], (1, x.shape[1], out), body=body, **attributes)]


@layer(2, 3)
def local_function(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """A function of the model's own: a layer whose weights are given, and a Relu."""
    if b.style.ir_version < FIRST_FUNCTIONS or b.opset < 13:
        return []
    name = "Dense"
    if not b.functions:
        nodes = [
            helper.make_node("MatMul", ["x", "w"], ["product"]),
            helper.make_node("Relu", ["product"], ["y"]),
        ]
        versions = [helper.make_opsetid("", b.opset)]
        b.functions.append(helper.make_function(FUNCTIONS, name, ["x", "w"], ["y"], nodes, versions))
        b.domains[FUNCTIONS] = 1
    wide, out = x.shape[-1], b.pick([2, 4])
    weights = b.weight((wide, out), wide)
    return [b.add(name, [x, weights], (*x.shape[:-1], out), domain=FUNCTIONS)]


def _body(b: GraphBuilder, x: Tensor, kind: str) -> onnx.GraphProto:
    out = b.fresh(kind)
    node = helper.make_node(kind, [x.name], [out])
    return helper.make_graph([node], kind, [], [helper.make_tensor_value_info(out, b.float_type, None)])


def _dense_body(b: GraphBuilder, x: Tensor) -> onnx.GraphProto:
    """A square layer; its weights are the body's own or the graph's."""
    wide, out = x.shape[-1], b.fresh("MatMul")
    own = []
    if b.chance(0.5):
        weights = b.weight((wide, wide), wide)
    else:
        weights = b.fresh("weight")
        values = (b.rng.standard_normal((wide, wide)) / wide**0.5).astype(b.style.dtype)
        own = [numpy_helper.from_array(values, weights)]
    node = helper.make_node("MatMul", [x.name, weights], [out])
    made = helper.make_tensor_value_info(out, b.float_type, None)
    return helper.make_graph([node], "dense", [], [made], own)
