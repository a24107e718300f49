"""How a candidate was trained."""

from typing import Annotated

from pydantic import Field

from inc_mlflow.records.base import Frozen, Line


class TrainingPoint(Frozen):
    """State of training behind an epoch; epoch 0 is the start."""

    epoch: int
    step: int
    loss: float | None
    """Mean over the epoch; None of the start."""
    learning_rate: float | None
    """That of the epoch's last step."""
    score: float
    """The job's first metric on tuning; where lower is better, with its sign turned."""
    distance: float | None = None
    """Of the outputs from the baseline's on tuning: root mean square, relative to theirs, mean over rows."""


class TrainingFacts(Frozen):
    """All epochs of one candidate's training, and which of them it is."""

    rows: int
    loss: str
    learning_rate: float
    """The largest one of the schedule."""
    seed: int
    threads: int
    """Results are the same again with as many threads, and processes, on the same kind of CPU."""
    processes: int = 1
    """Processes that shared each step."""
    torch: str
    """Version of torch."""
    points: Annotated[tuple[TrainingPoint, ...], Field(strict=False)]
    chosen: int
    """Epoch of the candidate; 0, the start, where none was better by more than chance."""
    ended: Line
    """Why training ended."""
    agreement: float | None
    """Difference of torch's outputs from those of the file: root mean squares, the largest of all outputs.

    None for a module, which is compared with its file when that is imported.
    """
    zeros: Annotated[int | None, Field(exclude_if=lambda found: found is None)] = None
    """Weights of layers that are zero in the candidate's file; None where no stage has placed zeros."""
