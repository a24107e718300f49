"""What a person sees while a pipeline runs: the step under way, and how far it is."""

import threading
from pathlib import Path
from typing import Self

from inc_mlflow import progress

_INTERVAL = 0.2  # seconds


class Watch:
    """A bar on standard error, fed from the files that steps leave in the state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._bar = progress.bar()
        self._task = self._bar.add_task("start", total=None)
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
            told = progress.read(self._state / "progress.json")
            label, done, total = told or (self._step(), 0, None)
            self._bar.update(self._task, description=label, completed=done, total=total)

    def _step(self) -> str:
        """Name the step whose process is alive."""
        notes = sorted(self._state.glob("*.pid"))
        return notes[0].stem if notes else "start the next step"
