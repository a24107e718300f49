"""Experiments: the one of a job, and all that this identity may read."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from inc_mlflow.tracking.server.connection import Server
from inc_mlflow.tracking.server.get_or_create import get_or_create

if TYPE_CHECKING:
    from mlflow import MlflowClient

_GIVEN = "MLFLOW_RUN_ID"
"""Variable that names a run which somebody else opened for this process, as Kubeflow's MLflow plugin does."""


def given_run() -> str | None:
    """Return the run that somebody opened for this process.

    Call it before any run ends: MLflow forgets it then.
    """
    return os.environ.get(_GIVEN)


def experiment_of(client: "MlflowClient", server: Server) -> str | None:
    """Return the experiment of the run that somebody opened for this process, else the job's, or None."""
    if given := given_run():
        return str(client.get_run(given).info.experiment_id)
    found = client.get_experiment_by_name(server.experiment)
    return None if found is None else str(found.experiment_id)


def all_experiments(client: "MlflowClient") -> Iterator[str]:
    """Yield every experiment that this identity may read."""
    token = None
    while True:
        page = client.search_experiments(page_token=token)
        yield from (str(one.experiment_id) for one in page)
        if not (token := page.token):
            return


def ensure_experiment(client: "MlflowClient", server: Server) -> str:
    """Return the same, created once where it does not exist."""
    return get_or_create(
        lambda: experiment_of(client, server),
        lambda: str(client.create_experiment(server.experiment, artifact_location=server.artifacts)),
    )
