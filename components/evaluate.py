"""KFP shell over ``inc_mlflow.steps.evaluate``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def evaluate(
    job: str,
    root: str,
    baseline: dsl.Input[dsl.Model],
    champion: dsl.Input[dsl.Model],
    candidates: dsl.Input[dsl.Model],
    evaluation: dsl.Output[dsl.Artifact],
) -> None:
    """Measure the metric of baseline, present champion and candidates on the same validation rows."""
    from pathlib import Path

    from inc_mlflow.steps.evaluate import evaluate
    from inc_mlflow.steps.stage import located

    models = {"baseline": baseline, "champion": champion, "candidates": candidates}
    evaluate(located(job, root), Path(evaluation.path), **{name: Path(model.path) for name, model in models.items()})
