"""KFP shell over ``inc_mlflow.steps.prepare.calibrate_shards``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def calibrate_shard(
    job: str, root: str, shard: str, baseline: dsl.Input[dsl.Model], ranges: dsl.Output[dsl.Artifact]
) -> None:
    """Collect the activation ranges of one shard of the calibration rows, "1/4" as the first of four."""
    from pathlib import Path

    from inc_mlflow.reports.preview import facts
    from inc_mlflow.steps.prepare.calibrate_shards import calibrate_shard
    from inc_mlflow.steps.step import load_job

    record = calibrate_shard(
        load_job(job, root), Path(ranges.path), baseline=Path(baseline.path), shard=shard
    )
    ranges.metadata.update(facts(record))
