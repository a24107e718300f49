"""Models that MLflow loaded by its onnx flavour: their sessions, with the same time limit as our own."""

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
    """A loaded model, its inputs, and the provider that runs it."""

    loaded: LoadedModel
    inputs: tuple[TensorSpec, ...]
    provider: str


def loaded_by_mlflow(model: Any, name: str) -> EvaluatedModel:
    """Return the session in one of MLflow's models; raise ModelError where it is not of the onnx flavour."""
    session = None
    # Functions, predictions without a model and served models have none.
    with suppress(AttributeError, NotImplementedError):
        session = model.get_raw_model()
    if not isinstance(session, onnxruntime.InferenceSession):
        raise ModelError(
            f"{EVALUATOR}: {name} is not of MLflow's onnx flavour; log it with mlflow.onnx.log_model"
        )
    return EvaluatedModel(LoadedSession(name, session), tensor_specs(session), session.get_providers()[0])


def baseline_of(given: str, evaluated: EvaluatedModel) -> EvaluatedModel:
    """Load the baseline for the provider of the model: between providers, a drop would not be the model's.

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
