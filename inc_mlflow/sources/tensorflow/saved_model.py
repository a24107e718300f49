"""SavedModels: a folder with graphs, their signatures, and the values of their variables."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tensorflow.frozen_graph import FrozenGraph
from inc_mlflow.sources.tensorflow.graph_file import parsed
from inc_mlflow.sources.tensorflow.model_part import model_part
from inc_mlflow.sources.tensorflow.named_ends import signature_ends
from inc_mlflow.sources.tensorflow.restore import restored_graph

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

GRAPHS = "saved_model.pb"
VALUES = Path("variables", "variables")
SERVE = ("serve",)


def load_saved_model(folder: Path, signature: str | None = None, tags: Sequence[str] = SERVE) -> FrozenGraph:
    """Return the model behind a signature.

    Its objects are not made again, as ``tf.saved_model.load`` would: a saved optimizer cannot spoil it.
    Raises ModelError where it cannot be read.
    """
    where = f"model: {folder}"
    meta_graph = _tagged(folder, tags)
    named = signature_ends(where, meta_graph, signature)
    if (folder / f"{VALUES}.index").is_file():
        return named.frozen(*restored_graph(where, meta_graph, str(folder / VALUES), named.tensors))
    graph, notes = model_part(where, meta_graph.graph_def, named.tensors)
    return named.frozen(graph, notes)


def _tagged(folder: Path, tags: Sequence[str]) -> "MetaGraphDef":
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = folder / GRAPHS
    if not path.is_file():
        raise ModelError(f"model: {folder}: no SavedModel: it has no {GRAPHS}")
    graphs = parsed(SavedModel(), path, "a SavedModel").meta_graphs
    for one in graphs:
        if set(one.meta_info_def.tags) == set(tags):
            return one
    there = "; ".join(", ".join(one.meta_info_def.tags) for one in graphs)
    raise ModelError(f"model: {folder}: no graph has the `tags` {', '.join(tags)}; there are {there}")
