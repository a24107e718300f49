"""Which nodes read a tensor."""

from dataclasses import dataclass

import onnx

from inc_mlflow.engines.onnxruntime.graph.renaming import all_graphs


@dataclass(frozen=True)
class Use:
    """Input ``position`` of a node."""

    node: onnx.NodeProto
    position: int


class Uses:
    """The readers of each tensor of a graph.

    Nodes of inner graphs read tensors of the outer one by name, and so does the graph's own list of outputs.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._of: dict[str, list[Use]] = {}
        for node in model.graph.node:
            for position, name in enumerate(node.input):
                self._of.setdefault(name, []).append(Use(node, position))
        inner = [graph for graph in all_graphs(model.graph) if graph is not model.graph]
        self._elsewhere = {name for graph in inner for node in graph.node for name in node.input}
        self._elsewhere |= {value.name for graph in inner for value in graph.output}
        self._elsewhere |= {value.name for value in model.graph.output}

    def of(self, name: str) -> list[Use]:
        """Return the uses by nodes of the graph itself, in its order."""
        return self._of.get(name, [])

    def elsewhere(self, name: str) -> bool:
        """Tell whether an inner graph reads a tensor, or it is an output."""
        return name in self._elsewhere

    def once(self, name: str) -> bool:
        """Tell whether exactly one node reads a tensor, once, and nothing else does."""
        return len(self.of(name)) == 1 and not self.elsewhere(name)
