"""Wait for a run on Kubeflow, report the states of its tasks, and find its verdict."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import ClusterError, SpecError, TrackingError
from inc_mlflow.pipelines.endpoint import Endpoint
from inc_mlflow.pipelines.submit import with_server
from inc_mlflow.spec import Job
from inc_mlflow.tracking.runs.verdicts import verdict_of
from inc_mlflow.tracking.server.connection import Server

if TYPE_CHECKING:
    from inc_mlflow.pipelines.client import QuickClient

_INTERVAL = 5.0  # seconds between two requests
_PATIENCE = 300.0  # seconds without an answer: the server restarts, or a laptop changes networks
_UNFINISHED = {None, "RUNTIME_STATE_UNSPECIFIED", "PENDING", "RUNNING", "CANCELING", "PAUSED"}


def wait(endpoint: Endpoint, run: str, notify: Callable[[str], None]) -> None:
    """Return when a run has succeeded. Raises ClusterError, which names the task that failed.

    ``notify`` receives every change of a task's state.
    """
    from inc_mlflow.pipelines.client import connected_cluster

    seen: dict[str, str] = {}
    with connected_cluster(endpoint) as client:
        while (state := _look(client, run)).state in _UNFINISHED:
            _notify_changes(state, seen, notify)
            time.sleep(_INTERVAL)
    _notify_changes(state, seen, notify)
    if state.state != "SUCCEEDED":
        raise ClusterError(f"run {run}: {state.state.lower()}{_cause(state)}; see {endpoint.run_url(run)}")


def server_of(job: Path | None) -> Server:
    """Return the MLflow server with the verdict: that of a job, or without one of MLFLOW_TRACKING_URI.

    Raises SpecError where there is neither.
    """
    if job is not None:
        return Server.of(with_server(Job.load(job)))
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if uri is None:
        raise SpecError(
            "JOB: only MLflow knows the verdict; give the job that was submitted, or set MLFLOW_TRACKING_URI"
        )
    return Server(tracking_uri=uri, registry_uri=uri, experiment="", registered_model="")


def verdict(server: Server, run: str) -> str:
    """Return the verdict of a finished run. Raises TrackingError where MLflow does not know it."""
    found = verdict_of(server, run)
    if found is None:
        raise TrackingError(
            f"run {run}: its verdict is not known: MLflow at {server.tracking_uri} has no run with tag "
            f"inc.session = {run} and one verdict; look at the gate's output in Kubeflow"
        )
    return found


def _look(client: "QuickClient", run: str) -> Any:
    """Return the run; retry lost connections and failures of the server for some minutes."""
    from inc_mlflow.pipelines.client import FAILURES, is_unclear

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return client.run(run)
        except FAILURES as error:
            if not is_unclear(error) or time.monotonic() > deadline:
                raise
        time.sleep(_INTERVAL)


def _notify_changes(state: Any, seen: dict[str, str], notify: Callable[[str], None]) -> None:
    for task in _tasks(state):
        if task.state is not None and seen.get(task.task_id) != task.state:
            seen[task.task_id] = task.state
            notify(f"{task.display_name}: {task.state.lower()}")


def _tasks(state: Any) -> list[Any]:
    """Return the tasks that do work; Kubeflow also lists the drivers that start them."""
    tasks = (state.run_details.task_details or []) if state.run_details else []
    return [task for task in tasks if task.display_name and not task.display_name.endswith("driver")]


def _cause(state: Any) -> str:
    """Name the task that failed first: the graphs around it, and the run, fail after it."""
    failed = [task for task in _tasks(state) if task.state == "FAILED" and task.end_time]
    if not failed:
        return f" ({' '.join(str(state.error.message).split())})" if state.error else ""
    first = min(failed, key=lambda task: task.end_time)
    said = f" ({' '.join(str(first.error.message).split())[:300]})" if first.error else ""
    return f" at task {first.display_name!r}{said}"
