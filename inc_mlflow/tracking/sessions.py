"""What one execution of a job left in MLflow."""

from typing import TYPE_CHECKING

from inc_mlflow.tracking.runs import KEY, PARENT, SESSION, experiment_of
from inc_mlflow.tracking.server import Server

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def end_runs(client: "MlflowClient", server: Server, session: str) -> int:
    """End as FAILED what this session began and left running; return how many. Runs that others opened are theirs to end."""
    experiment_id = experiment_of(client, server)
    left = _left(client, experiment_id, session) if experiment_id else []
    for run in left:
        client.set_terminated(run.info.run_id, "FAILED")
    return len(left)


def _left(client: "MlflowClient", experiment_id: str, session: str) -> list["Run"]:
    parents = client.search_runs([experiment_id], f"tags.`{SESSION}` = '{session}'")
    children = [
        run for parent in parents for run in client.search_runs([experiment_id], f"tags.`{PARENT}` = '{parent.info.run_id}'")
    ]
    return [run for run in (*children, *parents) if run.info.status == "RUNNING" and KEY in run.data.tags]
