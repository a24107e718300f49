"""Trains a network: epochs of steps, a checkpoint after each, and a model to score behind each epoch."""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inc_mlflow import progress
from inc_mlflow.engines.trainable import TuningOutcome
from inc_mlflow.errors import ModelError
from inc_mlflow.records.training import TrainingFacts, TrainingPoint
from inc_mlflow.spec.training import TrainingSpec
from inc_mlflow.training.checkpoint import load_checkpoint, save_checkpoint
from inc_mlflow.training.choice import choose_epoch
from inc_mlflow.training.learner import Learner
from inc_mlflow.training.learning_rate import TRIED, find_rate, rate_at
from inc_mlflow.training.losses import check_gradient
from inc_mlflow.training.processes import ALONE, Processes
from inc_mlflow.training.reached import TrainingProgress
from inc_mlflow.training.rows import Order

_TRIAL_STEPS, _HELD_STEPS = 20, 4
"""Steps of a trial of a learning rate, and steps whose rows it leaves out to measure the loss on."""
_TIMED_ROWS = 16
"""Rows of the steps that are timed; a step of more rows takes no more time for each."""
Scorer = Callable[[int], TuningOutcome]
"""Writes what has been trained up to an epoch, and returns its scores on tuning."""


class Trainer:
    """One training. ``key`` names what its result depends on; ``choose`` gives an epoch, or None.

    Of ``processes`` that share it each runs this, and only the first one scores and writes.
    """

    def __init__(
        self,
        learner: Learner,
        spec: TrainingSpec,
        order: Order,
        folder: Path,
        key: str,
        choose: Callable[[Sequence[TuningOutcome]], int | None] = choose_epoch,
        processes: Processes = ALONE,
    ) -> None:
        self._learner, self._choose, self._processes = learner, choose, processes
        self._spec, self._order, self._folder, self._key = spec, order, folder, key
        self._tensors = learner.tensors
        self._adam = self._optimizer()
        self._state = TrainingProgress()
        self.ended = f"all {spec.epochs} epochs are done"

    def run(self, score: Scorer) -> tuple[list[TrainingPoint], int]:
        """Train, and return all epochs and the number of the best; a killed training goes on.

        Raises ModelError where the first loss is no number, or has no gradient, or training ended before an
        epoch that can be handed over.
        """
        self._resume()
        self._check_equal()
        if not self._state.outcomes:
            self._scored(score, 0, None)
            self._check_first_loss()
            given = self._spec.learning_rate
            self._state.rate = self._found_rate() if given == "auto" else given
            self._save()
        for epoch, pieces in progress.track(self._left(), "train", self._spec.epochs * self._order.steps):
            if not self._step(pieces):
                break
            self._state.step += 1
            if self._state.step % self._order.steps == 0:
                self._scored(score, epoch + 1, float(np.mean(self._state.losses)))
                self._state.losses = []
                self._save()
                if self._is_late():
                    break
            elif self._spec.checkpoint and self._state.step % self._spec.checkpoint == 0:
                self._save()
        points = [TrainingPoint.model_validate(point) for point in self._state.points]
        chosen = self._choose(self._state.tuned())
        if chosen is None:
            raise ModelError(f"training: no epoch can be handed over: {self.ended}")
        return points, chosen

    def step_seconds(self) -> float:
        """Return the CPU time of a step, by steps of few rows; the tensors are as before.

        Raises ModelError as ``run`` does.
        """
        self._check_first_loss()
        before, state = [tensor.detach().clone() for tensor in self._tensors], self._learner.state()
        first, *_ = next(self._order.epoch(0))
        few = first if self._order.piece else first[:_TIMED_ROWS]
        adam, seconds = self._optimizer(), 0.0
        try:
            for _ in range(2):  # the first one also makes room
                began = time.process_time()
                self._update(adam, [few], TRIED[0], None)
                seconds = time.process_time() - began
        finally:
            self._restore(before)
            self._learner.load_state(state)
        return seconds * self._order.size / len(few)

    def steps_before(self) -> int:
        """Return how many steps' time the search for a learning rate takes."""
        if self._spec.learning_rate != "auto":
            return 0
        return len(TRIED) * (min(_TRIAL_STEPS, self._order.steps) + _HELD_STEPS)

    def facts(
        self,
        points: Sequence[TrainingPoint],
        chosen: int,
        rows: int,
        loss: str,
        agreement: float | None = None,
    ) -> TrainingFacts:
        """Return how ``run`` went, on ``rows`` rows by the loss of that name."""
        return TrainingFacts(
            rows=rows,
            loss=loss,
            learning_rate=self._state.rate,
            seed=self._spec.seed,
            threads=self._spec.threads,
            processes=self._processes.number,
            torch=str(torch.__version__),
            points=tuple(points),
            chosen=chosen,
            ended=self.ended,
            agreement=agreement,
        )

    def _left(self) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Yield the steps that are left, as (epoch, rows of each piece), and the epoch's number from 0."""
        first, within = divmod(self._state.step, self._order.steps)
        if self._is_late():
            return
        for epoch in range(first, self._spec.epochs):
            for number, pieces in enumerate(self._order.epoch(epoch)):
                if epoch > first or number >= within:
                    yield epoch, pieces

    def _is_late(self) -> bool:
        """Tell whether the best epoch is too long ago, and say so."""
        tuned = self._state.tuned()
        best = self._choose(tuned) if tuned else None
        late = best is not None and len(tuned) - 1 - best >= self._spec.patience
        done = self._state.step >= self._spec.epochs * self._order.steps
        if late and not done:
            self.ended = f"{self._spec.patience} epochs brought nothing better on tuning"
        return late

    def _step(self, pieces: list[np.ndarray]) -> bool:
        """Take a step; False where the loss is no number any more."""
        state = self._state
        rate = rate_at(state.step, self._spec.epochs * self._order.steps, state.rate, self._spec.schedule)
        loss = self._update(self._adam, pieces, rate, state.step)
        if not math.isfinite(loss):
            self.ended = f"the loss is no number in step {state.step + 1}; lower training.learning_rate"
            return False
        state.losses.append(loss)
        return True

    def _update(
        self, adam: torch.optim.Adam, pieces: list[np.ndarray], rate: float, step: int | None
    ) -> float:
        """Move all tensors by one step of Adam and return the loss before it.

        Where the loss is no number, nothing moves. ``step`` is None in a trial of a rate.
        """
        self._learner.begin_step(step)
        for group in adam.param_groups:
            group["lr"] = rate
        adam.zero_grad()
        mean = 0.0
        for piece in self._processes.own(pieces):
            loss = self._learner.loss(piece) / len(pieces)
            mean += float(loss.detach())
            if not math.isfinite(mean):
                break
            check_gradient(loss)
            loss.backward()  # type: ignore[no-untyped-call]
        mean = self._processes.join(mean, self._tensors, self._learner.buffers())
        if not math.isfinite(mean):
            return mean
        self._learner.before_update(step)
        adam.step()
        self._learner.after_update(step)
        return mean

    def _check_first_loss(self) -> None:
        with torch.no_grad():
            loss = float(np.mean([float(self._learner.loss(piece)) for piece in next(self._order.epoch(0))]))
        if not math.isfinite(loss):
            raise ModelError(
                f"training: the loss is {loss} before the first step; correct training.loss, labels or rows"
            )

    def _scored(self, score: Scorer, epoch: int, loss: float | None) -> None:
        def scored() -> tuple[list[float], list[float]]:
            found = score(epoch)
            return found.scores.tolist(), found.distances.tolist()

        scores, distances = self._processes.first(scored)
        rate = self._adam.param_groups[0]["lr"] if epoch else None
        self._state.outcomes.append((scores, distances))
        self._state.points.append(
            {
                "epoch": epoch,
                "step": self._state.step,
                "loss": loss,
                "learning_rate": rate,
                "score": float(np.mean(scores)),
                "distance": float(np.mean(distances)) if distances else None,
            }
        )

    def _found_rate(self) -> float:
        """Return the rate that a few trials find best; the tensors are as before."""
        before = [tensor.detach().clone() for tensor in self._tensors]
        state = self._learner.state()
        steps = list(self._order.epoch(0))
        held = steps[: min(_HELD_STEPS, max(1, len(steps) // 2))]
        trained = steps[len(held) :] or held

        def held_loss() -> float:
            with torch.no_grad():
                losses = (float(self._learner.loss(piece)) for one in held for piece in one)
                return self._processes.first(lambda: float(np.mean(list(losses))))

        def begin() -> None:
            self._restore(before)
            self._learner.load_state(state)
            self._learner.begin_trial()

        def loss_after(rate: float) -> float:
            begin()
            adam, few = self._optimizer(), trained[:_TRIAL_STEPS]
            for number, pieces in enumerate(few):
                falling = rate_at(number, len(few), rate, "cosine")
                if not math.isfinite(self._update(adam, pieces, falling, None)):
                    return math.inf
            return held_loss()

        try:
            if self._learner.repairs:
                return min(TRIED, key=loss_after)
            begin()
            return find_rate(loss_after, held_loss())
        finally:
            self._restore(before)
            self._learner.load_state(state)

    def _restore(self, values: list[Tensor]) -> None:
        with torch.no_grad():
            for tensor, value in zip(self._tensors, values, strict=True):
                tensor.copy_(value)

    def _optimizer(self) -> torch.optim.Adam:
        return torch.optim.Adam(self._tensors, lr=1.0, foreach=False)

    def _whole_state(self) -> dict[str, Any]:
        return {
            "tensors": [tensor.detach() for tensor in self._tensors],
            "adam": self._adam.state_dict(),
            "learner": self._learner.state(),
            "progress": copy.copy(vars(self._state)),
        }

    def _check_equal(self) -> None:
        self._processes.check_equal(self._whole_state(), f"behind step {self._state.step}")

    def _save(self) -> None:
        self._check_equal()
        if self._processes.rank == 0:
            save_checkpoint(self._folder, self._key, self._whole_state())

    def _resume(self) -> None:
        state = self._processes.first(lambda: load_checkpoint(self._folder, self._key))
        if state is None:
            return
        if len(state["tensors"]) != len(self._tensors):
            raise ModelError("training: a checkpoint of another graph; remove the state folder")
        self._restore(state["tensors"])
        self._adam.load_state_dict(state["adam"])
        self._learner.load_state(state["learner"])
        self._state = TrainingProgress(**state["progress"])
