"""One training of a module: its rows, its loss, and the weights of each epoch, the best of which are kept."""

from dataclasses import dataclass
from pathlib import Path

import torch

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.trainable import TuningOutcome
from inc_mlflow.errors import ModelError
from inc_mlflow.files import canonical_json, files_sha256, sha256_text
from inc_mlflow.records.training import TrainingFacts
from inc_mlflow.sources.pytorch.source import OpenedModule
from inc_mlflow.sources.stage import StageData
from inc_mlflow.spec import Recipe
from inc_mlflow.training.checkpoint import load_checkpoint, save_checkpoint
from inc_mlflow.training.choice import best_from
from inc_mlflow.training.losses import Objective, OwnLoss, SoftLabels
from inc_mlflow.training.module.learner import ModuleLearner
from inc_mlflow.training.module.network import ModuleNetwork, module_outputs
from inc_mlflow.training.module.scored import ScoredModule
from inc_mlflow.training.processes import Processes, present_processes
from inc_mlflow.training.rows import Order, TrainingRows
from inc_mlflow.training.trainer import Scorer, Trainer


@dataclass(frozen=True)
class ModuleSession:
    """What the training of one module reads; ``teacher`` has the outputs of all rows, as all modules have."""

    data: StageData
    rows: TrainingRows
    order: Order
    teacher: Arrays
    processes: Processes

    @classmethod
    def open(cls, data: StageData, teacher: OpenedModule) -> "ModuleSession":
        """Read the training rows, and what the teacher gives for them."""
        rows, processes = TrainingRows.read(data.rows()), present_processes()
        order = Order(len(rows), data.spec.batch, data.fixed_batch, data.spec.seed, processes.number)
        return cls(data, rows, order, module_outputs(teacher, rows.inputs, data.fixed_batch), processes)

    @property
    def steps(self) -> int:
        """Steps of all epochs."""
        return self.order.steps * self.data.spec.epochs

    def epoch_of(self, step: int) -> int:
        """Return the first epoch, from 1, that ends behind a step, counted from 0."""
        return step // self.order.steps + 1

    def objective(self, network: ModuleNetwork, soft: SoftLabels) -> Objective | OwnLoss:
        """Return the loss that the job asks for; raise DataError where labels do not fit it."""
        if self.data.loss is not None:
            return OwnLoss(self.data.loss, network)
        loss = str(self.data.spec.loss)
        return Objective(network, loss, self.data.output, self.teacher, self.rows.labels, soft)

    def train(
        self, recipe: Recipe, opened: OpenedModule, learner: ModuleLearner, loss: str, first: int
    ) -> TrainingFacts:
        """Train, leave the module at its best epoch from ``first`` on, and return how it went."""
        spec, folder = self.data.spec, self.data.state
        key = self._key(recipe)
        trainer = Trainer(learner, spec, self.order, folder, key, best_from(first), self.processes)
        points, chosen = trainer.run(self._scorer(opened, key))
        state = self.processes.first(lambda: load_checkpoint(_epoch(folder, chosen), key))
        if state is None:
            raise ModelError(f"training: the weights of epoch {chosen} are gone; run with --fresh")
        opened.module.load_state_dict(state["module"])
        return trainer.facts(points, chosen, len(self.rows), loss)

    def _scorer(self, opened: OpenedModule, key: str) -> Scorer:
        def score(epoch: int) -> TuningOutcome:
            folder = _epoch(self.data.state, epoch)
            folder.mkdir(parents=True, exist_ok=True)
            save_checkpoint(folder, key, {"module": opened.module.state_dict()})
            return self.data.score(ScoredModule(opened, list(self.teacher)))

        return score

    def _key(self, recipe: Recipe) -> str:
        """Return the digest of all that the result depends on."""
        return sha256_text(
            canonical_json(
                {
                    "recipe": recipe.model_dump(mode="json"),
                    "source": files_sha256(self.data.source.files(self.data.root)),
                    "dense": files_sha256(self.data.dense.files(self.data.root)),
                    "rows": self.rows.digest(),
                    "torch": str(torch.__version__),
                    "spec": self.data.spec.model_dump(mode="json"),
                }
            )
        )


def _epoch(folder: Path, number: int) -> Path:
    return folder / str(number)
