"""KFP shell over ``inc_mlflow.steps.report.track``.

KFP takes no list of artifacts that the tasks of a fixed graph made.
"""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def track(
    job: str,
    root: str,
    tracking_uri: str,
    session: str,
    baseline: dsl.Input[dsl.Model],
    candidates: dsl.Input[dsl.Model],
    judgement: dsl.Input[dsl.Artifact],
    tracking: dsl.Output[dsl.Artifact],
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
    """Log runs, models, numbers and evidence to MLflow."""
    from pathlib import Path

    from inc_mlflow.reports.preview import facts
    from inc_mlflow.steps.report.track import track
    from inc_mlflow.steps.step import load_job

    given = [record_1, record_2, record_3, record_4, record_5, record_6]
    given += [record_7, record_8, record_9, record_10, record_11, record_12]
    inputs = {
        "baseline": Path(baseline.path),
        "candidates": Path(candidates.path),
        "judgement": Path(judgement.path),
    }
    records = [Path(record.path) for record in given if record]
    place = load_job(job, root, tracking_uri=tracking_uri)
    tracking.metadata.update(
        facts(track(place, Path(tracking.path), **inputs, records=records, session=session))
    )
