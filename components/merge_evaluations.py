"""KFP shell over ``inc_mlflow.steps.measure.evaluate_shards``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def merge_evaluations(
    job: str,
    root: str,
    pool: str,
    shards: dsl.Input[list[dsl.Artifact]],
    evaluation: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    summary: dsl.Output[dsl.Markdown],
) -> None:
    """Merge the shards of one pool to the metric and the outcomes of one pass over all validation rows."""
    from pathlib import Path

    from inc_mlflow.reports.preview import preview
    from inc_mlflow.steps.measure.evaluate_shards import merge_evaluations
    from inc_mlflow.steps.step import load_job

    directories = [Path(shard.path) for shard in shards]
    record = merge_evaluations(load_job(job, root, pool), Path(evaluation.path), shards=directories)
    preview(record, about=evaluation, metrics=metrics, markdown=summary)
