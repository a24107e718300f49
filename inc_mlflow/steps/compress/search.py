"""search: find the best recipes on the tuning split, in bounded time."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from inc_mlflow import progress
from inc_mlflow.engines.engine import RunSettings, SearchSpace
from inc_mlflow.engines.plan import LEAST_GAIN, RecipePlan
from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.files import canonical_json, model_sha256, read_sealed, sha256_file, sha256_text, write_sealed
from inc_mlflow.formatting import rounded_up, times
from inc_mlflow.hardware import pools
from inc_mlflow.hardware.probe import host_facts
from inc_mlflow.records import RejectedRecipe, Trial
from inc_mlflow.search.budget import Budget, Cost, Spent
from inc_mlflow.search.front import shortlist
from inc_mlflow.search.journal import Journal
from inc_mlflow.search.planned import explore_with_plan
from inc_mlflow.search.strategy import protect
from inc_mlflow.search.training import train
from inc_mlflow.search.trials import speed
from inc_mlflow.spec import Job
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.compress.answers import ANSWERS, answers_cost
from inc_mlflow.steps.compress.compare import compared_rows
from inc_mlflow.steps.compress.lag import lag_note, lag_of
from inc_mlflow.steps.compress.recorded_plan import RecordedPlan
from inc_mlflow.steps.compress.search_precisions import (
    not_allowed_note,
    promotable,
    try_other_precisions,
)
from inc_mlflow.steps.compress.search_training import trains_in_search
from inc_mlflow.steps.compress.trial_runner import TrialRunner
from inc_mlflow.steps.compress.tuning import Tuning
from inc_mlflow.steps.data import method_data, open_data, user_files
from inc_mlflow.steps.prepare.calibrate import calibrator

LEAST_CPU_SECONDS = 42.0
"""A search may always use so much; with calibration and predictions of saturation it is a minute."""
PASSES = 36
"""A search may use the CPU time of so many passes of the baseline over the calibration rows.

A dozen default static quantisations cost about that: one costs 2.6 passes (measured), since it runs without
optimisation and then writes a model.
"""
_TUNING = 0.2
"""Share of the budget for the baseline's pass over the tuning rows, which bounds their number."""
_EXPLORING = 0.8
"""Share of the budget for finding candidates; the rest protects the best ones."""
_BEFORE_TRAINING = 0.5
"""Share of the budget for finding candidates before one is trained, where there are rows to learn from."""
_TIMED = 8
_SLOWEST = 3600.0
"""Seconds per batch where there is no batch to time; the empty tuning split is refused later."""
_NO_RECIPE = "auto"
"""Label of the row of a search that had nothing to try."""
_NOTHING_GAINS = "it has no operator that gains by INT8"
JOURNAL, SETTINGS = "trials.jsonl", "settings.json"


@dataclass(frozen=True)
class SearchResult:
    """Result of a search: shortlist, all trials, and their total cost; the models are below ``folder``."""

    folder: Path
    baseline_sha256: str
    shortlist: tuple[Trial, ...]
    trials: tuple[Trial, ...]
    cpu_seconds: float
    engine: str
    ended: str | None
    """That the budget ended it, and the field to raise; None where nothing promising was left."""
    planned: str | None
    """What the engine's plan says of the best candidate, or why there is none to find."""
    trained: str | None
    """Why nothing was trained, or not for long; None where there is nothing to say."""
    not_allowed: str | None = None
    """What is faster and no INT8, where the gate does not allow it."""
    behind: str | None = None
    """That the engine's baseline is slower than another one's."""

    def notes(self) -> tuple[str, ...]:
        """Return what a verdict on the candidates should say too."""
        return tuple(filter(None, (self.ended, self.planned, self.trained, self.not_allowed, self.behind)))

    def rejected(self) -> list[RejectedRecipe]:
        """Return each trial as a recipe that gave no candidate; without trials, say why there were none."""
        if not self.trials:
            return [RejectedRecipe(recipe={}, engine=self.engine, label=_NO_RECIPE, reason=_NOTHING_GAINS)]
        return [
            RejectedRecipe(
                recipe=trial.recipe,
                engine=self.engine,
                label=trial.label,
                reason=trial.rejected or f"{times(speed(trial))} on tuning, no gain by INT8",
                details=trial.details,
            )
            for trial in self.trials
        ]


