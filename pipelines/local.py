"""Run a pipeline on this machine with KFP's subprocess runner: no container, no virtual environment, no cluster."""

import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from inc_mlflow import progress, remote
from inc_mlflow.errors import IncError, KilledError
from inc_mlflow.files import write_text
from inc_mlflow.guard import PREFIX, environment, place
from inc_mlflow.pipelines.launch import RUN, launched
from inc_mlflow.steps import failure
from inc_mlflow.steps.step import FAILURE, STATE

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent

LOG = "kfp.log"


def run_local(pipeline: "GraphComponent", arguments: Mapping[str, str], state: Path) -> None:
    """Run ``pipeline`` with its steps resuming from ``state``.

    An IncError of a step is raised here as it was there.

    Everything KFP prints goes to standard error, or to ``kfp.log`` in the state folder where a person watches
    bars.
    """
    with _scratch(state) as root:
        values = {
            RUN: str(os.getpid()),
            STATE: str(state),
            FAILURE: str(root / "failure.json"),
            progress.VARIABLE: str(state / "progress.json"),
            remote.CACHE: str(remote.cache_path()),  # not below TMPDIR: it would be gone with the run
            "TMPDIR": str(root),  # KFP leaves a directory there for each step
        }
        steps = len(pipeline.pipeline_spec.deployment_spec["executors"])
        with environment(values), _watched(state, steps) as log, _stdout_to(log):
            _run(pipeline, arguments, root, state)


@contextmanager
def _scratch(state: Path) -> Iterator[Path]:
    """Give a directory for KFP's files and the steps' temporary ones; what a killed run left is removed."""
    note = state / "scratch"
    if note.exists():
        _remove(note.read_text(errors="replace"))
    for left in state.glob("progress.*"):
        left.unlink()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        write_text(note, folder)
        yield Path(folder)
    note.unlink()


def _remove(left: str) -> None:
    """Remove what a killed run left among the temporary files: a directory of ours, or the command's that it stands in."""
    found = re.match(rf"{re.escape(str(place()))}/({PREFIX}\w{{8}})(/|$)", left)
    if found:
        shutil.rmtree(place() / found[1], ignore_errors=True)


def _run(pipeline: "GraphComponent", arguments: Mapping[str, str], root: Path, state: Path) -> None:
    from kfp import local

    launched(pipeline.pipeline_spec.deployment_spec)
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(root),
        workspace_root=str(root / "workspace"),
    )
    with warnings.catch_warnings():
        # KFP guesses from an image's name whether it has Python.
        warnings.filterwarnings(
            "ignore", message="You may be attemping to run a task that uses custom", category=RuntimeWarning
        )
        try:
            pipeline(**arguments)
        except RuntimeError as error:
            raise failure.load(root / "failure.json") or _killed(state) or _bug(error, state / LOG) from None


def _killed(state: Path) -> IncError | None:
    """Return the error for a step that was killed together with the process that watches it.

    It left its process id.
    """
    left = next(state.glob("*.pid"), None)
    return KilledError(f"{left.stem} was killed; run again to go on") if left else None


def _bug(error: RuntimeError, log: Path) -> RuntimeError:
    return RuntimeError(f"{error} See {log}") if log.exists() else error


@contextmanager
def _watched(state: Path, steps: int) -> Iterator[TextIO]:
    """Give the stream for KFP's output, and draw the steps' progress while it is not the person's own."""
    if not sys.stderr.isatty():
        yield sys.stderr
        return
    from inc_mlflow.pipelines.step_progress import Watch

    with (state / LOG).open("w") as log, Watch(state, steps):
        yield log


@contextmanager
def _stdout_to(stream: TextIO) -> Iterator[None]:
    """Point standard output at another stream, for this process at file-descriptor level and so for its children."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(stream.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
