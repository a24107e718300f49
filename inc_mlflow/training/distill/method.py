"""The method ``distill``: a student is trained by labels, by a teacher's outputs and by its layers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import ModelError, SpecError
from inc_mlflow.records.stages import DistillationFacts, StageFacts
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.sources.pytorch.changed import save_changed
from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.pytorch.source import SOURCE, OpenedModule
from inc_mlflow.sources.stage import StageData
from inc_mlflow.training.determinism import deterministic
from inc_mlflow.training.distill.layers import MatchedLayers
from inc_mlflow.training.distill.learner import LayeredLearner
from inc_mlflow.training.distill.options import Distill
from inc_mlflow.training.distill.same_interface import check_inputs, check_outputs
from inc_mlflow.training.losses import SoftLabels
from inc_mlflow.training.module.learner import ModuleLearner
from inc_mlflow.training.module.network import ModuleNetwork, module_outputs
from inc_mlflow.training.module.scored import ScoredModule
from inc_mlflow.training.module.session import ModuleSession
from inc_mlflow.training.module.sizes import parameters
from inc_mlflow.training.tensors import tensors_of

_SHOWN = 64
"""Rows by which the shapes of outputs and layers are known."""


class DistillMethod:
    """Trains a student while the teacher stays as it is."""

    def check(self, recipe: Distill) -> None:
        """Raise MissingExtraError where the framework is not installed."""
        METHODS.check_packages(method_name(recipe.engine, recipe.method))

    def train(self, recipe: Distill, data: StageData, folder: Path) -> StageFacts:
        """Write the trained student; see ``StageMethod``."""
        with deterministic(data.spec.threads):
            return _Distillation(recipe, data).run(folder)

    def check_exported(
        self, recipe: Distill, facts: StageFacts, folder: Path, weights: Sequence[np.ndarray]
    ) -> StageFacts:
        """Return the facts: all weights may have any value."""
        return facts


METHOD = DistillMethod()


class _Distillation:
    """One student and its teacher."""

    def __init__(self, recipe: Distill, data: StageData) -> None:
        self._recipe, self._where = recipe, f"recipe {recipe.label()!r}"
        student, teacher = recipe.student or data.source, recipe.teacher or data.dense
        self._data = replace(data, source=student, dense=teacher)
        self._student = self._opened("student", recipe.student, data.source)
        self._teacher = self._opened("teacher", recipe.teacher, data.dense)
        check_inputs(self._student, self._teacher, "the teacher", self._where)
        self._session = ModuleSession.open(self._data, self._teacher)
        self._check_outputs(self._session.teacher, "the teacher")
        if recipe.student is not None and recipe.teacher is not None:
            self._check_job_model(data)
        self._network = ModuleNetwork(self._student, self._session.teacher)
        soft = SoftLabels(recipe.temperature, recipe.teacher_weight)
        self._objective = self._session.objective(self._network, soft)
        self._check_taught()

    def run(self, folder: Path) -> StageFacts:
        """Train and write."""
        session, recipe = self._session, self._recipe
        learner = self._learner()
        taught = session.processes.first(self._score_of_teacher)
        first = 1 if self._is_new else 0
        training = session.train(recipe, self._student, learner, self._objective.name, first)
        built = cast("TorchModel", self._data.source).model_copy(update={"trained": None})
        save_changed(self._student.module, SOURCE.open(built, self._data.root).module, folder)
        return StageFacts(
            recipe=recipe.model_dump(mode="json"),
            label=recipe.label(),
            source=built.model_dump(mode="json", exclude_none=True),
            training=training,
            distillation=DistillationFacts(
                parameters_of_teacher=parameters(self._teacher.module),
                parameters_of_student=parameters(self._student.module),
                score_of_teacher=taught,
                layers=len(recipe.layers),
            ),
        )

    def _score_of_teacher(self) -> float:
        found = self._data.score(ScoredModule(self._teacher, list(self._session.teacher)))
        return float(np.mean(found.scores))

    def _opened(self, who: str, named: TorchModel | None, default: object) -> OpenedModule:
        """Open the student or the teacher; a student without weights is drawn by the seed of the training."""
        if named is None:
            return SOURCE.open(default, self._data.root)
        seed = self._data.spec.seed if who == "student" else 0
        return SOURCE.open(named, self._data.root, f"{self._where}: {who}", seed)

    @property
    def _is_new(self) -> bool:
        """Whether the student begins with weights that nobody has trained."""
        named = self._recipe.student
        return named is not None and bool(named.functions()) and not (named.weights or named.trained)

    def _learner(self) -> ModuleLearner:
        session, seed, recipe = self._session, self._data.spec.seed, self._recipe
        common = self._network, self._objective, session.rows, session.teacher, seed
        if recipe.layers:
            rows = tensors_of(self._first_rows())
            layers = MatchedLayers(self._student, self._teacher, recipe.layers, rows, seed, self._where)
            learner: ModuleLearner = LayeredLearner(*common, layers, recipe.layers_weight)
        else:
            learner = ModuleLearner(*common)
        if not learner.tensors:
            raise ModelError(f"{self._where}: the student has no weights that could be trained")
        return learner

    def _first_rows(self) -> Arrays:
        rows, _ = self._session.rows.at(np.arange(min(len(self._session.rows), self._shown)))
        return rows

    @property
    def _shown(self) -> int:
        return self._data.fixed_batch or _SHOWN

    def _check_outputs(self, expected: Arrays, who: str) -> None:
        found = module_outputs(self._student, self._first_rows(), self._data.fixed_batch)
        first = {name: array[: self._shown] for name, array in expected.items()}
        check_outputs(found, first, who, self._where)

    def _check_job_model(self, data: StageData) -> None:
        """Check that the student can stand where the job's model stands, if that is not the teacher."""
        opened = SOURCE.open(data.dense, data.root)
        check_inputs(self._student, opened, "the job's model", self._where)
        found = module_outputs(opened, self._first_rows(), data.fixed_batch)
        self._check_outputs(found, "the job's model")

    def _check_taught(self) -> None:
        """Raise SpecError where the loss never looks at the teacher, and nobody asked for that."""
        if self._recipe.teacher_weight and not self._recipe.layers and not self._objective.reads_reference:
            raise SpecError(
                f"training.loss: {self._objective.name} reads labels alone, so {self._where} learns nothing "
                "from its teacher; use auto or distillation, name layers, or give it teacher_weight: 0"
            )
