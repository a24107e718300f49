"""KFP shell over ``inc_mlflow.steps.judge.promote``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def promote(
    job: str,
    root: str,
    tracking_uri: str,
    champion: dsl.Input[dsl.Model],
    judgement: dsl.Input[dsl.Artifact],
    tracking: dsl.Input[dsl.Artifact],
    promotion: dsl.Output[dsl.Artifact],
) -> None:
    """Register the best candidate's logged model and point the champion's alias at it."""
    from pathlib import Path

    from inc_mlflow.reports.preview import facts
    from inc_mlflow.steps.judge.promote import promote_best
    from inc_mlflow.steps.step import load_job

    inputs = {
        "champion": Path(champion.path),
        "judgement": Path(judgement.path),
        "tracking": Path(tracking.path),
    }
    record = promote_best(load_job(job, root, tracking_uri=tracking_uri), Path(promotion.path), **inputs)
    promotion.metadata.update(facts(record))
