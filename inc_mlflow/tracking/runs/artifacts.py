"""Evidence among a run's artifacts: everything that is needed to judge again."""

from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError
from inc_mlflow.files import sha256_file
from inc_mlflow.tracking.server.downloads import limited_download, list_files

if TYPE_CHECKING:
    from mlflow import MlflowClient

EVIDENCE = "evidence"
"""Folder among the artifacts of a job's run."""
_LARGEST_TEXT, _LARGEST_RAW = 16 << 20, 1 << 30
"""Bytes of a record, and of a file of raw measurements: they must not fill the gate's disk and memory."""
_RAW = ".npz"


def fetch_artifact(client: "MlflowClient", run_id: str, name: str, target: Path) -> Path:
    """Fetch a file or folder of a run's artifacts; DataError where there is none, or it is too large."""
    found = {
        artifact.path: artifact for artifact in client.list_artifacts(run_id, name.rpartition("/")[0] or None)
    }
    if name not in found:
        raise DataError(f"run {run_id}: has no artifact {name!r}; start the pipeline again")
    what = f"run {run_id}"
    files = list_files(what, lambda path: list(client.list_artifacts(run_id, path)), found[name])
    _check_sizes(run_id, {path: size or 0 for path, size in files.items()})
    with limited_download(what, files, target, _LARGEST_RAW):
        return Path(client.download_artifacts(run_id, name, str(target)))


def fetch_evidence(client: "MlflowClient", run_id: str, expected: dict[str, str], target: Path) -> Path:
    """Fetch the evidence of a run; ``expected`` is path -> sha256.

    Raises DataError where a file is missing, was changed or was added.
    """
    folder = fetch_artifact(client, run_id, EVIDENCE, target)
    found = {str(file.relative_to(folder)): sha256_file(file) for file in folder.rglob("*") if file.is_file()}
    if altered := sorted(path for path, _ in found.items() ^ expected.items()):
        raise DataError(
            f"run {run_id}: {EVIDENCE}/{altered[0]} is not as it was when promotion was requested; "
            "it was altered"
        )
    return folder


def _check_sizes(run_id: str, files: dict[str, int]) -> None:
    texts = {path: size for path, size in files.items() if not path.endswith(_RAW)}
    large = [path for path, size in texts.items() if size > _LARGEST_TEXT]
    if large or sum(files.values()) > _LARGEST_RAW:
        what = large[0] if large else f"the files below {EVIDENCE}"
        raise DataError(
            f"run {run_id}: {what} are larger than inc-mlflow writes them; start the pipeline again"
        )
