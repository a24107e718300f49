"""Measurements, and the evidence to which they are bound."""

import operator
from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar

from pydantic import Field

from inc_mlflow.records.base import BASELINE, Frozen, Interval, Line, Record
from inc_mlflow.records.conditions import Conditions
from inc_mlflow.records.facts import HostFacts
from inc_mlflow.registry.engines import Device

CLASSES, GROUPS, CONSTANT = " classes", " groups", " constant"
"""Names among the outcomes that no model has: labels begin with no blank."""
V = TypeVar("V")
ScoreRange = tuple[float | None, float | None]
"""Least and largest score of a metric; None where the metric declares no such end."""


class Evidence(Frozen):
    """The pool, host, data and models to which a measurement is bound."""

    pool: Line
    host: HostFacts
    provider: Device
    """The device that ran the models, as ``cpu`` or ``cuda``."""
    data_sha256: str
    models: dict[Line, str]
    """Role or candidate label -> sha256 of the model."""
    engines: dict[Line, Line]
    """The same labels -> the engine that ran the model."""
    precisions: Annotated[dict[Line, Line], Field(exclude_if=operator.not_)] = Field(default_factory=dict)
    """Of candidates that are no INT8: label -> what they compute in."""
    not_loaded: Annotated[dict[Line, Line], Field(exclude_if=operator.not_)] = Field(default_factory=dict)
    """Of candidates that their engine cannot load or run on this host: label -> why. They have no numbers."""


class Evaluated(Frozen):
    """One model's metric; None where it is not a finite number, with the reason."""

    value: float | None
    reason: Line | None = None
    size_bytes: int
    """Size of the model's files."""


class FurtherMetric(Frozen):
    """A metric beside the first one, computed in the same pass.

    Its limits are those that the job gives it; None where it gives none.
    """

    higher_is_better: bool
    decomposable: bool
    score_range: ScoreRange
    max_relative_drop: float | None
    max_absolute_drop: float | None
    informative: bool
    """It is shown, and decides nothing."""


class FurtherResults(Frozen):
    """What an evaluation found by a further metric; the fields are as in ``EvaluationRecord``."""

    results: dict[Line, Evaluated]
    constant_score: float | None
    hangs_on: float | None


def joined_by_metric(parts: Sequence[Mapping[str, V]]) -> dict[str, V]:
    """Join what metrics have under names that no model has; the first one's keep their names."""
    return {
        f"{_prefix(number)}{name}": value for number, part in enumerate(parts) for name, value in part.items()
    }


def split_by_metric(joined: Mapping[str, V], metrics: int) -> list[dict[str, V]]:
    """Return the parts that ``joined_by_metric`` joined."""
    starts = [_prefix(number) for number in range(1, metrics)]
    first = {name: value for name, value in joined.items() if not name.startswith(tuple(starts))}
    further = [
        {name.removeprefix(start): value for name, value in joined.items() if name.startswith(start)}
        for start in starts
    ]
    return [first, *further]


def _prefix(number: int) -> str:
    return f" {number} " if number else ""


class Evaluation(Record):
    """The subject of an evaluation, of all rows or of one shard."""

    evidence: Evidence
    split: str
    metric: Line
    higher_is_better: bool
    decomposable: bool
    score_range: ScoreRange = (None, None)
    """As the metric declares it: a row loses at most its distance to the worst end."""
    group: Line | None = None
    """Array or column with the group of each row, which is stored with the outcomes; None without groups."""
    rows: int
    batch: int
    """Rows at a time: the scale of dynamic INT8 depends on it."""
    emulated: dict[str, str] = Field(default_factory=dict)
    """Emulated instruction set -> identity of the record in the directory of that name."""
    further: Annotated[dict[Line, FurtherMetric], Field(exclude_if=operator.not_)] = Field(
        default_factory=dict
    )
    """The other metrics of the job by name, in their order."""


class EvaluationRecord(Evaluation):
    """Accuracy of all models on the same rows; ``outcomes.npz`` has the outcomes."""

    unsealed = frozenset({"seconds", "outcomes_sha256"})

    results: dict[Line, Evaluated]
    constant_score: float | None = None
    """Metric of one answer for all rows, the baseline's for one of them. None where the metric takes no such
    answer."""
    hangs_on: float | None = None
    """Effective number of rows of a metric of all rows together; None where the metric decomposes.

    So many rows of equal weight would be as uncertain. It follows from the weights of the labels, or for a
    callable from the cost of spoilt rows.
    """
    outcomes_sha256: str
    further_results: Annotated[dict[Line, FurtherResults], Field(exclude_if=operator.not_)] = Field(
        default_factory=dict
    )
    """By the names of ``further``."""


class Speed(Frozen):
    """One model's speed, by the record's clock; percentiles are of all rounds and instances together."""

    samples_per_second: float
    """Throughput of all instances together."""
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p99_9_ms: float
    """Near the longest latency where there are only a few thousand."""
    peak_rss_bytes: int
    """Peak of the largest instance."""
    instance_rss_bytes: tuple[int, ...]
    """Peak of each instance."""
    size_bytes: int
    """Size of the model's files."""


class Cause(Frozen):
    """One reason why a candidate is slow: ``count`` kernels of one kind, and their share of its time."""

    what: str
    count: int
    share: float
    fp32_share: float
    """Time of the baseline for the same work, also as a share of the candidate's time."""
    nodes: tuple[str, ...]
    """Baseline nodes that these kernels compute, costliest first."""
    hint: str


class Slow(Frozen):
    """Why a candidate is not faster; seconds are those of all kernels for one batch."""

    seconds: float
    baseline_seconds: float
    causes: tuple[Cause, ...]
    summary: Line


class BenchmarkRecord(Record):
    """Speed of all models, measured interleaved; ``latencies.npz`` has the latencies."""

    unsealed = frozenset({"seconds", "latencies_sha256"})

    evidence: Evidence
    valid: bool
    """False where the host was too disturbed or times contradict each other; there are no numbers then."""
    reasons: tuple[Line, ...]
    """Why it is not valid; if it is valid, which models have no numbers, and why."""
    layout: str
    """The complete layout, with all its numbers."""
    clock: str
    """The clock of all times: CPU time of the instance's process, or wall time."""
    conditions: Conditions
    """Where and how the instances ran, and what disturbed them."""
    models: dict[str, Speed]
    """Label -> speed, without models that could not keep up with arrivals; empty where it is not valid."""
    confidence: float
    """One-sided confidence of the bounds of all ratios."""
    against: Line = BASELINE
    """Label of the fastest baseline of all engines; speed-ups are against it."""
    speedup: dict[str, Interval]
    """Label -> speed-up against that baseline, by throughput, or with arrivals by mean latency."""
    source_speedup: dict[str, Interval]
    """The same against the source; empty where the source cannot run."""
    engine_speedup: Annotated[dict[str, Interval], Field(exclude_if=operator.not_)] = Field(
        default_factory=dict
    )
    """The same of candidates against the baseline of their engine, where a job has several engines."""
    latencies_sha256: str
    slow: dict[str, Slow] = Field(default_factory=dict)
    """Candidates that are not faster, with the reasons."""
