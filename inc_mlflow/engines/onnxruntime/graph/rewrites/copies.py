"""Give each reader of a weight or bias its own copy where one set of scales cannot serve all.

A quantised bias has the scale of its layer's input times that of its weights, and a weight has one scale for
each output channel, which lie on another axis in a transposed reading. The bound of a Clip or the scales of a
Resize must not be rounded with the operand of an Add.
"""

from pathlib import Path

import onnx

from inc_mlflow.engines.onnxruntime.graph.renaming import all_names, unused
from inc_mlflow.engines.onnxruntime.graph.rewrites.rewrite import Rewrite
from inc_mlflow.engines.onnxruntime.graph.uses import Use, Uses

_LAYERS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_RECURRENT = {"LSTM": (1, 2)}
"""Positions of weights that the quantiser lays out anew for each layer and input."""
_NORMALIZATIONS = {"BatchNormalization", "InstanceNormalization", "LayerNormalization"}
_OPERANDS = {"Add", "Concat", "Div", "Max", "Min", "Mul", "Sub", "Where"}
"""Operators whose constants are rounded as activations are."""
_WEIGHTS, _BIAS = 1, 2


def _copy(model: onnx.ModelProto, _folder: Path) -> onnx.ModelProto | None:
    uses, taken, changed = Uses(model), all_names(model), False
    for tensor in list(model.graph.initializer):
        groups: dict[object, list[Use]] = {}
        for use in uses.of(tensor.name):
            groups.setdefault(_scales(use, len(tensor.dims)), []).append(use)
        shared = [group for key, group in groups.items() if key is not None]
        keeps = None in groups or uses.elsewhere(tensor.name)  # others go on reading the original
        for group in shared if keeps else shared[1:]:
            name = unused(tensor.name, taken)
            own = model.graph.initializer.add()
            own.CopyFrom(tensor)  # an external tensor refers to the same bytes
            own.name = name
            for use in group:
                use.node.input[use.position] = name
            changed = True
    return model if changed else None


def _scales(use: Use, rank: int) -> object | None:
    """Return a key that is equal for uses which can share scales; None for those that need none."""
    node = use.node
    if use.position in _RECURRENT.get(node.op_type, ()):
        return ("recurrent", node.output[0] or node.output[1], use.position)
    if node.op_type in _NORMALIZATIONS:
        return ("normalization", node.output[0], use.position)
    if node.op_type in _OPERANDS:
        return ("operand",)
    if node.op_type not in _LAYERS or rank == 0:
        return None
    if use.position == _BIAS:
        return ("bias", node.output[0])
    if use.position != _WEIGHTS:
        return ("left", node.op_type)
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    if node.op_type == "Conv" or (node.op_type == "Gemm" and transposed):
        return ("channels", 0)
    return ("channels", 1 if node.op_type in {"ConvTranspose", "Gemm"} else rank - 1)


COPIES = Rewrite("copies", _copy)
