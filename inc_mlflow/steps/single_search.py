"""The search on its own, for the command line: what it needs from other steps is made in a temporary directory."""

import tempfile
from pathlib import Path
from typing import Any

from inc_mlflow.ort.normalize import normalize
from inc_mlflow.records import Trial
from inc_mlflow.spec import Job
from inc_mlflow.steps.calibrate import RANGES, collect_ranges, methods
from inc_mlflow.steps.quantize import PICTURE, hand_over
from inc_mlflow.steps.search import search_recipes
from inc_mlflow.storage import MODEL


def search_job(job: Job, budget: float | None, target: Path) -> dict[str, Any]:
    """Search in ``target``, which a killed search left half-way or which is new; candidates go to ``<n>/model.onnx``."""
    search = job.spec.search.model_copy(update={"budget": budget or job.spec.search.budget})
    job = Job(job.spec.model_copy(update={"recipes": "auto", "search": search}), job.root)
    with tempfile.TemporaryDirectory() as folder:
        baseline, ranges = Path(folder) / MODEL, Path(folder) / RANGES
        normalize(job.model, Path(folder))
        collect_ranges(job, baseline, methods(job)).save(ranges)
        found = search_recipes(job, baseline, ranges, target)
        record = hand_over(job, found, baseline, target)
    record.save(target)
    rows = [_row(trial, target / one.path) for trial, one in zip(found.shortlist, record.candidates, strict=True)]
    return {
        "candidates": rows,
        "picture": str(target / PICTURE),
        "trials": [_row(trial) for trial in found.trials],
        "cpu_seconds": found.cpu_seconds,
    }


def _row(trial: Trial, path: Path | None = None) -> dict[str, Any]:
    told = trial.model_dump(mode="json", include=_TOLD)
    return {"path": str(path)} | told if path else told


_TOLD = {"recipe", "label", "accuracy", "relative_drop", "speedup", "output_error", "size_bytes", "rows", "rejected"}
