"""Where a search tries its recipes: each is made, timed against the baseline, scored on tuning rows, and noted."""

import shutil
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from inc_mlflow.engines.engine import LoadedModel, MethodData, RunSettings
from inc_mlflow.errors import ModelError
from inc_mlflow.files import (
    canonical_json,
    model_bytes,
    model_sha256,
    read_sealed,
    sha256_text,
    write_sealed,
    write_text,
)
from inc_mlflow.formatting import percent, times
from inc_mlflow.measure.timing.cpu_time import time_in_process
from inc_mlflow.measure.timing.ratio import cpu_time_speedup
from inc_mlflow.records import Trial
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.search.budget import Budget, Cost
from inc_mlflow.search.front import beaten_by, front, shortlist
from inc_mlflow.search.journal import Journal
from inc_mlflow.spec import Job, Recipe, parse_recipe
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.compress.tuning import TIMED, Tuning

_SEEN = 8
"""Calibration batches that node sensitivities come from."""
_PASSES = 12
"""Passes of a profile."""
_MARGIN = 0.05
"""Differences in speed up to this count as none: repeated measurements differ by 1 to 2 %."""
BEST, QUESTIONS = "best.json", "questions"


class TrialRunner:
    """Trials in ``folder``; what its journal knows is not tried again."""

    def __init__(
        self,
        job: Job,
        baseline: Baseline,
        data: MethodData,
        tuning: Tuning,
        journal: Journal,
        budget: Budget,
    ) -> None:
        self._job, self._baseline, self._data, self._tuning = job, baseline, data, tuning
        self._journal, self._budget = journal, budget
        self._engine = baseline.engine
        self._runner = self._engine.load(baseline.path, RunSettings())
        self._limit = job.spec.gate.relative_limit(tuning.baseline)
        self.folder = journal.path.parent
        self._partial = self.folder / ".trial.partial"
        self._made_model = self._partial / self._engine.model_name
        self.trials: list[Trial] = []
        """What was asked for in this run: after a kill the same questions come in the same order."""

    def trial(self, recipe: Recipe) -> Trial:
        """Return the trial of a recipe, made now or known.

        Spent where the budget does not reach for another.
        """
        known = self._journal.find(recipe.model_dump(mode="json", exclude_none=True))
        trial = known or self._made(recipe)
        if trial not in self.trials:
            self.trials.append(trial)
        if known is None:
            self._tidy()
        return trial

    def _made(self, recipe: Recipe) -> Trial:
        with self._budget.spending(self._expected()) as spent:
            found = self._try(recipe)
        trial = found.model_copy(update={"cpu_seconds": spent.cpu_seconds, "seconds": spent.seconds})
        if trial.sha256 is not None:
            self._keep(trial)
        self._journal.add(trial)
        return trial

    def _expected(self) -> Cost:
        recent = self._journal.trials[-3:]
        return Cost(
            max((one.cpu_seconds for one in recent), default=0),
            max((one.seconds for one in recent), default=0),
        )

    def restore(self, trial: Trial) -> None:
        """Make the model of a trial again that had been beaten, and is not any more.

        The same recipe gives the same bytes.
        """
        model = self.folder / trial.directory / self._engine.model_name
        if not model.exists() or model_sha256(model) != trial.sha256:
            self._make(parse_recipe(trial.recipe))
            self._keep(trial)

    def sensitive_nodes(self, recipe: Recipe) -> Sequence[str]:
        """Return the nodes of a recipe that add error, worst first; none where the engine cannot tell."""
        return self._noted("sensitive", recipe, self._sensitive)

    def slower_nodes(self, recipe: Recipe) -> Sequence[str]:
        """Return the nodes that a recipe makes no faster, the slowest first; none where the engine cannot tell."""
        return self._noted("slower", recipe, self._slower)

    def _try(self, recipe: Recipe) -> Trial:
        """Ask the cheapest question first: can it be made, is it faster, is it near, is it right."""
        trial = _untried(recipe, len(self._journal.trials) + 1, self._limit)
        try:
            model = self._make(recipe)
            runner = self._engine.load(model, RunSettings())
            runner(self._tuning.batches[0])
        except ModelError as error:
            return trial.model_copy(update={"rejected": str(error)})
        trial = trial.model_copy(update={"sha256": model_sha256(model), "size_bytes": model_bytes(model)})
        twin = next((one for one in self._journal.trials if one.sha256 == trial.sha256), None)
        if twin is not None:
            return trial.model_copy(
                update={"sha256": None, "rejected": f"gives the same model as {twin.label}"}
            )
        return self._measure(trial, runner)

    def _measure(self, trial: Trial, runner: LoadedModel) -> Trial:
        speed = cpu_time_speedup(
            *time_in_process(self._runner, runner, self._tuning.batches[:TIMED]),
            self._job.spec.gate.confidence,
        )
        trial = trial.model_copy(update={"speedup": speed})
        needed = self._job.spec.gate.min_speedup
        if speed.low < needed:  # the gate could not pass it either
            return trial.model_copy(
                update={"rejected": f"{times(speed.value)} as fast as FP32, needed is {times(needed)}"}
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
        tuned = self._tuning.score(runner, self._limit)
        if not np.isfinite(tuned.accuracy):
            return trial.model_copy(
                update={"rows": tuned.rows, "rejected": "the metric gave NaN or infinity"}
            )
        dropped = tuned.drop.value > self._limit
        return trial.model_copy(
            update={
                "rows": tuned.rows,
                "accuracy": tuned.accuracy,
                "relative_drop": tuned.drop,
                "disagreement": tuned.disagreement,
                "rejected": f"drops by {percent(tuned.drop.value)}, allowed is {percent(self._limit)}"
                if dropped
                else None,
            }
        )

    def _make(self, recipe: Recipe) -> Path:
        """Write the model of a recipe, in the place of the one before, and return where it is."""
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        method = METHODS.get(method_name(recipe.engine, recipe.method))
        method.apply(self._baseline.path, recipe, self._data, self._made_model)
        return self._made_model

    def _keep(self, trial: Trial) -> None:
        """Give a model its place before the journal speaks of it.

        A kill in between leaves one that is replaced.
        """
        place = self.folder / trial.directory
        _remove(place)
        place.parent.mkdir(exist_ok=True)
        self._partial.replace(place)

    def _tidy(self) -> None:
        """Point at the best so far, and remove the models that are beaten."""
        best = shortlist(self.trials)
        if best:
            write_text(self.folder / BEST, best[0].model_dump_json(indent=1))
        kept = {trial.directory for trial in (*best, *front(self.trials))}
        for trial in self.trials:
            if trial.directory not in kept:
                _remove(self.folder / trial.directory)

    def _noted(self, question: str, recipe: Recipe, answer: Callable[[Recipe], list[str]]) -> list[str]:
        """Answer a question about a recipe once: after a kill the search must go the same way again."""
        asked = canonical_json(recipe.model_dump(mode="json", exclude_none=True))
        path = self.folder / QUESTIONS / f"{question}-{sha256_text(asked)[:12]}.json"
        noted = read_sealed(path)
        if noted is None:
            with self._budget.spending(Cost()) as spent:
                noted = {"names": answer(recipe)}
            write_sealed(path, noted | vars(spent))
        found: list[str] = noted["names"]
        return found

    def _sensitive(self, recipe: Recipe) -> list[str]:
        if (analysis := self._engine.analysis) is None:
            return []
        model = self._make(recipe)
        return list(analysis.node_errors(self._baseline.path, model, islice(self._data.rows(), _SEEN)))

    def _slower(self, recipe: Recipe) -> list[str]:
        if (analysis := self._engine.analysis) is None:
            return []
        batches = self._tuning.batches[:TIMED]
        return analysis.slower_nodes(self._baseline.path, self._make(recipe), batches, _PASSES)


def _remove(folder: Path) -> None:
    """Take a folder out of sight first: a kill must not leave one with a model whose weights are gone."""
    hidden = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(hidden, ignore_errors=True)
    if folder.exists():
        folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _plain(recipe: Recipe | None) -> dict[str, Any] | None:
    return None if recipe is None else recipe.model_dump(mode="json", exclude_none=True)


def _untried(recipe: Recipe, number: int, max_relative_drop: float) -> Trial:
    return Trial(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        label=recipe.label(),
        protects=_plain(recipe.unprotected()),
        directory=f"trials/{number}",
        sha256=None,
        size_bytes=None,
        speedup=None,
        rows=0,
        accuracy=None,
        relative_drop=None,
        disagreement=None,
        max_relative_drop=max_relative_drop,
        output_error=None,
        rejected=None,
        cpu_seconds=0.0,
        seconds=0.0,
    )
