"""Candidates, trials of a search, and the saturation of candidates."""

import operator
from typing import Annotated, Any

from pydantic import Field

from inc_mlflow.records.base import Frozen, Interval, Line, Record
from inc_mlflow.records.training import TrainingFacts
from inc_mlflow.registry.engines import DEFAULT_ENGINE

INT8 = "int8"
Precision = Annotated[Line, Field(exclude_if=lambda given: given == INT8)]
"""What a candidate computes in, as ``bf16``; records from before there was another one say nothing."""


class Candidate(Frozen):
    """One recipe's model; ``path`` is relative to the step's directory."""

    recipe: dict[str, Any]
    engine: str
    label: str
    path: str
    sha256: str
    size_bytes: int
    training: Annotated[TrainingFacts | None, Field(exclude_if=lambda facts: facts is None)] = None
    """None of a candidate that was not trained."""
    precision: Precision = INT8


class RejectedRecipe(Frozen):
    """A recipe that gave no candidate: it could not be made, does not run, or computes something else."""

    recipe: dict[str, Any]
    """Empty where there was none to try."""
    engine: str
    label: str
    reason: str
    """One line."""
    details: str = ""
    """The whole text of a library that failed."""


class LayerSaturation(Frozen):
    """Saturation of one layer with 8-bit weights on x86 CPUs without VNNI; None where it cannot be seen."""

    name: str
    operator: str
    weights: str
    """Name of its FP32 weights in the baseline."""
    possible: float
    """Share of weight pairs that could saturate for some activations."""
    expected_rate: float | None
    """Share of pair sums that saturate on the rows."""
    expected_error_lsb: float | None
    """Mean absolute change of the layer's outputs, in their quantisation steps and after their clipping."""


class SaturationReport(Frozen):
    """Saturation of one model on ``rows`` rows; ``at_risk`` counts the layers whose rate is above zero."""

    rows: int
    at_risk: int
    layers: tuple[LayerSaturation, ...]
    remedy: str
    """What avoids it, in words that end a sentence."""


class TrialMetric(Frozen):
    """What a trial scored on the tuning split by one metric; the fields are as in ``Trial``."""

    accuracy: float
    relative_drop: Interval
    max_relative_drop: float


class Trial(Frozen):
    """One recipe that a search tried on the tuning split; numbers that were not needed are None."""

    recipe: dict[str, Any]
    label: str
    protects: dict[str, Any] | None = None
    """The recipe whose protected form this one is; None where it is not protected."""
    directory: Annotated[str, Field(pattern=r"^trials/[0-9]+$")]
    """Folder of the model, relative to the search; it is removed when the trial is beaten."""
    sha256: str | None
    size_bytes: int | None
    speedup: Interval | None
    rows: int
    accuracy: float | None
    relative_drop: Interval | None
    """Has no bounds where the metric does not decompose: the gate computes those."""
    disagreement: float | None
    """Share of rows that only one of the models gets right; None where rows are not right or wrong."""
    max_relative_drop: float
    """The job's limit; an absolute limit is given as a share of the baseline's metric on tuning."""
    further: Annotated[dict[Line, TrialMetric], Field(exclude_if=operator.not_)] = Field(default_factory=dict)
    """By the job's other metrics that are judged."""
    output_error: float | None
    """Root mean square of the difference to the baseline's outputs, relative to theirs."""
    rejected: str | None
    """Why it is no candidate, in words; None where it is one."""
    details: str = ""
    """The whole text of a library that failed on it."""
    cpu_seconds: float
    seconds: float

    @property
    def departed(self) -> bool:
        """Tell whether it was fast enough, but no candidate: its outputs were not those of the baseline."""
        return self.speedup is not None and self.sha256 is None

    @property
    def losses(self) -> list[tuple[Interval, float]]:
        """The drop and its limit by each metric that is judged; empty where nothing was scored."""
        if self.relative_drop is None:
            return []
        further = [(one.relative_drop, one.max_relative_drop) for one in self.further.values()]
        return [(self.relative_drop, self.max_relative_drop), *further]


class CandidatesRecord(Record):
    """The candidates of the job in the order of its recipes, or a search's shortlist and all its trials.

    Without candidates, ``rejected`` says why, also of a search.
    """

    baseline_sha256: str
    candidates: tuple[Candidate, ...]
    rejected: tuple[RejectedRecipe, ...] = ()
    trials: tuple[Trial, ...] = ()
    notes: tuple[Line, ...] = ()
    """What a verdict on the candidates should say too, as that a search was ended by its budget."""


class Model(Frozen):
    """A model to measure: ``label`` is its name in records and tables, ``engine`` runs it."""

    label: str
    engine: str = DEFAULT_ENGINE
    path: str
    sha256: str
    size_bytes: int
    precision: Precision = INT8
