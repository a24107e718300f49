"""Runs the trials of a search: makes a model, times it, scores it on tuning rows, and records the result."""

import shutil
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from inc_mlflow import progress
from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import LoadedModel, MethodData, RunSettings, SearchSpace
from inc_mlflow.engines.plan import Planning, RecipePlan
from inc_mlflow.errors import ModelError
from inc_mlflow.files import (
    canonical_json,
    model_bytes,
    model_sha256,
    write_text,
)
from inc_mlflow.formatting import times
from inc_mlflow.records import Trial, TrialMetric
from inc_mlflow.search.budget import Budget, Cost
from inc_mlflow.search.front import beaten_by, front, shortlist
from inc_mlflow.search.journal import Journal
from inc_mlflow.spec import Job, Recipe, parse_recipe
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.compress.answers import ANSWERS, Answers
from inc_mlflow.steps.compress.compare import DepartedError
from inc_mlflow.steps.compress.compare_parts import reference_of
from inc_mlflow.steps.compress.make_candidate import apply_recipe, make_candidate
from inc_mlflow.steps.compress.recorded_plan import RecordedPlan, recorded_plan
from inc_mlflow.steps.compress.search_training import SearchTraining
from inc_mlflow.steps.compress.tuning import TIMED, Tuning
from inc_mlflow.steps.compress.untried import untried

_SENSITIVITY_BATCHES = 8
"""Calibration batches on which the error of nodes is measured."""
_PASSES = 12
"""Passes of a profile."""
_MARGIN = 0.05
"""Smaller differences in speed count as none: repeated measurements differ by 1 to 2 %."""
BEST = "best.json"


