"""Which units of a mixed model ONNX Runtime really runs in integer kernels."""

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import onnx

from inc_mlflow.engines.onnxruntime.analysis.attribution import is_integer
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, read_structure
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit, UnitKind
from inc_mlflow.engines.onnxruntime.runtime.session import open_file, options

_EXTERNAL = 1024  # bytes: larger weights go to a file of their own, for a model may exceed protobuf's 2 GB
_ADDED = re.compile(r"(?:_token_\d+|/duplicated|_nchwc|_quant)+$")
"""What the optimiser adds to the names of nodes."""


def optimised_graph(model: Path) -> onnx.GraphProto:
    """Return the graph that ONNX Runtime makes of a model, without weights.

    Raises ModelError where it cannot load the model.
    """
    with tempfile.TemporaryDirectory() as folder:
        target, settings = Path(folder) / MODEL, options(threads=1)
        settings.optimized_model_filepath = str(target)
        prefix = "session.optimized_model_external_initializers"
        settings.add_session_config_entry(f"{prefix}_file_name", "weights.bin")
        settings.add_session_config_entry(f"{prefix}_min_size_in_bytes", str(_EXTERNAL))
        open_file(model, settings)
        return read_structure(target).graph


def without_integer_kernel(model: Path, int8: Iterable[Unit]) -> list[Unit]:
    """Return those of the units in INT8 that ONNX Runtime computes in FP32 all the same."""
    return computed_in_float(optimised_graph(model), int8)


def computed_in_float(optimised: onnx.GraphProto, int8: Iterable[Unit]) -> list[Unit]:
    """Return those of the units in INT8 that have no integer kernel in an optimised graph.

    ONNX Runtime fuses a group only if everything about it fits, and says nothing where it does not.
    """
    kernels: dict[str, list[onnx.NodeProto]] = {}
    for node in optimised.node:
        for name in {node.name, _ADDED.sub("", node.name)}:
            kernels.setdefault(name, []).append(node)
    return [unit for unit in int8 if not _computes_integers(unit, kernels)]


def _computes_integers(unit: Unit, kernels: dict[str, list[onnx.NodeProto]]) -> bool:
    match unit.kind:
        case UnitKind.SCALAR:
            return not any(node.op_type == "Add" for node in kernels.get(unit.name, ()))
        case UnitKind.HARD_SWISH:
            return _is_integer(kernels, unit.name) and not _is_quantized_behind(unit, kernels)
        case UnitKind.MOVE:
            return not _is_quantized_behind(unit, kernels)
        case _:
            return _is_integer(kernels, unit.name)


def _is_integer(kernels: dict[str, list[onnx.NodeProto]], name: str) -> bool:
    return any(is_integer(node.op_type) for node in kernels.get(name, ()))


def _is_quantized_behind(unit: Unit, kernels: dict[str, list[onnx.NodeProto]]) -> bool:
    """Tell whether the values are quantised after the unit: its kernel gave floats."""
    return any(node.op_type == "QuantizeLinear" for node in kernels.get(f"{unit.output}_QuantizeLinear", ()))
