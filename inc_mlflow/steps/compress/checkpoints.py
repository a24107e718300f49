"""Where a training keeps its checkpoints: in this machine's state folder, or beside the files of a bundle."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from inc_mlflow.files import sha256_text
from inc_mlflow.hardware.probe import versions
from inc_mlflow.remote import Address, mirrored
from inc_mlflow.spec import Job
from inc_mlflow.steps.step import STATE, directory_name

_TRAINING = "training"


@contextmanager
def checkpoint_folder(job: Job, name: str) -> Iterator[Path]:
    """Give the folder of a training, whose ``name`` tells it from others of the job.

    On a cluster it is copied to the store that the job's bundle is in, and filled from there: the same job
    goes on with the same packages, in another pod of the run or when it is submitted again. A job without a
    bundle names no place to write to, so that its folder ends with the task.
    """
    state = os.environ.get(STATE)
    if state:
        folder = Path(state) / directory_name(_TRAINING, job) / name
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with TemporaryDirectory() as temporary:
        if job.spec.bundle is None:
            yield Path(temporary)
            return
        place = Address.parse(job.spec.bundle.uri).beside(_TRAINING)
        key = json.dumps([job.spec.to_text(), versions()])  # others round otherwise
        place = place.child(sha256_text(key)[:12]).child(name)
        with mirrored(Path(temporary), place, _say):
            yield Path(temporary)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
