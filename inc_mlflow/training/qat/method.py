"""The method ``qat``: a candidate of another method is trained, and written back into its own nodes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Engine, MethodData, RunSettings
from inc_mlflow.engines.trainable import (
    TRAINING_FACTS,
    Trainable,
    TrainingCost,
    TrainingData,
    TuningOutcome,
)
from inc_mlflow.errors import ModelError
from inc_mlflow.files import canonical_json, copy_model, model_sha256, sha256_text, write_text
from inc_mlflow.records.training import TrainingFacts
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.training.determinism import deterministic
from inc_mlflow.training.losses import Objective, OwnLoss
from inc_mlflow.training.options import Qat
from inc_mlflow.training.qat.agreement import check_agreement
from inc_mlflow.training.qat.learner import QatLearner
from inc_mlflow.training.qat.network import TrainableNetwork
from inc_mlflow.training.qat.rounding import EIGHT_BITS
from inc_mlflow.training.qat.zeros import HeldZeros
from inc_mlflow.training.rows import Order, TrainingRows
from inc_mlflow.training.trainer import Trainer

_COMPARED = 16
"""Rows on which torch and the file are compared."""


class QatMethod:
    """Reads a candidate into torch, trains it, and hands over the best epoch on tuning."""

    def check(self, recipe: Qat) -> None:
        """Raise ModelError where the start is not possible, or its engine's candidates cannot be trained."""
        METHODS.get(method_name(recipe.engine, recipe.start.method)).check(recipe.start)

    def apply(self, baseline: Path, recipe: Qat, data: MethodData, target: Path) -> None:
        """Write the best epoch's candidate, and ``training.json`` beside it.

        Raises ModelError where the start cannot be made, or its graph cannot be trained; DataError where rows
        or labels do not fit.
        """
        self.check(recipe)
        training = _training(recipe, data)
        with _folder(baseline, recipe, training) as folder, deterministic(training.spec.threads):
            one = _Candidate(baseline, recipe, data, training, folder)
            facts = one.train()
            copy_model(one.path(facts.chosen), target)
        write_text(target.parent / TRAINING_FACTS, facts.model_dump_json(indent=1))

    def cost(self, baseline: Path, recipe: Qat, data: MethodData) -> TrainingCost:
        """Return what training would cost, by a few rows of it; raises as ``apply``."""
        self.check(recipe)
        training = replace(_training(recipe, data), state=None)
        began = time.process_time()
        with _folder(baseline, recipe, training) as folder, deterministic(training.spec.threads):
            return _Candidate(baseline, recipe, data, training, folder).cost(began)


METHOD = QatMethod()


def _training(recipe: Qat, data: MethodData) -> TrainingData:
    """Return rows and settings of a training; raise ModelError where the rows do not allow one."""
    training = data.training
    if training is None:
        raise ModelError(f"recipe {recipe.label()!r}: has no training rows; give the job data.training")
    if not training.rows_first:
        raise ModelError(
            f"recipe {recipe.label()!r}: rows must be the first axis of all inputs and outputs to train"
        )
    if recipe.epochs is None:
        return training
    return replace(training, spec=training.spec.model_copy(update={"epochs": recipe.epochs}))


@contextmanager
def _folder(baseline: Path, recipe: Qat, training: TrainingData) -> Iterator[Path]:
    """Give the folder with checkpoint and epochs of this recipe; one that does not outlive it is removed."""
    if training.state is None:
        with TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    about = {
        "baseline": model_sha256(baseline),
        "recipe": recipe.model_dump(mode="json"),
        "training": training.spec.model_dump(mode="json"),
    }
    folder = training.state / sha256_text(canonical_json(about))[:12]
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


