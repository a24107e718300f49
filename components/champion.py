"""KFP shell over ``inc_mlflow.steps.champion``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def fetch_champion(job: str, root: str, champion: dsl.Output[dsl.Model]) -> None:
    """Fetch the present champion, which candidates must beat on the same rows."""
    from pathlib import Path

    from inc_mlflow.steps.champion import fetch_champion
    from inc_mlflow.steps.stage import located

    fetch_champion(located(job, root), Path(champion.path))