def search_recipes(
    job: Job, baseline: Baseline, statistics: Path | None, folder: Path, others: Sequence[Baseline] = ()
) -> SearchResult:
    """Try recipes in ``folder`` until the budget is spent, and return the shortlist; a killed search resumes.

    ``others`` are the baselines of other engines: what does not beat the fastest of them is not scored.

    ``statistics`` is the file that calibration wrote, with all kinds that a recipe may need; None where the
    engine collects none. The shortlist is empty without a recipe that gives a model, and where nothing gains.
    Raises DataError where the job has no tuning split, SpecError where the engine offers no search,
    HardwareError where this machine is not of the job's pool.
    """
    pools.proven_pool_for_speed(job.pool, job.hardware)
    if "tuning" not in job.spec.data.splits():
        raise DataError("data.tuning: the job has no such split; a search chooses by it")
    space = baseline.engine.space(baseline.path)
    if space is None:
        raise SpecError(f"recipes: {baseline.engine.name} has nothing to search; list its recipes")
    folder.mkdir(parents=True, exist_ok=True)
    collected = calibrator(baseline.engine.name).load(statistics) if statistics else None
    settings = _settings(job, baseline, collected.rows if collected else 0, folder, others)
    lag = settings.get("lag", 1.0)
    budget = Budget(_limit(job, settings))
    with budget.spending(Cost()):
        tuning = Tuning(job, baseline, limit=int(settings["tuning_rows"]), lag=lag)
    digest = sha256_file(statistics) if statistics else ""
    journal = Journal(folder / JOURNAL, _key(job, baseline.path, digest, tuning))
    budget.used += _used(journal, folder)
    data = method_data(job, collected)
    runner = TrialRunner(job, baseline, data, tuning, journal, budget, compared_rows(job))
    with progress.overall(runner.progress) as runner.show:
        ended = not _finish(job, baseline.engine.name, space, runner, budget)
    allowed = promotable(runner.trials, job.spec.gate)
    chosen = [] if nothing_gains(job, runner.planned.plan, allowed) else shortlist(allowed)
    for trial in chosen:
        runner.restore(trial)
    return SearchResult(
        folder=folder,
        baseline_sha256=baseline.sha256,
        shortlist=tuple(chosen),
        trials=tuple(runner.trials),
        cpu_seconds=budget.used.cpu_seconds,
        engine=baseline.engine.name,
        planned=_planned(runner.planned, chosen),
        trained=runner.training.note,
        not_allowed=not_allowed_note(runner.trials, job.spec.gate),
        behind=lag_note(lag),
        ended=_ended(budget.limit, len(runner.trials)) if ended else None,
    )


def _finish(job: Job, engine: str, space: SearchSpace, runner: TrialRunner, budget: Budget) -> bool:
    """Find candidates, train one where the fast ones lose too much, and protect the best.

    Returns whether that came to its own end, not to that of the budget.
    """
    everywhere = bool(job.spec.emulated)
    trains = trains_in_search(job, engine)
    budget.share = _BEFORE_TRAINING if trains else _EXPLORING
    tried = _finishes(lambda: try_other_precisions(space, runner, job.spec.gate, allowed=True))
    explored = _finishes(lambda: explore_with_plan(space, runner)) and tried
    budget.share = _EXPLORING
    if trains:
        _finishes(lambda: train(space, runner, everywhere))
        explored = explored or _finishes(lambda: explore_with_plan(space, runner))
    budget.share = 1.0
    protected = _finishes(lambda: protect(space, runner, everywhere))
    _finishes(lambda: try_other_precisions(space, runner, job.spec.gate, allowed=False))
    return protected and explored


def nothing_gains(job: Job, plan: RecipePlan | None, trials: Sequence[Trial]) -> bool:
    """Tell whether the plan promises too little, and no trial was faster than it promises: FP32 stays.

    A gate would only find that a speed-up of about 1.0 is not decided. Where other pools judge too, or the
    job allows slower models, which are still smaller, the gate has to see the candidates.
    """
    judged_otherwise = len(job.spec.pools) > 1 or job.spec.gate.min_speedup < 1
    if plan is None or plan.gain >= LEAST_GAIN or judged_otherwise:
        return False
    return all(speed(trial) < LEAST_GAIN for trial in trials)


