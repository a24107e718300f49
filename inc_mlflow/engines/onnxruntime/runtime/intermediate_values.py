"""Run rows through a model and look at tensors inside it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
import onnxruntime

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.fixed_batch import fixed_batch, padded, trimmed
from inc_mlflow.engines.onnxruntime.graph.model_file import graph_inputs, with_outputs
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import Watched
from inc_mlflow.engines.onnxruntime.runtime.session import ALL, open_proto, options


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
    watched = Watched(open_proto(with_outputs(model, fetched), folder, options(threads, level)), "model")
    batch = fixed_batch(value.shape for value in watched.session.get_inputs())
    for inputs in batches:
        # Asked for nothing, it gives every output.
        values = watched.run(fetched, padded(inputs, batch), "calibration rows") if fetched else []
        rows = len(next(iter(inputs.values())))
        seen = {name: inputs[name] for name in names if name in fed}
        yield (
            rows,
            seen | {name: trimmed(value, rows, batch) for name, value in zip(fetched, values, strict=True)},
        )
