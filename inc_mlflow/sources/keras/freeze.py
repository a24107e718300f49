"""Turn a Keras model in memory into a frozen graph."""

from collections.abc import Mapping
from typing import Any

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.source import framework_call
from inc_mlflow.sources.tensorflow.frozen_graph import FrozenGraph

DROPOUT = ("dropout", "recurrent_dropout")
"""Shares that a recurrent cell drops in training."""
INPUT = "input"
"""What the input is called of a model that has no name for it."""


def frozen_model(where: str, model: Any) -> FrozenGraph:
    """Return a Keras model, as at inference, as a frozen graph under its own names.

    Raises ModelError where the model has no inputs, or TensorFlow cannot trace it.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    structure = model.input if getattr(model, "inputs", None) else _built_input(where, model)
    inputs = tf.nest.flatten(structure)
    _drop_masks(model)

    def call(*given: Any) -> Mapping[str, Any]:
        packed = tf.nest.pack_sequence_as(structure, list(given))
        return _named(model, model(packed, training=False))

    with framework_call(f"{where}: TensorFlow cannot trace it"):
        concrete = tf.function(call).get_concrete_function(
            *(tf.TensorSpec(one.shape, one.dtype) for one in inputs)
        )
        frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    names = [one.name for one in inputs]
    outputs = sorted(concrete.structured_outputs)  # as TensorFlow flattens a mapping
    return FrozenGraph(
        frozen.graph.as_graph_def(),
        dict(zip(names, (tensor.name for tensor in frozen.inputs), strict=True)),
        dict(zip(outputs, (tensor.name for tensor in frozen.outputs), strict=True)),
    )


def _built_input(where: str, model: Any) -> Any:
    """Return the input of a model of a class of its own: the array that it was called with, of any batch."""
    import tensorflow as tf

    built = (model.get_build_config() if getattr(model, "built", False) else None) or {}
    shape = built.get("input_shape")
    if not isinstance(shape, tuple | list) or not all(isinstance(size, int | None) for size in shape):
        raise ModelError(
            f"{where}: says nothing of its inputs; build it with an Input layer, or call a model of one "
            "array once in the function that builds it"
        )
    return tf.TensorSpec((None, *shape[1:]), "float32", name=INPUT)


def _drop_masks(model: Any) -> None:
    """Set dropout to 0: recurrent cells draw their masks at inference too, where nothing uses them.

    What they draw with is a variable that changes, which cannot be frozen.
    """
    for layer in model._flatten_layers():
        if hasattr(layer, "get_dropout_mask"):
            for name in DROPOUT:
                setattr(layer, name, 0.0)


def _named(model: Any, outputs: Any) -> Mapping[str, Any]:
    """Return a model's outputs by name: its own keys, else the layers' names, else numbers."""
    import tensorflow as tf

    if isinstance(outputs, Mapping):
        return outputs
    flat = tf.nest.flatten(outputs)
    names = list(getattr(model, "output_names", ()))
    if len(set(names)) != len(flat):
        names = [f"output_{number}" for number in range(len(flat))]
    return dict(zip(names, flat, strict=True))
