"""Load a model to measure it: what cannot run on this kind of machine costs itself alone, no other model."""

from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import LoadedModel, RunSettings
from inc_mlflow.errors import ModelError
from inc_mlflow.records import Model, is_baseline
from inc_mlflow.registry.engines import ENGINES


def load_model(model: Model, settings: RunSettings, batch: Arrays | None) -> LoadedModel | str:
    """Return the model in memory, or in words why its engine refuses to load or to run it here.

    A candidate runs ``batch`` once: some kernels are chosen at the first call, and are missing only then.
    Raises ModelError where a baseline is not loaded: without it nothing can be judged.
    """
    try:
        loaded = ENGINES.get(model.engine).load(Path(model.path), settings)
        if batch is not None and not is_baseline(model.label):
            loaded(batch)
    except ModelError as error:
        if is_baseline(model.label):
            raise
        return str(error).removeprefix(f"{model.path}: ")
    return loaded
