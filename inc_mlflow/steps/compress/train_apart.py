"""Trains a stage in several processes that share each step, and returns what the first one found."""

import os
import shutil
import sys
import tempfile
import uuid
from pathlib import Path

from inc_mlflow.errors import ClusterError, IncError, SpecError
from inc_mlflow.records import StageFacts
from inc_mlflow.remote import is_remote
from inc_mlflow.spec import Job
from inc_mlflow.spec.stages import Stage
from inc_mlflow.steps import failure
from inc_mlflow.steps.compress.train_exchange import GIVEN, MADE, Exchange
from inc_mlflow.steps.compress.train_request import TrainRequest, failure_files, load_facts, module_folder
from inc_mlflow.tracking.plugins.step_context import POD_FACTS
from inc_mlflow.training.launch.here import LaunchHere
from inc_mlflow.training.launch.launcher import Ended, Launcher, Program
from inc_mlflow.training.launch.pods import ACCOUNT, IMAGE, Pods
from inc_mlflow.training.launch.train_job import LaunchTrainJob

PROGRAM = "inc_mlflow.steps.compress.train_process"
_NAMESPACE, _ = POD_FACTS["inc.namespace"]


def train_apart(
    job: Job, stage: Stage, baseline: Path, previous: Path, checkpoints: Path, target: Path
) -> StageFacts:
    """Train in as many processes as the job says; see ``train_stage``.

    They run in pods where the job asks for several nodes and the output has an address. An IncError of a
    process is raised here, KilledError where one was killed: the others are ended then.
    """
    pods = _pods(job)
    with tempfile.TemporaryDirectory() as scratch:
        place = scratch if pods is None else _place(job.output)
        exchange = Exchange(place, Path(scratch))
        found = exchange.put("baseline", baseline)
        TrainRequest(
            job=job.spec.to_text(),
            root=str(job.root.resolve()),
            pool=job.on or "",
            stage=stage.number,
            baseline=found,
            previous=found if previous == baseline else exchange.put("previous", previous),
            checkpoints=exchange.room("checkpoints", checkpoints),
        ).save(exchange.folder)
        exchange.send(GIVEN)
        launcher: Launcher = LaunchHere() if pods is None else LaunchTrainJob(pods, _told(_NAMESPACE))
        ended = launcher.run(Program(PROGRAM, place), job.spec.training.processes)
        sys.stderr.write(f"{ended.story}\n")
        exchange.fetch(MADE)
        if not ended.well:
            raise _cause(ended, exchange.folder, pods)
        shutil.copytree(module_folder(exchange.folder), target)
        return load_facts(exchange.folder)


def _pods(job: Job) -> Pods | None:
    """Return what the job asks for on a cluster; None where it runs here."""
    training = job.spec.training
    if training.nodes == 1 or not is_remote(job.output):
        return None
    if job.spec.bundle is None:
        raise SpecError("training.nodes: no pod sees the job's files; use submit, or compile --bundle")
    return Pods(job.pool, job.hardware, _told(IMAGE), _told(ACCOUNT), training.nodes, training.deadline)


def _place(output: str) -> str:
    """Return an address beside the task's output; its objects are no part of that."""
    above, _, _ = output.rstrip("/").rpartition("/")
    return f"{above}/processes/{uuid.uuid4().hex}"


def _told(variable: str) -> str:
    if found := os.environ.get(variable):
        return found
    raise ClusterError(f"train: {variable} is not set in this task; compile the job again with this version")


def _cause(ended: Ended, folder: Path, pods: Pods | None) -> Exception:
    """Return what ended the first process that failed; others fail behind it, for want of an answer."""
    errors: list[IncError] = [one for file in failure_files(folder) if (one := failure.load(file))]
    found = next(iter(errors), failure.killed("train: one of its processes", ended.signal))
    if found is not None:
        return found
    if pods is None:
        return RuntimeError(f"a process of the training failed:\n{ended.story}")
    last = next((line for line in reversed(ended.story.splitlines()) if line.strip()), "nothing")
    return ClusterError(
        f"train: a pod of the TrainJob ended without a word of its own: lost, out of memory or broken; "
        f"the first one's log ends with: {last[:300]}"
    )
