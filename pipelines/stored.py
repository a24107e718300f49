"""Finished jobs on this machine, found by their content, for commands that only read them."""

import json
from pathlib import Path
from urllib.parse import urlsplit

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


def latest_leaderboard(store: Path) -> str | None:
    """Return the leaderboard of the latest result beside a local store, without the server's address.

    None where no result there was logged in it.
    """
    results = sorted(store.parent.glob(f"*/{RESULT}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in results:
        sent = read_sealed(path.with_name(SENT)) or {"server": "", "sha256": ""}
        whole = sent["sha256"] == sha256_file(path) and sent["server"].startswith(f"sqlite:///{store} ")
        if whole and (links := json.loads(path.read_text())["tracking"]):
            return f"/#{urlsplit(links['leaderboard_url']).fragment}"
    return None
