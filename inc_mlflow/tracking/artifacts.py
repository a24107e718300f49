"""Evidence among a run's artifacts: everything that somebody else needs to judge again."""

from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError
from inc_mlflow.storage import sha256_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

EVIDENCE = "evidence"
"""Folder among the artifacts of a job's run."""


def fetch(client: "MlflowClient", run_id: str, name: str, target: Path) -> Path:
    """Fetch a file or folder of a run's artifacts into ``target``; DataError where the run has none of that path."""
    if name not in {artifact.path for artifact in client.list_artifacts(run_id, name.rpartition("/")[0] or None)}:
        raise DataError(f"run {run_id}: has no artifact {name!r}; start the pipeline again")
    return Path(client.download_artifacts(run_id, name, str(target)))


def fetch_evidence(client: "MlflowClient", run_id: str, expected: dict[str, str], target: Path) -> Path:
    """Fetch the evidence of a run; DataError where a file is missing, changed or came later, by path -> sha256."""
    folder = fetch(client, run_id, EVIDENCE, target)
    found = {str(file.relative_to(folder)): sha256_file(file) for file in folder.rglob("*") if file.is_file()}
    if altered := sorted(path for path, _ in found.items() ^ expected.items()):
        raise DataError(f"run {run_id}: {EVIDENCE}/{altered[0]} is not as it was when promotion was requested; it was altered")
    return folder
