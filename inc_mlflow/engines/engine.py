"""The role of an engine, which runs and compresses models; all code about one engine is in its folder.

An engine object is light: it imports its framework inside its methods. So a job can be read, and a gate can
judge, where the framework is not installed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.analysis import Analysis
from inc_mlflow.engines.composed import Parts
from inc_mlflow.engines.emulating import Emulation
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.engines.trainable import Trainable, TrainingCost, TrainingData
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import Device, Recipe


@dataclass(frozen=True)
class Interface:
    """Inputs and outputs of a model, in its order. An axis that is None or a name may have any size."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    """The outputs that are tensors of a known type."""
    output_names: tuple[str, ...]
    """Names of the outputs that are tensors."""
    other_outputs: tuple[str, ...] = ()
    """Names of the outputs that are sequences, maps or optional: no metric can read them."""
    row_axes: RowAxes | None = None
    """Where the model has its rows, if an import wrote that into it."""


@dataclass(frozen=True)
class RunSettings:
    """How a model runs; without ``axes`` it says itself where it has its rows.

    ``threads`` is the number of threads inside one operator. With ``cpus``, one thread is bound to each CPU
    but the first, which the calling thread uses.
    """

    threads: int = 1
    cpus: Sequence[int] = ()
    device: Device = "cpu"
    axes: RowAxes | None = None


class LoadedModel(Protocol):
    """A model in memory. Several threads may call it at once."""

    @property
    def model(self) -> object:
        """What error messages call the model, as its path."""
        ...

    @property
    def outputs(self) -> Sequence[str]:
        """Names of the outputs that are tensors, in the model's order."""
        ...

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return all tensors that one batch gives, by name; both sides have the batch axis first.

        Raises ModelError with the engine's complaint in one line.
        """
        ...


class Statistics(Protocol):
    """What calibration measured on a baseline. The statistics of all shards merge to those of one pass."""

    @property
    def model_sha256(self) -> str:
        """Digest of the baseline they were collected on."""
        ...

    @property
    def rows(self) -> int:
        """Number of calibration rows they were collected on."""
        ...

    def __len__(self) -> int:
        """Return the number of tensors."""
        ...

    def merge(self, other: Any) -> Self:
        """Return the statistics of both parts; raise ModelError where models or kinds differ."""
        ...

    def save(self, path: Path) -> None:
        """Write the statistics; equal statistics give equal bytes."""
        ...


class Calibrator(Protocol):
    """Collects the statistics that an engine's methods need."""

    file: str
    """Name of the file with the statistics."""
    kinds: frozenset[str]
    """All kinds of statistics that a recipe can need; a search may try them all."""

    def collect(
        self, model: Path, batches: Iterable[Arrays], kinds: Collection[str], threads: int
    ) -> Statistics:
        """Run the batches once and return the statistics; raise ModelError where the model does not run."""
        ...

    def load(self, path: Path) -> Statistics:
        """Read what ``save`` wrote; raise StateError for any other file."""
        ...


@dataclass(frozen=True)
class MethodData:
    """What a method may use beside the baseline; each call of ``rows`` is a new pass over calibration."""

    rows: Callable[[], Iterable[Arrays]]
    statistics: Statistics | None
    """Statistics of the baseline; None where no recipe needs them."""
    threads: int
    training: TrainingData | None = None
    """None where nothing is trained."""


class Method(Protocol):
    """One way to compress a model."""

    def check(self, recipe: Any) -> None:
        """Raise ModelError where the options name something the method cannot do. This needs no model."""
        ...

    def apply(self, baseline: Path, recipe: Any, data: MethodData, target: Path) -> None:
        """Write the candidate; the same inputs give the same bytes.

        Raises ModelError where the recipe changes nothing.
        """
        ...


class CandidateTrainer(Method, Protocol):
    """A method that trains the candidate of another recipe, which its recipe has as ``start``."""

    def cost(self, baseline: Path, recipe: Any, data: MethodData) -> TrainingCost:
        """Return what training would cost; raise what ``apply`` would before its first step."""
        ...


