"""Bring each Gemm into the form that quantisers expect: y = a b + c, with a bias of shape (n,).

They take alpha and beta for 1, and read the channels of a bias by its first axis.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from inc_mlflow.engines.onnxruntime.graph.initializers import replace, values
from inc_mlflow.engines.onnxruntime.graph.renaming import all_names, unused
from inc_mlflow.engines.onnxruntime.graph.rewrites.rewrite import Rewrite
from inc_mlflow.engines.onnxruntime.graph.uses import Uses

_BIAS = 2


def _simplify(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto | None:
    constants = _Constants(model, folder)
    changed = [_simplified(node, constants) for node in model.graph.node if node.op_type == "Gemm"]
    if split := [node for node in model.graph.node if node.op_type == "Gemm" and _wide_bias(node, constants)]:
        _add_behind(model, split)
    return model if any(changed) or split else None


class _Constants:
    """The initialisers of a graph by name; a node's can be replaced without changing what others read."""

    def __init__(self, model: onnx.ModelProto, folder: Path) -> None:
        self._graph, self._folder = model.graph, folder
        self._tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self._uses, self._taken = Uses(model), all_names(model)

    def shape(self, node: onnx.NodeProto, position: int) -> tuple[int, ...] | None:
        """Return the shape of a constant input of a node; None where it is missing or no constant."""
        name = node.input[position] if position < len(node.input) else ""
        return tuple(self._tensors[name].dims) if name in self._tensors else None

    def values(self, node: onnx.NodeProto, position: int) -> np.ndarray:
        """Return the values of a constant input of a node."""
        return values(self._tensors[node.input[position]], self._folder)

    def replace(self, node: onnx.NodeProto, position: int, array: np.ndarray) -> None:
        """Give a node another constant."""
        name = node.input[position]
        if self._uses.once(name):
            replace(self._tensors[name], array)
            return
        node.input[position] = unused(name, self._taken)
        self._graph.initializer.append(
            numpy_helper.from_array(np.ascontiguousarray(array), node.input[position])
        )
        self._tensors[node.input[position]] = self._graph.initializer[-1]


def _simplified(node: onnx.NodeProto, constants: _Constants) -> bool:
    """Fold alpha, beta and the shape of the bias into constants; return whether anything changed."""
    alpha, beta = _float(node, "alpha"), _float(node, "beta")
    constant = next((place for place in (1, 0) if constants.shape(node, place) is not None), None)
    if folds := alpha != 1 and constant is not None:
        constants.replace(node, constant, _scaled(constants.values(node, constant), alpha))
        _drop(node, "alpha")
    shape = constants.shape(node, _BIAS)
    if shape is None:
        return folds
    channels = _channels(node, constants, shape)
    narrow = channels is not None and shape != (channels,) and shape[:-1] in {(), (1,)}
    if beta == 1 and not narrow:
        return folds
    bias = _scaled(constants.values(node, _BIAS), beta)
    if narrow and channels is not None:
        bias = np.broadcast_to(bias.reshape(-1), (channels,))
    constants.replace(node, _BIAS, bias)
    _drop(node, "beta")
    return True


def _channels(node: onnx.NodeProto, constants: _Constants, bias: tuple[int, ...]) -> int | None:
    """Return the number of output channels, as far as constants show it."""
    weights = constants.shape(node, 1)
    if weights is not None:
        return weights[0 if any(a.name == "transB" and a.i for a in node.attribute) else 1]
    return bias[-1] if bias and bias[-1] > 1 else None


def _wide_bias(node: onnx.NodeProto, constants: _Constants) -> bool:
    """Tell whether a bias has no shape (n,), so that no quantiser can add it as integers."""
    if len(node.input) <= _BIAS or not node.input[_BIAS] or _float(node, "beta") != 1:
        return False
    shape = constants.shape(node, _BIAS)
    return shape is None or len(shape) != 1 or shape != (_channels(node, constants, shape),)


def _add_behind(model: onnx.ModelProto, split: list[onnx.NodeProto]) -> None:
    """Move the bias of each of these nodes into an Add behind it."""
    taken, outputs = all_names(model), {node.output[0] for node in split}
    nodes = list(model.graph.node)
    rebuilt = []
    for node in nodes:
        rebuilt.append(node)
        if node.op_type == "Gemm" and node.output[0] in outputs:
            product = unused(f"{node.output[0]}_product", taken)
            rebuilt.append(onnx.helper.make_node("Add", [product, node.input[_BIAS]], [node.output[0]]))
            node.output[0] = product
            del node.input[_BIAS]
    del model.graph.node[:]
    model.graph.node.extend(rebuilt)


def _scaled(array: np.ndarray, factor: float) -> np.ndarray:
    return np.asarray(array * np.asarray(factor, array.dtype), array.dtype)


def _float(node: onnx.NodeProto, name: str) -> float:
    return next((float(attribute.f) for attribute in node.attribute if attribute.name == name), 1.0)


def _drop(node: onnx.NodeProto, name: str) -> None:
    keep = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend(keep)


GEMM = Rewrite("gemm", _simplify)
