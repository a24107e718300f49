"""KFP shell over ``inc_mlflow.steps.promote``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def promote(
    job: str,
    root: str,
    champion: dsl.Input[dsl.Model],
    judgement: dsl.Input[dsl.Artifact],
    tracking: dsl.Input[dsl.Artifact],
    promotion: dsl.Output[dsl.Artifact],
) -> None:
    """Register the best candidate's logged model and point the champion's alias at it."""
    from pathlib import Path

    from inc_mlflow.steps.promote import promote_best
    from inc_mlflow.steps.stage import located

    inputs = {"champion": champion, "judgement": judgement, "tracking": tracking}
    promote_best(located(job, root), Path(promotion.path), **{name: Path(artifact.path) for name, artifact in inputs.items()})
