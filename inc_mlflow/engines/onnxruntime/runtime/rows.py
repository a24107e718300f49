"""Where a session has the rows of a batch."""

import onnxruntime

from inc_mlflow.engines.find_row_axes import find_row_axes
from inc_mlflow.engines.onnxruntime.graph.kept_row_axes import ROW_AXES
from inc_mlflow.engines.row_axes import RowAxes, RowsFirst, Sizes
from inc_mlflow.records import TensorSpec


def row_axes(
    session: onnxruntime.InferenceSession, axes: RowAxes | None = None, inside: bool = False
) -> RowsFirst:
    """Return how batches, whose arrays have their rows first, are fed to a session.

    By default the axes are those of the model's metadata, else they are found by its declared shapes. Outputs
    come with their rows first too, but those of a session that gives values from ``inside`` a model:
    operators read them as they are. Raises ModelError where the axes are not clear.
    """
    inputs = {value.name: _shape(value) for value in session.get_inputs()}
    if axes is None:
        text = session.get_modelmeta().custom_metadata_map.get(ROW_AXES)
        axes = RowAxes.from_text(text) if text is not None else _found(session, inputs)
    specs = [TensorSpec(name=name, dtype="", shape=shape) for name, shape in inputs.items()]
    return RowsFirst(RowAxes(axes.inputs) if inside else axes, axes.rows_at_a_time(specs))


def _found(session: onnxruntime.InferenceSession, inputs: dict[str, Sizes]) -> RowAxes:
    # A session may tell of an unknown shape as of that of a scalar.
    told: dict[str, Sizes] = inputs if any(inputs.values()) else dict.fromkeys(inputs)
    return find_row_axes(told, {value.name: _shape(value) for value in session.get_outputs()})


def _shape(value: onnxruntime.NodeArg) -> Sizes:
    return tuple(value.shape)
