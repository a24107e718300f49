"""The role of an engine: what runs and compresses models. Everything that knows one stands in its own folder.

An engine's object is light: it imports its framework inside its methods, so that a job can be read, and a
gate can judge, where the framework is not installed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from inc_mlflow.arrays import Arrays
from inc_mlflow.records import SaturationReport, Slow, TensorSpec
from inc_mlflow.spec import Device, Isa, Recipe


@dataclass(frozen=True)
class Interface:
    """What a model takes and gives, in its order; an axis that is None or a name is free."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    """Those that are tensors."""
    output_names: tuple[str, ...]
    """Of all outputs."""


@dataclass(frozen=True)
class RunSettings:
    """How a model runs: ``threads`` inside an operator; with ``cpus``, all but the first have a thread bound to each."""

    threads: int = 1
    cpus: Sequence[int] = ()
    device: Device = "cpu"


class LoadedModel(Protocol):
    """A model in memory; may be called from several threads at once."""

    @property
    def model(self) -> object:
        """What errors call it."""
        ...

    @property
    def outputs(self) -> Sequence[str]:
        """Names of the outputs, in the model's order."""
        ...

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return all outputs of one batch; ModelError is the engine's complaint in one line."""
        ...


class Statistics(Protocol):
    """What calibration found out about a baseline. The statistics of all shards merge to those of one pass."""

    @property
    def model_sha256(self) -> str:
        """Digest of the baseline that they are of."""
        ...

    @property
    def rows(self) -> int:
        """Calibration rows that they were collected on."""
        ...

    def __len__(self) -> int:
        """Return the number of tensors."""
        ...

    def merge(self, other: Any) -> Self:
        """Return those of both parts; ModelError where they are of different models or kinds."""
        ...

    def save(self, path: Path) -> None:
        """Write them; equal statistics give equal bytes."""
        ...


class Calibrator(Protocol):
    """Collects the statistics that an engine's methods need."""

    file: str
    """Name of the file that statistics are kept in."""
    kinds: frozenset[str]
    """All kinds that some recipe can ask for: a search may try them all."""

    def collect(
        self, model: Path, batches: Iterable[Arrays], kinds: Collection[str], threads: int
    ) -> Statistics:
        """Run the batches once and keep what recipes of these kinds need; ModelError where the model does not run."""
        ...

    def load(self, path: Path) -> Statistics:
        """Read what ``save`` wrote; StateError where it is something else."""
        ...


@dataclass(frozen=True)
class MethodData:
    """What a method may use beside the baseline; ``rows`` starts a new pass over calibration at each call."""

    rows: Callable[[], Iterable[Arrays]]
    statistics: Statistics | None
    """Of the baseline; None where no recipe needs them."""
    threads: int


class Method(Protocol):
    """One way to compress a model."""

    def check(self, recipe: Any) -> None:
        """Raise ModelError where the options name what the method cannot do; needs no model."""
        ...

    def apply(self, baseline: Path, recipe: Any, data: MethodData, target: Path) -> None:
        """Write the candidate; the same inputs give the same bytes. ModelError where the recipe changes nothing."""
        ...


class SearchSpace(Protocol):
    """What a search may try on one baseline, from the most promising on."""

    @property
    def methods(self) -> Sequence[str]:
        """In the order in which the best recipe of each is refined."""
        ...

    def first(self) -> Iterator[Recipe]:
        """Yield the recipes that differ in what is compressed and how, those that tend to win first."""
        ...

    def refinements(self) -> Sequence[Callable[[Recipe], Iterable[Recipe]]]:
        """Return phases: each gives variants of a promising recipe, and the next begins with the best so far."""
        ...

    def without(self, recipe: Recipe, nodes: Sequence[str]) -> Recipe:
        """Return the recipe with more nodes in FP32, and with them what must go along."""
        ...

    def protected(self, recipe: Recipe, everywhere: bool) -> Recipe | None:
        """Return the recipe made safe for other CPUs; None where it is already, or only ``everywhere`` is worth it."""
        ...


class Analysis(Protocol):
    """Why a candidate is slow or wrong."""

    def explain(
        self, baseline: Path, slow: Mapping[str, Path], batches: Sequence[Arrays], passes: int
    ) -> dict[str, Slow]:
        """Profile the baseline and slow models, and say what their time goes to; ModelError where one does not run."""
        ...

    def slower_nodes(
        self, baseline: Path, candidate: Path, batches: Sequence[Arrays], passes: int
    ) -> list[str]:
        """Return the baseline's nodes that the candidate makes no faster, the slowest first."""
        ...

    def node_errors(self, baseline: Path, candidate: Path, batches: Iterable[Arrays]) -> dict[str, float]:
        """Return the noise that each node adds, relative to its output's mean square, most first."""
        ...

    def saturation(
        self, model: Path, rows: Iterable[Arrays], threads: int, most: int | None
    ) -> SaturationReport:
        """Predict which layers saturate on x86 CPUs without VNNI, on ``most`` rows; None is the usual number."""
        ...


class Emulation(Protocol):
    """A process in which the engine sees a CPU with fewer instructions."""

    def check(self, isa: Isa) -> None:
        """Raise MissingExtraError with all that this machine lacks."""
        ...

    def prepare(self, isa: Isa) -> dict[str, str]:
        """Return the environment of such a process."""
        ...

    def confirm(self, isa: Isa) -> None:
        """Raise HardwareError unless this process is what its environment says."""
        ...


@dataclass(frozen=True)
class Imported:
    """A source after import: ``facts`` are of the baseline's form, as its version."""

    facts: Mapping[str, int | str] = field(default_factory=dict)


class Engine(Protocol):
    """What runs and compresses models."""

    name: str
    model_name: str
    """What a model is called in a step's directory: a file, or a folder."""
    flavor: str
    """Which of MLflow's flavours keeps its models: a name of ``inc_mlflow.registry.flavors``."""
    devices: Mapping[str, Device]
    """The engine's own names of devices, which a pool's ``provider`` may use."""
    calibrator: Calibrator | None
    analysis: Analysis | None
    emulation: Emulation | None

    def check_source(self, path: str) -> None:
        """Raise ValueError where a source of that name is none that the engine takes; reads no file."""
        ...

    def source_files(self, source: Path) -> list[Path]:
        """Return all files of a source, the named one first; ModelError where it cannot be read."""
        ...

    def interface(self, model: Path) -> Interface:
        """Return what a source, baseline or candidate takes and gives; ModelError where it cannot be read."""
        ...

    def import_source(self, source: Path, folder: Path) -> Imported:
        """Write the baseline into ``folder`` under ``model_name``; ModelError where that cannot be done."""
        ...

    def load(self, model: Path, settings: RunSettings) -> LoadedModel:
        """Load a model with all optimisations on.

        Raises ModelError where the engine cannot load it, HardwareError where the device is not there: no
        other one takes its place.
        """
        ...

    def describe(self, cpus: Sequence[int], device: Device) -> dict[str, int | str | bool]:
        """Return how an instance on these CPUs runs a model, for the record."""
        ...

    def space(self, baseline: Path) -> SearchSpace | None:
        """Return what a search may try; None where the engine's recipes have to be listed."""
        ...
