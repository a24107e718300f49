"""The trials of a search on disk, one line each: a kill loses at most the trial in flight."""

import os
from itertools import takewhile
from pathlib import Path
from typing import Any

from inc_mlflow.errors import StateError
from inc_mlflow.files import sealed, unsealed, writable
from inc_mlflow.records import Trial


class Journal:
    """An append-only file of trials; its first line names the search, so that no other search resumes in it.

    Raises StateError where the file is of another search, or no journal.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.trials: list[Trial] = []
        if path.exists() and path.stat().st_size:
            self._read(key)
        else:
            self._append({"search": key})

    def find(self, recipe: dict[str, Any]) -> Trial | None:
        """Return the trial of a recipe; None where it was not tried."""
        return next((trial for trial in self.trials if trial.recipe == recipe), None)

    def add(self, trial: Trial) -> None:
        """Append a trial; it is on the disk when this returns."""
        self._append(trial.model_dump(mode="json"))
        self.trials.append(trial)

    def _append(self, data: dict[str, Any]) -> None:
        with writable(self.path), self.path.open("a") as file:
            file.write(sealed(data) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self, key: str) -> None:
        """Read the complete lines; truncate the file at the first line that is cut off or damaged."""
        content = self.path.read_bytes()
        lines = content.splitlines(keepends=True)
        header, whole = _header(lines[0]), list(takewhile(_is_whole, lines))
        if header is None and lines[0].endswith(b"\n"):
            raise StateError(
                f"{self.path}: not a journal of a search, or damaged; give another directory, "
                "or measure again with --fresh"
            )
        if header not in (None, key):
            raise StateError(
                f"{self.path}: is of another search (job, model, data, code or machine changed); "
                "give another directory, or measure again with --fresh"
            )
        os.truncate(self.path, sum(map(len, whole)))
        if header is None:
            self._append({"search": key})
        self.trials = [Trial.model_validate(unsealed(line)) for line in whole[1:]]


def _header(line: bytes) -> str | None:
    """Return the key of the search in the first line of a journal; None where the line is damaged."""
    return (unsealed(line) or {}).get("search") if _is_whole(line) else None


def _is_whole(line: bytes) -> bool:
    return line.endswith(b"\n") and unsealed(line) is not None
