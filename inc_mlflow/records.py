"""What steps write beside their files: typed, JSON in and out, with a schema version."""

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from inc_mlflow.errors import StateError
from inc_mlflow.storage import canonical_json, sha256_text, write_text

Verdict = Literal["pass", "fail", "inconclusive"]
RECORD = "record.json"
BASELINE = "baseline"
"""Label of the model that all others are compared with."""


class Frozen(BaseModel):
    """A value inside a record; strict, and NaN is refused when it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Record(Frozen):
    """Result of one step. ``seconds`` is the wall time of the step's own work."""

    incidental: ClassVar[frozenset[str]] = frozenset({"seconds"})
    """Fields that do not count when a later step asks whether its inputs are still the same."""

    schema_version: Literal[1] = 1
    seconds: float = 0.0

    def save(self, directory: Path) -> None:
        """Write ``record.json`` into a step's output directory."""
        write_text(directory / RECORD, self.model_dump_json(indent=1))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read ``record.json`` of a step's output directory; StateError where it is missing or not ours."""
        path = directory / RECORD
        try:
            return cls.model_validate_json(path.read_text())
        except (OSError, ValidationError) as error:
            raise StateError(f"{path}: not a readable {cls.__name__}; run the step again") from error

    def identity(self) -> str:
        """Digest of what the record says, incidental fields aside."""
        return sha256_text(canonical_json(self.model_dump(mode="json", exclude=set(self.incidental))))

    def settled(self) -> bool:
        """Tell whether the step is finished for good; one that met an absent server must be asked again."""
        return True


class Interval(Frozen):
    """An estimate with its one-sided confidence bounds."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Self:
        """Return a value known without error."""
        return cls(value=value, low=value, high=value)


class TensorSpec(Frozen):
    """A graph input: ``dtype`` is NumPy's name; None or a name in ``shape`` is a free axis."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


class HostFacts(Frozen):
    """The hardware and runtime that made a number."""

    cpu: str
    isa: tuple[str, ...]
    cores: int
    system: str
    runtime: dict[str, str]


class SplitFacts(Frozen):
    """Content of one split; ``sha256`` is over row digests and labels in order."""

    rows: int
    sha256: str
    labels: TensorSpec | None
    """Type and shape of one row's label; None where there are none."""


class DataFacts(Frozen):
    """Content of all splits, and the calibration or tuning rows left out because validation holds them too."""

    splits: dict[str, SplitFacts]
    left_out: dict[str, int]
    notes: tuple[str, ...]


class ImportRecord(Record):
    """From source to baseline. ``largest_difference`` is absolute, over all outputs of the rows compared."""

    source_sha256: str
    source_bytes: int
    source_error: str | None
    model_sha256: str
    model_bytes: int
    opset: int
    rows_compared: int
    largest_difference: float | None


class ChampionRecord(Record):
    """The present champion, as the registry answers now."""

    incidental = frozenset({"seconds", "reachable", "note", "version", "recipe"})

    reachable: bool
    version: str | None = None
    recipe: str | None = None
    model_sha256: str | None = None
    note: str | None = None

    def settled(self) -> bool:
        """Ask again after the registry could not be reached."""
        return self.reachable


class CalibrationRecord(Record):
    """What the ranges were collected on."""

    model_sha256: str
    ranges_sha256: str | None
    tensors: int
    rows: int


class Candidate(Frozen):
    """One recipe's model; ``path`` is relative to the step's directory."""

    recipe: dict[str, Any]
    label: str
    path: str
    sha256: str
    size_bytes: int


class CandidatesRecord(Record):
    """All candidates of the job, in the order of its recipes."""

    baseline_sha256: str
    candidates: tuple[Candidate, ...]


class Model(Frozen):
    """A model to be measured: ``label`` names it in records and tables."""

    label: str
    path: str
    sha256: str
    size_bytes: int


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


class EvaluationRecord(Record):
    """Accuracy of baseline, present champion and candidates on the same rows; outcomes stand in ``outcomes.npz``."""

    evidence: Evidence
    split: str
    metric: str
    higher_is_better: bool
    decomposable: bool
    rows: int
    results: dict[str, Evaluated]
    outcomes_sha256: str


class Speed(Frozen):
    """One model's speed; times are of the record's clock."""

    samples_per_second: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    peak_rss_bytes: int
    size_bytes: int


class BenchmarkRecord(Record):
    """Speed of all models, interleaved; ratios are against the baseline, latencies stand in ``latencies.npz``."""

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
