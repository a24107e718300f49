"""Run a model: inputs by name in, outputs by name out."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openvino

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Interface, RunSettings
from inc_mlflow.engines.find_row_axes import row_axes_of
from inc_mlflow.engines.fixed_batch import row_count
from inc_mlflow.engines.openvino.complaint import complaint
from inc_mlflow.engines.openvino.graph import graph_engine
from inc_mlflow.engines.openvino.model_folder import About, read_file, read_ir
from inc_mlflow.engines.openvino.settings import of_precision
from inc_mlflow.engines.row_axes import RowsFirst
from inc_mlflow.errors import ModelError
from inc_mlflow.records import TensorSpec

Shapes = tuple[tuple[int, ...], ...]


def opened(model: Path) -> tuple[openvino.Model, About]:
    """Read a model of ours, or an ONNX file as it is; raise ModelError for anything else."""
    if model.is_dir():
        return read_ir(model)
    interface = graph_engine().interface(model)
    names = tuple(spec.name for spec in interface.inputs), interface.output_names
    return read_file(model, model), About("f32", *names, interface.row_axes, None)


def interface(model: Path) -> Interface:
    """Return inputs and outputs of a model; raise ModelError where it cannot be read."""
    if not model.is_dir():
        return graph_engine().interface(model)
    ir, about = read_ir(model)
    inputs, outputs = (
        tuple(_spec(name, port) for name, port in zip(names, ports, strict=True))
        for names, ports in ((about.inputs, ir.inputs), (about.outputs, ir.outputs))
    )
    return Interface(inputs, outputs, about.outputs, row_axes=about.axes)


class LoadedIr:
    """A model in memory; several threads may call it at once.

    A model whose sizes are open is compiled again for the sizes of its first call, for kernels of fixed sizes
    are faster. Calls of other sizes use the model as it was read.
    """

    def __init__(self, model: Path, settings: RunSettings, counted: bool = False) -> None:
        """``counted`` is for ``counters``: it costs time.

        Raises ModelError where the model cannot be loaded, or where its rows are is not clear.
        """
        self.model = model
        self._read, about = opened(model)
        self.outputs: Sequence[str] = about.outputs
        self._inputs = about.inputs
        self._config = of_precision(about.precision, settings.threads, model) | {"PERF_COUNT": counted}
        told = interface(model)
        axes = settings.axes or about.axes or row_axes_of(told)
        self._rows = RowsFirst(axes, axes.rows_at_a_time(told.inputs))
        self._open = self._read.is_dynamic()
        self._lock = threading.Lock()
        self._any: openvino.CompiledModel | None = self._compiled(self._read)
        self._fixed: tuple[Shapes, openvino.CompiledModel] | None = None
        self._local = threading.local()

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return all tensors that one batch gives; OpenVINO works on copies of the arrays.

        Raises ModelError with OpenVINO's complaint in one line, or where the inputs are not the model's.
        """
        rows = row_count(inputs)
        if inputs.keys() != set(self._inputs):
            raise ModelError(
                f"{self.model}: takes the inputs {', '.join(sorted(self._inputs))}, "
                f"rows have {', '.join(inputs)}"
            )
        fed = self._rows.fed(inputs)
        try:
            values = self._request(fed).infer([fed[name] for name in self._inputs]).to_tuple()
        except (RuntimeError, ValueError, TypeError) as error:
            raise ModelError(f"{self.model}: openvino cannot run it: {complaint(error)}") from error
        return {
            name: self._rows.given(name, value, rows)
            for name, value in zip(self.outputs, values, strict=True)
        }

    def counters(self) -> Sequence[openvino.ProfilingInfo]:
        """Return what OpenVINO counted in this thread's last call, for each node."""
        found: Sequence[openvino.ProfilingInfo] = self._local.held[1].profiling_info
        return found

    def _request(self, fed: Mapping[str, Any]) -> openvino.InferRequest:
        """Return this thread's request for the sizes of a batch."""
        shapes = tuple(fed[name].shape for name in self._inputs)
        compiled = self._for(shapes)
        held = getattr(self._local, "held", None)
        if held is None or held[0] is not compiled:
            held = self._local.held = (compiled, compiled.create_infer_request())
        request: openvino.InferRequest = held[1]
        return request

    def _for(self, shapes: Shapes) -> openvino.CompiledModel:
        with self._lock:
            if self._fixed is not None and self._fixed[0] == shapes:
                return self._fixed[1]
            self._check(shapes)
            if self._open and self._fixed is None:
                self._fixed = (shapes, self._compiled_for(shapes))
                self._any = None
                return self._fixed[1]
            if self._any is None:
                self._any = self._compiled(self._read)
            return self._any

    def _check(self, shapes: Shapes) -> None:
        """Raise ModelError for sizes that the model does not declare, which OpenVINO would run."""
        for name, port, shape in zip(self._inputs, self._read.inputs, shapes, strict=True):
            declared = port.get_partial_shape()
            if not declared.compatible(openvino.PartialShape(list(shape))):
                raise ModelError(f"{self.model}: takes {name} of {declared}, rows have {list(shape)}")

    def _compiled_for(self, shapes: Shapes) -> openvino.CompiledModel:
        fixed = self._read.clone()
        fixed.reshape({port: list(shape) for port, shape in zip(fixed.inputs, shapes, strict=True)})
        return self._compiled(fixed)

    def _compiled(self, model: openvino.Model) -> openvino.CompiledModel:
        try:
            return openvino.Core().compile_model(model, "CPU", dict(self._config))
        except RuntimeError as error:
            raise ModelError(
                f"{self.model}: openvino cannot load it: {complaint(error)}; leave the engine out", str(error)
            ) from error


def _spec(name: str, port: Any) -> TensorSpec:
    shape = port.get_partial_shape()
    sizes = None
    if not shape.rank.is_dynamic:
        sizes = tuple(size.get_length() if size.is_static else None for size in shape)
    return TensorSpec(name=name, dtype=port.get_element_type().to_dtype().name, shape=sizes)
