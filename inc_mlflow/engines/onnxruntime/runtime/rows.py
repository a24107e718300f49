"""Where a session has the rows of a batch."""

import onnxruntime

from inc_mlflow.engines.row_axes import RowAxes


def row_axes(session: onnxruntime.InferenceSession, inside: bool = False) -> RowAxes:
    """Return how batches, whose arrays have their rows first, are fed to a session.

    Outputs come with their rows first too, but those of a session that gives values from ``inside`` a model:
    operators read them as they are.
    """
    outputs = [] if inside else session.get_outputs()
    return RowAxes(
        {value.name: value.shape for value in session.get_inputs()},
        {value.name: value.shape for value in outputs},
    )