class _Candidate:
    """One candidate in training; its epochs are models in ``folder``."""

    def __init__(
        self, baseline: Path, recipe: Qat, data: MethodData, training: TrainingData, folder: Path
    ) -> None:
        self._engine, self._training, self._folder = ENGINES.get(recipe.engine), training, folder
        self._trainable = _trainable(self._engine, recipe)
        self._start = folder / "start" / self._engine.model_name
        self._start.parent.mkdir(exist_ok=True)
        METHODS.get(method_name(recipe.engine, recipe.start.method)).apply(
            baseline, recipe.start, data, self._start
        )
        self._whole = recipe.weight_bits == EIGHT_BITS
        self._network = TrainableNetwork(self._trainable.read(self._start, baseline), recipe.weight_bits)
        weights = self._network.parameters.weights
        self._zeros = HeldZeros(self._network.graph, weights, training.zeros)
        self._rows = TrainingRows.read(training.rows())
        self._order = Order(len(self._rows), training.spec.batch, training.fixed_batch, training.spec.seed)
        self._teacher = self._engine.load(baseline, RunSettings(threads=training.spec.threads))
        self._key = sha256_text(
            canonical_json(
                {
                    "start": model_sha256(self._start),
                    "rows": self._rows.digest(),
                    "torch": str(torch.__version__),
                    "bits": recipe.weight_bits,
                    "zeros": training.zeros,
                    "spec": training.spec.model_dump(mode="json"),
                }
            )
        )

    def path(self, epoch: int) -> Path:
        """Return the model of an epoch; that of the start is the candidate it began with."""
        return self._folder / str(epoch) / self._engine.model_name

    def train(self) -> TrainingFacts:
        """Train, after torch was compared with the file."""
        self._write(0)
        before = self._agreement(0)
        objective = self._objective()
        trainer = self._trainer(objective)
        points, chosen = trainer.run(self._score)
        found = trainer.facts(points, chosen, len(self._rows), objective.name, before)
        return found.model_copy(update={"zeros": self._counted(self.path(chosen))})

    def cost(self, began: float) -> TrainingCost:
        """Return what training would cost; ``began`` is the CPU time at which its preparation began."""
        self._write(0)
        self._agreement(0)
        trainer = self._trainer(self._objective())
        prepared = time.process_time() - began
        step = trainer.step_seconds()
        began = time.process_time()
        self._score(0)
        scoring = time.process_time() - began
        once = prepared + scoring + trainer.steps_before() * step
        return TrainingCost(once, self._order.steps * step + scoring)

    def _trainer(self, objective: Objective | OwnLoss) -> Trainer:
        learner = QatLearner(self._network, objective, self._rows, self._teacher, self._zeros)
        return Trainer(learner, self._training.spec, self._order, self._folder, self._key)

    def _objective(self) -> Objective | OwnLoss:
        if self._training.loss is not None:
            return OwnLoss(self._training.loss, self._network)
        inputs, _ = self._rows.at(next(self._order.epoch(0))[0])
        loss, output = str(self._training.spec.loss), self._training.output
        return Objective(self._network, loss, output, self._teacher(inputs), self._rows.labels)

    def _score(self, epoch: int) -> TuningOutcome:
        """Write what has been trained, and score it as it runs in the engine."""
        if epoch:
            self._write(epoch)
        return self._training.score(self.path(epoch))

    def _write(self, epoch: int) -> None:
        path = self.path(epoch)
        path.parent.mkdir(exist_ok=True)
        if epoch == 0 and self._whole:
            copy_model(self._start, path)
        else:
            self._trainable.write(self._start, self._network.parameters.values(), path)

    def _counted(self, model: Path) -> int | None:
        """Return how many weights are zero in the file, where a stage has placed zeros."""
        analysis = self._engine.analysis
        others = analysis.layer_weights(model) if analysis else iter(())
        return self._zeros.counted(self._trainable.read(model, model), others)

    def _agreement(self, epoch: int) -> float:
        batches, path = list(self._few()), self.path(epoch)
        found = [self._network.outputs(batch) for batch in batches]
        kernels = self._engine.load(path, RunSettings(threads=self._training.spec.threads))
        return check_agreement(
            found,
            list(self._trainable.exact(path, batches)),
            [kernels(batch) for batch in batches],
            [self._teacher(batch) for batch in batches],
        )

    def _few(self) -> Iterator[Arrays]:
        """Yield some rows, as many at a time as the model takes."""
        size = self._training.fixed_batch or 1
        for number in islice(range(len(self._rows) // size), max(1, _COMPARED // size)):
            yield self._rows.at(np.arange(number * size, (number + 1) * size))[0]


def _trainable(engine: Engine, recipe: Qat) -> Trainable:
    if engine.trainable is None:
        raise ModelError(f"recipe {recipe.label()!r}: candidates of {engine.name} cannot be trained")
    return engine.trainable
