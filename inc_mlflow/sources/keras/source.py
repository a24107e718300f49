"""The source of Keras files."""

from pathlib import Path

from inc_mlflow.callables import load_callable, source_file, user_code
from inc_mlflow.remote import local_path
from inc_mlflow.sources.keras.options import KerasModel
from inc_mlflow.sources.source import OpenedSource
from inc_mlflow.sources.tensorflow.environment import prepare_tensorflow
from inc_mlflow.sources.tensorflow.opened_graph import OpenedGraph

_WHERE = "model.architecture"


class KerasSource:
    """Opens what ``KerasModel`` names."""

    def open(self, spec: KerasModel, root: Path) -> OpenedSource:
        """Load the model, or its weights into what the user's function builds."""
        prepare_tensorflow()
        from inc_mlflow.sources.keras.freeze import frozen_model
        from inc_mlflow.sources.keras.load import load_keras, load_weights

        path = local_path(spec.keras, root)
        if spec.architecture is None:
            model = load_keras(path, spec.allow_lambda)
        else:
            build = load_callable(spec.architecture, root, _WHERE)
            with user_code(source_file(spec.architecture, root), _WHERE):
                built = build()
            model = load_weights(built, path)
        where = f"model: {path}"
        return OpenedGraph(where, frozen_model(where, model))


SOURCE = KerasSource()
