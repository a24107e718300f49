"""KFP shell over ``inc_mlflow.steps.quantize``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def quantize(
    job: str,
    root: str,
    baseline: dsl.Input[dsl.Model],
    ranges: dsl.Input[dsl.Artifact],
    candidates: dsl.Output[dsl.Model],
) -> None:
    """Write one INT8 candidate per recipe of the job."""
    from pathlib import Path

    from inc_mlflow.steps.quantize import quantize
    from inc_mlflow.steps.stage import located

    quantize(located(job, root), Path(candidates.path), baseline=Path(baseline.path), ranges=Path(ranges.path))
