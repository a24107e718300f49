"""Tensors that only a Relu or Clip reads: a quantised one may take the range behind the clipping."""

import onnx

from inc_mlflow.engines.onnxruntime.graph.captured import captured_tensors

CLIPPING = frozenset({"Relu", "Clip"})


def clipped_inputs(model: onnx.ModelProto) -> dict[str, str]:
    """Map each tensor whose only reader is a Relu or Clip to the output of that operator.

    Outputs of the graph and tensors that a subgraph reads are left out.
    """
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    needed = {value.name for value in model.graph.output} | captured_tensors(model)
    return {
        name: nodes[0].output[0]
        for name, nodes in readers.items()
        if len(nodes) == 1
        and nodes[0].op_type in CLIPPING
        and nodes[0].input[0] == name
        and name not in needed
    }


def last_clipped(model: onnx.ModelProto) -> dict[str, str]:
    """Map the same tensors to the output of the last Relu or Clip in a row, whose range holds for all."""
    clipped = clipped_inputs(model)
    last = {}
    for name, output in clipped.items():
        while output in clipped:
            output = clipped[output]
        last[name] = output
    return last
