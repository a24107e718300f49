"""The names that a model gives its inputs and outputs: by a signature, or as nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.signature import chosen_signature
from inc_mlflow.sources.tensorflow.frozen_graph import FrozenGraph, shown_name
from inc_mlflow.sources.tensorflow.placeholders import Ends, find_ends

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef


@dataclass(frozen=True)
class NamedEnds:
    """Name -> tensor of inputs and outputs, in the model's order."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def tensors(self) -> Ends:
        """The tensors alone."""
        return Ends(tuple(self.inputs.values()), tuple(self.outputs.values()))

    def frozen(self, graph: "GraphDef", notes: Sequence[str]) -> FrozenGraph:
        """Return a graph under these names."""
        return FrozenGraph(graph, self.inputs, self.outputs, notes)


def ends_by_name(where: str, graph: "GraphDef", inputs: Sequence[str], outputs: Sequence[str]) -> NamedEnds:
    """Return the ends of a graph under their nodes' names; raise as ``find_ends``."""
    ends = find_ends(where, graph, inputs, outputs)
    return NamedEnds(
        {shown_name(tensor): tensor for tensor in ends.inputs},
        {shown_name(tensor): tensor for tensor in ends.outputs},
    )


def signature_ends(where: str, meta_graph: "MetaGraphDef", name: str | None) -> NamedEnds:
    """Return a signature's ends; raise ModelError where it is not clear which, or they are not dense."""
    there = {key: one for key, one in meta_graph.signature_def.items() if one.inputs and one.outputs}
    signature = there[chosen_signature(where, name, list(there))]
    return NamedEnds(_dense(where, signature.inputs), _dense(where, signature.outputs))


def _dense(where: str, infos: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> tensor, sorted by name: a signature has no order."""
    for name, info in infos.items():
        if not info.name:
            raise ModelError(f"{where}: {name!r} is no dense tensor; export a signature of dense tensors")
    return {name: infos[name].name for name in sorted(infos)}
