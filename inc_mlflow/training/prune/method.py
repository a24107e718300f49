"""The method ``prune``: a module loses weights, and is trained by labels and by the module it was."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from inc_mlflow.records.stages import PruningFacts, StageFacts
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.sources.pytorch.changed import save_changed
from inc_mlflow.sources.pytorch.source import SOURCE
from inc_mlflow.sources.stage import StageData
from inc_mlflow.training.determinism import deterministic
from inc_mlflow.training.losses import SoftLabels
from inc_mlflow.training.module.learner import ModuleLearner
from inc_mlflow.training.module.network import ModuleNetwork
from inc_mlflow.training.module.session import ModuleSession
from inc_mlflow.training.module.sizes import parameters
from inc_mlflow.training.prune.channels import remove_channels
from inc_mlflow.training.prune.counting import counted_layers, layer_facts, packed_size
from inc_mlflow.training.prune.heads import remove_heads
from inc_mlflow.training.prune.importance import check_informative, weight_scores
from inc_mlflow.training.prune.layers import KINDS, groups_of, pruned_layers
from inc_mlflow.training.prune.learner import Pruning, PruningLearner
from inc_mlflow.training.prune.masks import Masks
from inc_mlflow.training.prune.options import REMOVED, Prune
from inc_mlflow.training.prune.patterns import UnitPattern
from inc_mlflow.training.prune.schedule import CubicSchedule
from inc_mlflow.training.prune.scores import WeightScores
from inc_mlflow.training.tensors import tensors_of


class PruneMethod:
    """Makes weights zero while the module trains, or removes channels and heads before it."""

    def check(self, recipe: Prune) -> None:
        """Raise MissingExtraError where the framework is not installed."""
        METHODS.check_packages(method_name(recipe.engine, recipe.method))

    def train(self, recipe: Prune, data: StageData, folder: Path) -> StageFacts:
        """Write the pruned module; see ``StageMethod``."""
        with deterministic(data.spec.threads):
            return _Pruning(recipe, data).run(folder)

    def check_exported(
        self, recipe: Prune, facts: StageFacts, folder: Path, weights: Sequence[np.ndarray]
    ) -> StageFacts:
        """Count zeros, and check the pattern, in the exported file; see ``StageMethod``."""
        if facts.pruning is None:
            raise TypeError("prune: facts of another method")
        layers = counted_layers(recipe, facts.pruning.layers, folder, weights)
        return facts.model_copy(update={"pruning": facts.pruning.model_copy(update={"layers": layers})})


METHOD = PruneMethod()


class _Pruning:
    """One module being pruned."""

    def __init__(self, recipe: Prune, data: StageData) -> None:
        self._recipe, self._data = recipe, data
        self._opened = SOURCE.open(data.source, data.root)
        dense = SOURCE.open(data.dense, data.root)
        self._session = ModuleSession.open(data, dense)
        self._before = parameters(dense.module), packed_size(dense.module)
        self._network = ModuleNetwork(self._opened, self._session.teacher)
        soft = SoftLabels(recipe.temperature, recipe.teacher_weight)
        self._objective = self._session.objective(self._network, soft)
        check_informative(recipe.score, self._objective, recipe.label())

    def run(self, folder: Path) -> StageFacts:
        """Prune, train and write."""
        removes = self._recipe.pattern in REMOVED
        names = self._remove() if removes else list(pruned_layers(self._opened.module, self._recipe))
        learner, first = (self._plain(), 1) if removes else self._masked(names)
        training = self._session.train(self._recipe, self._opened, learner, self._objective.name, first)
        built = self._data.source.model_copy(update={"trained": None})
        save_changed(self._opened.module, SOURCE.open(built, self._data.root).module, folder)
        state = self._opened.module.state_dict()
        return StageFacts(
            recipe=self._recipe.model_dump(mode="json"),
            label=self._recipe.label(),
            source=built.model_dump(mode="json", exclude_none=True),
            training=training,
            pruning=PruningFacts(
                pattern=self._recipe.pattern,
                layers=tuple(layer_facts(name, state[f"{name}.weight"]) for name in names),
                parameters_before=self._before[0],
                parameters_after=parameters(self._opened.module),
                compressed=packed_size(self._opened.module) / self._before[1],
            ),
        )

    def _plain(self) -> ModuleLearner:
        session = self._session
        return ModuleLearner(
            self._network, self._objective, session.rows, session.teacher, self._data.spec.seed
        )

    def _masked(self, names: Sequence[str]) -> tuple[PruningLearner, int]:
        """Return what trains with masks, and the first epoch that ends with all zeros in place."""
        recipe, session = self._recipe, self._session
        pattern = UnitPattern.named(recipe.pattern)
        layers = pruned_layers(self._opened.module, recipe)
        for name in names:
            pattern.check(name, layers[name].weight.shape, groups_of(layers[name]))
        weights: dict[str, Tensor] = {name: layers[name].weight for name in names}
        schedule = CubicSchedule.of(session.steps, recipe.begin, recipe.end)
        pruning = Pruning(
            weights,
            Masks(pattern, weights, recipe.sparsity, recipe.is_balanced),
            WeightScores(recipe.score, weights),
            schedule,
            (pattern, recipe.lasso) if recipe.score == "group_lasso" else None,
        )
        learner = PruningLearner(
            self._network, self._objective, session.rows, session.teacher, self._data.spec.seed, pruning
        )
        return learner, session.epoch_of(schedule.last)

    def _remove(self) -> list[str]:
        """Remove channels or heads, and return the layers that became smaller."""
        recipe, module = self._recipe, self._opened.module
        pruned_layers(module, recipe)  # names that fit nothing are refused
        weights = {path: one.weight for path, one in module.named_modules() if isinstance(one, KINDS)}
        scores = weight_scores(recipe.score, weights, self._plain(), self._session.order)
        module.eval()
        rows, _ = self._session.rows.at(np.arange(self._data.fixed_batch or 2))
        if recipe.pattern == "channel":
            return remove_channels(self._opened, recipe, scores, tensors_of(rows))
        found = remove_heads(self._opened, recipe, scores, tensors_of(rows))
        return [f"{path}.{recipe.attention.output}" for path in found] if recipe.attention else []
