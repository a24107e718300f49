"""Run rows through a model and look at tensors inside it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
import onnxruntime

from inc_mlflow.errors import ModelError
from inc_mlflow.ort.model import graph_inputs, with_outputs
from inc_mlflow.ort.runner import Arrays, fixed_batch, padded, trimmed
from inc_mlflow.ort.session import ALL, RUNTIME_ERRORS, one_line, open_proto, options


def fetch(
    model: onnx.ModelProto,
    folder: Path,
    batches: Iterable[Arrays],
    names: list[str],
    threads: int,
    level: onnxruntime.GraphOptimizationLevel = ALL,
) -> Iterator[tuple[int, Arrays]]:
    """Yield for each batch its number of rows and the values of the tensors ``names``, graph inputs among them.

    ``model`` gets the tensors as outputs; its external weights stand in ``folder``.
    """
    fed = {value.name for value in graph_inputs(model)}
    fetched = [name for name in names if name not in fed]
    session = open_proto(with_outputs(model, fetched), folder, options(threads, level))
    batch = fixed_batch(value.shape for value in session.get_inputs())
    for inputs in batches:
        try:
            values = session.run(fetched, padded(inputs, batch)) if fetched else []  # asked for nothing, it gives every output
        except RUNTIME_ERRORS as error:
            raise ModelError(f"model: onnxruntime cannot run calibration rows: {one_line(error)}") from error
        rows = len(next(iter(inputs.values())))
        seen = {name: inputs[name] for name in names if name in fed}
        yield rows, seen | {name: trimmed(value, rows, batch) for name, value in zip(fetched, values, strict=True)}
