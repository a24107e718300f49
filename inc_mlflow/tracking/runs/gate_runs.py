"""Runs of the gate, each in an experiment of its own whose name nobody can take beforehand."""

import uuid
from typing import TYPE_CHECKING

from inc_mlflow.tracking.server.get_or_create import get_or_create

if TYPE_CHECKING:
    from mlflow import MlflowClient

OWNER = {"inc.owner": "inc_mlflow"}
_NOTE = "mlflow.note.content"


def create_gate_run(client: "MlflowClient", name: str, role: str, note: str) -> tuple[str, str]:
    """Create an experiment and its only run for a registered model; return both ids.

    Both are created once, though answers get lost.
    """
    title = f"{name} {role} {uuid.uuid4().hex[:8]}"
    tags = OWNER | {_NOTE: note, "inc.role": role}
    experiment_id = get_or_create(
        lambda: _experiment(client, title), lambda: str(client.create_experiment(title, tags=tags))
    )
    run_id = get_or_create(
        lambda: _first_run(client, experiment_id),
        lambda: str(client.create_run(experiment_id, tags=tags, run_name=role).info.run_id),
    )
    client.set_terminated(run_id, "FINISHED")
    return experiment_id, run_id


def _experiment(client: "MlflowClient", title: str) -> str | None:
    made = client.get_experiment_by_name(title)
    return None if made is None else str(made.experiment_id)


def _first_run(client: "MlflowClient", experiment_id: str) -> str | None:
    return min((str(run.info.run_id) for run in client.search_runs([experiment_id])), default=None)
