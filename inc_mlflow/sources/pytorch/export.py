"""Exports a module to ONNX by torch.export."""

import inspect
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import ModelError, reason
from inc_mlflow.sources.pytorch.examples import Examples
from inc_mlflow.sources.pytorch.outputs import named_outputs
from inc_mlflow.sources.source import Converted, framework_call

if TYPE_CHECKING:
    import torch

_OPSET = 20
_INSIDE = "module."
"""What paths of the module's layers and weights begin with in the module that is exported."""
_EXTERNAL = 1 << 31
"""Bytes of weights that one file does not hold."""
_MEND = "change the module there, or give an ONNX file of your own export"
_OURS = Path(__file__).parents[2]
_INSTALLED = {"site-packages", "dist-packages", Path(inspect.__file__).parent.name}


def export_module(module: "torch.nn.Module", examples: Examples, target: Path) -> Converted:
    """Write the ONNX file; raise ModelError where the module does not run or cannot be exported.

    A module that takes only the batch of its example is exported with that, which a note says.
    """
    import torch

    program, note = _program(module, examples)
    _with_names_of_the_module(program.model.graph)
    layers = tuple(_named_layers(program))
    _without_traces(program.model)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
    with framework_call("model: its export cannot be written"):
        program.save(target, external_data=weights >= _EXTERNAL)
    return Converted(f"torch {torch.__version__}", layers, note)


def _program(
    module: "torch.nn.Module", examples: Examples
) -> "tuple[torch.onnx.ONNXProgram, tuple[str, ...]]":
    try:
        return _exported(module, examples, batch=True), ()
    except ModelError as error:
        program = _exported(module, examples, batch=False)
        shown = error.__cause__ or error
        return program, (f"exported with the batch of its example alone; with any: {reason(shown)}",)


def _exported(module: "torch.nn.Module", examples: Examples, batch: bool) -> "torch.onnx.ONNXProgram":
    import torch

    from inc_mlflow.sources.pytorch.flat_module import FlatModule

    axes = examples.axes(batch)
    traced = examples.traced(axes)
    dims = {name: torch.export.Dim(name) for names in axes.values() for name in names.values()}
    shapes = [{axis: dims[one] for axis, one in places.items()} for places in axes.values()]
    with torch.inference_mode(), framework_call("model: PyTorch cannot run it on its example"):
        returned = examples.call(module, traced)
    outputs = list(named_outputs(returned, "model.torch", examples.names))
    with _place_in_code(), framework_call("model: cannot be exported to ONNX"), _quiet(), _with_causes():
        program = torch.onnx.export(
            FlatModule(module, examples.call, examples.names),
            tuple(traced.values()),
            input_names=examples.names,
            output_names=outputs,
            opset_version=_OPSET,
            dynamic_shapes=(tuple(shapes),),
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise TypeError("torch.onnx.export gave no program")
    return program


def _with_names_of_the_module(graph: Any) -> None:
    """Call weights as the module does, where no other value has that name."""
    taken = {value.name for value in (*graph.inputs, *(one for node in graph for one in node.outputs))}
    for value in list(graph.initializers.values()):
        name = value.name.removeprefix(_INSIDE)
        if name not in taken and name not in graph.initializers:
            graph.initializers.pop(value.name)
            value.name = name
            graph.register_initializer(value)


def _named_layers(program: "torch.onnx.ONNXProgram") -> Iterator[str]:
    """Give outputs of layers the layer's path in the module as name, and yield these names in their order.

    A layer is a module without modules inside; its last operation in its first call gives its output.
    """
    last: dict[str, str] = {}
    for node in _exported_module(program).graph.nodes:
        stack = node.meta.get("nn_module_stack") or {}
        if node.op == "call_function" and stack:
            last[next(reversed(stack.values()))[0]] = node.name
    paths = {name: path.removeprefix(_INSIDE) for path, name in last.items() if path.startswith(_INSIDE)}
    graph = program.model.graph
    kept = {value.name for value in (*graph.inputs, *graph.outputs)} | graph.initializers.keys()
    for value in [value for node in graph for value in node.outputs]:
        path = paths.get(str(value.name))
        if path is not None and not {value.name, path} & kept:
            value.name = path
            kept.add(path)
            yield path


def _exported_module(program: "torch.onnx.ONNXProgram") -> "torch.export.ExportedProgram":
    if program.exported_program is None:
        raise TypeError("torch.onnx.export gave no exported module")
    return program.exported_program


def _without_traces(model: Any) -> None:
    """Remove what names files and lines of this machine: equal modules give equal bytes."""
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    model.metadata_props.clear()


@contextmanager
def _with_causes() -> Iterator[None]:
    """Raise what an error of the exporter is about: its own text is advice for all modules."""
    import torch

    try:
        yield
    except torch.onnx.errors.OnnxExporterError as error:
        raise error.__cause__ or error from None


@contextmanager
def _place_in_code() -> Iterator[None]:
    """Add to a ModelError the line of the user's code at which the export ended, and what to do."""
    try:
        yield
    except ModelError as error:
        raise ModelError(
            f"{error}{_line(error.__cause__)}; {_MEND}", details=error.details
        ) from error.__cause__


def _line(error: BaseException | None) -> str:
    """Return the innermost line outside of installed packages, of an error or what it was raised from."""
    while error is not None:
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            file = Path(frame.filename)
            if file.is_file() and not file.is_relative_to(_OURS) and not _INSTALLED & set(file.parts):
                return f" (at {file.name}:{frame.lineno}, `{frame.line}`)"
        error = error.__cause__ or error.__context__
    return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave warnings about the exporter's own code out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
