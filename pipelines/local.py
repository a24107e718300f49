"""Run a pipeline on this machine with KFP's subprocess runner, without containers or a cluster."""

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
from inc_mlflow.guard import PREFIX, environment, temporary_directory
from inc_mlflow.pipelines.launch import RUN, use_launcher
from inc_mlflow.steps import failure
from inc_mlflow.steps.step import FAILURE, STATE

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent

LOG = "kfp.log"


def run_local(pipeline: "GraphComponent", arguments: Mapping[str, str], state: Path) -> None:
    """Run ``pipeline`` with its steps resuming from ``state``; an IncError of a step is raised here.

    What KFP prints goes to standard error, or to ``kfp.log`` in the state folder where standard error is a
    terminal and shows progress.
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
        with environment(values), _showing_progress(state, steps) as log, _stdout_to(log):
            _run(pipeline, arguments, root, state)


@contextmanager
def _scratch(state: Path) -> Iterator[Path]:
    """Yield a directory for temporary files of KFP and the steps; remove what a killed run left."""
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
    """Remove the temporary directory that a killed run left, or that of its command around it."""
    folder = temporary_directory()
    if found := re.match(rf"{re.escape(str(folder))}/({PREFIX}\w{{8}})(/|$)", left):
        shutil.rmtree(folder / found[1], ignore_errors=True)


def _run(pipeline: "GraphComponent", arguments: Mapping[str, str], root: Path, state: Path) -> None:
    from kfp import local

    use_launcher(pipeline.pipeline_spec.deployment_spec)
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
    """Return the error for a step that was killed together with its launcher: its process id is left."""
    left = next(state.glob("*.pid"), None)
    return KilledError(f"{left.stem} was killed; run again to go on") if left else None


def _bug(error: RuntimeError, log: Path) -> RuntimeError:
    return RuntimeError(f"{error} See {log}") if log.exists() else error


@contextmanager
def _showing_progress(state: Path, steps: int) -> Iterator[TextIO]:
    """Yield the stream for KFP's output; in a terminal that is a file, and the steps' progress is shown."""
    if not sys.stderr.isatty():
        yield sys.stderr
        return
    from inc_mlflow.pipelines.step_progress import StepProgress

    with (state / LOG).open("w") as log, StepProgress(state, steps):
        yield log


@contextmanager
def _stdout_to(stream: TextIO) -> Iterator[None]:
    """Redirect standard output at the level of file descriptors, so also for child processes."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(stream.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
