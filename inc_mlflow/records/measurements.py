"""What was measured, and what it is bound to."""

from pydantic import Field

from inc_mlflow.records.base import BASELINE, Frozen, Interval, Line, Record
from inc_mlflow.records.conditions import Conditions
from inc_mlflow.records.facts import HostFacts
from inc_mlflow.registry.engines import Device

ScoreRange = tuple[float | None, float | None]
"""The least and the largest score that a metric can give; None where it declares no such end."""


class Evidence(Frozen):
    """What a measurement is bound to."""

    pool: Line
    host: HostFacts
    provider: Device
    """What ran the models, as ``cpu`` or ``cuda``."""
    data_sha256: str
    models: dict[Line, str]
    """Role or candidate label -> sha256 of the model."""
    engines: dict[Line, Line]
    """The same labels -> what ran the model."""


class Evaluated(Frozen):
    """One model's metric; None where it is not a finite number, with the reason."""

    value: float | None
    reason: Line | None = None
    size_bytes: int
    """Of the model's file."""


class Evaluation(Record):
    """What an evaluation is about, whether of all rows or of one shard."""

    evidence: Evidence
    split: str
    metric: Line
    higher_is_better: bool
    decomposable: bool
    score_range: ScoreRange = (None, None)
    """What the metric declares: a row loses at most its distance to the worst end."""
    group: Line | None = None
    """Array or column by which rows were drawn together, whose numbers stand among the outcomes; None where
    each by itself."""
    rows: int
    batch: int
    """Rows at a time: the scale of dynamic INT8 depends on it."""
    emulated: dict[str, str] = Field(default_factory=dict)
    """Emulated instruction set -> identity of the record that stands in the directory of its name."""


class EvaluationRecord(Evaluation):
    """Accuracy of baseline, present champion and candidates on the same rows.

    Outcomes stand in ``outcomes.npz``.
    """

    unsealed = frozenset({"seconds", "outcomes_sha256"})

    results: dict[Line, Evaluated]
    hangs_on: float | None = None
    """Of a metric of all rows together: as many equal rows would be as uncertain, by what its labels weigh,
    or for a callable by what rows that are spoilt cost; None where the metric decomposes."""
    outcomes_sha256: str


class Speed(Frozen):
    """One model's speed.

    Times are of the record's clock, percentiles of the pooled latencies of all rounds and instances.
    """

    samples_per_second: float
    """Of all instances together."""
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p99_9_ms: float
    """Near the longest latency where there are few thousand."""
    peak_rss_bytes: int
    """Of the largest instance."""
    instance_rss_bytes: tuple[int, ...]
    """Peak of each instance."""
    size_bytes: int
    """Of the model file."""


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
    summary: Line


class BenchmarkRecord(Record):
    """Speed of all models, interleaved.

    Ratios are against the baseline, latencies stand in ``latencies.npz``.
    """

    unsealed = frozenset({"seconds", "latencies_sha256"})

    evidence: Evidence
    valid: bool
    """False where the host was too disturbed or the times contradict each other: then there are no
    numbers."""
    reasons: tuple[Line, ...]
    """Why it is not valid; or if it is, which models have no numbers, and why."""
    layout: str
    """With nothing left open."""
    clock: str
    """What times are of: CPU time of the instance's process, or wall time."""
    conditions: Conditions
    """Where and how the instances ran, and what disturbed them."""
    models: dict[str, Speed]
    """Label -> speed; empty where it is not valid, without those that could not keep up with arrivals."""
    confidence: float
    """One-sided, of the bounds of all ratios."""
    against: Line = BASELINE
    """Label of the fastest baseline of all engines, which speed-ups are against."""
    speedup: dict[str, Interval]
    """Label -> times as fast as that baseline: throughput, or with arrivals mean latency."""
    source_speedup: dict[str, Interval]
    """The same against the file as it was given; empty where that cannot run."""
    latencies_sha256: str
    slow: dict[str, Slow] = Field(default_factory=dict)
    """Candidates that are not faster, with the reasons."""
