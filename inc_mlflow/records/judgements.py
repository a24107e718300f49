"""What was judged, logged, requested, decided and promoted."""

import operator
from typing import Annotated, Literal

from pydantic import Field

from inc_mlflow.formatting import on_engine
from inc_mlflow.records.base import Frozen, Interval, Line, Record, Verdict
from inc_mlflow.records.candidates import RejectedRecipe
from inc_mlflow.records.protections import Protection

Outcome = Literal["open", "waiting", "promoted", "rejected", "inconclusive", "stale", "broken"]
"""Of a request. ``waiting``: for a person's approval. ``stale``: nothing compares the candidate with the
present champion. ``broken``: nobody could read it."""


class MetricFacts(Frozen):
    """What a table calls its metric, and in which direction that gets worse."""

    name: Line
    higher_is_better: bool
    informative: Annotated[bool, Field(exclude_if=operator.not_)] = False
    """It is shown, and decides nothing."""

    @property
    def loss(self) -> str:
        """The word for a change for the worse."""
        return "drop" if self.higher_is_better else "rise"


class MetricResult(Frozen):
    """One model by one of the job's metrics."""

    accuracy: Interval | None
    relative_drop: Interval | None
    verdict: Verdict | None
    """By this metric alone; None of a baseline, and of a metric that decides nothing."""


ByMetric = Annotated[dict[Line, MetricResult], Field(exclude_if=operator.not_)]
"""Results by metric, the job's first one among them; records from before there were several have none."""


class PoolResult(Frozen):
    """One model on one pool; ``accuracy`` and ``relative_drop`` are by the job's first metric."""

    accuracy: Interval | None
    relative_drop: Interval | None
    speedup: Interval | None
    verdict: Verdict
    metrics: ByMetric = Field(default_factory=dict)


class Row(Frozen):
    """One line of the job's table.

    Numbers that could not be measured are None, and so is the baseline's verdict.
    """

    recipe: str
    engine: str
    path: str
    sha256: str
    accuracy: Interval | None
    relative_drop: Interval | None
    speedup: Interval | None
    source_speedup: Interval | None
    size_bytes: int
    verdict: Verdict | None
    reasons: tuple[str, ...]
    per_pool: dict[str, PoolResult]
    metrics: ByMetric = Field(default_factory=dict)
    """Of each metric, the worst of the pools that count."""
    engine_speedup: Annotated[Interval | None, Field(exclude_if=lambda ratio: ratio is None)] = None
    """Of a candidate in a job of several engines: against the FP32 baseline of its own one."""


class JudgementRecord(Record):
    """The gate's answer: the table in its order, baselines first, and the verdict of the best row.

    Without a candidate it is ``fail``: FP32 is kept.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    metric: MetricFacts
    table: tuple[Row, ...]
    """Of what was measured."""
    rejected: tuple[RejectedRecipe, ...] = ()
    """The recipes without a candidate: rows that fail, with nothing to measure."""
    confidence: float
    policy_sha256: str
    """Of the gate's limits in canonical form: judgements by other limits differ in it."""
    metrics: Annotated[tuple[MetricFacts, ...], Field(exclude_if=operator.not_)] = ()
    """All metrics in their order, ``metric`` first; empty in records from before there were several."""

    @property
    def all_metrics(self) -> tuple[MetricFacts, ...]:
        """The metrics in their order, also of a record from before there were several."""
        return self.metrics or (self.metric,)

    def best(self) -> Row:
        """Return the top row that is not a baseline; there is one unless every recipe was rejected."""
        return self.candidates[0]

    def headline(self) -> str:
        """Return the verdict, and what it is about."""
        if not self.candidates:
            return f"{self.verdict}: keep FP32"
        best, engines = self.best(), {row.engine for row in self.table}
        return f"{self.verdict}: {on_engine(best.recipe, best.engine, engines)}"

    @property
    def candidates(self) -> tuple[Row, ...]:
        """The rows that are not baselines, in the table's order."""
        return tuple(row for row in self.table if row.verdict is not None)


class TrackingRecord(Record):
    """Where MLflow keeps the job: run and logged-model ids by row sha256."""

    tracking_uri: str
    experiment_id: str
    parent_run_id: str
    runs: dict[str, str]
    models: dict[str, str]
    """Of the table's rows, the baseline among them."""
    evidence: dict[str, str]
    """Path below the parent run's artifact ``evidence`` -> sha256 of the file: all that is needed to judge
    again."""
    no_views: str | None = None
    """Why the experiment has no saved views; None where it has them."""


class RequestRecord(Record):
    """What a pipeline asks the gate to promote, and the evidence by which the gate judges again."""

    registered_model: Annotated[str, Field(pattern=r"^[^/:'\"\p{C}\p{Zl}\p{Zp}]+$")]
    run_id: str
    """The job's run, which holds the evidence."""
    models: dict[str, Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]]
    """sha256 -> id of the logged model: of the baseline and of every row of the judgement's table."""
    recipe: Line
    sha256: str
    """Of the best candidate's file."""
    requested_by: Line | None = None
    """The pipeline's user, as the server knows it; None where the server has no users."""
    alias_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")] = "int8"
    """Aliases are ``<prefix>-champion``, ``<prefix>-champion-<pool>`` and ``<prefix>-challenger``."""
    measured_against: str | None
    """Version of the champion that the candidate was measured against.

    The gate compares with the present champion instead; the field stays for the digests of stored
    requests.
    """
    policy_sha256: str
    evidence: dict[str, str]


class Decision(Frozen):
    """The gate's decision on a request.

    With ``open`` there is none yet, and the reason says what stands in the way.
    """

    run_id: str
    outcome: Outcome
    reasons: tuple[str, ...]
    policy: str
    """Name of the policy that the gate judged by."""
    recipe: str | None = None
    registered_model: str | None = None
    version: str | None = None
    aliases: dict[str, str] = Field(default_factory=dict)
    """Alias -> version, of all that name what this request promoted."""
    protections: tuple[Protection, ...] = ()
    """Of what was promoted: what could have been forged, and what stands against it."""


class PromotionRecord(Record):
    """What was promoted."""

    registered_model: str
    aliases: dict[str, str]
    """Alias -> version, of all that name what this job promoted."""
    version: str
    sha256: str
    protections: tuple[Protection, ...] = ()
    """What could have been forged, and what stands against it."""
