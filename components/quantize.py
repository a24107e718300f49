"""KFP shell over ``inc_mlflow.steps.compress.quantize``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def quantize(
    job: str,
    root: str,
    pool: str,
    baseline: dsl.Input[dsl.Model],
    ranges: dsl.Input[dsl.Artifact],
    candidates: dsl.Output[dsl.Model],
    summary: dsl.Output[dsl.Markdown],
) -> None:
    """Write one INT8 candidate per recipe of the job, or those that a search on this pool finds."""
    from pathlib import Path

    from inc_mlflow.reports.preview import preview
    from inc_mlflow.steps.compress.quantize import quantize
    from inc_mlflow.steps.step import load_job

    inputs = {"baseline": Path(baseline.path), "ranges": Path(ranges.path)}
    record = quantize(load_job(job, root, pool), Path(candidates.path), **inputs)
    preview(record, about=candidates, markdown=summary)
