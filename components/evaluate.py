"""KFP shell over ``inc_mlflow.steps.measure.evaluate``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def evaluate(
    job: str,
    root: str,
    pool: str,
    baseline: dsl.Input[dsl.Model],
    champion: dsl.Input[dsl.Model],
    candidates: dsl.Input[dsl.Model],
    evaluation: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    summary: dsl.Output[dsl.Markdown],
) -> None:
    """Measure the metric of baseline, present champion and candidates on the same validation rows."""
    from pathlib import Path

    from inc_mlflow.reports.preview import preview
    from inc_mlflow.steps.measure.evaluate import evaluate
    from inc_mlflow.steps.step import load_job

    models = {
        "baseline": Path(baseline.path),
        "champion": Path(champion.path),
        "candidates": Path(candidates.path),
    }
    record = evaluate(load_job(job, root, pool), Path(evaluation.path), **models)
    preview(record, about=evaluation, metrics=metrics, markdown=summary)
