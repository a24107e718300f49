"""The trials of a search on disk, one line each: a kill loses at most the trial in flight."""

import json
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from inc_mlflow.errors import StateError
from inc_mlflow.records import Trial
from inc_mlflow.storage import canonical_json, writable


class Journal:
    """An append-only file; the first line says which search it is of, so that no other one goes on in it."""

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.trials: list[Trial] = []
        if path.exists() and path.stat().st_size:
            self._read(key)
        else:
            self._append({"search": key})

    def find(self, recipe: dict[str, Any]) -> Trial | None:
        """Return the trial of a recipe, if there was one."""
        return next((trial for trial in self.trials if trial.recipe == recipe), None)

    def add(self, trial: Trial) -> None:
        """Keep a trial for good: it is on the disk when this returns."""
        self._append(trial.model_dump(mode="json"))
        self.trials.append(trial)

    def _append(self, data: dict[str, Any]) -> None:
        with writable(self.path), self.path.open("a") as file:
            file.write(canonical_json(data) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self, key: str) -> None:
        """Read what is whole; a line that a kill cut off is taken away, so that the next one begins a line."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(self.path, len(whole))
        if not whole:
            self._append({"search": key})
            return
        header, *lines = whole.rstrip(b"\n").split(b"\n")
        try:
            if json.loads(header)["search"] != key:
                raise StateError(
                    f"{self.path}: is of another search (job, model, data, code or machine changed); give another directory, "
                    "or measure again with --fresh"
                )
            self.trials = [Trial.model_validate_json(line) for line in lines]
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise StateError(f"{self.path}: not a journal of a search; give another directory") from error
