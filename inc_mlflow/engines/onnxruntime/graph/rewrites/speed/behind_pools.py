"""Move a Mul, Div, Add or Sub with a constant behind the pool that alone reads it: there is less to compute.

One number moves behind a Transpose before convolutions too: they can hold it.

Averages commute with factors, and with offsets where no zeros of a padding are averaged; maxima commute with
positive factors and all offsets.
"""

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.attributes import attribute
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.affine import (
    AFFINE,
    Affine,
    channel_values,
    read_affine,
)
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.layers import is_padded
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule

_AVERAGES = ("AveragePool", "GlobalAveragePool")
_MAXIMA = ("GlobalMaxPool", "MaxPool")


def _apply(graph: EditedGraph) -> int:
    return sum(_move(graph, node) for node in graph.nodes(*AFFINE))


def _move(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    pool = graph.reader(node.output[0], *_AVERAGES, *_MAXIMA, "Transpose")
    step = read_affine(graph, node) if pool is not None else None
    if pool is None or step is None or len(pool.output) > 1 or not _commutes(graph, pool, step):
        return False
    shape = graph.shape(step.x)
    if shape is None or (not step.is_scalar and _spatial(step, shape[1], len(shape))):
        return False
    kept = {one.name: onnx.helper.get_attribute_value(one) for one in pool.attribute}
    pooled = graph.add(
        pool.op_type, [step.x], f"{pool.output[0]}_pooled", graph.shape(pool.output[0]), **kept
    )
    operand = [pooled if name == step.x else name for name in node.input]
    graph.put(pool, node.op_type, operand)
    return True


def _commutes(graph: EditedGraph, pool: onnx.NodeProto, step: Affine) -> bool:
    if pool.op_type == "Transpose":
        return step.is_scalar and all(
            use.node.op_type in ("Conv", *AFFINE) for use in graph.uses(pool.output[0])
        )
    if pool.op_type in _MAXIMA:
        before = graph.maker(step.x, *AFFINE)
        pair = read_affine(graph, before) if before is not None else None
        # An offset stays with its factor: both together become one operator.
        both = (step, pair) if pair is not None and not pair.is_scalar else (step,)
        return all(bool((one.factor > 0).all()) for one in both)
    kernel = attribute(pool, "kernel_shape", ())
    averages_zeros = is_padded(pool, kernel) and bool(attribute(pool, "count_include_pad", 0))
    return step.scales or not averages_zeros


def _spatial(step: Affine, channels: int | None, rank: int) -> bool:
    """Tell whether a constant differs between the positions that are pooled."""
    values = (step.factor, step.offset)
    return any(channel_values(np.asarray(one), rank, 1, channels or 1) is None for one in values)


BEHIND_POOLS = Rule("constants before pools", _apply)
