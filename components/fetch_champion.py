"""KFP shell over ``inc_mlflow.steps.prepare.fetch_champion``."""

from kfp import dsl

from inc_mlflow.components._base import component


@component
def fetch_champion(job: str, root: str, tracking_uri: str, champion: dsl.Output[dsl.Model]) -> None:
    """Fetch the present champion, which candidates must beat on the same rows."""
    from pathlib import Path

    from inc_mlflow.reports.preview import facts
    from inc_mlflow.steps.prepare.fetch_champion import fetch_champion
    from inc_mlflow.steps.step import load_job

    record = fetch_champion(load_job(job, root, tracking_uri=tracking_uri), Path(champion.path))
    champion.metadata.update(facts(record))
