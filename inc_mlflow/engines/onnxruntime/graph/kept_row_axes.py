"""A baseline says in its metadata where it has its rows; candidates have it from there."""

import onnx

from inc_mlflow.engines.row_axes import RowAxes

ROW_AXES = "inc_mlflow.row_axes"
"""Key of the metadata."""


def keep_row_axes(model: onnx.ModelProto, axes: RowAxes | None) -> None:
    """Write the axes into a model; those of an earlier import are removed."""
    others = [one for one in model.metadata_props if one.key != ROW_AXES]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    if axes is not None:
        model.metadata_props.add(key=ROW_AXES, value=axes.to_text())


def kept_row_axes(model: onnx.ModelProto) -> RowAxes | None:
    """Return the axes that a model says it has; raise ModelError where their text cannot be read."""
    text = next((one.value for one in model.metadata_props if one.key == ROW_AXES), None)
    return None if text is None else RowAxes.from_text(text)
