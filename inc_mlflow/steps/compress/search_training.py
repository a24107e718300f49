"""Training in a search: which recipe trains a candidate, how long it may be, and why there is none."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from inc_mlflow.engines.engine import CandidateTrainer, MethodData
from inc_mlflow.engines.trainable import TrainingCost
from inc_mlflow.errors import IncError, MissingExtraError
from inc_mlflow.files import canonical_json
from inc_mlflow.formatting import rounded_up
from inc_mlflow.registry.methods import METHODS, candidate_trainers, method_name
from inc_mlflow.search.budget import Budget, Spent
from inc_mlflow.spec import Job, Recipe, parse_recipe
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.compress.answers import Answers
from inc_mlflow.steps.compress.training import training_data

_FOLDER = "training"


def trains_in_search(job: Job, engine: str) -> bool:
    """Tell whether a search may train: there are rows to learn from, and a method that does."""
    return job.spec.data.training is not None and bool(candidate_trainers(engine))


class SearchTraining:
    """Training below ``folder``, which survives a kill; ``tuning_rows`` score an epoch.

    ``note`` says why there was none, or why it was short.
    """

    def __init__(
        self,
        job: Job,
        baseline: Baseline,
        data: MethodData,
        folder: Path,
        tuning_rows: int,
        answers: Answers,
        budget: Budget,
    ) -> None:
        self._job, self._baseline, self._data = job, baseline, data
        self._folder, self._tuning_rows = folder / _FOLDER, tuning_rows
        self._answers, self._budget = answers, budget
        self.note: str | None = None

    @cached_property
    def data(self) -> MethodData:
        """What a method that trains may use; the baseline's scores are measured when it is asked for."""
        training = training_data(self._job, self._baseline, self._folder, self._tuning_rows)
        return replace(self._data, training=training)

    def recipe_of(self, start: Recipe) -> Recipe | None:
        """Return the recipe that trains a start, shortened to what the budget has left; None without any."""
        engine = self._baseline.engine.name
        if not trains_in_search(self._job, engine):
            return None
        method = candidate_trainers(engine)[0]
        plain = start.model_dump(mode="json", exclude_none=True)
        recipe = {"engine": engine, "method": method, "start": plain}
        try:
            trainer = cast(CandidateTrainer, METHODS.get(method_name(engine, method)))
        except MissingExtraError as error:
            self.note = f"the search has not trained: {error}"
            return None
        try:
            answer = self._answers(f"training {canonical_json(recipe)}", lambda: self._cost(trainer, recipe))
        except Spent:
            self.note = (
                f"the search has not trained {start.label()}: its budget is spent; raise search.budget"
            )
            return None
        if "failure" in answer:
            self.note = f"the search has not trained {start.label()}: {answer['failure']}"
            return None
        return self._fitted(recipe, TrainingCost(answer["once"], answer["epoch"]))

    def _cost(self, trainer: CandidateTrainer, recipe: dict[str, Any]) -> dict[str, Any]:
        """Return what training would cost, or why it cannot be; a search goes on without it."""
        try:
            cost = trainer.cost(self._baseline.path, parse_recipe(recipe), self.data)
        except IncError as error:
            return {"failure": str(error)}
        return {"once": cost.once, "epoch": cost.epoch}

    def _fitted(self, recipe: dict[str, Any], cost: TrainingCost) -> Recipe | None:
        """Return the recipe with as many epochs as fit; after a kill the same number."""
        wanted = self._job.spec.training.epochs
        share = self._budget.part(self._budget.share)
        question = f"epochs {share.cpu_seconds:g} {share.seconds:g} {canonical_json(recipe)}"
        fitting = int(self._answers(question, lambda: self._epochs(cost)))
        label = parse_recipe(recipe).label()
        used, _ = self._budget.so_far()
        whole = rounded_up((used + cost.once + cost.epoch * wanted) / self._budget.share)
        more = f"raise search.budget, as search: {{budget: {whole}}} (seconds)"
        if fitting < 1:
            self.note = (
                f"the search has not trained ({label}): an epoch takes {cost.epoch:.3g} s, and "
                f"{cost.once:.3g} s before it, which its budget does not have; {more}"
            )
            return None
        if fitting >= wanted:
            return parse_recipe(recipe)
        self.note = f"{label} was trained for {fitting} of {wanted} epochs, to fit the budget; {more}"
        return parse_recipe({**recipe, "epochs": fitting})

    def _epochs(self, cost: TrainingCost) -> int:
        """Return how many epochs the budget has left, no more than the job wants."""
        fitting = (self._budget.left() - cost.once) / max(cost.epoch, 1e-9)
        return max(0, min(self._job.spec.training.epochs, int(fitting)))
