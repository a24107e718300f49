"""Which nodes of a candidate add error: one pass over a few rows, tensors of baseline and candidate side by side."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.errors import ModelError
from inc_mlflow.ort.model import read_structure, with_outputs
from inc_mlflow.ort.runner import Arrays, fixed_batch, padded
from inc_mlflow.ort.session import BASIC, RUNTIME_ERRORS, one_line, open_proto, options


def sensitivity(baseline: Path, candidate: Path, batches: Iterable[Arrays]) -> dict[str, float]:
    """Return the noise that each quantised node of a QDQ or dynamic candidate adds, by the baseline's names, most first.

    Noise is the mean square of the difference to the baseline's tensor, relative to that tensor; a node adds what its
    output has more than its noisiest input.
    """
    reference, quantized = read_structure(baseline), read_structure(candidate)
    nodes = _quantized_nodes(reference, quantized)
    names = sorted({name for node in nodes for name in (*node.input, *node.output)} & _float_tensors(reference, quantized))
    noise = _noise(names, (reference, baseline), (quantized, candidate), batches)
    added = {node.name: _added(node, noise) for node in nodes}
    return dict(sorted(added.items(), key=lambda item: -item[1]))


def _quantized_nodes(reference: onnx.ModelProto, quantized: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Nodes that read a DequantizeLinear in the candidate, or are not in it any more: other operators do their work."""
    restored = {node.output[0] for node in quantized.graph.node if node.op_type == "DequantizeLinear"}
    fed = {node.name for node in quantized.graph.node if restored & set(node.input)}
    kept = {node.name for node in quantized.graph.node}
    return [node for node in reference.graph.node if node.name in fed or node.name not in kept]


def _float_tensors(reference: onnx.ModelProto, quantized: onnx.ModelProto) -> set[str]:
    """Activations that both models have under the same name: the quantiser keeps the names of float tensors."""
    produced = [{name for node in model.graph.node for name in node.output} for model in (reference, quantized)]
    floats = {v.name for v in reference.graph.value_info if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    return produced[0] & produced[1] & floats


def _noise(
    names: list[str],
    reference: tuple[onnx.ModelProto, Path],
    quantized: tuple[onnx.ModelProto, Path],
    batches: Iterable[Arrays],
) -> dict[str, float]:
    sessions = [
        open_proto(with_outputs(model, names), path.parent, options(1, BASIC)) for model, path in (reference, quantized)
    ]
    batch = fixed_batch(value.shape for value in sessions[0].get_inputs())
    signal, error = np.zeros(len(names)), np.zeros(len(names))
    for inputs in batches:
        try:
            true, found = (session.run(names, padded(inputs, batch)) for session in sessions)
        except RUNTIME_ERRORS as failure:
            raise ModelError(f"{quantized[1]}: onnxruntime cannot run it: {one_line(failure)}") from failure
        signal += [float(np.square(one, dtype=np.float64).sum()) for one in true]
        error += [float(np.square(a - b, dtype=np.float64).sum()) for a, b in zip(true, found, strict=True)]
    return dict(zip(names, (error / np.maximum(signal, np.finfo(float).tiny)).tolist(), strict=True))


def _added(node: onnx.NodeProto, noise: dict[str, float]) -> float:
    before = max((noise[name] for name in node.input if name in noise), default=0.0)
    return max((noise[name] for name in node.output if name in noise), default=0.0) - before