class TrialRunner:
    """Runs trials in ``folder``; a recipe that the journal has is not tried again."""

    def __init__(
        self,
        job: Job,
        baseline: Baseline,
        data: MethodData,
        tuning: Tuning,
        journal: Journal,
        budget: Budget,
        compared: Sequence[Arrays],
    ) -> None:
        self._job, self._baseline, self._data, self._tuning = job, baseline, data, tuning
        self._journal, self._budget = journal, budget
        self._engine = baseline.engine
        self._reference = reference_of(self._engine, baseline.path, compared)
        self._limits = tuning.limits
        self._limit = next(iter(self._limits.values()))
        self.folder = journal.path.parent
        self._answers = Answers(self.folder / ANSWERS, budget)
        self.training = SearchTraining(
            job, baseline, data, self.folder, tuning.facts.rows, self._answers, budget
        )
        self._partial = self.folder / ".trial.partial"
        self._made_model = self._partial / self._engine.model_name
        self.planned = RecordedPlan(None, None)
        self.trials: list[Trial] = []
        """Trials of this run: after a kill the same recipes come in the same order."""
        self.show: Callable[[], None] = lambda: None
        """Called when a trial begins."""

    def progress(self) -> progress.Told:
        """Tell which trial runs, the best one so far, and how much of the budget is used and left."""
        used, limit = self._budget.so_far()
        best = [
            f", best {times(one.speedup.value)} {one.label}" for one in front(self.trials)[:1] if one.speedup
        ]
        left = max(0, round(limit - used))
        detail = f", trial {len(self._journal.trials) + 1}{''.join(best)}, at most {left} s left; seconds"
        return progress.Told("search", round(used), round(limit), detail)

    def trial(self, recipe: Recipe) -> Trial:
        """Return the trial of a recipe, from the journal or made now.

        Raises Spent where the budget is not enough for another trial.
        """
        known = self._journal.find(recipe.model_dump(mode="json", exclude_none=True))
        trial = known or self._run(recipe)
        if trial not in self.trials:
            self.trials.append(trial)
        if known is None:
            self._tidy()
        return trial

    def _run(self, recipe: Recipe) -> Trial:
        with self._budget.spending(self._expected(recipe)) as spent:
            self.show()
            trial = self._try(recipe)
        trial = trial.model_copy(update={"cpu_seconds": spent.cpu_seconds, "seconds": spent.seconds})
        if trial.sha256 is not None:
            self._keep(trial)
        self._journal.add(trial)
        return trial

    def _expected(self, recipe: Recipe) -> Cost:
        """Return what the dearest of the last trials has cost; a training is as long as the budget allows."""
        if recipe.trains:
            return Cost()
        recent = [one for one in self._journal.trials if not parse_recipe(one.recipe).trains][-3:]
        return Cost(
            max((trial.cpu_seconds for trial in recent), default=0),
            max((trial.seconds for trial in recent), default=0),
        )

    def restore(self, trial: Trial) -> None:
        """Make the model of a trial again if it was removed; the same recipe gives the same bytes."""
        model = self.folder / trial.directory / self._engine.model_name
        if not model.exists() or model_sha256(model) != trial.sha256:
            self._make(parse_recipe(trial.recipe))
            self._keep(trial)

    def sensitive_nodes(self, recipe: Recipe) -> Sequence[str]:
        """Return the nodes of a recipe that add error, worst first; none where the engine has no analysis."""
        return self._analysed("sensitive", recipe, self._sensitive)

    def slower_nodes(self, recipe: Recipe) -> Sequence[str]:
        """Return the nodes that a recipe makes no faster, slowest first; none without an analysis."""
        return self._analysed("slower", recipe, self._slower)

    def _try(self, recipe: Recipe) -> Trial:
        """Apply the cheapest test first: it can be made, is faster, has similar outputs, keeps the metric."""
        trial = untried(recipe, len(self._journal.trials) + 1, self._limit)
        try:
            self._clear()
            runner = make_candidate(recipe, self._for(recipe), self._made_model, self._reference)
            runner(self._tuning.batches[0])
        except DepartedError as error:
            return self._departed(trial.model_copy(update={"rejected": str(error)}))
        except ModelError as error:
            return trial.model_copy(update={"rejected": str(error), "details": error.details})
        model = self._made_model
        trial = trial.model_copy(update={"sha256": model_sha256(model), "size_bytes": model_bytes(model)})
        twin = next((other for other in self._journal.trials if other.sha256 == trial.sha256), None)
        if twin is not None:
            return trial.model_copy(
                update={"sha256": None, "rejected": f"gives the same model as {twin.label}"}
            )
        return self._measure(trial, runner)

    def _departed(self, trial: Trial) -> Trial:
        """Return the trial of a model whose outputs are wrong with its speed-up, if that is worth mending."""
        try:
            speed = self._tuning.speedup(self._engine.load(self._made_model, RunSettings()))
        except ModelError:
            return trial
        fast = speed.low >= self._job.spec.gate.min_speedup
        return trial.model_copy(update={"speedup": speed}) if fast else trial

    def _measure(self, trial: Trial, runner: LoadedModel) -> Trial:
        speed = self._tuning.speedup(runner)
        trial = trial.model_copy(update={"speedup": speed})
        needed = self._job.spec.gate.min_speedup
        if speed.low < needed:  # the gate could not pass it either
            return trial.model_copy(
                update={"rejected": f"{times(speed.value)} on tuning, not the {times(needed)} it needs"}
            )
        error = self._tuning.output_error(runner)
        if not np.isfinite(error):
            return trial.model_copy(update={"rejected": "gives NaN or infinity where the baseline does not"})
        trial = trial.model_copy(update={"output_error": error})
        better = beaten_by(speed.value, error, self.trials, _MARGIN)
        if better is not None:
            return trial.model_copy(update={"rejected": f"slower and less exact than {better.label}"})
        return self._score(trial, runner)

    def _score(self, trial: Trial, runner: LoadedModel) -> Trial:
        tuned = self._tuning.score(runner)
        unknown = [name for name, one in tuned.by_metric.items() if not np.isfinite(one.accuracy)]
        if unknown:
            said = unknown[0] if len(self._limits) > 1 else "the metric"
            return trial.model_copy(update={"rows": tuned.rows, "rejected": f"{said} gave NaN or infinity"})
        first, *others = [
            TrialMetric(accuracy=one.accuracy, relative_drop=one.drop, max_relative_drop=self._limits[name])
            for name, one in tuned.by_metric.items()
        ]
        return trial.model_copy(
            update={
                "rows": tuned.rows,
                "accuracy": first.accuracy,
                "relative_drop": first.relative_drop,
                "disagreement": tuned.first.disagreement,
                "further": dict(zip(list(self._limits)[1:], others, strict=True)),
                "rejected": "; ".join(self._tuning.beyond(tuned)) or None,
            }
        )

    def _make(self, recipe: Recipe) -> Path:
        """Write again the model of a recipe that was tried, and return its path."""
        self._clear()
        apply_recipe(self._baseline.path, recipe, self._for(recipe), self._made_model)
        return self._made_model

    def _for(self, recipe: Recipe) -> MethodData:
        """Return what a recipe may use."""
        return self.training.data if recipe.trains else self._data

    def training_of(self, start: Recipe) -> Recipe | None:
        """Return the recipe that trains a start, as long as the budget allows; None where that cannot be."""
        return self.training.recipe_of(start)

    def _clear(self) -> None:
        """Make room for a model in place of the previous one."""
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)

    def _keep(self, trial: Trial) -> None:
        """Move a model to its place before the journal names it; after a kill between, it is replaced."""
        place = self.folder / trial.directory
        _remove(place)
        place.parent.mkdir(exist_ok=True)
        self._partial.replace(place)

    def _tidy(self) -> None:
        """Write the best trial so far, and remove the models of trials that are beaten."""
        best = shortlist(self.trials)
        if best:
            write_text(self.folder / BEST, best[0].model_dump_json(indent=1))
        needed = {trial.directory for trial in (*best, *front(self.trials))}
        for trial in self.trials:
            if trial.directory not in needed:
                _remove(self.folder / trial.directory)

    def plan(self, space: SearchSpace) -> RecipePlan | None:
        """Return the space's plan, made within its share of the budget; after a kill the same one.

        None where the space cannot plan, or the budget or a model's failure ends it: the search goes on.
        """
        if not isinstance(space, Planning):
            return None
        batches = self._tuning.batches[:TIMED]
        recorded = recorded_plan(space, self._data, batches, self._answers, self._budget)
        self.planned = recorded.behind(self._tuning.lag)
        return self.planned.plan

    def _analysed(self, kind: str, recipe: Recipe, analyse: Callable[[Recipe], list[str]]) -> list[str]:
        """Analyse a recipe once; where an engine cannot analyse a model, the search goes on without."""
        text = canonical_json(recipe.model_dump(mode="json", exclude_none=True))
        nodes: list[str] = self._answers(f"{kind} {text}", lambda: _names(analyse, recipe))
        return nodes

    def _sensitive(self, recipe: Recipe) -> list[str]:
        if (analysis := self._engine.analysis) is None:
            return []
        model = self._make(recipe)
        batches = islice(self._data.rows(), _SENSITIVITY_BATCHES)
        return list(analysis.node_errors(self._baseline.path, model, batches))

    def _slower(self, recipe: Recipe) -> list[str]:
        if (analysis := self._engine.analysis) is None:
            return []
        batches = self._tuning.batches[:TIMED]
        return analysis.slower_nodes(self._baseline.path, self._make(recipe), batches, _PASSES)


def _names(analyse: Callable[[Recipe], list[str]], recipe: Recipe) -> list[str]:
    try:
        return analyse(recipe)
    except ModelError:
        return []


def _remove(folder: Path) -> None:
    """Rename a folder before removing it: a kill must not leave a model without its weights."""
    hidden = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(hidden, ignore_errors=True)
    if folder.exists():
        folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)
