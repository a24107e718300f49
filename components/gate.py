"""KFP shell over ``inc_mlflow.steps.judge.gate``.

KFP takes no list of artifacts that the tasks of a fixed graph made.
"""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def gate(
    job: str,
    root: str,
    baseline: dsl.Input[dsl.Model],
    champion: dsl.Input[dsl.Model],
    candidates: dsl.Input[dsl.Model],
    judgement: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    table: dsl.Output[dsl.HTML],
    verdict: dsl.OutputPath(str),  # type: ignore[valid-type]
    record_1: dsl.Input[dsl.Artifact],
    record_2: dsl.Input[dsl.Artifact] = None,
    record_3: dsl.Input[dsl.Artifact] = None,
    record_4: dsl.Input[dsl.Artifact] = None,
    record_5: dsl.Input[dsl.Artifact] = None,
    record_6: dsl.Input[dsl.Artifact] = None,
    record_7: dsl.Input[dsl.Artifact] = None,
    record_8: dsl.Input[dsl.Artifact] = None,
    record_9: dsl.Input[dsl.Artifact] = None,
    record_10: dsl.Input[dsl.Artifact] = None,
    record_11: dsl.Input[dsl.Artifact] = None,
    record_12: dsl.Input[dsl.Artifact] = None,
) -> None:
    """Judge every candidate by the records of all pools.

    The verdict of the best is pass, fail or inconclusive.
    """
    from pathlib import Path

    from inc_mlflow.reports.preview import preview
    from inc_mlflow.steps.judge.gate import gate
    from inc_mlflow.steps.step import load_job

    given = [record_1, record_2, record_3, record_4, record_5, record_6]
    given += [record_7, record_8, record_9, record_10, record_11, record_12]
    inputs = {
        "baseline": Path(baseline.path),
        "champion": Path(champion.path),
        "candidates": Path(candidates.path),
    }
    records = [Path(record.path) for record in given if record]
    record = gate(load_job(job, root), Path(judgement.path), **inputs, records=records)
    preview(record, about=judgement, metrics=metrics, page=table)
    Path(verdict).write_text(record.verdict)
