"""What every step shares: its record, its error for the parent, and a state folder from which it resumes."""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from inc_mlflow.errors import IncError, StateError
from inc_mlflow.files import errors_name, sync_entry, writable, write_text
from inc_mlflow.records import Record
from inc_mlflow.remote import unpack
from inc_mlflow.spec import LOCAL, Job, JobSpec, SourceSpec
from inc_mlflow.spec.source import of_artifact
from inc_mlflow.steps import failure
from inc_mlflow.steps.baselines import converted_file
from inc_mlflow.steps.finished import FINISHED_MARK, finished, mark_finished
from inc_mlflow.tracking.plugins.step_context import step_context

STATE = "INC_MLFLOW_STATE"
"""Environment variable with the job's state folder; unset on a cluster, where artifacts are the state."""
FAILURE = "INC_MLFLOW_FAILURE"
"""Environment variable with the file for the IncError that ends a step.

The file is not in the state folder, whose disk may be full.
"""
SESSION = "INC_MLFLOW_SESSION"
"""Environment variable with the id of this execution on one machine."""
ENDED = "INC_MLFLOW_ENDED"
"""Environment variable with ids of earlier executions that have ended and may have left runs open."""

R = TypeVar("R", bound=Record)
P = ParamSpec("P")


def step(
    name: str, kind: type[R], depends_on: Callable[[Job], str] = lambda _: ""
) -> Callable[[Callable[Concatenate[Job, Path, P], R]], Callable[Concatenate[Job, Path, P], R]]:
    """Make a step of a function ``(job, target directory, *input directories) -> record``.

    The record is written into the target. With a state folder the work happens there: a finished step whose
    inputs are the same is not redone, and ``target`` becomes a link to its files. ``depends_on`` names what
    else the result depends on: the server that a step talks to.
    """

    def decorate(work: Callable[Concatenate[Job, Path, P], R]) -> Callable[Concatenate[Job, Path, P], R]:
        def marked(job: Job, target: Path, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with step_context(name, job.on):
                return work(_with_converted(job, kwargs.get("baseline")), target, *args, **kwargs)

        @wraps(work)
        def run(job: Job, target: Path, /, *args: P.args, **kwargs: P.kwargs) -> R:
            state = os.environ.get(STATE)
            if state is None:
                return _work(marked, job, target, *args, **kwargs)
            directory = Path(state) / directory_name(
                name, job, str(kwargs.get("shard") or kwargs.get("stage", ""))
            )
            inputs = {key: _identities(value) for key, value in kwargs.items()} | {
                "depends_on": depends_on(job)
            }
            if not is_finished(directory, kind, inputs):
                _announced(
                    Path(state),
                    directory.name,
                    lambda: _redo(directory, inputs, marked, job, *args, **kwargs),
                )
            _link(directory, target)
            return kind.load(directory)

        return run

    return decorate


class Given(Protocol):
    """An input artifact of a component."""

    path: str


def load_job(
    job: str,
    root: str,
    pool: str = "",
    tracking_uri: str = "",
    artifact: Given | None = None,
    output: str = "",
) -> Job:
    """Return the job that a component got as text, with its bundle unpacked; empty arguments are ignored.

    Raises SpecError where the text is no job.
    """
    spec = JobSpec.from_text(job)
    if tracking_uri:
        spec = spec.model_copy(update={"tracking": spec.tracking.model_copy(update={"uri": tracking_uri})})
    place = unpack(spec.bundle.uri, spec.bundle.files) if spec.bundle else Path(root)
    given = Path(artifact.path) if artifact else None
    return Job(spec, place, pool or None, artifact=given, output=output)


def directory_name(step: str, job: Job, shard: str = "") -> str:
    """Return the name of a step's folder in the state folder; every pool, shard and stage has its own."""
    place = step if job.on in (None, LOCAL) else f"{step}-{job.on}"
    # No pool has an underscore in its name.
    return f"{place}_{shard.replace('/', '-of-')}" if shard else place


def is_finished(directory: Path, kind: type[Record], inputs: Mapping[str, str]) -> bool:
    """Tell whether a step's directory holds its result for these inputs."""
    mark = finished(directory)
    if mark is None or mark["inputs"] != dict(inputs):
        return False
    try:
        return kind.load(directory).settled()
    except StateError:
        return False  # damaged: work again


def _with_converted(job: Job, imported: Any) -> Job:
    """Return the job with the source that the import kept: no other step needs framework or artifact."""
    kept = isinstance(job.spec.model, SourceSpec) or of_artifact(job.spec.model)
    return replace(job, converted=converted_file(imported)) if kept and isinstance(imported, Path) else job


def _work(work: Callable[..., R], job: Job, target: Path, *args: Any, **kwargs: Any) -> R:
    """Do the step's work in ``target`` and write its record there."""
    start = time.monotonic()
    with writable(target):
        target.mkdir(parents=True, exist_ok=True)
        record = work(job, target, *args, **kwargs)
    record = record.model_copy(update={"seconds": time.monotonic() - start})
    record.save(target)
    return record


def _redo(
    directory: Path, inputs: Mapping[str, str], work: Callable[..., R], job: Job, *args: Any, **kwargs: Any
) -> None:
    """Work beside the final place and move there in one step, so that the final place is always complete."""
    partial = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with errors_name(str(directory), partial):
        record = _work(work, job, partial, *args, **kwargs)
    mark_finished(partial, inputs, record.identity())
    shutil.rmtree(directory, ignore_errors=True)
    partial.rename(directory)
    sync_entry(directory)


def _announced(state: Path, name: str, work: Callable[[], None]) -> None:
    """Keep the process id in a file while working, and write the IncError that ends the work."""
    note = state / f"{name}.pid"
    try:
        write_text(note, str(os.getpid()))
        work()
    except IncError as error:
        if FAILURE in os.environ:
            failure.save(Path(os.environ[FAILURE]), error)
        raise
    finally:
        note.unlink(missing_ok=True)


def _identities(value: Any) -> str:
    """Return the identity of an input: of a directory that of its record, of anything else the value."""
    if isinstance(value, Path):
        return str(json.loads((value / FINISHED_MARK).read_text())["identity"])
    return " ".join(map(_identities, value)) if isinstance(value, list) else str(value)


def _link(directory: Path, target: Path) -> None:
    if target.resolve() == directory.resolve():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        target.rmdir()  # KFP makes the directory of an artifact beforehand
    target.unlink(missing_ok=True)
    target.symlink_to(directory.resolve(), target_is_directory=True)
