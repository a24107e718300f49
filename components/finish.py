"""KFP shell over ``inc_mlflow.steps.report.finish``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def finish(job: str, root: str, tracking_uri: str, session: str, said: dsl.OutputPath(str)) -> None:  # type: ignore[valid-type]
    """End the MLflow runs that a pipeline left running, however its tasks ended."""
    from pathlib import Path

    from inc_mlflow.steps.report.finish import close_runs
    from inc_mlflow.steps.step import load_job

    Path(said).write_text(close_runs(load_job(job, root, tracking_uri=tracking_uri), session))
