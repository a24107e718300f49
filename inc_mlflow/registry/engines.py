"""Engines: what runs and compresses models. A target is an ``Engine`` of engines/engine.py."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from inc_mlflow.registry.table import Registry, Row

if TYPE_CHECKING:
    from inc_mlflow.engines.engine import Engine

Device = Literal["cpu", "cuda"]
"""What a model runs on; every engine has its own names for it."""
DEFAULT_ENGINE = "onnxruntime"
"""What a job runs where it names no engine."""


@dataclass(frozen=True)
class EngineRow(Row):
    """A row of the table of engines."""

    packages: tuple[str, ...] = ()
    """Distributions whose versions belong to the evidence, where they are installed."""


ENGINES: "Registry[Engine]" = Registry(
    "engines",
    {
        DEFAULT_ENGINE: EngineRow(
            "inc_mlflow.engines.onnxruntime.engine:ENGINE",
            "ONNX Runtime: quantises ONNX files, runs them on CPUs and NVIDIA GPUs",
            packages=("onnx", "onnxruntime", "onnxruntime-gpu"),
        )
    },
)


def engine_packages() -> tuple[str, ...]:
    """Return the distributions of all engines that can be asked."""
    rows = (ENGINES.row(name) for name in ENGINES)
    return tuple(dict.fromkeys(one for row in rows if isinstance(row, EngineRow) for one in row.packages))
