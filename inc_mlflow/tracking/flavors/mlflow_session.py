"""Models that MLflow itself loaded by its onnx flavour: the session behind them, watched as our own are."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from inc_mlflow.engines.engine import LoadedModel
from inc_mlflow.engines.onnxruntime.runtime.runner import LoadedSession, Runner
from inc_mlflow.engines.onnxruntime.runtime.session import tensor_specs
from inc_mlflow.errors import HardwareError, ModelError
from inc_mlflow.records import TensorSpec

EVALUATOR = "evaluator inc_mlflow"


@dataclass(frozen=True)
class EvaluatedModel:
    """A loaded model, its inputs, and what of ONNX Runtime runs it."""

    loaded: LoadedModel
    inputs: tuple[TensorSpec, ...]
    provider: str


def loaded_by_mlflow(model: Any, name: str) -> EvaluatedModel:
    """Return the model behind one of MLflow's; ModelError where it is not of the onnx flavour."""
    found = None
    # Functions, predictions without a model and served models have none.
    with suppress(AttributeError, NotImplementedError):
        found = model.get_raw_model()
    if not isinstance(found, onnxruntime.InferenceSession):
        raise ModelError(
            f"{EVALUATOR}: {name} is not of MLflow's onnx flavour; log it with mlflow.onnx.log_model"
        )
    return EvaluatedModel(LoadedSession(name, found), tensor_specs(found), found.get_providers()[0])


def baseline_of(given: str, evaluated: EvaluatedModel) -> EvaluatedModel:
    """Load the baseline for the provider that the model runs on: across providers no drop is the model's.

    ``given`` is an ``.onnx`` file, or any model URI that MLflow loads. Raises ModelError where it cannot be
    loaded, HardwareError where it was logged for another provider.
    """
    if given.endswith(".onnx"):
        runner = Runner(Path(given), threads=0, provider=evaluated.provider)
        return EvaluatedModel(runner, evaluated.inputs, evaluated.provider)
    import mlflow

    try:
        baseline = loaded_by_mlflow(mlflow.pyfunc.load_model(given), "the baseline")
    except (mlflow.MlflowException, OSError) as error:
        raise ModelError(
            f"evaluator_config.baseline: MLflow cannot load {given!r}: {' '.join(str(error).split())}"
        ) from error
    if baseline.provider != evaluated.provider:
        raise HardwareError(
            f"{EVALUATOR}: the model runs by {evaluated.provider}, the baseline by {baseline.provider}; "
            "log both with the same providers"
        )
    return baseline
