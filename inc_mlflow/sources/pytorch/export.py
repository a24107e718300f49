"""Exports a module to ONNX by torch.export."""

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
_EXTERNAL = 1 << 31
"""Bytes of weights that one file does not hold."""


def export_module(module: "torch.nn.Module", examples: Examples, target: Path) -> Converted:
    """Write the ONNX file; raise ModelError where the module does not run or cannot be exported.

    A module that takes only the batch of its example is exported with that, which a note says.
    """
    import torch

    program, note = _program(module, examples)
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

    axes = examples.axes(batch)
    traced = examples.traced(axes)
    dims = {name: torch.export.Dim(name) for names in axes.values() for name in names.values()}
    shapes = {name: {axis: dims[one] for axis, one in places.items()} for name, places in axes.items()}
    args, kwargs = ((), traced) if examples.by_name else (tuple(traced.values()), {})
    with torch.inference_mode(), framework_call("model: PyTorch cannot run it on its example"):
        returned = module(*args, **kwargs)
    with _quiet(), framework_call("model: cannot be exported to ONNX"):
        program = torch.onnx.export(
            module,
            args,
            kwargs=kwargs,
            input_names=examples.names,
            output_names=list(named_outputs(returned, "model.torch")),
            opset_version=_OPSET,
            dynamic_shapes=shapes if examples.by_name else tuple(shapes.values()),
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise TypeError("torch.onnx.export gave no program")
    return program


def _named_layers(program: "torch.onnx.ONNXProgram") -> Iterator[str]:
    """Give outputs of layers the layer's path in the module as name, and yield these names in their order.

    A layer is a module without modules inside; its last operation in its first call gives its output.
    """
    last: dict[str, str] = {}
    for node in _exported_module(program).graph.nodes:
        stack = node.meta.get("nn_module_stack") or {}
        if node.op == "call_function" and stack:
            last[next(reversed(stack.values()))[0]] = node.name
    paths = {name: path for path, name in last.items() if path}
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
def _quiet() -> Iterator[None]:
    """Leave warnings about the exporter's own code out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
