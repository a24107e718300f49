"""A model without its large weights, for libraries that serialise it: they cannot above 2 GB."""

from typing import Any

import onnx

from inc_mlflow.engines.onnxruntime.graph.initializers import is_small
from inc_mlflow.engines.onnxruntime.graph.model_file import graph_inputs


def skeleton(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a model whose large initialisers are inputs.

    Converters and inference read small constants (shapes, axes), never weights.
    """
    own = onnx.ModelProto()
    _copy_fields(model, own, "graph")
    _copy_fields(model.graph, own.graph, "initializer")
    own.graph.initializer.extend(tensor for tensor in model.graph.initializer if is_small(tensor))
    listed = {value.name for value in model.graph.input}
    own.graph.input.extend(
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in model.graph.initializer
        if not is_small(tensor) and tensor.name not in listed
    )
    return own


def with_weights(changed: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto:
    """Put the large initialisers of ``model`` into ``changed``, which was made from its skeleton."""
    changed.graph.initializer.extend(tensor for tensor in model.graph.initializer if not is_small(tensor))
    drop_initializers_from_inputs(changed)
    return changed


def drop_initializers_from_inputs(model: onnx.ModelProto) -> None:
    """Weights listed as inputs could be overridden by a caller, so no optimiser may fold them."""
    keep = graph_inputs(model)
    del model.graph.input[:]
    model.graph.input.extend(keep)


def _copy_fields(source: Any, target: Any, without: str) -> None:
    """Copy all fields of a protobuf message but one."""
    for descriptor, value in source.ListFields():
        if descriptor.name == without:
            continue
        if hasattr(value, "extend"):
            getattr(target, descriptor.name).extend(value)
        elif hasattr(value, "CopyFrom"):
            getattr(target, descriptor.name).CopyFrom(value)
        else:
            # A text that is not UTF-8 can be read from a file, but not set.
            text = isinstance(value, bytes) and descriptor.type == descriptor.TYPE_STRING
            setattr(target, descriptor.name, value.decode(errors="replace") if text else value)
