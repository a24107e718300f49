"""Find the layers that ONNX Runtime runs with 8-bit weights, in every form that a file can have."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization.quant_utils import TENSOR_NAME_QUANT_SUFFIX

from inc_mlflow.engines.onnxruntime.graph.im2col import Product
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure

_CLIPPING = {"Relu", "Clip"}


@dataclass(frozen=True)
class Form:
    """An operator with integer weights: the float operator it replaces, and the input number of each role."""

    operator: str
    roles: dict[str, int]
    pairs: bool = True
    """Whether its kernel for u8 activations and s8 weights adds pairs of products."""


_QLINEAR = {"activation": 0, "scale": 1, "zero": 2, "weights": 3, "weight_scale": 4, "weight_zero": 5}
FORMS = {
    "QLinearConv": Form("Conv", _QLINEAR | {"out_scale": 6, "out_zero": 7, "bias": 8}),
    "QLinearMatMul": Form("MatMul", _QLINEAR | {"out_scale": 6, "out_zero": 7}),
    "QGemm": Form("Gemm", _QLINEAR | {"bias": 6, "out_scale": 7, "out_zero": 8}),
    "ConvInteger": Form("Conv", {"activation": 0, "weights": 1, "zero": 2, "weight_zero": 3}, pairs=False),
    "MatMulInteger": Form("MatMul", {"activation": 0, "weights": 1, "zero": 2, "weight_zero": 3}),
    "MatMulIntegerToFloat": Form(
        "MatMul", {"activation": 0, "weights": 1, "scale": 2, "weight_scale": 3, "zero": 4, "weight_zero": 5}
    ),
    "DynamicQuantizeMatMul": Form(
        "MatMul", {"activation": 0, "weights": 1, "weight_scale": 2, "weight_zero": 3}
    ),
    "QAttention": Form(
        "MatMul", {"activation": 0, "weights": 1, "scale": 3, "weight_scale": 4, "zero": 6, "weight_zero": 7}
    ),
}
RECURRENT = {"DynamicQuantizeLSTM": (1, 2)}
"""Operators whose quantised activations are internal -> the input numbers of their weights."""


@dataclass(frozen=True)
class Layer:
    """One product of activations and constant 8-bit weights.

    The role of a tensor in the product is one of activation, scale, zero; weight_scale, weight_zero, bias;
    out_scale, out_zero. Without ``zero`` the operator quantises its own float activations. Without
    ``out_scale`` its output is float.
    """

    name: str
    operator: str
    source: str
    """Name of the FP32 weights in the model that was quantised."""
    product: Product
    computed: dict[str, str]
    """Role -> name of a tensor that the graph computes; empty where the activations are internal."""
    constants: dict[str, np.ndarray]
    """Role -> value."""
    pairs: bool
    """Whether CPUs without VNNI run it with a kernel that adds pairs of products in int16."""
    shifted: bool = False
    """Whether ONNX Runtime turns its int8 activations into uint8 on x86 by adding 128."""
    relu: bool = False
    """Whether the output is cut at zero before it is quantised."""


class QuantizedGraph:
    """Index of a quantised model: producer and readers of each tensor, and constant values.

    Raises ModelError where the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.model = read_structure(path)
        self.producers = {name: node for node in self.model.graph.node for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self._initializers = {tensor.name: tensor for tensor in self.model.graph.initializer}

    def constant(self, name: str) -> np.ndarray | None:
        """Return a constant tensor, also one quantised from a constant; None where it is computed."""
        if name in self._initializers:
            return numpy_helper.to_array(self._initializers[name], str(self.folder))
        node = self.producers.get(name)
        if node is not None and node.op_type == "QuantizeLinear":
            return self._quantized(node)
        value = attributes(node).get("value") if node is not None and node.op_type == "Constant" else None
        return value if isinstance(value, np.ndarray) else None

    def _quantized(self, node: onnx.NodeProto) -> np.ndarray | None:
        values, scale, zero = (self.constant(name) for name in [*node.input, ""][:3])
        if values is None or scale is None or zero is None:
            return None
        shape = [1] * values.ndim
        if scale.size > 1:
            shape[attributes(node).get("axis", 1)] = -1
        steps = np.rint(values / scale.reshape(shape)) + zero.reshape(shape)
        return np.asarray(np.clip(steps, np.iinfo(zero.dtype).min, np.iinfo(zero.dtype).max), zero.dtype)


def layers(graph: QuantizedGraph) -> Iterator[Layer]:
    """Yield the layers with constant 8-bit weights in graph order, without those of subgraphs."""
    for node in graph.model.graph.node:
        if node.op_type in FORMS:
            form = FORMS[node.op_type]
            yield from _layer(graph, node, form, _by_position(graph, node, form))
        elif node.op_type in RECURRENT:
            yield from _recurrent(graph, node)
        elif node.op_type in {"Conv", "MatMul", "Gemm"}:
            yield from _between_pairs(graph, node)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return a node's attributes as plain values, tensors as arrays."""
    values = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {
        name: numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
        for name, value in values.items()
    }


def _layer(
    graph: QuantizedGraph,
    node: onnx.NodeProto,
    form: Form,
    roles: dict[str, str],
    relu: bool = False,
    between: bool = False,
) -> Iterator[Layer]:
    """Yield the layer with these tensors; nothing where the weights are no constant 8-bit integers."""
    constants = {role: value for role, name in roles.items() if (value := graph.constant(name)) is not None}
    weights = constants.pop("weights", None)
    if weights is None or weights.dtype.itemsize != 1 or (form.operator != "Conv" and weights.ndim != 2):
        return
    product = Product.of(form.operator, weights, attributes(node))
    signed = "zero" in constants and constants["zero"].dtype == np.int8
    pairs = form.pairs and weights.dtype == np.int8 and not product.depthwise() and (between or not signed)
    computed = {
        role: name for role, name in roles.items() if name and role not in constants and role != "weights"
    }
    source = _source(graph, roles["weights"])
    yield Layer(
        node.name, form.operator, source, product, computed, constants, pairs, between and signed, relu
    )


def _by_position(graph: QuantizedGraph, node: onnx.NodeProto, form: Form) -> dict[str, str]:
    roles = {role: node.input[number] for role, number in form.roles.items() if number < len(node.input)}
    return roles | (_scales_behind(graph, node) if node.op_type == "MatMulInteger" else {})


def _scales_behind(graph: QuantizedGraph, node: onnx.NodeProto) -> dict[str, str]:
    """Find the scales behind a MatMulInteger.

    ONNX Runtime's quantiser writes them as Cast, Mul(., Mul(scales)).
    """
    maker = graph.producers.get(node.input[0])
    for cast in graph.readers.get(node.output[0], []):
        for multiply in graph.readers.get(cast.output[0], []):
            factors = [
                graph.producers[name]
                for name in multiply.input
                if name in graph.producers and name != cast.output[0]
            ]
            constants = [
                name for factor in factors for name in factor.input if graph.constant(name) is not None
            ]
            if constants and maker is not None and maker.op_type == "DynamicQuantizeLinear":
                return {"scale": maker.output[1], "weight_scale": constants[0]}
    return {}


def _between_pairs(graph: QuantizedGraph, node: onnx.NodeProto) -> Iterator[Layer]:
    """Yield the layer of a float operator between DequantizeLinear and QuantizeLinear: one integer kernel."""
    makers = [graph.producers.get(name) for name in node.input]
    names = [
        [*maker.input, ""][:3]
        for maker in makers
        if maker is not None and maker.op_type == "DequantizeLinear"
    ]
    quantize, relu = _quantized_output(graph, node.output[0])
    if len(names) < len(makers) or (quantize is None and node.op_type == "Conv"):
        return  # a convolution has no kernel from integers to floating point
    roles = dict(
        zip(
            ("activation", "scale", "zero", "weights", "weight_scale", "weight_zero"),
            names[0] + names[1],
            strict=True,
        )
    )
    roles |= {"bias": names[2][0]} if len(names) > 2 else {}
    roles |= (
        dict(zip(("out_scale", "out_zero"), [*quantize.input, ""][1:3], strict=True))
        if quantize is not None
        else {}
    )
    yield from _layer(graph, node, Form(node.op_type, {}), roles, relu, between=True)


def _quantized_output(graph: QuantizedGraph, name: str) -> tuple[onnx.NodeProto | None, bool]:
    """Return the QuantizeLinear behind an output, past Relu and Clip, and whether there is a Relu between."""
    relu = False
    while readers := graph.readers.get(name, []):
        if readers[0].op_type == "QuantizeLinear":
            return readers[0], relu
        if len(readers) > 1 or readers[0].op_type not in _CLIPPING:
            break
        relu |= readers[0].op_type == "Relu"
        name = readers[0].output[0]
    return None, relu


def _recurrent(graph: QuantizedGraph, node: onnx.NodeProto) -> Iterator[Layer]:
    for number in RECURRENT[node.op_type]:
        weights = graph.constant(node.input[number])
        if weights is not None:
            source = _source(graph, node.input[number])
            yield Layer(
                node.name, node.op_type, source, Product(weights, {}, None), {}, {}, weights.dtype == np.int8
            )


def _source(graph: QuantizedGraph, name: str) -> str:
    """Return the name of the FP32 weights: the input of a quantising node, or the name before the suffix."""
    node = graph.producers.get(name)
    return str(node.input[0]) if node is not None else name.removesuffix(TENSOR_NAME_QUANT_SUFFIX)
