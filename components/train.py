"""KFP shell over ``inc_mlflow.steps.compress.train``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def train(
    job: str,
    root: str,
    pool: str,
    stage: str,
    baseline: dsl.Input[dsl.Model],
    previous: dsl.Input[dsl.Model],
    trained: dsl.Output[dsl.Model],
) -> None:
    """Change the source's module by one stage of the job's chains, and import what comes of it."""
    from pathlib import Path

    from inc_mlflow.reports.preview import facts
    from inc_mlflow.steps.compress.train import train
    from inc_mlflow.steps.step import load_job

    inputs = {"baseline": Path(baseline.path), "previous": Path(previous.path)}
    place = load_job(job, root, pool, output=trained.uri)
    record = train(place, Path(trained.path), **inputs, stage=stage)
    trained.metadata.update(facts(record))
