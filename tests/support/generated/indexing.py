"""Gather and its kin, comparisons and Where, casts."""

import numpy as np
from onnx import TensorProto

from tests.support.generated.builder import GraphBuilder, Tensor
from tests.support.generated.layers import layer


@layer()
def gather(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    axis = int(b.rng.integers(1, x.rank))
    places = b.rng.integers(0, x.shape[axis], 3)
    if b.chance(0.3) and x.rank > 2:
        index = b.constant(np.array(int(places[0]), np.int64))
        return [b.add("Gather", [x, index], (*x.shape[:axis], *x.shape[axis + 1 :]), axis=axis)]
    shape = (*x.shape[:axis], 3, *x.shape[axis + 1 :])
    return [b.add("Gather", [x, b.integers(*places.tolist())], shape, axis=axis)]


@layer(2, 3, since=11)
def gather_elements(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    if not b.style.free_batch or x.rank == 2:
        places = b.constant(b.rng.integers(0, x.shape[-1], x.shape))
        return [b.add("GatherElements", [x, places], x.shape, axis=x.rank - 1)]
    return []


@layer(since=9)
def where(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    other = b.other(x)
    if b.chance(0.5):
        condition = b.constant(b.rng.random((1, *x.shape[1:])) < 0.5)
    else:
        (condition,) = b.nodes_of(b.pick(["Less", "Greater"]), [b.live[0], b.scalar(0.0)], 1)
        if b.live[0].shape != x.shape:
            return []
        if b.chance(0.3):
            (condition,) = b.nodes_of("Not", [condition], 1)
    return [b.add("Where", [condition, x, other or b.scalar(0.25)], x.shape)]


@layer()
def casts(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """To another float type and back."""
    kind = b.pick([TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.FLOAT])
    return [b.add("Cast", [b.add("Cast", [x], x.shape, to=kind)], x.shape, to=b.float_type)]


@layer(2, 3, since=11)
def running_sum(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add("CumSum", [x, b.constant(np.array(x.rank - 1, np.int64))], x.shape)]


@layer(3, since=14)
def triangle(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add("Trilu", [x], x.shape, upper=b.pick([0, 1]))] if x.shape[-1] > 1 else []


@layer(2, since=11)
def scatter(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    places = b.constant(np.zeros((1, 1), np.int64))
    update = b.constant(np.full((1, 1), 0.5))
    return [b.add("ScatterElements", [x, places, update], x.shape, axis=1)]
