"""Facts about inputs: tensors, hosts, data, the source and the present champion."""

from typing import Annotated, Self

from pydantic import Field

from inc_mlflow.records.base import Frozen, Line, Record
from inc_mlflow.records.stages import StageFacts


class TensorSpec(Frozen):
    """A graph input: ``dtype`` is NumPy's name; None or a name in ``shape`` is a free axis."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


class SharedInput(TensorSpec):
    """A graph input of one value for the whole batch, as data has it: the first axis is free, for rows."""


class HostFacts(Frozen):
    """The hardware and runtime that made a number."""

    cpu: Line
    isa: tuple[str, ...]
    gpu: str | None
    """Name and compute capability; None where the numbers depend on no GPU."""
    cores: int
    """CPUs that the process may use."""
    system: str
    runtime: dict[str, str]
    instance_type: str | None
    """The cloud's name for this kind of machine; None where the machine does not show it."""
    governor: str | None
    """Linux's policy for the clock of the CPUs; None where unknown, as in most virtual machines."""
    max_mhz: float | None
    """Highest clock that the system may set; None where unknown."""

    def same_hardware(self, other: Self) -> bool:
        """Tell whether numbers of both hosts may be pooled or compared.

        CPU model, instruction sets, GPU and instance type must be equal. An unknown instance type differs
        from every known one.
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
    """Content of all splits, and the number of rows left out because validation has them too."""

    splits: dict[str, SplitFacts]
    left_out: dict[str, int]
    notes: tuple[str, ...]


class AppliedRewrite(Frozen):
    """One kind of change that made the baseline faster, and how far it moves outputs."""

    name: str
    places: int
    largest_difference: float | None
    """Of any output, between a baseline with the rewrite and one without, relative to its largest value.

    None where it was not measured.
    """


class ImportedBaseline(Frozen):
    """One engine's baseline, and how far it is from the source."""

    engine: str
    model_sha256: str
    model_bytes: int
    facts: dict[str, int | str]
    """Facts of the engine about its form, as ``opset``."""
    largest_difference: float | None
    """Largest absolute difference of all outputs of the rows compared; None where nothing was compared."""
    left_out: tuple[str, ...] = ()
    """The engine's rewrites without which it was made, since they would have changed outputs."""
    rewritten: tuple[AppliedRewrite, ...] = ()
    """What makes it faster than the source as the engine would run it."""


class OutputParity(Frozen):
    """How far one output of the baseline is from the framework's."""

    name: str
    relative_difference: float
    """Largest difference of any row, by its largest value; of integers the share of unequal ones."""


class FrameworkSource(Frozen):
    """A framework's model as it was given, and how far the reference baseline is from it."""

    kind: str
    framework: Line
    """Name and version of what ran it."""
    file: str
    """The ONNX file made of it, in the folder of the step."""
    sha256: str
    """Digest of that file."""
    rows: int
    """Number of rows on which both ran."""
    parity: tuple[OutputParity, ...]

    @property
    def largest(self) -> float:
        """The largest relative difference of any output; 0 where none was compared."""
        return max((one.relative_difference for one in self.parity), default=0.0)


class ImportRecord(Record):
    """From source to baselines, the reference first."""

    source_sha256: str
    source_bytes: int
    source_error: str | None
    """Why the reference's engine cannot run the source itself; None where it can."""
    rows_compared: int
    baselines: tuple[ImportedBaseline, ...]
    rows_generated: bool = False
    """Whether the rows compared were made from the declared shapes, for want of data."""
    not_compared: tuple[str, ...] = ()
    """Outputs that are no tensors."""
    notes: tuple[str, ...] = ()
    """What a user should know about the baselines, one line each."""
    framework_source: FrameworkSource | None = None
    """None where the source is what the engine takes. Else the digest above is of all files of the model."""
    stage: Annotated[StageFacts | None, Field(exclude_if=lambda facts: facts is None)] = None
    """What made the source, where a stage of a chain did."""
    kept_source: str | None = None
    """Copy of the source in the step's folder, where it came as an artifact, which other steps do not see."""

    @property
    def model_sha256(self) -> str:
        """Digest of the reference baseline."""
        return self.baselines[0].model_sha256


class ChampionRecord(Record):
    """The present champion, as the registry has it now."""

    incidental = frozenset({"seconds", "reachable", "note", "version", "recipe"})

    reachable: bool
    version: str | None = None
    recipe: str | None = None
    model_sha256: str | None = None
    engine: str | None = None
    """The engine that runs it."""
    note: str | None = None

    def settled(self) -> bool:
        """Tell whether the registry was reached; else the step must run again."""
        return self.reachable


class CollectedStatistics(Frozen):
    """Facts about the statistics of one engine; the digest is None where no recipe needs statistics."""

    model_sha256: str
    ranges_sha256: str | None
    tensors: int
    rows: int


class CalibrationRecord(Record):
    """Facts about all statistics: the reference's own, and ``others`` by engine."""

    model_sha256: str
    ranges_sha256: str | None
    tensors: int
    rows: int
    others: dict[str, CollectedStatistics] = Field(default_factory=dict)

    def of(self, engine: str) -> CollectedStatistics:
        """Return the facts about the statistics of one engine."""
        if engine in self.others:
            return self.others[engine]
        fields = CollectedStatistics.model_fields
        return CollectedStatistics(**{name: getattr(self, name) for name in fields})
