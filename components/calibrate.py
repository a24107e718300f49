"""KFP shell over ``inc_mlflow.steps.prepare.calibrate``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def calibrate(job: str, root: str, baseline: dsl.Input[dsl.Model], ranges: dsl.Output[dsl.Artifact]) -> None:
    """Collect the activation ranges that static recipes need."""
    from pathlib import Path

    from inc_mlflow.reports.preview import facts
    from inc_mlflow.steps.prepare.calibrate import calibrate
    from inc_mlflow.steps.step import load_job

    ranges.metadata.update(
        facts(calibrate(load_job(job, root), Path(ranges.path), baseline=Path(baseline.path)))
    )
