"""Shows in a terminal which step of a pipeline runs, and how far it is."""

import threading
from pathlib import Path
from typing import Self

from inc_mlflow import progress
from inc_mlflow.records import RECORD

_INTERVAL = 0.2  # seconds


class StepProgress:
    """A bar on standard error, fed from the files that steps leave in the state folder."""

    def __init__(self, state: Path, steps: int) -> None:
        self._state, self._count = state, steps
        self._bar = progress.bar()
        self._task = self._bar.add_task("", total=steps)
        self._label = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._bar.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._bar.stop()

    def _follow(self) -> None:
        while not self._ended.wait(_INTERVAL):
            self._show(*(progress.read(self._state / "progress.json") or self._steps()))

    def _show(self, label: str, done: int, total: int | None) -> None:
        if label != self._label:
            self._bar.reset(self._task, description=label, total=total)
            self._label = label
        self._bar.update(self._task, completed=done)

    def _steps(self) -> tuple[str, int, int]:
        """Return the step that runs, how many have finished, and how many there are."""
        running = [note.stem for note in self._state.glob("*.pid")]
        finished = sum(1 for _ in self._state.glob(f"[!.]*/{RECORD}"))
        return (running[0] if running else self._label or "start"), finished, self._count
