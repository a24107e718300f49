"""The metrics of the jobs in an experiment, as their runs name them."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from inc_mlflow.tracking.runs.numbers import own_names
from inc_mlflow.tracking.runs.tagged_runs import JOB, METRICS, ROLE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_ANY = re.compile(r"accuracy|metric_\d{1,2}")
METRIC = "inc.metric"
"""Param with the name of the job's first metric."""


def metrics_of_jobs(client: "MlflowClient", experiment_id: str) -> list[tuple[str, ...]]:
    """Return the MLflow metrics that show those of each job, each set once, oldest job first."""
    jobs = sorted(_jobs(client, experiment_id), key=lambda run: (run.info.start_time, run.info.run_id))
    return list(dict.fromkeys(filter(None, map(_metrics, jobs))))


def _metrics(run: "Run") -> tuple[str, ...]:
    """Return what a job's run says; runs from before there were several metrics have a param alone."""
    try:
        names = json.loads(run.data.tags[METRICS])
    except (KeyError, ValueError):
        names = list(own_names([run.data.params[METRIC]])) if METRIC in run.data.params else []
    return tuple(filter(_is_shown, names)) if isinstance(names, list) else ()


def _is_shown(name: object) -> bool:
    """Tell whether a tag, which anybody may write, names a metric that a job of ours can have."""
    return isinstance(name, str) and bool(_ANY.fullmatch(name) or own_names([name]) == (name,))


def _jobs(client: "MlflowClient", experiment_id: str) -> Iterator["Run"]:
    token = None
    while True:
        page = client.search_runs([experiment_id], f"tags.`{ROLE}` = '{JOB}'", page_token=token)
        yield from page
        if not (token := page.token):
            return
