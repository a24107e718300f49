"""KFP shell over ``inc_mlflow.steps.track``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def track(
    job: str,
    root: str,
    baseline: dsl.Input[dsl.Model],
    candidates: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    speed: dsl.Input[dsl.Artifact],
    judgement: dsl.Input[dsl.Artifact],
    tracking: dsl.Output[dsl.Artifact],
) -> None:
    """Log runs, models, numbers and evidence to MLflow."""
    from pathlib import Path

    from inc_mlflow.steps.stage import located
    from inc_mlflow.steps.track import track

    inputs = {"baseline": baseline, "candidates": candidates, "evaluation": evaluation}
    inputs |= {"benchmark": speed, "judgement": judgement}
    track(located(job, root), Path(tracking.path), **{name: Path(artifact.path) for name, artifact in inputs.items()})
