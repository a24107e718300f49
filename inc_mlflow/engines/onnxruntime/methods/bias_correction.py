"""Bias correction: subtract from each bias the mean error that quantisation adds to the output channel.

Nagel, van Baalen, Blankevoort and Welling, "Data-Free Quantization Through Weight Equalization and Bias
Correction" (ICCV 2019, arXiv 1906.04721), section 4.2, with the expectation taken over calibration rows. Each
layer is measured on the activations of the FP32 model. So one pass serves all layers, and no layer corrects
again what an earlier layer corrected. Correcting layer after layer on the activations of the INT8 model takes
a pass per layer and measured no better.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import graph_inputs, read_structure
from inc_mlflow.engines.onnxruntime.runtime.intermediate_values import intermediate_values
from inc_mlflow.errors import ModelError
from inc_mlflow.files import external_data

_LAYERS = {"Conv", "Gemm", "MatMul"}
_PREFIX = "int8/"


@dataclass(frozen=True)
class _Layer:
    """A quantised layer: its nodes in baseline and candidate, and the nodes before the latter."""

    baseline: onnx.NodeProto
    candidate: onnx.NodeProto
    before: tuple[onnx.NodeProto, ...]
    bias: str
    """Name of the initialiser with the bias, as the candidate stores it."""
    scale: str | None
    """Name of the initialiser with the scale of that bias; None where the bias is float."""


def correct_biases(baseline: Path, candidate: Path, batches: Iterable[Arrays], threads: int = 1) -> int:
    """Correct the biases of ``candidate``, made from ``baseline`` in QDQ format; return the number of layers.

    Conv and Gemm with a bias are corrected, and MatMul with an Add behind it. Layers without a bias do not
    change. Memory does not grow with the number of rows. Raises ModelError for models above 2 GB.
    """
    if external_data(baseline).exists() or external_data(candidate).exists():
        raise ModelError("bias_correction: not possible for models above 2 GB; leave it out of the recipe")
    model = onnx.load(candidate)
    layers = _Finder(read_structure(baseline), model).layers()
    errors = _mean_errors(baseline, model, layers, batches, threads) if layers else {}
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for layer in layers:
        _add(tensors, layer, errors[layer.baseline.name])
    onnx.save(model, candidate)
    return len(layers)


class _Finder:
    """Matches the layers of baseline and candidate by name: quantisation keeps the names of nodes."""

    def __init__(self, baseline: onnx.ModelProto, candidate: onnx.ModelProto) -> None:
        self._baseline = {node.name: node for node in baseline.graph.node}
        self._exact = {name for node in baseline.graph.node for name in node.output} | {
            v.name for v in graph_inputs(baseline)
        }
        self._nodes = candidate.graph.node
        self._producers = {name: node for node in self._nodes for name in node.output}
        self._weights = {tensor.name: tensor for tensor in candidate.graph.initializer}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self._nodes:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)

    def layers(self) -> list[_Layer]:
        """Return the layers that can be corrected, in graph order."""
        nodes = (node for node in self._nodes if node.op_type in _LAYERS and node.name in self._baseline)
        return [layer for node in nodes if (layer := self._layer(node)) is not None]

    def _layer(self, node: onnx.NodeProto) -> _Layer | None:
        before = self._inputs(node)
        bias = self._bias(node) if before else ""
        if not bias or not self._has_one_reader(bias):
            return None
        own = self._maker(bias, "DequantizeLinear")
        stored, scale = own.input[:2] if own else (bias, None)
        if not self._has_one_reader(stored) or not self._one_per_channel(node, before[-1].input[0], stored):
            return None
        within = (own,) if own and bias in node.input else ()
        return _Layer(self._baseline[node.name], node, (*before, *within), stored, scale)

    def _inputs(self, node: onnx.NodeProto) -> tuple[onnx.NodeProto, ...]:
        """Return the nodes that quantise and dequantise the activation and dequantise the weights."""
        activation, weight = (self._maker(name, "DequantizeLinear") for name in node.input[:2])
        quantizer = self._maker(activation.input[0], "QuantizeLinear") if activation else None
        if not (quantizer and activation and weight) or quantizer.input[0] not in self._exact:
            return ()
        return (quantizer, activation, weight) if weight.input[0] in self._weights else ()

    def _maker(self, name: str, op_type: str) -> onnx.NodeProto | None:
        node = self._producers.get(name)
        return node if node is not None and node.op_type == op_type else None

    def _has_one_reader(self, name: str) -> bool:
        return len(self._readers.get(name, ())) == 1

    def _bias(self, node: onnx.NodeProto) -> str:
        """Return the name of the tensor that is added to the outputs; empty where there is none."""
        if node.op_type == "MatMul":
            return self._added(node.output[0])
        scaled = any(attribute.name == "beta" and attribute.f != 1 for attribute in node.attribute)
        return node.input[2] if len(node.input) > 2 and not scaled else ""

    def _added(self, name: str) -> str:
        """Return the name of the tensor that an Add behind adds, past a QDQ pair; empty where none does."""
        for op_type in ("QuantizeLinear", "DequantizeLinear"):
            if self._has_one_reader(name) and (reader := self._readers[name][0]).op_type == op_type:
                name = reader.output[0]
        if not self._has_one_reader(name) or (reader := self._readers[name][0]).op_type != "Add":
            return ""
        return next((other for other in reader.input if other != name), "")

    def _one_per_channel(self, node: onnx.NodeProto, weight: str, bias: str) -> bool:
        if bias not in self._weights:
            return False
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        channels = self._weights[weight].dims[0 if node.op_type == "Conv" or transposed else -1]
        dims = self._weights[bias].dims
        return bool(dims) and math.prod(dims) == dims[-1] == channels


def _mean_errors(
    baseline: Path, candidate: onnx.ModelProto, layers: list[_Layer], batches: Iterable[Arrays], threads: int
) -> dict[str, np.ndarray]:
    """Return E[FP32 - INT8] of the output channels by layer name, float64 (channels,)."""
    model = _with_quantized_layers(onnx.load(baseline), candidate, layers)
    sums = {layer.baseline.name: np.zeros(()) for layer in layers}
    names = [
        name for layer in layers for name in (layer.baseline.output[0], _PREFIX + layer.candidate.output[0])
    ]
    rows = 0
    for count, values in intermediate_values(model, baseline.parent, batches, names, threads):
        for layer in layers:
            exact, rounded = layer.baseline.output[0], _PREFIX + layer.candidate.output[0]
            error = _channel_means(layer, values[exact]) - _channel_means(layer, values[rounded])
            sums[layer.baseline.name] = sums[layer.baseline.name] + count * error
        rows += count
    return {name: total / max(rows, 1) for name, total in sums.items()}


def _with_quantized_layers(
    model: onnx.ModelProto, candidate: onnx.ModelProto, layers: list[_Layer]
) -> onnx.ModelProto:
    """Add the INT8 form of each layer to the FP32 model, fed with the FP32 activations."""
    weights = {tensor.name: tensor for tensor in candidate.graph.initializer}
    nodes = {node.output[0]: node for layer in layers for node in (*layer.before, layer.candidate)}
    made = set(nodes)
    for node in nodes.values():
        copy = onnx.NodeProto.FromString(node.SerializeToString())
        copy.name = _PREFIX + node.name
        copy.output[0] = _PREFIX + node.output[0]
        for position, name in enumerate(node.input):
            if name in weights or (name in made and node.op_type != "QuantizeLinear"):
                copy.input[position] = _PREFIX + name
        model.graph.node.append(copy)
    used = dict.fromkeys(name for node in nodes.values() for name in node.input if name in weights)
    for name in used:
        model.graph.initializer.add().CopyFrom(weights[name])
        model.graph.initializer[-1].name = _PREFIX + name
    return model


def _channel_means(layer: _Layer, values: np.ndarray) -> np.ndarray:
    channel = 1 if layer.baseline.op_type == "Conv" else values.ndim - 1
    others = tuple(axis for axis in range(values.ndim) if axis != channel)
    return np.asarray(values.mean(others, dtype=np.float64))


def _add(tensors: dict[str, onnx.TensorProto], layer: _Layer, error: np.ndarray) -> None:
    """Add the error to the stored bias, clipped to its type as by the quantiser."""
    stored = numpy_helper.to_array(tensors[layer.bias])
    if layer.scale is None:
        corrected = (stored + error).astype(stored.dtype)
    else:
        limits = np.iinfo(stored.dtype)
        steps = np.rint(error / numpy_helper.to_array(tensors[layer.scale]))
        corrected = np.clip(stored + steps, limits.min, limits.max).astype(stored.dtype)
    tensors[layer.bias].CopyFrom(numpy_helper.from_array(corrected, layer.bias))
