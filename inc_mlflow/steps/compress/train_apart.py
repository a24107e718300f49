"""Trains a stage in several processes that share each step, and returns what the first one found."""

import sys
import tempfile
from pathlib import Path

from inc_mlflow.errors import IncError
from inc_mlflow.records import StageFacts
from inc_mlflow.spec import Job
from inc_mlflow.spec.stages import Stage
from inc_mlflow.steps import failure
from inc_mlflow.steps.compress.train_request import TrainRequest, failure_files, load_facts
from inc_mlflow.training.launch.here import LaunchHere
from inc_mlflow.training.launch.launcher import Ended, Program

PROGRAM = "inc_mlflow.steps.compress.train_process"


def train_apart(
    job: Job, stage: Stage, baseline: Path, previous: Path, checkpoints: Path, target: Path
) -> StageFacts:
    """Train in as many processes as the job says; see ``train_stage``.

    An IncError of a process is raised here, KilledError where one was killed: the others are ended then.
    """
    with tempfile.TemporaryDirectory() as exchange:
        folder = Path(exchange)
        TrainRequest(
            job=job.spec.to_text(),
            root=str(job.root.resolve()),
            pool=job.on,
            stage=stage.number,
            baseline=str(baseline.resolve()),
            previous=str(previous.resolve()),
            checkpoints=str(checkpoints.resolve()),
            target=str(target.resolve()),
        ).save(folder)
        ended = LaunchHere().run(Program(PROGRAM, exchange), job.spec.training.processes)
        if not ended.well:
            raise _cause(ended, folder)
        sys.stderr.write(ended.story)
        return load_facts(folder)


def _cause(ended: Ended, folder: Path) -> Exception:
    """Return what ended the first process that failed; others fail behind it, for want of an answer."""
    errors: list[IncError] = [one for file in failure_files(folder) if (one := failure.load(file))]
    killed = failure.killed("train: one of its processes", ended.signal)
    found = next(iter(errors), killed)
    return found or RuntimeError(f"a process of the training failed:\n{ended.story}")
