"""Request promotion of the best candidate of a job that ran on this machine."""

import tempfile
from pathlib import Path

from inc_mlflow.errors import StateError
from inc_mlflow.pipelines.state import state_folder
from inc_mlflow.records import RECORD
from inc_mlflow.spec import Job
from inc_mlflow.steps.judge.request import request_promotion
from inc_mlflow.steps.prepare.check import check


def request_finished(job: Job, pipeline: str = "int8") -> str:
    """Return the id of the MLflow run that holds the request.

    Raises StateError where the job was not run to its end, or by another pipeline.
    """
    state = state_folder(job, check(job).facts, pipeline)
    steps = {name: state / name for name in ("champion", "judgement", "tracking")}
    if missing := [name for name, folder in steps.items() if not (folder / RECORD).exists()]:
        raise StateError(f"{state}: the job's {missing[0]} is not there; finish it with `inc-mlflow run`")
    with tempfile.TemporaryDirectory() as folder:
        return request_promotion(job, Path(folder), **steps).run_id
