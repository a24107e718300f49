"""A graph with its weights in memory, indexed by tensor: its producer, its readers, its constant value."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from inc_mlflow.engines.onnxruntime.graph.linear import Linear, as_linear
from inc_mlflow.engines.onnxruntime.graph.model_file import all_nodes
from inc_mlflow.files import external_data


class Network:
    """Index of a loaded model, for methods that change its weights; they change ``model`` in place."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.producers = {name: node for node in model.graph.node for name in node.output if name}
        self._tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in all_nodes(model):  # nodes of subgraphs may read tensors of the outer graph
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self._outputs = {value.name for value in model.graph.output}
        self._linears: dict[str, Linear | None] = {}

    def readers(self, name: str) -> list[onnx.NodeProto]:
        """Return the nodes that read a tensor; a node that reads it twice is listed twice."""
        return self._readers.get(name, [])

    def is_output(self, name: str) -> bool:
        """Tell whether a tensor is an output of the graph."""
        return name in self._outputs

    def has_one_reader(self, name: str) -> bool:
        """Tell whether exactly one node reads a tensor, and it is no output of the graph."""
        return len(self.readers(name)) == 1 and not self.is_output(name)

    def constant(self, node: onnx.NodeProto, position: int) -> np.ndarray | None:
        """Return a float32 constant that a node reads; None where the input is anything else, or missing."""
        tensor = self._tensors.get(node.input[position]) if position < len(node.input) else None
        return (
            numpy_helper.to_array(tensor)
            if tensor is not None and tensor.data_type == onnx.TensorProto.FLOAT
            else None
        )

    def replace(self, node: onnx.NodeProto, position: int, values: np.ndarray) -> None:
        """Give a node another constant; it keeps the name unless other nodes read the old constant too."""
        old = node.input[position]
        if self.has_one_reader(old):
            self._tensors[old].CopyFrom(numpy_helper.from_array(values, old))
            return
        self.readers(old).remove(node)
        name = f"{old}_{node.name}"
        while name in self._tensors or name in self.producers:
            name += "_"
        node.input[position] = name
        self._readers[name] = [node]
        self._tensors[name] = self.model.graph.initializer.add()
        self._tensors[name].CopyFrom(numpy_helper.from_array(values, name))

    def linear(self, node: onnx.NodeProto) -> Linear | None:
        """Return a node as a linear layer, the same object at each call; None where it cannot be scaled."""
        key = node.output[0]
        if key not in self._linears:
            self._linears[key] = as_linear(node, self.constant(node, 1), self.constant(node, 2))
        return self._linears[key]

    def linear_readers(self, name: str) -> tuple[Linear, ...]:
        """Return the linear layers that read a tensor, all alike in kind and channels.

        Returns nothing where anything else reads the tensor, or it is an output of the graph.
        """
        linears = [self.linear(node) if node.input[0] == name else None for node in self.readers(name)]
        layers = tuple(layer for layer in linears if layer is not None)
        kinds = {(layer.node.op_type == "Conv", layer.inputs) for layer in layers}
        alike = len(layers) == len(linears) and len(kinds) == 1
        return layers if alike and not self.is_output(name) else ()

    def save_linear(self, linear: Linear) -> None:
        """Write the weights of a layer back into the model."""
        self.replace(linear.node, 1, linear.weights)
        if linear.bias is not None:
            self.replace(linear.node, 2, linear.bias)


def save_beside(model: onnx.ModelProto, source: Path, target: Path) -> None:
    """Write a model that was read from ``source``; its weights are external where those of the source are."""
    onnx.save(
        model,
        target,
        save_as_external_data=external_data(source).exists(),
        location=external_data(target).name,
    )
