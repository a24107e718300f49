"""What was made: candidates, trials, and where a candidate saturates."""

from typing import Annotated, Any

from pydantic import Field

from inc_mlflow.records.base import Frozen, Interval, Record
from inc_mlflow.registry.engines import DEFAULT_ENGINE


class Candidate(Frozen):
    """One recipe's model; ``path`` is relative to the step's directory."""

    recipe: dict[str, Any]
    engine: str
    label: str
    path: str
    sha256: str
    size_bytes: int


class LayerSaturation(Frozen):
    """One layer with 8-bit weights on x86 CPUs without VNNI; None is what could not be seen."""

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
    """What saturates of one model on ``rows`` rows.

    ``at_risk`` counts the layers whose rate is above zero.
    """

    rows: int
    at_risk: int
    layers: tuple[LayerSaturation, ...]
    remedy: str
    """What avoids it, in words that end a sentence."""


class Trial(Frozen):
    """One recipe that a search tried on the tuning split.

    Numbers that its rejection did not need are None.
    """

    recipe: dict[str, Any]
    label: str
    protects: dict[str, Any] | None = None
    """The recipe that this one is the protected form of; None where it is not protected."""
    directory: Annotated[str, Field(pattern=r"^trials/[0-9]+$")]
    """Where the model was made, relative to the search; gone once the trial is beaten."""
    sha256: str | None
    size_bytes: int | None
    speedup: Interval | None
    rows: int
    accuracy: float | None
    relative_drop: Interval | None
    """Without bounds where the metric does not decompose: its replicates are left to the gate."""
    disagreement: float | None
    """Share of the rows that are right in one model only; None where rows are not right or wrong."""
    max_relative_drop: float
    """What the job allows; an absolute limit as a share of the baseline's metric on tuning."""
    output_error: float | None
    """Root mean square of the difference to the baseline's outputs, relative to theirs."""
    rejected: str | None
    """Why it is no candidate, in words."""
    cpu_seconds: float
    seconds: float


class CandidatesRecord(Record):
    """All candidates of the job, in the order of its recipes, or the shortlist of the search and all of its trials."""

    baseline_sha256: str
    candidates: tuple[Candidate, ...]
    trials: tuple[Trial, ...] = ()


class Model(Frozen):
    """A model to be measured: ``label`` names it in records and tables, ``engine`` runs it."""

    label: str
    engine: str = DEFAULT_ENGINE
    path: str
    sha256: str
    size_bytes: int
