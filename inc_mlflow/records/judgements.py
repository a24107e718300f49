"""What was decided, logged and promoted."""

from inc_mlflow.records.base import Frozen, Interval, Record, Verdict


class PoolResult(Frozen):
    """One model on one pool."""

    accuracy: Interval | None
    relative_drop: Interval | None
    speedup: Interval | None
    verdict: Verdict


class Row(Frozen):
    """One line of the job's table; numbers that could not be measured are None, and so is the baseline's verdict."""

    recipe: str
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


class JudgementRecord(Record):
    """The gate's answer: the table in its order, baseline first, and the verdict of the best row."""

    verdict: Verdict
    reasons: tuple[str, ...]
    table: tuple[Row, ...]
    confidence: float
    policy_sha256: str
    """Of the gate's limits in canonical form: judgements by other limits differ in it."""

    def best(self) -> Row:
        """Return the top row that is not the baseline."""
        return self.table[1]


class TrackingRecord(Record):
    """Where MLflow keeps the job: run and logged-model ids by row sha256."""

    tracking_uri: str
    experiment_id: str
    parent_run_id: str
    runs: dict[str, str]
    models: dict[str, str]


class PromotionRecord(Record):
    """The promoted version; ``created`` tells whether this job made it."""

    registered_model: str
    alias: str
    version: str
    sha256: str
    created: bool
