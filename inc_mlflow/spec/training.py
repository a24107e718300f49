"""How methods that train do it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from inc_mlflow.spec.data import Function
from inc_mlflow.spec.spec_model import SpecModel


class LossFunction(SpecModel):
    """The user's own loss."""

    function: Annotated[Function, Field(alias="callable", description="file.py:function")]


class TrainingSpec(SpecModel):
    """How candidates are trained: `data.training` has the rows, and the best epoch on tuning is kept."""

    epochs: Annotated[int, Field(ge=1, le=10_000, description="Passes over the rows at most.")] = 8
    batch: Annotated[int, Field(ge=1, le=100_000, description="Rows per step.")] = 64
    learning_rate: Annotated[
        Annotated[float, Field(gt=0, le=1)] | Literal["auto"],
        Field(description="Of Adam; auto: the best one of a few short trials."),
    ] = "auto"
    schedule: Annotated[
        Literal["cosine", "constant"], Field(description="How the learning rate falls to zero, or stays.")
    ] = "cosine"
    patience: Annotated[
        int, Field(ge=1, le=10_000, description="Epochs without a better one on tuning that end training.")
    ] = 4
    seed: Annotated[int, Field(ge=0, lt=2**31, description="Of the order of rows.")] = 0
    threads: Annotated[
        int, Field(ge=1, le=1024, description="Threads of one operator; sums are rounded by it.")
    ] = 1
    processes: Annotated[
        int,
        Field(
            ge=1,
            le=256,
            description="That share the rows of each step where a module is trained; they divide the batch.",
        ),
    ] = 1
    nodes: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="Pods of a TrainJob that the processes run in, on a cluster; 1: in the task itself.",
        ),
    ] = 1
    deadline: Annotated[
        int, Field(ge=60, le=2_592_000, description="Seconds after which a TrainJob is ended.")
    ] = 86_400
    checkpoint: Annotated[
        int | None, Field(ge=1, description="Steps between two checkpoints; one per epoch by default.")
    ] = None
    loss: Annotated[
        Literal["auto", "cross_entropy", "binary_cross_entropy", "mse", "distillation"] | LossFunction,
        Field(
            description="What is made small; auto: cross entropy where labels are classes, and closeness to "
            "the baseline; distillation needs no labels. {callable: train.py:loss} is your own."
        ),
    ] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _function(cls, data: Any) -> Any:
        """Read {callable: …} in place of the loss."""
        if isinstance(data, Mapping) and "callable" in data:
            if "loss" in data:
                raise ValueError("loss and callable are both given; leave one out")
            others = {key: value for key, value in data.items() if key != "callable"}
            return {**others, "loss": {"callable": data["callable"]}}
        return data

    @model_validator(mode="after")
    def _shared_alike(self) -> Self:
        if self.batch % self.processes:
            raise ValueError(
                f"processes: {self.processes} cannot share a batch of {self.batch} rows alike; "
                "give a number that divides it"
            )
        if self.processes % self.nodes:
            raise ValueError(
                f"nodes: {self.nodes} cannot run {self.processes} processes alike; "
                "give a number that divides processes"
            )
        return self

    @property
    def callable_loss(self) -> str | None:
        """The user's loss as file.py:function; None where it is one of ours."""
        return self.loss.function if isinstance(self.loss, LossFunction) else None
