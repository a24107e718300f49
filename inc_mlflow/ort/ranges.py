"""Activation ranges: statistics per tensor that merge, so that shards give the same file as one pass."""

import json
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from inc_mlflow.errors import ModelError, StateError
from inc_mlflow.storage import canonical_json, write_text

FORMAT = 1


@dataclass(frozen=True)
class MinMax:
    """Smallest and largest value of a tensor, exact in float32."""

    low: float
    high: float

    @classmethod
    def of(cls, name: str, values: np.ndarray) -> Self:
        """Summarise one batch; ModelError where the activations are not finite."""
        if not values.size:
            return cls(0.0, 0.0)  # every quantised range holds zero, so nothing seen adds nothing
        low, high = float(values.min()) + 0.0, float(values.max()) + 0.0  # -0.0 + 0.0 is 0.0: equal values, equal bytes
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ModelError(f"model: tensor {name!r} is not finite on calibration data; check the model and its inputs")
        return cls(low, high)

    def merge(self, other: Self) -> Self:
        """Return the statistics of both parts together."""
        return type(self)(min(self.low, other.low), max(self.high, other.high))

    def range(self) -> tuple[float, float]:
        """Return the range that INT8 must cover."""
        return self.low, self.high


@dataclass(frozen=True)
class Ranges:
    """Statistics of every tensor that quantisation needs, of ``rows`` calibration rows."""

    model_sha256: str
    rows: int
    tensors: dict[str, MinMax]

    def merge(self, other: Self) -> Self:
        """Return the ranges of both shards; ModelError where they are of different models."""
        if (self.model_sha256, self.tensors.keys()) != (other.model_sha256, other.tensors.keys()):
            raise ModelError("ranges: the shards belong to different models; calibrate all of them on the same one")
        tensors = {name: one.merge(other.tensors[name]) for name, one in self.tensors.items()}
        return type(self)(self.model_sha256, self.rows + other.rows, tensors)

    def save(self, path: Path) -> None:
        """Write JSON; equal ranges give equal bytes."""
        tensors = {name: [one.low, one.high] for name, one in self.tensors.items()}
        data = {"format": FORMAT, "model_sha256": self.model_sha256, "rows": self.rows, "minmax": tensors}
        write_text(path, canonical_json(data))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote; StateError where it is something else."""
        try:
            data: dict[str, Any] = json.loads(path.read_text())
            if data["format"] != FORMAT:
                raise StateError(f"{path}: ranges of format {data['format']}; this version reads {FORMAT}, calibrate again")
            tensors = {name: _finite(low, high) for name, (low, high) in data["minmax"].items()}
            return cls(str(data["model_sha256"]), operator.index(data["rows"]), tensors)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(f"{path}: not a ranges file; make one with `inc-mlflow calibrate`") from error


def _finite(low: float, high: float) -> MinMax:
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("a range is not finite")
    return MinMax(float(low), float(high))
