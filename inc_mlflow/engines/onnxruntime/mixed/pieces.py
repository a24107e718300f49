"""Nodes and constants of a graph that is being written."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from inc_mlflow.engines.onnxruntime.graph.renaming import all_names, unused


class Pieces:
    """Collects nodes and constants under names that the model does not have yet."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._tensors = all_names(model)
        self._nodes = {node.name for node in model.graph.node}

    def tensor(self, name: str) -> str:
        """Return a new name for a tensor, like ``name``."""
        return unused(name, self._tensors)

    def constant(self, name: str, values: np.ndarray) -> str:
        """Add a constant and return its name."""
        own = self.tensor(name)
        self.constants.append(numpy_helper.from_array(values, own))
        return own

    def add(
        self, op_type: str, inputs: Sequence[str], output: str, name: str, axis: int | None = None
    ) -> None:
        """Add a node that the baseline does not have, as a conversion."""
        node = helper.make_node(op_type, inputs, [output], name=unused(name, self._nodes))
        if axis is not None:
            node.attribute.append(helper.make_attribute("axis", axis))
        self.nodes.append(node)

    def replace(self, node: onnx.NodeProto, inputs: Sequence[str], output: str) -> None:
        """Add a node of the baseline that keeps its name and attributes, with other tensors."""
        own = onnx.NodeProto()
        own.CopyFrom(node)
        own.input[:] = inputs
        own.output[:] = [output]
        self.nodes.append(own)

    def put(
        self, op_type: str, inputs: Sequence[str], output: str, node: onnx.NodeProto, domain: str = ""
    ) -> None:
        """Add another operator under the name of a node of the baseline, in its place."""
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=node.name, domain=domain))

    def keep(self, node: onnx.NodeProto) -> None:
        """Add a node of the baseline as it is."""
        self.nodes.append(node)
