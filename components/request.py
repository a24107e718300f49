"""KFP shell over ``inc_mlflow.steps.judge.request``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def request(
    job: str,
    root: str,
    tracking_uri: str,
    champion: dsl.Input[dsl.Model],
    judgement: dsl.Input[dsl.Artifact],
    tracking: dsl.Input[dsl.Artifact],
    request: dsl.Output[dsl.Artifact],
) -> None:
    """Ask the gate, which has an identity of its own, to promote the best candidate."""
    from pathlib import Path

    from inc_mlflow.reports.preview import facts
    from inc_mlflow.steps.judge.request import request_promotion
    from inc_mlflow.steps.step import load_job

    inputs = {
        "champion": Path(champion.path),
        "judgement": Path(judgement.path),
        "tracking": Path(tracking.path),
    }
    record = request_promotion(load_job(job, root, tracking_uri=tracking_uri), Path(request.path), **inputs)
    request.metadata.update(facts(record))
