"""The ONNX graph beside a baseline: what the default engine calibrates and quantises for this one."""

from pathlib import Path

from inc_mlflow.engines.engine import Engine
from inc_mlflow.errors import StateError
from inc_mlflow.files import model_sha256
from inc_mlflow.registry.engines import DEFAULT_ENGINE, ENGINES

_FOLDER = "graph"


def graph_engine() -> Engine:
    """Return the engine that reads, rewrites, calibrates and quantises ONNX graphs."""
    return ENGINES.get(DEFAULT_ENGINE)


def graph_path(folder: Path) -> Path:
    """Return where the graph of a baseline in ``folder`` is: beside it, since only methods need it."""
    return folder / _FOLDER / graph_engine().model_name


def graph_of(baseline: Path, sha256: str | None) -> Path:
    """Return the graph that a baseline was made of; raise StateError where it is gone or another one."""
    path = graph_path(baseline.parent)
    if sha256 is None or not path.exists() or model_sha256(path) != sha256:
        raise StateError(f"{path}: is not the graph that {baseline.name} was made of; import the model again")
    return path
