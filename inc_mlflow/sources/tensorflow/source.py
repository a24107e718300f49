"""The sources of TensorFlow's own forms of a model."""

from pathlib import Path

from inc_mlflow.remote import local_path
from inc_mlflow.sources.source import OpenedSource
from inc_mlflow.sources.tensorflow.environment import prepare_tensorflow
from inc_mlflow.sources.tensorflow.opened_graph import OpenedGraph
from inc_mlflow.sources.tensorflow.options import Checkpoint, FrozenGraphFile, SavedModel


class SavedModelSource:
    """Opens what ``SavedModel`` names."""

    def open(self, spec: SavedModel, root: Path) -> OpenedSource:
        """Load the graph behind the signature."""
        prepare_tensorflow()
        from inc_mlflow.sources.tensorflow.saved_model import load_saved_model

        folder = local_path(spec.saved_model, root)
        return OpenedGraph(f"model: {folder}", load_saved_model(folder, spec.signature, spec.tags))


class FrozenGraphSource:
    """Opens what ``FrozenGraphFile`` names."""

    def open(self, spec: FrozenGraphFile, root: Path) -> OpenedSource:
        """Load the graph."""
        prepare_tensorflow()
        from inc_mlflow.sources.tensorflow.graph_file import load_graph_file

        path = local_path(spec.graph, root)
        return OpenedGraph(f"model: {path}", load_graph_file(path, spec.inputs, spec.outputs))


class CheckpointSource:
    """Opens what ``Checkpoint`` names."""

    def open(self, spec: Checkpoint, root: Path) -> OpenedSource:
        """Load the graph with its weights."""
        prepare_tensorflow()
        from inc_mlflow.sources.tensorflow.checkpoint import load_checkpoint

        path = local_path(spec.checkpoint, root)
        return OpenedGraph(f"model: {path}", load_checkpoint(path, spec.inputs, spec.outputs))


SAVED_MODEL, FROZEN_GRAPH, CHECKPOINT = SavedModelSource(), FrozenGraphSource(), CheckpointSource()
