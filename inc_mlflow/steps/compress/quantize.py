"""quantize: one candidate per recipe of the job, or those that a search finds."""

import os
from pathlib import Path

from inc_mlflow import progress
from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.engines.onnxruntime.methods.compress import Calibration, compress
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError
from inc_mlflow.files import MODEL, copy_model, model_bytes, model_sha256, writable, write_text
from inc_mlflow.records import CalibrationRecord, Candidate, CandidatesRecord, ImportRecord
from inc_mlflow.reports.trials import draw_trials
from inc_mlflow.spec import Dynamic, Job, Static, label, parse_recipe
from inc_mlflow.steps.compress.saturation import saturation_report
from inc_mlflow.steps.compress.search import Found, search_recipes
from inc_mlflow.steps.data import calibration, open_data
from inc_mlflow.steps.prepare.calibrate import RANGES
from inc_mlflow.steps.step import STATE, directory_name, step

SEARCH, PICTURE = "search", "search.svg"


@step("candidates", CandidatesRecord)
def quantize(job: Job, target: Path, *, baseline: Path, ranges: Path) -> CandidatesRecord:
    """Write ``<n>/model.onnx`` for the n-th recipe of the job, or the n-th of the search's shortlist."""
    if job.spec.recipes == "auto":
        return _search(job, target, baseline, ranges)
    collected = Ranges.load(ranges / RANGES) if CalibrationRecord.load(ranges).ranges_sha256 else None
    recipes = progress.track(job.spec.recipes, "quantize", len(job.spec.recipes))
    made: list[Candidate] = []
    for recipe, name in zip(recipes, _labels(job.spec.recipes), strict=True):
        path = _place(target, len(made))
        make_candidate(job, baseline / MODEL, calibration(job, collected), recipe, path)
        _predict_saturation(job, path)
        made.append(_candidate(recipe, name, path, target))
    return CandidatesRecord(baseline_sha256=ImportRecord.load(baseline).model_sha256, candidates=tuple(made))


def make_candidate(
    job: Job, baseline: Path, rows: Calibration, recipe: Static | Dynamic, target: Path
) -> None:
    """Write one candidate, and load and run it on a real row before it is called one."""
    with writable(target):
        compress(baseline, recipe, rows, target)
    try:
        Runner(target, threads=1)(_first_row(job))
    except ModelError as error:
        raise ModelError(
            f"recipe {label(recipe)!r}: the INT8 model does not run; choose another recipe: {error}"
        ) from error


def _search(job: Job, target: Path, baseline: Path, ranges: Path) -> CandidatesRecord:
    """Search where a kill leaves the trials: in the state folder, where there is one."""
    state = os.environ.get(STATE)
    folder = (Path(state) if state else target) / directory_name(SEARCH, job)
    return hand_over(
        job, search_recipes(job, baseline / MODEL, ranges / RANGES, folder), baseline / MODEL, target
    )


def hand_over(job: Job, found: Found, baseline: Path, target: Path) -> CandidatesRecord:
    """Copy a search's shortlist to ``<n>/model.onnx`` and draw its trials."""
    labels = _labels([parse_recipe(trial.recipe) for trial in found.shortlist])
    made: list[Candidate] = []
    for trial, name in zip(found.shortlist, labels, strict=True):
        path = _place(target, len(made))
        copy_model(found.folder / trial.directory / MODEL, path)
        _predict_saturation(job, path)
        made.append(_candidate(parse_recipe(trial.recipe), name, path, target))
    write_text(
        target / PICTURE, draw_trials(found.trials, found.shortlist, found.trials[0].max_relative_drop)
    )
    return CandidatesRecord(
        baseline_sha256=model_sha256(baseline), candidates=tuple(made), trials=found.trials
    )


def _predict_saturation(job: Job, candidate: Path) -> None:
    """Say beside the candidate where it would lose accuracy on other CPUs: on a cluster nobody can emulate them."""
    if job.spec.data.calibration is not None:
        saturation_report(candidate, calibration(job, None).rows())


def _place(target: Path, made: int) -> Path:
    path = target / str(made + 1) / MODEL
    path.parent.mkdir(exist_ok=True)
    return path


def _first_row(job: Job) -> Arrays:
    return next(iter(open_data(job).rows("validation", size=1)))[0]


def _labels(recipes: "list[Static | Dynamic] | tuple[Static | Dynamic, ...]") -> list[str]:
    """Name recipes by what differs; the few that differ in node names only get a number."""
    labels = [label(recipe) for recipe in recipes]
    return [
        text if labels.count(text) == 1 else f"{text} #{labels[: i + 1].count(text)}"
        for i, text in enumerate(labels)
    ]


def _candidate(recipe: Static | Dynamic, name: str, path: Path, target: Path) -> Candidate:
    return Candidate(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        label=name,
        path=str(path.relative_to(target)),
        sha256=model_sha256(path),
        size_bytes=model_bytes(path),
    )
