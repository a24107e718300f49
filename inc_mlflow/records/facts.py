"""What is known of inputs: tensors, hosts, data, the source and the present champion."""

from typing import Self

from pydantic import Field

from inc_mlflow.records.base import Frozen, Line, Record


class TensorSpec(Frozen):
    """A graph input: ``dtype`` is NumPy's name; None or a name in ``shape`` is a free axis."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


class HostFacts(Frozen):
    """The hardware and runtime that made a number."""

    cpu: Line
    isa: tuple[str, ...]
    gpu: str | None
    """Name and compute capability; None where the numbers depend on none."""
    cores: int
    """CPUs that the process may use."""
    system: str
    runtime: dict[str, str]
    instance_type: str | None
    """What the cloud calls this kind of machine; None where nothing on the machine tells."""
    governor: str | None
    """Linux's policy for the clock of the CPUs; None where the system does not say, as in most virtual
    machines."""
    max_mhz: float | None
    """Highest clock that the system may set; None where it does not say."""

    def same_hardware(self, other: Self) -> bool:
        """Tell whether numbers of both hosts may be pooled or compared: one CPU model, instruction sets, GPU, instance type.

        A host of unknown type is not the same as one of a known type.
        """
        return self._kind == other._kind

    @property
    def _kind(self) -> tuple[object, ...]:
        return self.cpu, self.isa, self.gpu, self.instance_type


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


class ImportedBaseline(Frozen):
    """One engine's baseline, and how far it is from the source."""

    engine: str
    model_sha256: str
    model_bytes: int
    facts: dict[str, int | str]
    """What the engine says of its form, as ``opset``."""
    largest_difference: float | None
    """Absolute, over all outputs of the rows compared; None where the source could not be run."""


class ImportRecord(Record):
    """From source to baselines, the reference first."""

    source_sha256: str
    source_bytes: int
    source_error: str | None
    """Why the reference's engine cannot run the source as it is; None where it can."""
    rows_compared: int
    baselines: tuple[ImportedBaseline, ...]

    @property
    def model_sha256(self) -> str:
        """Of the reference."""
        return self.baselines[0].model_sha256


class ChampionRecord(Record):
    """The present champion, as the registry answers now."""

    incidental = frozenset({"seconds", "reachable", "note", "version", "recipe"})

    reachable: bool
    version: str | None = None
    recipe: str | None = None
    model_sha256: str | None = None
    engine: str | None = None
    """What runs it."""
    note: str | None = None

    def settled(self) -> bool:
        """Ask again after the registry could not be reached."""
        return self.reachable


class CollectedStatistics(Frozen):
    """What one engine collected on calibration rows; without a digest where none of its recipes needs any."""

    model_sha256: str
    ranges_sha256: str | None
    tensors: int
    rows: int


class CalibrationRecord(Record):
    """What the statistics were collected on; ``others`` are of the engines beside the reference's."""

    model_sha256: str
    ranges_sha256: str | None
    tensors: int
    rows: int
    others: dict[str, CollectedStatistics] = Field(default_factory=dict)

    def of(self, engine: str) -> CollectedStatistics:
        """Return what one engine collected."""
        if engine in self.others:
            return self.others[engine]
        fields = CollectedStatistics.model_fields
        return CollectedStatistics(**{name: getattr(self, name) for name in fields})
