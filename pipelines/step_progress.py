"""Shows which step of a pipeline runs and how far it is: a bar in a terminal, else a line now and then."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from inc_mlflow import progress
from inc_mlflow.errors import StateError, one_line
from inc_mlflow.records import RECORD, ImportRecord

_INTERVAL = 0.2  # seconds
_FIRST_LINE, _NEXT_LINE = 10.0, 60.0
"""Seconds of one piece of work until its first line, and from line to line: a log is not a terminal."""


class StepProgress:
    """Follows the files that steps leave in the state folder; what it shows is on standard error."""

    def __init__(self, state: Path, steps: int, notify: Callable[[str], None]) -> None:
        self._state, self._count, self._notify = state, steps, notify
        self._notified = False
        self._shown = _display(steps)
        self._step = "start"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._tell_notes()
        self._shown.stop()

    def _follow(self) -> None:
        before: tuple[object, ...] = ()
        while not self._ended.wait(_INTERVAL):
            if self._tell_notes():
                before = ()
            told = progress.read_progress(self._state / "progress.json")
            label, done, total, detail = told or self._steps()
            work = label, total, "" if told else " steps"  # a step and its work may have one name
            if work != before:
                self._shown.begin(*work)
                before = work
            self._shown.update(done, detail)

    def _tell_notes(self) -> bool:
        """Tell what the import found as soon as it has ended: the work after it may be in vain.

        Returns whether there was something to tell.
        """
        if self._notified or not (notes := import_notes(self._state)):
            return False
        self._notified = True
        self._shown.stop()
        for note in notes:
            self._notify(note)
        self._shown = _display(self._count)
        return True

    def _steps(self) -> progress.Told:
        """Return the step that runs, how many have finished, and how many there are."""
        running = [note.stem for note in self._state.glob("*.pid")]
        finished = sum(1 for _ in self._state.glob(f"[!.]*/{RECORD}"))
        self._step = running[0] if running else self._step
        return progress.Told(self._step, finished, self._count)


def import_notes(state: Path) -> tuple[str, ...]:
    """Return the notes of a finished import; none before, nor of a damaged record, which others refuse."""
    try:
        return ImportRecord.load(state / "baseline").notes
    except StateError:
        return ()


def _display(steps: int) -> "_Bar | _Lines":
    return _Bar(steps) if sys.stderr.isatty() else _Lines()


class _Bar:
    def __init__(self, steps: int) -> None:
        self._bar = progress.bar()
        self._task = self._bar.add_task("", total=steps)
        self._bar.start()

    def begin(self, label: str, total: int | None, unit: str) -> None:
        self._label = label
        self._bar.reset(self._task, description=label, total=total)

    def update(self, done: int, detail: str) -> None:
        self._bar.update(self._task, description=self._label + detail, completed=done)

    def stop(self) -> None:
        self._bar.stop()


class _Lines:
    def __init__(self) -> None:
        self.begin("start", None, " steps")

    def begin(self, label: str, total: int | None, unit: str) -> None:
        self._label, self._of = one_line(label), f" of {total}{unit}" if total else unit
        self._due = time.monotonic() + _FIRST_LINE

    def update(self, done: int, detail: str) -> None:
        if time.monotonic() >= self._due:
            sys.stderr.write(f"{self._label}{one_line(detail)}: {done}{self._of} done\n")
            sys.stderr.flush()
            self._due = time.monotonic() + _NEXT_LINE

    def stop(self) -> None:
        return
