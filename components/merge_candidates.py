"""KFP shell over ``inc_mlflow.steps.compress.merge_candidates``.

KFP takes no list of artifacts that the tasks of a fixed graph made.
"""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def merge_candidates(
    job: str,
    root: str,
    candidates: dsl.Output[dsl.Model],
    summary: dsl.Output[dsl.Markdown],
    found_1: dsl.Input[dsl.Model],
    found_2: dsl.Input[dsl.Model] = None,
    found_3: dsl.Input[dsl.Model] = None,
    found_4: dsl.Input[dsl.Model] = None,
    found_5: dsl.Input[dsl.Model] = None,
    found_6: dsl.Input[dsl.Model] = None,
) -> None:
    """Join what the searches of several pools found; equal models count once."""
    from pathlib import Path

    from inc_mlflow.reports.preview import preview
    from inc_mlflow.steps.compress.merge_candidates import merge_candidates
    from inc_mlflow.steps.step import load_job

    given = [found_1, found_2, found_3, found_4, found_5, found_6]
    found = [Path(one.path) for one in given if one]
    record = merge_candidates(load_job(job, root), Path(candidates.path), found=found)
    preview(record, about=candidates, markdown=summary)
