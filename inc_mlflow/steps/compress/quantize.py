"""quantize: one candidate per recipe of the job, or the candidates that a search finds."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from inc_mlflow import progress
from inc_mlflow.engines.engine import MethodData, Statistics
from inc_mlflow.errors import ModelError
from inc_mlflow.files import copy_model, model_bytes, model_sha256, write_text
from inc_mlflow.hardware import pools
from inc_mlflow.records import Candidate, CandidatesRecord, ImportRecord, RejectedRecipe, Trial
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.reports.trials import draw_trials
from inc_mlflow.spec import Job, Recipe, parse_recipe
from inc_mlflow.spec.stages import stage_number
from inc_mlflow.steps.baselines import Baseline, engine_folder, load_baselines
from inc_mlflow.steps.compress.beginnings import Beginning, beginnings
from inc_mlflow.steps.compress.checkpoints import checkpoint_folder
from inc_mlflow.steps.compress.compare import compared_rows
from inc_mlflow.steps.compress.compare_parts import fp32_parts, reference_of
from inc_mlflow.steps.compress.make_candidate import make_candidate
from inc_mlflow.steps.compress.saturation import saturation_report
from inc_mlflow.steps.compress.search import SearchResult, search_recipes
from inc_mlflow.steps.compress.stage_notes import stage_notes
from inc_mlflow.steps.compress.training import (
    copy_training_facts,
    training_data,
    training_facts,
)
from inc_mlflow.steps.data import method_data
from inc_mlflow.steps.prepare.calibrate import load_statistics, statistics_path
from inc_mlflow.steps.step import STATE, directory_name, step

SEARCH, PICTURE = "search", "search.svg"
_TRAINED = "candidates"


@step("candidates", CandidatesRecord)
def quantize(
    job: Job, target: Path, *, baseline: Path, ranges: Path, stages: Sequence[Path] = ()
) -> CandidatesRecord:
    """Write the n-th recipe's candidate into the folder ``<n>``, or the n-th of the search's shortlist.

    ``stages`` are those that recipes begin with; a chain's candidate is made of the model of its last stage.
    A recipe that gives no model, or one that does not compute what the baseline does, is recorded as rejected
    and leaves the others alone.
    """
    if job.spec.recipes == "auto":
        # A search measures speed, so the pool is checked before anything is read.
        pools.proven_pool_for_speed(job.pool, job.hardware)
    baselines = load_baselines(baseline)
    if job.spec.recipes == "auto":
        results = [_search(job, engine, baselines, ranges, target) for engine in baselines]
        candidates, rejected, trials = write_shortlists(job, results, target)
        notes = tuple(_with_engine(note, one, results) for one in results for note in one.notes())
    else:
        candidates, rejected = _listed(job, beginnings(baseline, ranges, stages), target)
        trials, notes = (), tuple(note for one in stages for note in _stage_notes(one))
    return CandidatesRecord(
        baseline_sha256=ImportRecord.load(baseline).model_sha256,
        candidates=candidates,
        rejected=rejected,
        trials=trials,
        notes=notes,
    )


def _stage_notes(stage: Path) -> Iterator[str]:
    facts = ImportRecord.load(stage).stage
    return stage_notes(facts) if facts else iter(())


def _with_engine(note: str, result: SearchResult, results: Sequence[SearchResult]) -> str:
    """Name the engine where several were searched."""
    return note if len(results) == 1 else f"{result.engine}: {note}"


def _listed(
    job: Job, begins: Mapping[int, Beginning], target: Path
) -> tuple[tuple[Candidate, ...], tuple[RejectedRecipe, ...]]:
    """Make the candidate of each recipe; return them, and the recipes that gave none."""
    first, made, rejected = job.spec.engines[0], list[Candidate](), list[RejectedRecipe]()
    rows = compared_rows(job)
    references = {
        (number, name): reference_of(one.engine, one.path, rows)
        for number, begin in begins.items()
        for name, one in begin.baselines.items()
    }
    recipes = progress.track(job.spec.listed, "quantize", len(job.spec.listed))
    trained = any(map(_trains, job.spec.listed))
    with checkpoint_folder(job, _TRAINED) if trained else nullcontext() as folder:
        for recipe, name in zip(recipes, _labels(job.spec.listed), strict=True):
            number = stage_number(recipe, job.spec.listed)
            begin, reference = begins[number], references[number, recipe.engine]
            statistics = load_statistics(begin.ranges, recipe.engine, first) if recipe.statistics else None
            path = _place(target, len(made), recipe.engine)
            data = _data(job, recipe, begin, statistics, folder)
            try:
                make_candidate(recipe, data, path, reference)
            except ModelError as error:
                rejected.append(_rejected(recipe, name, error))
                shutil.rmtree(path.parent)
                continue
            _predict_saturation(job, recipe.engine, path)
            made.append(_candidate(recipe, name, path, target))
    return tuple(made), tuple(rejected)


def _data(
    job: Job, recipe: Recipe, begin: Beginning, statistics: Statistics | None, folder: Path | None
) -> MethodData:
    """Return what a recipe may use: rows to train on are opened only for one that trains."""
    data = method_data(job, statistics)
    if not _trains(recipe):
        return data
    training = training_data(job, begin.baselines[recipe.engine], folder)
    return replace(data, training=replace(training, zeros=begin.zeros))


def _trains(recipe: Recipe) -> bool:
    """Tell whether the candidate itself is trained, not only the module before it."""
    return recipe.final is not None and recipe.final.trains


def _rejected(recipe: Recipe, name: str, error: ModelError) -> RejectedRecipe:
    return RejectedRecipe(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        engine=recipe.engine,
        label=name,
        reason=str(error),
        details=error.details,
    )


def _search(
    job: Job, engine: str, baselines: Mapping[str, Baseline], ranges: Path, target: Path
) -> SearchResult:
    """Search in the state folder, if there is one, so that the trials survive a kill."""
    reference, baseline = job.spec.engines[0], baselines[engine]
    others = [one for name, one in baselines.items() if name != engine]
    state = os.environ.get(STATE)
    folder = (Path(state) if state else target) / directory_name(SEARCH, job)
    statistics = statistics_path(ranges, engine, reference) if baseline.engine.calibrator else None
    return search_recipes(job, baseline, statistics, engine_folder(folder, engine, reference), others)


def write_shortlists(
    job: Job, results: Sequence[SearchResult], target: Path
) -> tuple[tuple[Candidate, ...], tuple[RejectedRecipe, ...], tuple[Trial, ...]]:
    """Copy the shortlists of all searches to the folders ``<n>``, and draw their trials.

    Returns the candidates, what searches without any rejected, and all trials.
    """
    chosen = [(result.folder / trial.directory, trial) for result in results for trial in result.shortlist]
    recipes = [parse_recipe(trial.recipe) for _, trial in chosen]
    made: list[Candidate] = []
    for (folder, _), recipe, name in zip(chosen, recipes, _labels(recipes), strict=True):
        path = _place(target, len(made), recipe.engine)
        copy_model(folder / path.name, path)
        copy_training_facts(folder, path.parent)
        _predict_saturation(job, recipe.engine, path)
        made.append(_candidate(recipe, name, path, target))
    trials = tuple(trial for result in results for trial in result.trials)
    shortlist = [trial for _, trial in chosen]
    if shortlist:
        write_text(target / PICTURE, draw_trials(trials, shortlist, trials[0].max_relative_drop))
    rejected = [row for result in results if not result.shortlist for row in result.rejected()]
    return tuple(made), tuple(rejected), trials


def _predict_saturation(job: Job, engine: str, candidate: Path) -> None:
    """Write a saturation report beside the candidate, since a cluster cannot emulate other CPUs.

    A candidate for which there is no prediction is one all the same.
    """
    if job.spec.data.calibration is not None:
        with suppress(ModelError):
            saturation_report(engine, candidate, method_data(job, None).rows())


def _place(target: Path, made: int, engine: str) -> Path:
    path = target / str(made + 1) / ENGINES.get(engine).model_name
    path.parent.mkdir(exist_ok=True)
    return path


def _labels(recipes: Iterable[Recipe]) -> list[str]:
    """Return distinct labels; recipes that differ only in names of nodes get a number."""
    labels = [recipe.label() for recipe in recipes]
    return [
        text if labels.count(text) == 1 else f"{text} #{labels[: i + 1].count(text)}"
        for i, text in enumerate(labels)
    ]


def _candidate(recipe: Recipe, name: str, path: Path, target: Path) -> Candidate:
    fp32 = "+".join(fp32_parts(recipe, path))
    return Candidate(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        engine=recipe.engine,
        label=f"{name}; {fp32} stays FP32" if fp32 else name,
        path=str(path.relative_to(target)),
        sha256=model_sha256(path),
        size_bytes=model_bytes(path),
        training=training_facts(path),
        precision=recipe.precision,
    )
