"""The state folder of a job on this machine: named by its content, used by one run at a time."""

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import StateError
from inc_mlflow.files import canonical_json, files_sha256, sha256_file, sha256_text, writable, write_text
from inc_mlflow.hardware.probe import versions
from inc_mlflow.records import RECORD, DataFacts
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import user_files
from inc_mlflow.steps.finished import FINISHED_MARK, is_damaged
from inc_mlflow.steps.step import STATE
from inc_mlflow.tracking.server.connection import STATE_FOLDER

if TYPE_CHECKING:
    import psutil

RESULT = "result.json"
_SESSION, _ENDED = "session", "ended"


def state_folder(job: Job, facts: DataFacts, pipeline: str) -> Path:
    """Return ``<job dir>/.inc-mlflow/<first 12 of sha256(pipeline, spec, model, data, versions)>``."""
    content = {
        "pipeline": pipeline,
        "spec": job.spec.to_text(),
        "model": files_sha256(job.source_files),
        "data": {name: split.sha256 for name, split in facts.splits.items()},
        "code": {os.path.relpath(file, job.root): sha256_file(file) for file in user_files(job)},
        "versions": versions(),
    }
    return job.root / STATE_FOLDER / sha256_text(canonical_json(content))[:12]


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the job's lock, and end the steps of a killed run. Raises StateError where another run has it."""
    import filelock

    with writable(state):
        state.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(state / "lock", blocking=False)
    try:
        with lock:
            end_orphans(state)
            for left in state.glob(".*.[0-9]*"):
                left.unlink()  # files of writes that a kill interrupted
            yield
    except filelock.Timeout as error:
        raise StateError(f"{state}: another run of this job is under way; wait for it, or end it") from error


def remove_damaged(state: Path, notify: Callable[[str], None]) -> None:
    """Remove results whose files changed since their step, after a power cut for example.

    ``notify`` receives a line for each.
    """
    for directory in [
        path for path in sorted(state.iterdir()) if path.is_dir() and not path.name.startswith(".")
    ]:
        if ((directory / FINISHED_MARK).exists() or (directory / RECORD).exists()) and is_damaged(directory):
            notify(f"{directory}: damaged; the step is done again")
            shutil.rmtree(directory)
            (state / RESULT).unlink(missing_ok=True)


def session_id(state: Path) -> str:
    """Return the id of this execution; it survives kills, and ``--fresh`` makes a new one."""
    path = state / _SESSION
    if not _ids(path):
        write_text(path, uuid.uuid4().hex)
    return _ids(path)[0]


def clear(state: Path) -> None:
    """Remove all results but the lock and the ids of executions whose MLflow runs may be open."""
    if (state / _SESSION).exists():
        write_text(state / _ENDED, " ".join({*ended_sessions(state), session_id(state)}))
    for path in state.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in {"lock", _ENDED}:
            path.unlink()


def ended_sessions(state: Path) -> list[str]:
    """Return the ids of executions before ``clear``; none is alive, since this one holds the lock."""
    return _ids(state / _ENDED)


def _ids(path: Path) -> list[str]:
    """Read ids of executions; part of an id, after a power cut, is none."""
    return re.findall(r"\b[0-9a-f]{32}\b", path.read_text(errors="replace")) if path.exists() else []


def forget_ended_sessions(state: Path) -> None:
    """Remove those ids, once none of their MLflow runs is open."""
    (state / _ENDED).unlink(missing_ok=True)


def end_orphans(state: Path) -> None:
    """Kill the steps of a killed run: two processes of one step would write to one place."""
    import psutil

    orphans = [process for process in psutil.process_iter() if _works_on(process, state)]
    for process in orphans:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(orphans)
    for note in state.glob("*.pid"):
        note.unlink(missing_ok=True)


def _works_on(process: "psutil.Process", state: Path) -> bool:
    """Return whether a process is a step of this state, by its environment."""
    import psutil

    try:
        return process.pid != os.getpid() and process.environ().get(STATE) == str(state)
    except psutil.Error:
        return False
