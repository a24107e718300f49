"""quantize: one candidate per recipe of the job, or the candidates that a search finds."""

import os
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from inc_mlflow import progress
from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import MethodData, RunSettings
from inc_mlflow.errors import ModelError
from inc_mlflow.files import copy_model, model_bytes, model_sha256, writable, write_text
from inc_mlflow.hardware import pools
from inc_mlflow.records import Candidate, CandidatesRecord, ImportRecord, Trial
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.reports.trials import draw_trials
from inc_mlflow.spec import Job, Recipe, parse_recipe
from inc_mlflow.steps.baselines import Baseline, engine_folder, load_baselines
from inc_mlflow.steps.compress.saturation import saturation_report
from inc_mlflow.steps.compress.search import SearchResult, search_recipes
from inc_mlflow.steps.data import method_data, open_data
from inc_mlflow.steps.prepare.calibrate import load_statistics, statistics_path
from inc_mlflow.steps.step import STATE, directory_name, step

COMPARED = 1
SEARCH, PICTURE = "search", "search.svg"


@step("candidates", CandidatesRecord)
def quantize(job: Job, target: Path, *, baseline: Path, ranges: Path) -> CandidatesRecord:
    """Write the n-th recipe's candidate into the folder ``<n>``, or the n-th of the search's shortlist.

    Raises ModelError where a recipe gives no model that runs.
    """
    if job.spec.recipes == "auto":
        # A search measures speed, so the pool is checked before anything is read.
        pools.proven_pool_for_speed(job.pool, job.hardware)
    baselines = load_baselines(baseline)
    if job.spec.recipes == "auto":
        results = [_search(job, engine, ranges, target) for engine in baselines.values()]
        candidates, trials = write_shortlists(job, results, target)
    else:
        candidates, trials = _listed(job, baselines, ranges, target), ()
    return CandidatesRecord(
        baseline_sha256=ImportRecord.load(baseline).model_sha256, candidates=candidates, trials=trials
    )


def _listed(job: Job, baselines: dict[str, Baseline], ranges: Path, target: Path) -> tuple[Candidate, ...]:
    reference, made = job.spec.engines[0], list[Candidate]()
    recipes = progress.track(job.spec.listed, "quantize", len(job.spec.listed))
    for recipe, name in zip(recipes, _labels(job.spec.listed), strict=True):
        statistics = load_statistics(ranges, recipe.engine, reference) if recipe.statistics else None
        path = _place(target, len(made), recipe.engine)
        data, compared = method_data(job, statistics), compared_rows(job)
        make_candidate(baselines[recipe.engine].path, recipe, data, path, compared)
        _predict_saturation(job, recipe.engine, path)
        made.append(_candidate(recipe, name, path, target))
    return tuple(made)


def make_candidate(
    baseline: Path, recipe: Recipe, data: MethodData, target: Path, compared: Sequence[Arrays]
) -> None:
    """Write one candidate, then load it and run it on the rows ``compared``, each a batch of one.

    Raises ModelError where the recipe changes nothing, or the candidate does not run.
    """
    with writable(target):
        apply_recipe(baseline, recipe, data, target)
    try:
        candidate = ENGINES.get(recipe.engine).load(target, RunSettings())
        for row in compared:
            candidate(row)
    except ModelError as error:
        raise ModelError(
            f"recipe {recipe.label()!r}: the INT8 model does not run; choose another recipe: {error}"
        ) from error


def apply_recipe(baseline: Path, recipe: Recipe, data: MethodData, target: Path) -> None:
    """Write the model of a recipe by its method; raise ModelError where the recipe changes nothing."""
    METHODS.get(method_name(recipe.engine, recipe.method)).apply(baseline, recipe, data, target)


def _search(job: Job, baseline: Baseline, ranges: Path, target: Path) -> SearchResult:
    """Search in the state folder, if there is one, so that the trials survive a kill."""
    reference, engine = job.spec.engines[0], baseline.engine.name
    state = os.environ.get(STATE)
    folder = (Path(state) if state else target) / directory_name(SEARCH, job)
    statistics = statistics_path(ranges, engine, reference) if baseline.engine.calibrator else None
    return search_recipes(job, baseline, statistics, engine_folder(folder, engine, reference))


def write_shortlists(
    job: Job, results: Sequence[SearchResult], target: Path
) -> tuple[tuple[Candidate, ...], tuple[Trial, ...]]:
    """Copy the shortlists of all searches to the folders ``<n>``, draw their trials, and return both."""
    chosen = [(result.folder / trial.directory, trial) for result in results for trial in result.shortlist]
    recipes = [parse_recipe(trial.recipe) for _, trial in chosen]
    made: list[Candidate] = []
    for (folder, _), recipe, name in zip(chosen, recipes, _labels(recipes), strict=True):
        path = _place(target, len(made), recipe.engine)
        copy_model(folder / path.name, path)
        _predict_saturation(job, recipe.engine, path)
        made.append(_candidate(recipe, name, path, target))
    trials = tuple(trial for result in results for trial in result.trials)
    shortlist = [trial for _, trial in chosen]
    write_text(target / PICTURE, draw_trials(trials, shortlist, trials[0].max_relative_drop))
    return tuple(made), trials


def _predict_saturation(job: Job, engine: str, candidate: Path) -> None:
    """Write a saturation report beside the candidate, since a cluster cannot emulate other CPUs."""
    if job.spec.data.calibration is not None:
        saturation_report(engine, candidate, method_data(job, None).rows())


def _place(target: Path, made: int, engine: str) -> Path:
    path = target / str(made + 1) / ENGINES.get(engine).model_name
    path.parent.mkdir(exist_ok=True)
    return path


def compared_rows(job: Job) -> list[Arrays]:
    """Return the rows on which a candidate is compared with its baseline."""
    return [inputs for inputs, *_ in islice(open_data(job).rows("validation", size=1), COMPARED)]


def _labels(recipes: Iterable[Recipe]) -> list[str]:
    """Return distinct labels; recipes that differ only in names of nodes get a number."""
    labels = [recipe.label() for recipe in recipes]
    return [
        text if labels.count(text) == 1 else f"{text} #{labels[: i + 1].count(text)}"
        for i, text in enumerate(labels)
    ]


def _candidate(recipe: Recipe, name: str, path: Path, target: Path) -> Candidate:
    return Candidate(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        engine=recipe.engine,
        label=name,
        path=str(path.relative_to(target)),
        sha256=model_sha256(path),
        size_bytes=model_bytes(path),
    )
