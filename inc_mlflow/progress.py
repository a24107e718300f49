"""Progress of long work: a bar in a terminal, or a small file from which a parent process draws the bar."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")
VARIABLE = "INC_MLFLOW_PROGRESS"
"""Environment variable with the file in which a step reports its progress to its parent."""
_PATIENCE = 2.0  # seconds of work before a bar appears
_INTERVAL = 0.2  # seconds between two writes of the file


def track(items: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    """Yield ``items`` and show their progress; costs one reading of the clock for each item."""
    shown = _File(Path(os.environ[VARIABLE])) if VARIABLE in os.environ else _Bar()
    started = last = time.monotonic()
    try:
        for done, item in enumerate(items):
            now = time.monotonic()
            if now - last >= _INTERVAL and now - started >= _PATIENCE:
                shown.update(label, done, total)
                last = now
            yield item
    finally:
        shown.close()


def read_progress(path: Path) -> tuple[str, int, int | None] | None:
    """Return (label, done, total) last written by a step, or None."""
    try:
        data = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return data["label"], data["done"], data["total"]


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path

    def update(self, label: str, done: int, total: int | None) -> None:
        partial = self._path.with_suffix(f".{os.getpid()}")  # steps may work side by side
        partial.write_text(json.dumps({"label": label, "done": done, "total": total}))
        partial.replace(self._path)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)


class _Bar:
    """A rich bar on standard error; nothing where that is not a terminal."""

    def __init__(self) -> None:
        self._progress: Progress | None = None

    def update(self, label: str, done: int, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        if self._progress is None:
            self._progress = bar()
            self._progress.start()
            self._progress.add_task(label, total=total)
        self._progress.update(self._progress.task_ids[0], completed=done)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def bar() -> "Progress":
    """Return a progress bar, of the one kind that this program draws."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description:<36}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # it would undo what a pipeline does with standard output
        redirect_stderr=False,
    )
