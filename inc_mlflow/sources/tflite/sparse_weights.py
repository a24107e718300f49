"""TFLite files whose weights are stored without their zeros, which the converter cannot read."""

from collections.abc import Iterator
from pathlib import Path

from inc_mlflow.errors import ModelError


def refuse_sparse(path: Path) -> None:
    """Raise ModelError where a tensor of a file that LiteRT loads is stored sparsely."""
    name = next(_sparse_tensors(path), None)
    if name is not None:
        raise ModelError(
            f"model: {path}: the weights {name!r} are stored sparsely, which is not converted; write the "
            "file without sparsity"
        )


def _sparse_tensors(path: Path) -> Iterator[str]:
    """Yield the names of such tensors."""
    from tf2onnx.tflite.Model import Model

    model = Model.GetRootAs(path.read_bytes(), 0)
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for tensor in map(graph.Tensors, range(graph.TensorsLength())):
            if tensor.Sparsity() is not None:
                yield tensor.Name().decode(errors="replace")