class SearchSpace(Protocol):
    """What a search may try on one baseline, the most promising first."""

    @property
    def methods(self) -> Sequence[str]:
        """Methods, in the order in which the best recipe of each is refined."""
        ...

    def first(self) -> Iterator[Recipe]:
        """Yield recipes that differ in what is compressed and how; those that usually win come first."""
        ...

    def refinements(self) -> Sequence[Callable[[Recipe], Iterable[Recipe]]]:
        """Return the phases of refinement, in order.

        Each phase gives variants of a promising recipe. The next phase begins with the best recipe so far.
        """
        ...

    def without(self, recipe: Recipe, nodes: Sequence[str]) -> Recipe:
        """Return the recipe with more nodes in FP32, together with the nodes that must stay with them."""
        ...

    def protected(self, recipe: Recipe, everywhere: bool) -> Recipe | None:
        """Return the recipe in its form that is safe on other CPUs.

        ``everywhere`` says that the job is judged on such a CPU. None where the recipe is safe already, or
        where protection is only worth its cost ``everywhere``.
        """
        ...


@dataclass(frozen=True)
class Imported:
    """Result of an import; ``facts`` describe the form of the baseline, as the version of its format."""

    facts: Mapping[str, int | str] = field(default_factory=dict)
    precision: str = "float32"
    """NumPy's name of the coarsest float type that the source computes with: the comparison allows for it."""
    notes: tuple[str, ...] = ()
    """What a user should know about the baseline, one line each."""
    rewritten: Mapping[str, int] = field(default_factory=dict)
    """In how many places each rewrite that makes the model faster was applied, also where in none."""


class Engine(Protocol):
    """What runs and compresses models."""

    name: str
    model_name: str
    """Name of a model in a step's directory; the model is a file or a folder."""
    flavor: str
    """The MLflow flavour that keeps its models: a name in ``inc_mlflow.registry.flavors``."""
    devices: Mapping[str, Device]
    """The engine's own device names, which a pool's ``provider`` may use -> device."""
    calibrator: Calibrator | None
    analysis: Analysis | None
    emulation: Emulation | None
    parts: Parts | None
    """None where a model is one graph."""
    trainable: Trainable | None
    """None where no candidate can be trained."""

    @property
    def rewrites(self) -> tuple[str, ...]:
        """Names of the changes to a source that an import can leave out, in its order."""
        ...

    def check_source(self, path: str) -> None:
        """Raise ValueError where the engine takes no source of that name. This reads no file."""
        ...

    def source_files(self, source: Path) -> list[Path]:
        """Return all files of a source, the named one first; raise ModelError where it cannot be read."""
        ...

    def interface(self, model: Path) -> Interface:
        """Return inputs and outputs of a model; raise ModelError where it cannot be read."""
        ...

    def int8_operators(self, model: Path) -> Mapping[str, int]:
        """Return how many operators work in INT8, by name; raise ModelError where it cannot be read."""
        ...

    def import_source(
        self, source: Path, folder: Path, without: Collection[str] = (), axes: RowAxes | None = None
    ) -> Imported:
        """Write the baseline into ``folder`` under ``model_name``, without some of the rewrites.

        All that is made from it keeps ``axes``. Raises ModelError where the source cannot be converted.
        """
        ...

    def load(self, model: Path, settings: RunSettings) -> LoadedModel:
        """Load a model with all optimisations on.

        Raises ModelError where it cannot be loaded, or where its rows are is not clear, HardwareError where
        the device is missing: no other device takes its place.
        """
        ...

    def describe(self, cpus: Sequence[int], device: Device) -> dict[str, int | str | bool]:
        """Return the settings with which an instance on these CPUs runs a model, for the record."""
        ...

    def space(self, baseline: Path) -> SearchSpace | None:
        """Return what a search may try; None where the engine offers no search."""
        ...
