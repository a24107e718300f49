"""Finished jobs on this machine, found by their content, for commands that only read them."""

from pathlib import Path

from inc_mlflow.errors import StateError
from inc_mlflow.files import read_sealed, sha256_file
from inc_mlflow.pipelines.compiling import PIPELINES
from inc_mlflow.pipelines.run import SENT
from inc_mlflow.pipelines.state import RESULT, state_folder
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_data


def finished_state(job: Job, path: Path) -> Path:
    """Return the state folder with the latest result of a job as it is now; every row of its data is read.

    Raises StateError where no pipeline has a result of this job, model and data, or where it was altered.
    """
    facts = open_data(job).survey()
    states = [state_folder(job, facts, pipeline) for pipeline in PIPELINES]
    done = [state for state in states if (state / RESULT).exists()]
    if not done:
        raise StateError(
            f"{path}: no stored result of this job with its present model, data and versions; run it first: "
            f"inc-mlflow run {path}"
        )
    latest = max(done, key=lambda state: (state / RESULT).stat().st_mtime)
    sent = read_sealed(latest / SENT)
    if sent is None or sent["sha256"] != sha256_file(latest / RESULT):
        raise StateError(f"{latest / RESULT}: damaged; inc-mlflow run {path} puts it together again")
    return latest
