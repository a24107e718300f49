"""Frozen graphs in ``.pb`` files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tensorflow.frozen_graph import FrozenGraph, all_nodes
from inc_mlflow.sources.tensorflow.model_part import model_part
from inc_mlflow.sources.tensorflow.named_ends import ends_by_name

VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp"})


def load_graph_file(path: Path, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> FrozenGraph:
    """Return the model of a frozen graph; without names, its inputs and outputs are found.

    Raises ModelError where it cannot be read, is not frozen, or the names are not there.
    """
    from tensorflow.core.framework.graph_pb2 import GraphDef

    where = f"model: {path}"
    whole = parsed(GraphDef(), path, "a frozen graph")
    if not whole.node:
        raise ModelError(f"{where}: a graph without nodes; a SavedModel is given as its folder")
    named = ends_by_name(where, whole, inputs, outputs)
    graph, notes = model_part(where, whole, named.tensors)
    if variables := [node.name for node in all_nodes(graph) if node.op in VARIABLES]:
        raise ModelError(
            f"{where}: not frozen: {variables[0]!r} is a variable; give the checkpoint or the SavedModel"
        )
    return named.frozen(graph, notes)


def parsed(message: Any, path: Path, what: str) -> Any:
    """Read a protobuf file into ``message``; raise ModelError where the file holds something else."""
    try:
        message.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise ModelError(f"model: {path}: not {what}: it cannot be parsed as protobuf") from error
    except OSError as error:
        raise ModelError(f"model: {path}: {error.strerror}") from error
    return message
