"""Where the output of a pipeline goes: a file in the state folder, or standard error with ``--verbose``."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

from inc_mlflow.files import writable
from inc_mlflow.pipelines.step_progress import StepProgress, import_notes

LOG = "kfp.log"


@contextmanager
def pipeline_output(state: Path, steps: int, verbose: bool, notify: Callable[[str], None]) -> Iterator[None]:
    """Keep what Kubeflow and the steps print off standard output, which is for results.

    It goes into ``kfp.log`` in the state folder, and the progress of the steps is shown on standard error;
    ``verbose`` sends all there instead. ``notify`` receives the notes of the import.
    """
    if verbose:
        (state / LOG).unlink(missing_ok=True)  # that of an earlier run would be taken for this one's
        with _stdout_to(sys.stderr):
            yield
        for note in import_notes(state):
            notify(note)
        return
    with writable(state):
        log = io.TextIOWrapper(io.BufferedWriter(_Log(state / LOG, "w")), encoding="utf-8", errors="replace")
    with log, StepProgress(state, steps, notify), _stdout_to(log):
        yield


class _Log(io.FileIO):
    """A file that a full disk cuts short: the step that finds no room is what the user hears of."""

    def write(self, data: Any, /) -> int:
        with suppress(OSError):
            return super().write(data)
        return memoryview(data).nbytes


@contextmanager
def _stdout_to(stream: TextIO) -> Iterator[None]:
    """Redirect standard output, for child processes too."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(stream.fileno(), 1)
    try:
        with redirect_stdout(stream):
            yield
    finally:
        stream.flush()
        os.dup2(saved, 1)
        os.close(saved)
