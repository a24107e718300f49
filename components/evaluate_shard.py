"""KFP shell over ``inc_mlflow.steps.measure.evaluate_shards``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def evaluate_shard(
    job: str,
    root: str,
    pool: str,
    shard: str,
    baseline: dsl.Input[dsl.Model],
    champion: dsl.Input[dsl.Model],
    candidates: dsl.Input[dsl.Model],
    kept: dsl.Output[dsl.Artifact],
) -> None:
    """Run baseline, champion and candidates on one shard of the validation rows; "1/4" is the first."""
    from pathlib import Path

    from inc_mlflow.reports.preview import facts
    from inc_mlflow.steps.measure.evaluate_shards import evaluate_shard
    from inc_mlflow.steps.step import load_job

    models = {
        "baseline": Path(baseline.path),
        "champion": Path(champion.path),
        "candidates": Path(candidates.path),
    }
    kept.metadata.update(
        facts(evaluate_shard(load_job(job, root, pool), Path(kept.path), **models, shard=shard))
    )
