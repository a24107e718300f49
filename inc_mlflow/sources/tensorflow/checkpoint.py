"""TensorFlow 1 checkpoints: a graph with its training, and the values of its variables."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tensorflow.checkpoint_files import checkpoint_files, checkpoint_prefix
from inc_mlflow.sources.tensorflow.frozen_graph import FrozenGraph, shown_name
from inc_mlflow.sources.tensorflow.graph_file import parsed
from inc_mlflow.sources.tensorflow.named_ends import NamedEnds, ends_by_name, signature_ends
from inc_mlflow.sources.tensorflow.placeholders import found_outputs, some
from inc_mlflow.sources.tensorflow.restore import restored_graph

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef


def load_checkpoint(path: Path, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> FrozenGraph:
    """Return the model of a checkpoint, up to its outputs.

    Without ``outputs`` the graph must have a signature. Raises ModelError where it cannot be read.
    """
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    where = f"model: {path}"
    meta_graph = parsed(MetaGraphDef(), checkpoint_files(path)[0], "a checkpoint's graph")
    named = _ends(where, meta_graph, inputs, outputs)
    return named.frozen(*restored_graph(where, meta_graph, checkpoint_prefix(path), named.tensors))


def _ends(where: str, meta_graph: "MetaGraphDef", inputs: Sequence[str], outputs: Sequence[str]) -> NamedEnds:
    if outputs:
        return ends_by_name(where, meta_graph.graph_def, inputs, outputs)
    if meta_graph.signature_def:
        return signature_ends(where, meta_graph, None)
    found = [shown_name(tensor) for tensor in found_outputs(meta_graph.graph_def)]
    raise ModelError(
        f"{where}: name its `outputs`: the graph holds its training too, and ends in {some(found)}"
    )
