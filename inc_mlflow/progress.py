"""Progress of long work: a bar in a terminal, or a small file from which a parent process draws the bar."""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")
VARIABLE = "INC_MLFLOW_PROGRESS"
"""Environment variable with the file in which a step reports its progress to its parent."""
_PATIENCE = 2.0  # seconds of work before a bar appears
_INTERVAL = 0.2  # seconds between two writes of the file


class Told(NamedTuple):
    """What long work says of itself; nobody may know the total."""

    label: str
    done: int
    total: int | None
    detail: str = ""
    """Follows the label, and may change while the work goes on."""


_overall: list["_Overall"] = []
"""The progress that is shown in place of that of smaller work; none or one."""


def track(items: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    """Yield ``items`` and show their progress; costs one reading of the clock for each item."""
    if _overall:
        for item in items:
            _overall[0].show()
            yield item
        return
    shown = _shown()
    started = last = time.monotonic()
    try:
        for done, item in enumerate(items):
            now = time.monotonic()
            if now - last >= _INTERVAL and now - started >= _PATIENCE:
                shown.update(Told(label, done, total))
                last = now
            yield item
    finally:
        shown.close()


@contextmanager
def overall(tell: Callable[[], Told]) -> Iterator[Callable[[], None]]:
    """Show the progress of work that is made of smaller work, whose own is not shown meanwhile.

    ``tell`` is asked whenever the smaller work goes on, and by the function that is given.
    """
    _overall.append(_Overall(tell))
    try:
        yield _overall[0].show
    finally:
        _overall.pop().close()


def _shown() -> "_File | _Bar":
    return _File(Path(os.environ[VARIABLE])) if VARIABLE in os.environ else _Bar()


class _Overall:
    def __init__(self, tell: Callable[[], Told]) -> None:
        self._tell, self._shown, self._last = tell, _shown(), -math.inf

    def show(self) -> None:
        now = time.monotonic()
        if now - self._last >= _INTERVAL:
            self._shown.update(self._tell())
            self._last = now

    def close(self) -> None:
        self._shown.close()


def read_progress(path: Path) -> Told | None:
    """Return what a step has written last, or None."""
    try:
        data = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return Told(data["label"], data["done"], data["total"], data.get("detail", ""))


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path

    def update(self, told: Told) -> None:
        partial = self._path.with_suffix(f".{os.getpid()}")  # steps may work side by side
        partial.write_text(json.dumps(told._asdict()))
        partial.replace(self._path)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)


class _Bar:
    """A rich bar on standard error; nothing where that is not a terminal."""

    def __init__(self) -> None:
        self._progress: Progress | None = None

    def update(self, told: Told) -> None:
        if not sys.stderr.isatty():
            return
        if self._progress is None:
            self._progress = bar()
            self._progress.start()
            self._progress.add_task(told.label, total=told.total)
        self._progress.update(
            self._progress.task_ids[0], description=told.label + told.detail, completed=told.done
        )

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def bar() -> "Progress":
    """Return a progress bar, of the one kind that this program draws."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description:<36}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # it would undo what a pipeline does with standard output
        redirect_stderr=False,
    )
