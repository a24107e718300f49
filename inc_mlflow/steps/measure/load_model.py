"""Load a model to measure it: what cannot run on this kind of machine costs itself alone, no other model."""

from pathlib import Path

from inc_mlflow.engines.engine import LoadedModel, RunSettings
from inc_mlflow.errors import ModelError
from inc_mlflow.records import Model, is_baseline
from inc_mlflow.registry.engines import ENGINES


def load_model(model: Model, settings: RunSettings) -> LoadedModel | str:
    """Return the model in memory, or in words why its engine refuses to load it here.

    Raises ModelError where that is a baseline: without it nothing can be judged.
    """
    try:
        return ENGINES.get(model.engine).load(Path(model.path), settings)
    except ModelError as error:
        if is_baseline(model.label):
            raise
        return str(error).removeprefix(f"{model.path}: ")
