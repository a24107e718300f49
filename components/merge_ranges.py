"""KFP shell over ``inc_mlflow.steps.prepare.calibrate_shards``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def merge_ranges(
    job: str, root: str, shards: dsl.Input[list[dsl.Artifact]], ranges: dsl.Output[dsl.Artifact]
) -> None:
    """Merge the ranges of all shards to those of one pass over all rows."""
    from pathlib import Path

    from inc_mlflow.reports.preview import facts
    from inc_mlflow.steps.prepare.calibrate_shards import merge_ranges
    from inc_mlflow.steps.step import load_job

    directories = [Path(shard.path) for shard in shards]
    ranges.metadata.update(facts(merge_ranges(load_job(job, root), Path(ranges.path), shards=directories)))
