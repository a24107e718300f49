"""Run a pipeline on this machine with KFP's subprocess runner, without containers or a cluster."""

import os
import re
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow import progress, remote
from inc_mlflow.errors import IncError, KilledError
from inc_mlflow.files import write_text
from inc_mlflow.guard import PREFIX, environment, temporary_directory
from inc_mlflow.pipelines.launch import RUN, SAFE_PATH, use_launcher
from inc_mlflow.pipelines.output import LOG, pipeline_output
from inc_mlflow.steps import failure
from inc_mlflow.steps.step import FAILURE, STATE

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent


def run_local(
    pipeline: "GraphComponent",
    arguments: Mapping[str, str],
    state: Path,
    verbose: bool = False,
    notify: Callable[[str], None] = lambda note: None,
) -> None:
    """Run ``pipeline`` with its steps resuming from ``state``; an IncError of a step is raised here.

    What KFP and the steps print goes to ``kfp.log`` in the state folder, which a note of the error names, or
    with ``verbose`` to standard error. A bug's traceback goes to standard error in any case, before the
    RuntimeError that says so. ``notify`` receives the notes of the import, while the next steps run.
    """
    with _scratch(state) as root:
        values = {
            RUN: str(os.getpid()),
            STATE: str(state),
            FAILURE: str(root / "failure.json"),
            progress.VARIABLE: str(state / "progress.json"),
            remote.CACHE: str(remote.cache_path()),  # not below TMPDIR: it would be gone with the run
            "TMPDIR": str(root),  # KFP leaves a directory there for each step
            SAFE_PATH: "1",  # a user's statistics.py in the folder of the command is none of Python's
        }
        steps = len(pipeline.pipeline_spec.deployment_spec["executors"])
        try:
            with environment(values), pipeline_output(state, steps, verbose, notify):
                _run(pipeline, arguments, root)
        except RuntimeError as error:
            raise _cause(error, Path(values[FAILURE]), state) from None


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


def _run(pipeline: "GraphComponent", arguments: Mapping[str, str], root: Path) -> None:
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
        pipeline(**arguments)


def _cause(error: RuntimeError, left: Path, state: Path) -> Exception:
    """Return what ended a step, by what it left, in place of KFP's error, which only says that it failed."""
    log = state / LOG
    if told := failure.load(left) or _killed(state):
        if log.exists() and not isinstance(told, KilledError):  # of that the step could print nothing
            told.add_note(f"log: {log}")
        return told
    story = failure.load_bug(left) or "".join(traceback.format_exception(error))
    sys.stderr.write(story)
    where = f"; all output is in {log}" if log.exists() else ""
    return RuntimeError(f"{story.splitlines()[-1]} (a step's bug, its traceback is above{where})")


def _killed(state: Path) -> IncError | None:
    """Return the error for a step that was killed together with its launcher: its process id is left."""
    left = next(state.glob("*.pid"), None)
    return KilledError(f"{left.stem} was killed; run again to go on") if left else None
