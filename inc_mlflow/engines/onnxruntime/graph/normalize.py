"""Turn any ONNX file into the baseline: current opset, constants and batch norm folded, shapes inferred."""

import shutil
import tempfile
from pathlib import Path

import onnx
from onnx import version_converter
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from inc_mlflow.engines.onnxruntime.graph.model_file import (
    MODEL,
    all_nodes,
    graph_inputs,
    read_structure,
    tensors,
)
from inc_mlflow.engines.onnxruntime.runtime.session import BASIC, one_line, open_file, options
from inc_mlflow.errors import ModelError
from inc_mlflow.files import disk_full, external_data, model_bytes

OPSET = 17
"""Lowest opset of a baseline: per-channel QDQ needs 13, LayerNormalization 17."""
_PROTOBUF_LIMIT = 2**31 - 2**20  # bytes: protobuf's 2 GB less room for the graph itself
_SMALL = 1024  # bytes: version adapters read small constants (shapes, axes), never weights


def normalize(source: Path, directory: Path) -> int:
    """Write the baseline ``model.onnx`` into ``directory`` and return its opset.

    Above 2 GB the weights are in a file beside it. Raises ModelError where the source cannot be read or
    converted, and the error of a full disk where the baseline does not fit.
    """
    read_structure(source)  # refuses external data outside the source's directory before anything follows it
    model = onnx.load(source)
    _drop_initializers_from_inputs(model)
    model = _raise_opset(model, source)
    target = directory / MODEL
    large = sum(tensor.ByteSize() for tensor in tensors(model)) > _PROTOBUF_LIMIT
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        plain = Path(folder) / MODEL
        onnx.save(model, plain, save_as_external_data=large, location=external_data(plain).name)
        del model  # a large model need not be in memory twice
        _fold(plain, target, large)
    return _finish(target)


def _drop_initializers_from_inputs(model: onnx.ModelProto) -> None:
    """Weights listed as inputs could be overridden by a caller, so no optimiser may fold them."""
    keep = graph_inputs(model)
    del model.graph.input[:]
    model.graph.input.extend(keep)


def _raise_opset(model: onnx.ModelProto, source: Path) -> onnx.ModelProto:
    if _opset(model) >= OPSET:
        return model
    weights = _detach_weights(model)
    try:
        model = version_converter.convert_version(model, OPSET)
    except (
        RuntimeError,
        ValueError,
        version_converter.ConvertError,
        onnx.shape_inference.InferenceError,
    ) as error:
        raise ModelError(
            f"{source}: cannot be raised from opset {_opset(model)} to {OPSET}: {one_line(error)}; "
            f"export it with opset {OPSET}"
        ) from error
    _attach_weights(model, weights)
    return model


def _opset(model: onnx.ModelProto) -> int:
    return next((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), 1)


def _detach_weights(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """Turn large initialisers into inputs, since the converter cannot serialise models above 2 GB."""
    large = [tensor for tensor in model.graph.initializer if tensor.ByteSize() > _SMALL]
    small = [tensor for tensor in model.graph.initializer if tensor.ByteSize() <= _SMALL]
    weights = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in large]
    inputs = [
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims) for tensor in weights
    ]
    kept = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in small]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    model.graph.input.extend(inputs)
    return weights


def _attach_weights(model: onnx.ModelProto, weights: list[onnx.TensorProto]) -> None:
    names = {tensor.name for tensor in weights}
    keep = [value for value in model.graph.input if value.name not in names]
    del model.graph.input[:]
    model.graph.input.extend(keep)
    model.graph.initializer.extend(weights)
    _drop_initializers_from_inputs(model)


def _fold(plain: Path, target: Path, large: bool) -> None:
    """Let ONNX Runtime fold constants and batch norm; its basic level writes standard operators only."""
    if shutil.disk_usage(target.parent).free < model_bytes(plain):
        raise disk_full(target)  # ONNX Runtime only says that it could not write
    settings = options(threads=1, level=BASIC)
    settings.optimized_model_filepath = str(target)
    if large:
        settings.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", external_data(target).name
        )
        settings.add_session_config_entry(
            "session.optimized_model_external_initializers_min_size_in_bytes", str(_SMALL)
        )
    open_file(plain, settings)


def _finish(target: Path) -> int:
    """Name every node, infer shapes, and drop the operator sets that ONNX Runtime lists but no node uses."""
    model = onnx.load(target, load_external_data=False)
    _name_nodes(model)
    _prevent_slow_fusion(model)
    model = _infer_shapes(model)
    used = {node.domain for node in all_nodes(model)} | {""}
    keep = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(keep)
    add_pre_process_metadata(model)
    onnx.save(model, target)
    return _opset(model)


def _name_nodes(model: onnx.ModelProto) -> None:
    """Recipes exclude nodes by name, so each needs one of its own."""
    taken = {node.name for node in model.graph.node if node.name}
    seen: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}_{index}"
            while node.name in taken:
                node.name += "_"
            taken.add(node.name)
        seen.add(node.name)


def _prevent_slow_fusion(model: onnx.ModelProto) -> None:
    """Replace the Add of two activations before a LayerNormalization by Sum, which computes the same.

    ONNX Runtime 1.32 fuses such an Add into SkipLayerNormalization, whose CPU kernel is not vectorised. A
    MiniLM is 5 % faster in FP32 and 9 % in INT8 without that fusion.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    normalized = {node.input[0] for node in model.graph.node if node.op_type == "LayerNormalization"}
    for node in model.graph.node:
        if node.op_type == "Add" and node.output[0] in normalized and not weights & set(node.input):
            node.op_type = "Sum"


def _infer_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Infer shapes where possible: they help the quantiser, but it works without."""
    try:
        return onnx.shape_inference.infer_shapes(model)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return model
