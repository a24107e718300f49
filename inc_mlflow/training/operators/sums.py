"""Operators that sum over axes: products of matrices, reductions, normalisations."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from inc_mlflow.training.operators.call import Operator, OperatorCall


def gemm(call: OperatorCall) -> Tensor:
    """Return alpha A B + beta C."""
    a = call[0].t() if call.attribute("transA", 0) else call[0]
    b = call[1].t() if call.attribute("transB", 0) else call[1]
    product: Tensor = call.attribute("alpha", 1.0) * (a @ b)
    c = call.optional(2)
    return product if c is None else product + call.attribute("beta", 1.0) * c


def einsum(call: OperatorCall) -> Tensor:
    """By the equation of the node."""
    found: Tensor = torch.einsum(call.attributes["equation"], *call.given())
    return found


def batch_normalization(call: OperatorCall) -> Tensor:
    """By stored mean and variance, which are not trained."""
    if call.attribute("training_mode", 0):
        raise ValueError("it is in training mode")
    x, scale, shift, mean, variance = (call[position] for position in range(5))
    epsilon = call.attribute("epsilon", 1e-5)
    return functional.batch_norm(x, mean, variance, scale, shift, training=False, eps=epsilon)


def layer_normalization(call: OperatorCall) -> Tensor:
    """Over the axes from ``axis`` on."""
    x = call[0]
    axis = int(call.attribute("axis", -1)) % x.dim()
    axes = list(range(axis, x.dim()))
    centred = x - x.mean(axes, keepdim=True)
    variance = (centred * centred).mean(axes, keepdim=True)
    scaled = centred / torch.sqrt(variance + call.attribute("epsilon", 1e-5)) * call[1]
    shift = call.optional(2)
    return scaled if shift is None else scaled + shift


def instance_normalization(call: OperatorCall) -> Tensor:
    """Over the axes behind batch and channels."""
    return functional.instance_norm(
        call[0], weight=call[1], bias=call[2], eps=call.attribute("epsilon", 1e-5)
    )


def softmax(call: OperatorCall) -> Tensor:
    """Along ``axis``, by the rule since version 13."""
    return call[0].softmax(int(call.attribute("axis", -1)))


def log_softmax(call: OperatorCall) -> Tensor:
    """Along ``axis``, by the rule since version 13."""
    return call[0].log_softmax(int(call.attribute("axis", -1)))


def _reduction(function: Callable[[Tensor, list[int], bool], Tensor]) -> Operator:
    """Return a reduction over axes that are an operand or an attribute; without any, over all."""

    def reduced(call: OperatorCall) -> Tensor:
        axes = call.integers("axes", 1)
        if not axes:
            if call.attribute("noop_with_empty_axes", 0):
                return call[0]
            axes = list(range(call[0].dim()))
        return function(call[0], axes, bool(call.attribute("keepdims", 1)))

    return reduced


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def _extreme(call: OperatorCall, function: Callable[[Tensor, int, bool], Tensor]) -> Tensor:
    """Return the position of the first largest or smallest value."""
    axis, keep = int(call.attribute("axis", 0)), bool(call.attribute("keepdims", 1))
    if call.attribute("select_last_index", 0):
        raise ValueError("the last of several equal values is not supported")
    return function(call[0], axis, keep)


def cumulated(call: OperatorCall) -> Tensor:
    """Sums of the values so far."""
    if call.attribute("exclusive", 0) or call.attribute("reverse", 0):
        raise ValueError("exclusive or reversed sums are not supported")
    return call[0].cumsum(int(call[1]))


SUMS: dict[str, Operator] = {
    "ArgMax": lambda call: _extreme(call, lambda x, axis, keep: x.argmax(axis, keep)),
    "ArgMin": lambda call: _extreme(call, lambda x, axis, keep: x.argmin(axis, keep)),
    "BatchNormalization": batch_normalization,
    "CumSum": cumulated,
    "Einsum": einsum,
    "Gemm": gemm,
    "InstanceNormalization": instance_normalization,
    "LayerNormalization": layer_normalization,
    "LogSoftmax": log_softmax,
    "MatMul": lambda call: call[0] @ call[1],
    "ReduceL1": _reduction(lambda x, axes, keep: x.abs().sum(axes, keepdim=keep)),
    "ReduceL2": _reduction(lambda x, axes, keep: (x * x).sum(axes, keepdim=keep).sqrt()),
    "ReduceLogSumExp": _reduction(lambda x, axes, keep: x.logsumexp(axes, keepdim=keep)),
    "ReduceMax": _reduction(lambda x, axes, keep: x.amax(axes, keepdim=keep)),
    "ReduceMean": _reduction(lambda x, axes, keep: x.mean(axes, keepdim=keep)),
    "ReduceMin": _reduction(lambda x, axes, keep: x.amin(axes, keepdim=keep)),
    "ReduceProd": _reduction(_product),
    "ReduceSum": _reduction(lambda x, axes, keep: x.sum(axes, keepdim=keep)),
    "ReduceSumSquare": _reduction(lambda x, axes, keep: (x * x).sum(axes, keepdim=keep)),
    "Softmax": softmax,
}
"""Name -> operator."""
