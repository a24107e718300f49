"""Static quantisation, with ranges from calibration and options that make a model easier to round."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.analysis.saturation import ROWS, first_rows, predict, saturating_weights
from inc_mlflow.engines.onnxruntime.calibration.clipped import last_clipped
from inc_mlflow.engines.onnxruntime.calibration.collect import QUANTIZABLE, collect
from inc_mlflow.engines.onnxruntime.calibration.ranges import Range, Ranges
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, read_structure
from inc_mlflow.engines.onnxruntime.graph.topological import sort_nodes
from inc_mlflow.engines.onnxruntime.methods.bias_correction import correct_biases
from inc_mlflow.engines.onnxruntime.methods.equalize import equalize
from inc_mlflow.engines.onnxruntime.methods.float_reads import separate_float_reads
from inc_mlflow.engines.onnxruntime.methods.kept_fp32 import nodes_kept_fp32
from inc_mlflow.engines.onnxruntime.methods.quantizer import (
    check_baseline,
    check_changed,
    check_nodes,
    check_operators,
    common_options,
    quantizer,
)
from inc_mlflow.engines.onnxruntime.methods.smooth_quant import smooth
from inc_mlflow.engines.onnxruntime.options import Static
from inc_mlflow.errors import ModelError


class StaticMethod:
    """``quantize_static`` of ONNX Runtime with our own ranges, and options that recover accuracy."""

    def check(self, recipe: Static) -> None:
        """Raise ModelError where the recipe names operators that cannot be quantised statically."""
        check_operators(recipe, QUANTIZABLE)

    def apply(self, baseline: Path, recipe: Static, data: MethodData, target: Path) -> None:
        """Write the candidate.

        Raises ModelError where one of the recipe's options could change nothing in this model, or the recipe
        names operators or nodes that do not exist.
        """
        check_baseline(read_structure(baseline), recipe, QUANTIZABLE)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            model, ranges = _easier_to_round(baseline, recipe, data, Path(scratch))
            narrow = _saturating(model, ranges, recipe, data, target.parent)
            _quantize(model, ranges, recipe, target, narrow)
            if recipe.bias_correction:
                corrected = correct_biases(model, target, data.rows(), data.threads)
                _check_used(corrected, recipe, "bias_correction", "quantised layer with a bias")


METHOD = StaticMethod()


def _ranges(data: MethodData) -> Ranges | None:
    """Return the statistics; raise TypeError where our calibrator did not make them."""
    if data.statistics is None or isinstance(data.statistics, Ranges):
        return data.statistics
    raise TypeError(f"statistics of another engine: {type(data.statistics).__name__}")


def _easier_to_round(
    baseline: Path, recipe: Static, data: MethodData, folder: Path
) -> tuple[Path, Ranges | None]:
    """Return the model to quantise and its ranges.

    By the recipe it is the baseline, or an equal model that is easier to round.
    """
    if not (recipe.cross_layer_equalization or recipe.smooth_quant):
        return baseline, _ranges(data)
    model = baseline
    if recipe.cross_layer_equalization:
        model = _named(folder / "equalized")
        changed = equalize(baseline, model)
        _check_used(
            changed, recipe, "cross_layer_equalization", "pair of layers with at most a Relu between them"
        )
    if recipe.smooth_quant:
        source, model = model, _named(folder / "smoothed")
        changed = smooth(source, data.rows(), recipe.smooth_quant, model, data.threads)
        _check_used(
            changed, recipe, "smooth_quant", "linear layer behind a normalisation or scale of its own"
        )
    histograms = recipe.calibrate_method != "minmax"
    return model, collect(model, data.rows(), data.threads, histograms=histograms)


def _named(folder: Path) -> Path:
    folder.mkdir()
    return folder / MODEL


def _check_used(count: int, recipe: Static, option: str, needed: str) -> None:
    """Raise ModelError where an option changed nothing: the candidate would be that of another recipe."""
    if not count:
        raise ModelError(
            f"recipe {recipe.label()!r}: {option}: this model has no {needed}; leave the option out"
        )


def _saturating(
    baseline: Path, ranges: Ranges | None, recipe: Static, data: MethodData, folder: Path
) -> frozenset[str]:
    """Return the names of weights that need 7 bits, since their layers saturate on calibration rows.

    Empty unless the recipe protects saturating layers.
    """
    if recipe.reduce_range != "saturating":
        return frozenset()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        plain = Path(scratch) / MODEL
        _quantize(baseline, ranges, recipe, plain)
        return saturating_weights(predict(plain, first_rows(data.rows(), ROWS), data.threads))


def _quantize(
    baseline: Path,
    ranges: Ranges | None,
    recipe: Static,
    target: Path,
    narrow: frozenset[str] = frozenset(),
) -> None:
    """Write the quantised model; ``narrow`` names further weights that get 7 bits."""
    METHOD.check(recipe)
    structure = read_structure(baseline)
    sort_nodes(structure)
    check_nodes(structure, recipe)
    if ranges is None:
        raise ModelError(
            f"recipe {recipe.label()!r}: static quantisation needs ranges, see `inc-mlflow calibrate`"
        )
    final = _placed(ranges.final(recipe.calibrate_method), structure)
    kept = nodes_kept_fp32(structure, recipe, final, ranges.unusable)
    overrides = _narrowed(structure, recipe, narrow) | _per_tensor(structure, recipe)
    options = common_options(baseline, recipe)
    options["extra_options"] = {"TensorQuantOverrides": overrides} if overrides else {}
    _write(baseline, final, recipe, target, options | _excluded(recipe, kept))
    check_changed(target, recipe)


def _write(
    baseline: Path, ranges: Mapping[str, Range], recipe: Static, target: Path, options: dict[str, Any]
) -> None:
    """Quantise with our ranges, given as the calibration cache that ``quantize_static`` reads."""
    model = onnx.load(baseline)  # a path would make the quantiser write beside the baseline
    sort_nodes(model)
    # In the QOperator format the quantiser never gives a Where float inputs, even where that is excluded.
    separate_float_reads(model, {"Where"} if recipe.quant_format == "QOperator" else ())
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "ranges.json"
        cache.write_text(json.dumps(_calibration_cache(ranges)))
        with quantizer(recipe):
            quantize_static(
                model,
                target,
                calibration_cache_path=cache,
                calibrate_method=CalibrationMethod.MinMax,  # the ranges are final, whichever method made them
                quant_format=QuantFormat[recipe.quant_format],
                activation_type=QuantType[recipe.activation_type],
                **options,
            )


def _narrowed(structure: onnx.ModelProto, recipe: Static, weights: frozenset[str]) -> dict[str, Any]:
    """Return the overrides that give ``weights`` 7 bits.

    An override must name the axis that the quantiser itself would use.
    """
    readers = {
        node.input[1]: node
        for node in structure.graph.node
        if len(node.input) > 1 and node.input[1] in weights
    }
    return {
        name: [
            {"quant_type": QuantType[recipe.weight_type], "reduce_range": True}
            | ({"axis": _channel_axis(readers[name])} if recipe.per_channel else {})
        ]
        for name in sorted(weights)
    }


def _per_tensor(structure: onnx.ModelProto, recipe: Static) -> dict[str, Any]:
    """Return the overrides that give one scale to the weights of transposed convolutions in groups.

    Their weights have the output channels of one group only, so scales per channel fit no bias.
    """
    grouped = (
        node
        for node in structure.graph.node
        if node.op_type == "ConvTranspose"
        and len(node.input) > 2
        and any(attribute.name == "group" and attribute.i > 1 for attribute in node.attribute)
    )
    return {node.input[1]: [{"quant_type": QuantType[recipe.weight_type]}] for node in grouped}


def _excluded(recipe: Static, kept: list[str]) -> dict[str, list[str]]:
    return {"nodes_to_exclude": list(dict.fromkeys((*recipe.nodes_to_exclude, *kept)))}


def _channel_axis(node: onnx.NodeProto) -> int:
    """Return the axis of output channels in the weights of Conv, MatMul or Gemm."""
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if node.op_type == "Conv" or transposed else 1


def _placed(ranges: Mapping[str, Range], structure: onnx.ModelProto) -> dict[str, Range]:
    """Add the tensors that only a Relu or Clip reads, with the clipped range, as the quantiser does."""
    clips = last_clipped(structure)
    return {name: ranges[clipped] for name, clipped in clips.items() if clipped in ranges} | dict(ranges)


def _calibration_cache(ranges: Mapping[str, Range]) -> dict[str, Any]:
    """Return ranges in the format of ``onnxruntime.quantization.calibrate.TensorsData.to_dict``."""
    data = {
        name: {"lowest": _scalar(low), "highest": _scalar(high), "CLS": "TensorData"}
        for name, (low, high) in ranges.items()
    }
    method = {"CLS": "CalibrationMethod", "value": str(CalibrationMethod.MinMax)}
    return {"CLS": "TensorsData", "data": data, "calibration_method": method, "smooth_quant": False}


def _scalar(value: float) -> dict[str, Any]:
    return {"data": value, "dtype": "float32", "CLS": "numpy.array"}
