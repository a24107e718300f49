"""How much channels matter before any is removed: by size, or by gradients of some training steps."""

from collections.abc import Mapping

from torch import Tensor

from inc_mlflow.errors import ModelError
from inc_mlflow.training.losses import Objective, check_gradient
from inc_mlflow.training.module.learner import ModuleLearner
from inc_mlflow.training.processes import present_processes
from inc_mlflow.training.prune.scores import WeightScores
from inc_mlflow.training.rows import Order

_STEPS = 64
"""Steps whose gradients are read; none of them is taken."""


def weight_scores(
    name: str, weights: Mapping[str, Tensor], learner: ModuleLearner, order: Order
) -> dict[str, Tensor]:
    """Return the scores of weights, as those of a training that stands still."""
    scores, processes = WeightScores(name, weights), present_processes()
    if scores.has_gradients:
        state = learner.state()
        for number, pieces in zip(range(_STEPS), order.epoch(0), strict=False):
            learner.begin_step(None if number == 0 else number)
            learner.module.zero_grad()
            for piece in processes.own(pieces):
                loss = learner.loss(piece) / len(pieces)
                check_gradient(loss)
                loss.backward()  # type: ignore[no-untyped-call]
            processes.join(0.0, learner.tensors, learner.buffers())
            scores.observe()
        learner.module.zero_grad()
        learner.load_state(state)
    return scores.now()


def check_informative(name: str, objective: object, label: str) -> None:
    """Raise ModelError where a score by gradients finds none: a model is as close to itself as can be."""
    if name in ("snip_momentum", "gradient") and isinstance(objective, Objective) and objective.is_closeness:
        raise ModelError(
            f"recipe {label!r}: {name} needs a loss by labels, since closeness to the model itself has no "
            "gradient where pruning begins; give labels, or score: magnitude"
        )
