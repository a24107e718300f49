"""Run rows through a model and return the values of tensors inside it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
import onnxruntime

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.fixed_batch import row_count
from inc_mlflow.engines.onnxruntime.graph.model_file import graph_inputs, with_outputs
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import TimedSession
from inc_mlflow.engines.onnxruntime.runtime.rows import row_axes
from inc_mlflow.engines.onnxruntime.runtime.session import ALL, open_proto, options


def intermediate_values(
    model: onnx.ModelProto,
    folder: Path,
    batches: Iterable[Arrays],
    names: list[str],
    threads: int,
    level: onnxruntime.GraphOptimizationLevel = ALL,
) -> Iterator[tuple[int, Arrays]]:
    """Yield for each batch its number of rows and the values of the tensors ``names``.

    ``names`` may include graph inputs. ``model`` is changed: the tensors become outputs. Its external weights
    are in ``folder``. Raises ModelError where the model does not load or run.
    """
    fed = {value.name for value in graph_inputs(model)}
    computed = [name for name in names if name not in fed]
    session = TimedSession(
        open_proto(with_outputs(model, computed), folder, options(threads, level)), "model"
    )
    axes = row_axes(session.session, inside=True)
    for inputs in batches:
        # Given no names, a session returns every output.
        given = axes.fed(inputs)
        values = session.run(computed, given, "calibration rows") if computed else []
        rows = row_count(inputs)
        tensors = {name: axes.given(name, given[name], rows) for name in names if name in fed}
        for name, value in zip(computed, values, strict=True):
            tensors[name] = axes.given(name, value, rows)
        yield rows, tensors
