"""ONNX Runtime as an engine. Each method imports ONNX Runtime itself, so this module is light."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Imported, Interface, LoadedModel, RunSettings, SearchSpace, Statistics
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.engines.trainable import TrainableGraph, TrainedValues
from inc_mlflow.hardware.isa import PROFILES
from inc_mlflow.records import SaturationReport, Slow
from inc_mlflow.spec import Device, Isa

_MODEL, _BASELINE = "model.onnx", "baseline"
PROVIDERS: dict[Device, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxRuntimeCalibrator:
    """Collects ranges of activations, and histograms where a calibration method needs them."""

    file = "ranges.json"
    kinds = frozenset({"minmax", "percentile", "entropy", "mse"})

    def collect(
        self, model: Path, batches: Iterable[Arrays], kinds: Collection[str], threads: int
    ) -> Statistics:
        """Run the batches once; raise ModelError where the model does not run, or gives NaN."""
        from inc_mlflow.engines.onnxruntime.calibration.collect import collect

        return collect(model, batches, threads, histograms=bool(set(kinds) - {"minmax"}))

    def load(self, path: Path) -> Statistics:
        """Read what ``save`` wrote; raise StateError for any other file."""
        from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges

        return Ranges.load(path)


class OnnxRuntimeAnalysis:
    """Measures time per kernel and noise per node, and predicts saturation."""

    def explain(
        self, baseline: Path, slow: Mapping[str, Path], batches: Sequence[Arrays], passes: int
    ) -> dict[str, Slow]:
        """Return by label where the time of slow models goes; raise ModelError where one does not run."""
        from inc_mlflow.engines.onnxruntime.analysis.explain import explain
        from inc_mlflow.engines.onnxruntime.analysis.profile import profile

        profiles = profile({_BASELINE: baseline, **slow}, batches, passes)
        return {label: explain(baseline, profiles[_BASELINE], profiles[label]) for label in slow}

    def slower_nodes(
        self, baseline: Path, candidate: Path, batches: Sequence[Arrays], passes: int
    ) -> list[str]:
        """Return the baseline's nodes that INT8 makes no faster, the slowest first."""
        from inc_mlflow.engines.onnxruntime.analysis.attribution import slower_nodes
        from inc_mlflow.engines.onnxruntime.analysis.profile import profile

        profiles = profile({_BASELINE: baseline, "candidate": candidate}, batches, passes)
        return slower_nodes(baseline, profiles[_BASELINE], profiles["candidate"])

    def node_errors(self, baseline: Path, candidate: Path, batches: Iterable[Arrays]) -> dict[str, float]:
        """Return the noise that each quantised node adds, most first."""
        from inc_mlflow.engines.onnxruntime.analysis.node_errors import node_errors

        return node_errors(baseline, candidate, batches)

    def first_departure(self, baseline: Path, candidate: Path, rows: Iterable[Arrays]) -> str | None:
        """Return the first of the baseline's nodes whose output is far from the candidate's."""
        from inc_mlflow.engines.onnxruntime.analysis.departure import first_departure

        return first_departure(baseline, candidate, rows)

    def tensor_values(self, model: Path, rows: Iterable[Arrays], names: Sequence[str]) -> Iterator[Arrays]:
        """Yield for each row the values of tensors inside a model."""
        from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
        from inc_mlflow.engines.onnxruntime.runtime.intermediate_values import intermediate_values

        values = intermediate_values(read_structure(model), model.parent, rows, list(names), threads=1)
        return (tensors for _, tensors in values)

    def selected_outputs(self, baseline: Path) -> frozenset[str]:
        """Return the outputs behind an operator that chooses or orders by value."""
        from inc_mlflow.engines.onnxruntime.analysis.departure import selected_outputs

        return selected_outputs(baseline)

    def layer_weights(self, model: Path) -> Iterator[np.ndarray]:
        """Yield the weights of layers."""
        from inc_mlflow.engines.onnxruntime.analysis.layer_weights import layer_weights

        return layer_weights(model)

    def saturation(
        self, model: Path, rows: Iterable[Arrays], threads: int, most: int | None
    ) -> SaturationReport:
        """Predict which layers saturate on x86 CPUs without VNNI."""
        from inc_mlflow.engines.onnxruntime.analysis.saturation import ROWS, first_rows, predict

        return predict(model, first_rows(rows, most or ROWS), threads)


