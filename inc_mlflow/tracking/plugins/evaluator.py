"""MLflow's entry point for evaluation. MLflow imports it, so it imports only MLflow's base classes."""

from typing import TYPE_CHECKING, Any

from mlflow.models.evaluation.base import EvaluationResult, ModelEvaluator

if TYPE_CHECKING:
    from mlflow.data.evaluation_dataset import EvaluationDataset
    from mlflow.pyfunc import PyFuncModel

NAME = "inc_mlflow"


class Int8Evaluator(ModelEvaluator):
    """``evaluators="inc_mlflow"``: one of our metrics, and the drop against a baseline, both with bounds."""

    @classmethod
    def can_evaluate(
        cls, *, model_type: str | None, evaluator_config: dict[str, Any] | None, **kwargs: Any
    ) -> bool:
        """Tell whether we were asked by name: MLflow offers every evaluation to every evaluator."""
        return model_type == NAME

    def evaluate(
        self,
        *,
        model_type: str,
        dataset: "EvaluationDataset",
        run_id: str,
        evaluator_config: dict[str, Any] | None,
        model: "PyFuncModel | None" = None,
        model_id: str | None = None,
        **unsupported: Any,
    ) -> EvaluationResult:
        """Return the metrics, and log them where MLflow does not; raise as ``evaluation.evaluate``."""
        from inc_mlflow.tracking.plugins.evaluation import evaluate

        metrics = evaluate(model, dataset, evaluator_config or {}, unsupported)
        if model_id is None:  # else MLflow logs them itself, with the model and the dataset
            _log(run_id, metrics)
        return EvaluationResult(metrics=metrics, artifacts={}, run_id=run_id)  # type: ignore[no-untyped-call]


def _log(run_id: str, metrics: dict[str, float]) -> None:
    import mlflow

    mlflow.log_metrics(metrics, run_id=run_id)
