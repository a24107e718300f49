"""From baseline and recipe to a candidate, with ONNX Runtime's graph writers and our own ranges."""

import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import (
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.registry import IntegerOpsRegistry

from inc_mlflow.engines.onnxruntime.calibration.collect import QUANTIZABLE, clipped_inputs
from inc_mlflow.engines.onnxruntime.calibration.ranges import Range, Ranges
from inc_mlflow.engines.onnxruntime.graph.model_file import all_nodes, read_structure
from inc_mlflow.errors import ModelError
from inc_mlflow.files import external_data
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec import Dynamic, Static, label

_CHANGED = {
    "QuantizeLinear",
    "DynamicQuantizeLinear",
    "DynamicQuantizeLSTM",
    "MatMulInteger",
    "ConvInteger",
    "QAttention",
}


def quantize(
    baseline: Path,
    ranges: Ranges | None,
    recipe: Static | Dynamic,
    target: Path,
    narrow: frozenset[str] = frozenset(),
) -> None:
    """Write the candidate of ``recipe``; the same inputs give the same bytes.

    ``narrow`` names weights that get 7 bits where the recipe says "saturating". Raises ModelError where the
    recipe names operators or nodes that are not there, or leaves everything FP32.
    """
    structure = read_structure(baseline)
    _check_names(structure, recipe)
    common = {
        "op_types_to_quantize": list(recipe.op_types_to_quantize or ()),
        "nodes_to_exclude": list(recipe.nodes_to_exclude),
        "per_channel": recipe.per_channel,
        "reduce_range": recipe.reduce_range is True,
        "weight_type": QuantType[recipe.weight_type],
        "use_external_data_format": external_data(baseline).exists(),
    }
    with _quiet():
        if isinstance(recipe, Dynamic):
            quantize_dynamic(onnx.load(baseline), target, **common)
        elif ranges is None:
            raise ModelError(
                f"recipe {label(recipe)!r}: static quantisation needs ranges, see `inc-mlflow calibrate`"
            )
        else:
            _static(
                baseline,
                _placed(ranges.final(recipe.calibrate_method), structure),
                recipe,
                target,
                common | _narrowed(structure, recipe, narrow) | _bounded(structure, recipe, ranges),
            )
    if not any(
        node.op_type in _CHANGED or node.op_type.startswith("QLinear")
        for node in all_nodes(read_structure(target))
    ):
        raise ModelError(
            f"recipe {label(recipe)!r}: nothing in this model can be quantised that way; try another method"
        )


def _static(
    baseline: Path, ranges: Mapping[str, Range], recipe: Static, target: Path, common: dict[str, Any]
) -> None:
    """Hand our ranges over as the calibration cache that ``quantize_static`` reads instead of calibrating."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "ranges.json"
        cache.write_text(json.dumps(_calibration_cache(ranges)))
        quantize_static(
            onnx.load(baseline),  # given a path, it writes beside it
            target,
            calibration_cache_path=cache,
            calibrate_method=CalibrationMethod.MinMax,  # the ranges are final whatever method made them
            quant_format=QuantFormat[recipe.quant_format],
            activation_type=QuantType[recipe.activation_type],
            **common,
        )


def _narrowed(structure: onnx.ModelProto, recipe: Static, weights: frozenset[str]) -> dict[str, Any]:
    """Return the options that give ``weights`` 7 bits.

    An override must name the axis that the quantiser itself would take.
    """
    readers = {
        node.input[1]: node
        for node in structure.graph.node
        if len(node.input) > 1 and node.input[1] in weights
    }
    overrides = {
        name: [
            {"quant_type": QuantType[recipe.weight_type], "reduce_range": True}
            | ({"axis": _channel_axis(readers[name])} if recipe.per_channel else {})
        ]
        for name in sorted(weights)
    }
    return {"extra_options": {"TensorQuantOverrides": overrides}} if overrides else {}


def _bounded(structure: onnx.ModelProto, recipe: Static, ranges: Ranges) -> dict[str, list[str]]:
    """Leave out the nodes at tensors that reach infinity, such as masks: no scale covers them."""
    touching = [node.name for node in structure.graph.node if ranges.unbounded & {*node.input, *node.output}]
    return {"nodes_to_exclude": [*recipe.nodes_to_exclude, *touching]}


def _channel_axis(node: onnx.NodeProto) -> int:
    """Return the axis of output channels in the weights of Conv, MatMul or Gemm."""
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if node.op_type == "Conv" or transposed else 1


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser warns about every tensor it leaves alone; the candidate is run and judged anyway."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _placed(ranges: Mapping[str, Range], structure: onnx.ModelProto) -> dict[str, Range]:
    """Give each tensor that only a Relu or Clip reads the range of the clipped one, as the quantiser itself does."""
    return {
        name: ranges[clipped] for name, clipped in clipped_inputs(structure).items() if clipped in ranges
    } | dict(ranges)


def _calibration_cache(ranges: Mapping[str, Range]) -> dict[str, Any]:
    """ONNX Runtime's own file format, see ``onnxruntime.quantization.calibrate.TensorsData.to_dict``."""
    data = {
        name: {"lowest": _scalar(low), "highest": _scalar(high), "CLS": "TensorData"}
        for name, (low, high) in ranges.items()
    }
    method = {"CLS": "CalibrationMethod", "value": str(CalibrationMethod.MinMax)}
    return {"CLS": "TensorsData", "data": data, "calibration_method": method, "smooth_quant": False}


def _scalar(value: float) -> dict[str, Any]:
    return {"data": value, "dtype": "float32", "CLS": "numpy.array"}


def _check_names(model: onnx.ModelProto, recipe: Static | Dynamic) -> None:
    """A name that matches nothing would be ignored in silence, and another recipe be measured than asked for."""
    check_operators(recipe)
    nodes = [node.name for node in model.graph.node]
    for name in recipe.nodes_to_exclude:
        if name not in nodes:
            raise ModelError(
                f"recipe {label(recipe)!r}: nodes_to_exclude: the baseline has no node {name!r}{did_you_mean(name, nodes)}; "
                "see its node names with `inc-mlflow import`"
            )


def check_operators(recipe: Static | Dynamic) -> None:
    """Refuse operators that the method cannot quantise; this needs no model."""
    operators = sorted(QUANTIZABLE if isinstance(recipe, Static) else IntegerOpsRegistry)
    for name in recipe.op_types_to_quantize or ():
        if name not in operators:
            raise ModelError(
                f"recipe {label(recipe)!r}: op_types_to_quantize: {name!r} cannot be quantised{did_you_mean(name, operators)}; "
                f"{recipe.method} handles {', '.join(operators)}"
            )