class OnnxRuntimeEmulation:
    """Runs a copy of ONNX Runtime that asks our handler for the features of the CPU."""

    def check(self, isa: Isa) -> None:
        """Raise MissingExtraError with a list of what this machine lacks for it."""
        from inc_mlflow.engines.onnxruntime import emulation

        emulation.check(isa)

    def prepare(self, isa: Isa) -> dict[str, str]:
        """Return the environment variables; the first call for a version of ONNX Runtime takes seconds."""
        from inc_mlflow.engines.onnxruntime import emulation

        return emulation.prepare(isa)

    def confirm(self, isa: Isa) -> None:
        """Raise HardwareError unless the kernels of this process behave as on the CPU ``isa``."""
        from inc_mlflow.engines.onnxruntime import emulation
        from inc_mlflow.engines.onnxruntime.runtime.kernels import saturates

        emulation.confirm(PROFILES[isa], saturates())


class OnnxRuntimeTrainable:
    """Reads QDQ candidates as graphs of plain data, and writes them back."""

    def read(self, candidate: Path, baseline: Path) -> TrainableGraph:
        """Return a candidate's graph; raise ModelError where it has something that cannot be trained."""
        from inc_mlflow.engines.onnxruntime.trainable.read import read_trainable

        return read_trainable(candidate, baseline)

    def exact(self, model: Path, batches: Iterable[Arrays]) -> Iterator[Arrays]:
        """Yield the outputs of each batch, computed node by node: fused kernels round less often."""
        from inc_mlflow.engines.onnxruntime.runtime.runner import LoadedSession
        from inc_mlflow.engines.onnxruntime.runtime.session import BASIC, open_file, options

        yield from map(LoadedSession(model, open_file(model, options(1, BASIC))), batches)

    def write(self, candidate: Path, values: TrainedValues, target: Path) -> None:
        """Write the candidate with other values into the same nodes."""
        from inc_mlflow.engines.onnxruntime.trainable.write import write_trained

        write_trained(candidate, values, target)


class OnnxRuntime:
    """Runs and quantises ONNX files."""

    name = "onnxruntime"
    model_name = _MODEL
    flavor = "onnx"
    devices: Mapping[str, Device] = {provider: device for device, provider in PROVIDERS.items()}
    calibrator = OnnxRuntimeCalibrator()
    analysis = OnnxRuntimeAnalysis()
    emulation = OnnxRuntimeEmulation()
    parts = None
    trainable = OnnxRuntimeTrainable()

    def check_source(self, path: str) -> None:
        """Raise ValueError where the name does not end with .onnx."""
        if not path.endswith(".onnx"):
            raise ValueError(
                f"{path!r} is not an .onnx file; give one, or a model of a kind that `list sources` names"
            )

    def source_files(self, source: Path) -> list[Path]:
        """Return the file and all files with external weights; raise ModelError where one is missing."""
        from inc_mlflow.engines.onnxruntime.graph.model_file import source_files

        return source_files(source)

    def interface(self, model: Path) -> Interface:
        """Read inputs and outputs from the graph.

        Raises ModelError where the file is no ONNX model, or an input is no tensor.
        """
        from inc_mlflow.engines.onnxruntime.graph.model_file import interface

        return interface(model)

    def int8_operators(self, model: Path) -> Mapping[str, int]:
        """Count the operators of a graph that quantise, or compute in INT8."""
        from inc_mlflow.engines.onnxruntime.graph.int8_operators import int8_operators
        from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure

        return int8_operators(read_structure(model))

    @property
    def rewrites(self) -> tuple[str, ...]:
        """Names of the rewrites of an import, in their order."""
        from inc_mlflow.engines.onnxruntime.graph.normalize import REWRITES

        return REWRITES

    def import_source(
        self, source: Path, folder: Path, without: Collection[str] = (), axes: RowAxes | None = None
    ) -> Imported:
        """Write the baseline: current opset, constants and batch norm folded, shapes inferred.

        Raises ModelError where the source cannot be read or converted.
        """
        from inc_mlflow.engines.onnxruntime.graph.normalize import normalize

        made = normalize(source, folder, without, axes)
        return Imported({"opset": made.opset}, made.precision, made.notes, made.quickened)

    def load(self, model: Path, settings: RunSettings) -> LoadedModel:
        """Load a model in a session of one provider; no other provider takes its place.

        Raises ModelError where the model cannot be loaded, HardwareError where the provider is missing.
        """
        from inc_mlflow.engines.onnxruntime.runtime.runner import Runner

        return Runner(model, settings.threads, settings.cpus, PROVIDERS[settings.device], settings.axes)

    def describe(self, cpus: Sequence[int], device: Device) -> dict[str, int | str | bool]:
        """Return the session's settings under ONNX Runtime's own names."""
        from inc_mlflow.engines.onnxruntime.runtime.session import describe

        return describe(cpus, PROVIDERS[device])

    def space(self, baseline: Path) -> SearchSpace:
        """Return what can be quantised in a baseline, and how."""
        from inc_mlflow.engines.onnxruntime.space import OnnxRuntimeSpace

        return OnnxRuntimeSpace.of(baseline)


ENGINE = OnnxRuntime()
