"""What can be quantised in a baseline."""

from dataclasses import dataclass
from pathlib import Path

import onnx
from onnxruntime.quantization.registry import IntegerOpsRegistry

from inc_mlflow.engines.onnxruntime.calibration.clipped import clipped_inputs
from inc_mlflow.engines.onnxruntime.calibration.collect import QUANTIZABLE
from inc_mlflow.engines.onnxruntime.graph.model_file import all_nodes, read_structure


@dataclass(frozen=True)
class QuantizableNodes:
    """Operator types of a baseline, also by the method that can quantise them, and special nodes.

    ``products`` are MatMul nodes that multiply two activations. ``followers`` maps a node to the Relu or Clip
    that is the only reader of its output.
    """

    present: frozenset[str]
    static: frozenset[str]
    dynamic: frozenset[str]
    products: tuple[str, ...]
    followers: dict[str, str]


def find_quantizable(baseline: Path) -> QuantizableNodes:
    """Read the structure of a baseline; raise ModelError where it cannot be read."""
    model = read_structure(baseline)
    present = {node.op_type for node in all_nodes(model)}
    constants = {tensor.name for tensor in model.graph.initializer}
    return QuantizableNodes(
        present=frozenset(present),
        static=frozenset(present & QUANTIZABLE),
        dynamic=frozenset(present & set(IntegerOpsRegistry)),
        products=tuple(node.name for node in model.graph.node if _is_product(node, constants)),
        followers=_followers(model),
    )


def _followers(model: onnx.ModelProto) -> dict[str, str]:
    writers = {name: node.name for node in model.graph.node for name in node.output}
    return {
        writers[read]: writers[clipped] for read, clipped in clipped_inputs(model).items() if read in writers
    }


def _is_product(node: onnx.NodeProto, constants: set[str]) -> bool:
    return node.op_type == "MatMul" and not constants & set(node.input)
