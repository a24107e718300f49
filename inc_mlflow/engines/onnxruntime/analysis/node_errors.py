"""Which nodes of a candidate add error: one pass over a few rows compares its tensors with the baseline's."""

from collections.abc import Iterable
from itertools import tee
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
from inc_mlflow.engines.onnxruntime.runtime.intermediate_values import intermediate_values
from inc_mlflow.engines.onnxruntime.runtime.session import BASIC

_Side = tuple[onnx.ModelProto, Path]


def node_errors(baseline: Path, candidate: Path, batches: Iterable[Arrays]) -> dict[str, float]:
    """Return by name the noise that each quantised node of a QDQ or dynamic candidate adds, largest first.

    Names are those of the baseline. The noise of a tensor is the mean square of its difference to the
    baseline's tensor, relative to that tensor. A node adds the noise of its output less that of its noisiest
    input. Raises ModelError where a model does not run.
    """
    reference, quantized = read_structure(baseline), read_structure(candidate)
    nodes = _quantized_nodes(reference, quantized)
    names = sorted(
        {name for node in nodes for name in (*node.input, *node.output)}
        & _float_tensors(reference, quantized)
    )
    noise = _noise(names, ((reference, baseline), (quantized, candidate)), batches)
    added = {node.name: _added(node, noise) for node in nodes}
    return dict(sorted(added.items(), key=lambda item: -item[1]))


def _quantized_nodes(reference: onnx.ModelProto, quantized: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the nodes that read a DequantizeLinear in the candidate, or are replaced there."""
    restored = {node.output[0] for node in quantized.graph.node if node.op_type == "DequantizeLinear"}
    fed = {node.name for node in quantized.graph.node if restored & set(node.input)}
    kept = {node.name for node in quantized.graph.node}
    return [node for node in reference.graph.node if node.name in fed or node.name not in kept]


def _float_tensors(reference: onnx.ModelProto, quantized: onnx.ModelProto) -> set[str]:
    """Return the activations that both models have: the quantiser keeps the names of float tensors."""
    produced = [
        {name for node in model.graph.node for name in node.output} for model in (reference, quantized)
    ]
    floats = {
        v.name for v in reference.graph.value_info if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    return produced[0] & produced[1] & floats


def _noise(names: list[str], models: tuple[_Side, _Side], batches: Iterable[Arrays]) -> dict[str, float]:
    signal, error = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    rows = zip(
        *(
            intermediate_values(model, path.parent, part, names, 1, BASIC)
            for (model, path), part in zip(models, tee(batches), strict=True)
        ),
        strict=True,
    )
    for (_, true), (_, found) in rows:
        for name in (name for name in names if true[name].shape == found[name].shape):
            signal[name] += float(np.square(true[name], dtype=np.float64).sum())
            error[name] += float(np.square(true[name] - found[name], dtype=np.float64).sum())
    return {name: error[name] / signal[name] for name in names if 0 < signal[name] < np.inf}


def _added(node: onnx.NodeProto, noise: dict[str, float]) -> float:
    before = max((noise[name] for name in node.input if name in noise), default=0.0)
    return max((noise[name] for name in node.output if name in noise), default=0.0) - before
