"""Runs that an execution of a job left RUNNING when it was killed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from inc_mlflow.tracking.runs.tagged_runs import KEY, PARENT, SESSION

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def end_runs(
    client: "MlflowClient", experiment_id: str, sessions: Iterable[str], status: str, alive: str = ""
) -> int:
    """End the runs that these sessions began and left running; return how many.

    Runs that others opened are left to them; the parent run ``alive`` and its children go on.
    """
    left = [run for session in sessions for run in _left(client, experiment_id, session, alive)]
    for run in left:
        client.set_terminated(run.info.run_id, status)
    return len(left)


def _left(client: "MlflowClient", experiment_id: str, session: str, alive: str) -> list["Run"]:
    found = client.search_runs([experiment_id], f"tags.`{SESSION}` = '{session}'")
    parents = [run for run in found if run.info.run_id != alive]
    children = [
        run
        for parent in parents
        for run in client.search_runs([experiment_id], f"tags.`{PARENT}` = '{parent.info.run_id}'")
    ]
    return [run for run in (*children, *parents) if run.info.status == "RUNNING" and KEY in run.data.tags]
