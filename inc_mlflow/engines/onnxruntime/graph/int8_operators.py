"""The operators of a model that quantise, or compute with integers of eight bits."""

from collections import Counter

import onnx

from inc_mlflow.engines.onnxruntime.graph.model_file import all_nodes

_CONVERTING = {"QuantizeLinear", "DynamicQuantizeLinear"}
_COMPUTING = {
    "DynamicQuantizeLSTM",
    "DynamicQuantizeMatMul",
    "MatMulIntegerToFloat",
    "QGemm",
    "MatMulInteger",
    "ConvInteger",
    "QAttention",
}


def int8_operators(model: onnx.ModelProto) -> dict[str, int]:
    """Return how many there are of each, most first.

    Those that only convert are counted where none computes, as in models of QuantizeLinear and
    DequantizeLinear, whose computing operators keep their names.
    """
    counts = Counter(node.op_type for node in all_nodes(model))
    computing = {name: count for name, count in counts.most_common() if _computes(name)}
    return computing or {name: count for name, count in counts.most_common() if name in _CONVERTING}


def _computes(operator: str) -> bool:
    return operator in _COMPUTING or operator.startswith("QLinear")
