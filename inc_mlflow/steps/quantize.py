"""quantize: one candidate per recipe."""

from pathlib import Path

from inc_mlflow import progress
from inc_mlflow.errors import ModelError
from inc_mlflow.ort.quantizer import quantize as write_candidate
from inc_mlflow.ort.ranges import Ranges
from inc_mlflow.ort.runner import Arrays, Runner
from inc_mlflow.records import CalibrationRecord, Candidate, CandidatesRecord, ImportRecord
from inc_mlflow.spec import Dynamic, Job, Static, label
from inc_mlflow.steps.calibrate import RANGES
from inc_mlflow.steps.inputs import open_data
from inc_mlflow.steps.stage import step
from inc_mlflow.storage import MODEL, model_bytes, model_sha256, writable


@step("candidates", CandidatesRecord)
def quantize(job: Job, target: Path, *, baseline: Path, ranges: Path) -> CandidatesRecord:
    """Write ``<n>/model.onnx`` for the n-th recipe of the job."""
    calibrated = CalibrationRecord.load(ranges)
    collected = Ranges.load(ranges / RANGES) if calibrated.ranges_sha256 else None
    recipes = progress.track(enumerate(job.spec.recipes), "quantize", len(job.spec.recipes))
    labels = _labels(job)
    made = []
    for number, recipe in recipes:
        path = target / str(number + 1) / MODEL
        path.parent.mkdir()
        make_candidate(job, baseline / MODEL, collected, recipe, path)
        made.append(_candidate(recipe, labels[number], path, target))
    return CandidatesRecord(baseline_sha256=ImportRecord.load(baseline).model_sha256, candidates=tuple(made))


def make_candidate(job: Job, baseline: Path, ranges: Ranges | None, recipe: Static | Dynamic, target: Path) -> None:
    """Write one candidate, and load and run it on a real row before it is called one."""
    with writable(target):
        write_candidate(baseline, ranges, recipe, target)
    try:
        Runner(target, threads=1)(_first_row(job))
    except ModelError as error:
        raise ModelError(f"recipe {label(recipe)!r}: the INT8 model does not run; choose another recipe: {error}") from error


def _first_row(job: Job) -> Arrays:
    return next(iter(open_data(job).rows("validation", size=1)))[0]


def _labels(job: Job) -> list[str]:
    """Name recipes by what differs; the few that differ in node names only get a number."""
    labels = [label(recipe) for recipe in job.spec.recipes]
    return [text if labels.count(text) == 1 else f"{text} #{labels[: i + 1].count(text)}" for i, text in enumerate(labels)]


def _candidate(recipe: Static | Dynamic, name: str, path: Path, target: Path) -> Candidate:
    return Candidate(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        label=name,
        path=str(path.relative_to(target)),
        sha256=model_sha256(path),
        size_bytes=model_bytes(path),
    )
