"""What was measured, and what it is bound to."""

from pydantic import Field

from inc_mlflow.records.base import Frozen, Interval, Record
from inc_mlflow.records.facts import HostFacts


class Evidence(Frozen):
    """What a measurement is bound to."""

    pool: str
    host: HostFacts
    data_sha256: str
    models: dict[str, str]
    """Role or candidate label -> sha256 of the model file."""


class Evaluated(Frozen):
    """One model's metric; None where it is not a finite number, with the reason."""

    value: float | None
    reason: str | None = None
    size_bytes: int
    """Of the model's file."""


class EvaluationRecord(Record):
    """Accuracy of baseline, present champion and candidates on the same rows; outcomes stand in ``outcomes.npz``."""

    unsealed = frozenset({"seconds", "outcomes_sha256"})

    evidence: Evidence
    split: str
    metric: str
    higher_is_better: bool
    decomposable: bool
    rows: int
    results: dict[str, Evaluated]
    outcomes_sha256: str
    emulated: dict[str, str] = Field(default_factory=dict)
    """Emulated instruction set -> identity of the record that stands in the directory of its name."""


class Speed(Frozen):
    """One model's speed; times are of the record's clock."""

    samples_per_second: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    peak_rss_bytes: int
    size_bytes: int


class Cause(Frozen):
    """One reason why a candidate is slow: ``count`` kernels of one kind and the share of its time that they take."""

    what: str
    count: int
    share: float
    fp32_share: float
    """What the baseline spends on the same work, as a share of the candidate's time too."""
    nodes: tuple[str, ...]
    """Baseline nodes that these kernels work for, costliest first."""
    hint: str


class Slow(Frozen):
    """Where the time of a candidate goes that is not faster; seconds are of all kernels for one batch."""

    seconds: float
    baseline_seconds: float
    causes: tuple[Cause, ...]
    summary: str


class BenchmarkRecord(Record):
    """Speed of all models, interleaved; ratios are against the baseline, latencies stand in ``latencies.npz``."""

    unsealed = frozenset({"seconds", "latencies_sha256", "slow"})

    evidence: Evidence
    valid: bool
    reasons: tuple[str, ...]
    layout: str
    clock: str
    pinned_to: int | None
    passes: int
    models: dict[str, Speed]
    speedup: dict[str, Interval]
    source_speedup: dict[str, Interval]
    latencies_sha256: str
    slow: dict[str, Slow] = Field(default_factory=dict)
    """Candidates that are not faster, with the reasons."""