def _planned(recorded: RecordedPlan, chosen: Sequence[Trial]) -> str | None:
    """Say what the plan knows of the first candidate that it planned, or why there is no plan or gain."""
    plan = recorded.plan
    if plan is None:
        return recorded.failure and f"the search had no plan: {recorded.failure}"
    if plan.gain < LEAST_GAIN:
        reasons = [f": {one.reason}" for one in plan.planned[:1]]
        return f"INT8 can bring {times(plan.gain)} at most on this CPU, keep FP32{''.join(reasons)}"
    recipes = [one.recipe.model_dump(mode="json", exclude_none=True) for one in plan.planned]
    known = {_parts(recipe): one.reason for recipe, one in zip(recipes, plan.planned, strict=True)}
    return known.get(_parts(chosen[0].recipe)) if chosen else None


def _parts(recipe: dict[str, Any]) -> str:
    """Return a recipe's method and its lists of names, which its variants share."""
    names = {option: value for option, value in recipe.items() if isinstance(value, list)}
    return canonical_json({"method": recipe["method"], **names})


def _finishes(work: Callable[[], None]) -> bool:
    """Tell whether a part of the search comes to its own end, not to that of the budget."""
    try:
        work()
    except Spent:
        return False
    return True


def _ended(limit: Cost, trials: int) -> str:
    """Say that the budget ended a search after some trials, and what to raise."""
    wall = math.isfinite(limit.seconds)
    seconds, clock = (limit.seconds, "") if wall else (limit.cpu_seconds, " of CPU time")
    return (
        f"the search was ended by its budget of {seconds:.3g} s{clock}, after {trials} recipes; "
        f"raise search.budget, as search: {{budget: {rounded_up(2 * seconds)}}} (seconds), for it to go on"
    )


def _limit(job: Job, settings: dict[str, float]) -> Cost:
    seconds = job.spec.search.budget
    return Cost(settings["cpu_seconds"], math.inf) if seconds is None else Cost(math.inf, seconds)


def _used(journal: Journal, folder: Path) -> Cost:
    """Return the cost of earlier runs of this search."""
    trials = [Cost(trial.cpu_seconds, trial.seconds) for trial in journal.trials]
    return sum(trials, answers_cost(folder / ANSWERS))


def _settings(
    job: Job, baseline: Baseline, rows: int, folder: Path, others: Sequence[Baseline]
) -> dict[str, float]:
    """Measure once what one row costs, and derive the budget of the search from it; and the other engines."""
    path = folder / SETTINGS
    settings = read_sealed(path)
    if settings is None:
        (folder / JOURNAL).unlink(missing_ok=True)  # its trials belong to the lost settings
        seconds = _seconds_per_row(job, baseline)
        limit = max(LEAST_CPU_SECONDS, PASSES * rows * seconds)
        settings = {"cpu_seconds": limit, "tuning_rows": max(1, int(_TUNING * limit / seconds))}
        settings |= {"lag": lag_of(job, baseline, others)} if others else {}
        write_sealed(path, settings)
    return settings


def _seconds_per_row(job: Job, baseline: Baseline) -> float:
    model, size = baseline.engine.load(baseline.path, RunSettings()), job.layout.batch
    least = float("inf")
    for inputs, *_ in islice(open_data(job).rows("tuning", size), _TIMED):
        start = time.process_time()
        model(inputs)
        least = min(least, time.process_time() - start)
    return min(max(least, 1e-6), _SLOWEST) / size


def _key(job: Job, baseline: Path, ranges_sha256: str, tuning: Tuning) -> str:
    """Return a digest of all that decides the trials; the budget is left out, so that it can be raised."""
    spec = job.spec.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"search", "tracking", "name"}
    )
    facts = {
        "spec": spec,
        "baseline": model_sha256(baseline),
        "ranges": ranges_sha256,
        "tuning": tuning.facts.sha256,
        "code": {str(file): sha256_file(file) for file in user_files(job)},
        "host": host_facts().model_dump(mode="json"),
    }
    return sha256_text(canonical_json(facts))
