"""KFP shell over ``inc_mlflow.steps.compress.quantize``.

KFP takes no list of artifacts that the tasks of a fixed graph made.
"""

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
    stage_1: dsl.Input[dsl.Model] = None,
    stage_2: dsl.Input[dsl.Model] = None,
    stage_3: dsl.Input[dsl.Model] = None,
    stage_4: dsl.Input[dsl.Model] = None,
    stage_5: dsl.Input[dsl.Model] = None,
    stage_6: dsl.Input[dsl.Model] = None,
    stage_7: dsl.Input[dsl.Model] = None,
    stage_8: dsl.Input[dsl.Model] = None,
) -> None:
    """Write one INT8 candidate per recipe of the job, or those that a search on this pool finds."""
    from pathlib import Path

    from inc_mlflow.reports.preview import preview
    from inc_mlflow.steps.compress.quantize import quantize
    from inc_mlflow.steps.step import load_job

    given = [stage_1, stage_2, stage_3, stage_4, stage_5, stage_6, stage_7, stage_8]
    stages = [Path(one.path) for one in given if one]
    inputs = {"baseline": Path(baseline.path), "ranges": Path(ranges.path)}
    record = quantize(load_job(job, root, pool), Path(candidates.path), **inputs, stages=stages)
    preview(record, about=candidates, markdown=summary)
