"""Activation ranges: statistics per tensor that merge, so shards give the same file as one pass."""

import json
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from inc_mlflow.engines.onnxruntime.calibration.histogram import Histogram
from inc_mlflow.engines.onnxruntime.calibration.octaves import (
    hides_the_rest,
    merge_octaves,
    octaves_of,
)
from inc_mlflow.engines.onnxruntime.calibration.thresholds import finite_range
from inc_mlflow.engines.onnxruntime.options import CalibrateMethod
from inc_mlflow.errors import ModelError, StateError
from inc_mlflow.files import canonical_json, write_text

FORMAT = 3
_LARGEST = 1e30
"""Beyond it the arithmetic of scales leaves float32: the lowest float32 is a mask, and no activation."""
Range = tuple[float, float]


@dataclass(frozen=True)
class MinMax:
    """Smallest and largest value of a tensor, exact in float32, and the octaves that its values reach."""

    low: float
    high: float
    octaves: frozenset[int] = frozenset()

    @classmethod
    def of(cls, name: str, values: np.ndarray) -> Self:
        """Return the ends of one batch, infinities included; raise ModelError where an activation is NaN."""
        if not values.size:
            return cls(0.0, 0.0)  # every quantised range includes zero, so an empty batch adds nothing
        # -0.0 + 0.0 is 0.0: equal values give equal bytes.
        low, high = float(values.min()) + 0.0, float(values.max()) + 0.0
        if np.isnan(low) or np.isnan(high):
            raise ModelError(
                f"model: tensor {name!r} is not a number on calibration data; check the model and its inputs"
            )
        ends = cls(low, high)
        octaves = octaves_of(values, ends.largest) if ends.bounded else None
        return replace(ends, octaves=octaves) if octaves else ends

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return max(-self.low, self.high)

    @property
    def bounded(self) -> bool:
        """Tell whether INT8 can cover the range: masks are often minus infinity, or the lowest float32."""
        return bool(self.low > -_LARGEST and self.high < _LARGEST)

    def merge(self, other: Self) -> Self:
        """Return the ends of both parts together."""
        ends = type(self)(min(self.low, other.low), max(self.high, other.high))
        octaves = merge_octaves(self.octaves, self.largest, other.octaves, other.largest)
        return replace(ends, octaves=octaves) if octaves and ends.bounded else ends

    def range(self) -> Range:
        """Return the range that INT8 must cover."""
        return self.low, self.high


@dataclass(frozen=True)
class Ranges:
    """Statistics of every tensor that quantisation needs, from ``rows`` calibration rows."""

    model_sha256: str
    rows: int
    tensors: dict[str, MinMax]
    histograms: dict[str, Histogram] = field(default_factory=dict)
    """One for every tensor, or none at all: the method minmax needs none."""
    unbounded: frozenset[str] = frozenset()
    """Tensors that reach infinity, or nearly: they have no range."""

    @property
    def unusable(self) -> frozenset[str]:
        """Tensors that INT8 cannot hold: the nodes that read or write them stay FP32.

        They are the unbounded ones, and those in which a few large values leave too few steps for the rest.
        """
        hidden = {name for name, ends in self.tensors.items() if hides_the_rest(ends.octaves)}
        return self.unbounded | hidden

    def __len__(self) -> int:
        """Return the number of tensors."""
        return len(self.tensors)

    def final(self, method: CalibrateMethod) -> dict[str, Range]:
        """Return the range of every tensor by ``method``.

        Raises ModelError where the method needs histograms and there are none.
        """
        if method == "minmax":
            return {name: ends.range() for name, ends in self.tensors.items()}
        if self.histograms.keys() != self.tensors.keys():
            raise ModelError(
                f"ranges: collected for minmax only, {method!r} needs more; "
                "calibrate again with it in the job"
            )
        return {
            name: finite_range(method, self.histograms[name], *ends.range())
            for name, ends in self.tensors.items()
        }

    def merge(self, other: Self) -> Self:
        """Return the ranges of both shards; raise ModelError where models or methods differ."""
        if (self.model_sha256, self._names()) != (other.model_sha256, other._names()):
            raise ModelError(
                "ranges: the shards belong to different models; calibrate all of them on the same one"
            )
        if bool(self.histograms) != bool(other.histograms):
            raise ModelError(
                "ranges: only some of the shards have histograms; calibrate all of them with the same job"
            )
        unbounded = self.unbounded | other.unbounded
        common = [name for name in self.tensors if name not in unbounded]
        tensors = {name: self.tensors[name].merge(other.tensors[name]) for name in common}
        histograms = {
            name: self.histograms[name].merge(other.histograms[name]) for name in common if self.histograms
        }
        return type(self)(self.model_sha256, self.rows + other.rows, tensors, histograms, unbounded)

    def _names(self) -> set[str]:
        return self.tensors.keys() | self.unbounded

    def save(self, path: Path) -> None:
        """Write JSON; equal ranges give equal bytes."""
        data = {
            "format": FORMAT,
            "model_sha256": self.model_sha256,
            "rows": self.rows,
            "minmax": {name: ends.range() for name, ends in self.tensors.items()},
            "unbounded": sorted(self.unbounded),
            "octaves": {name: sorted(ends.octaves) for name, ends in self.tensors.items()},
            "histograms": {name: counts.to_text() for name, counts in self.histograms.items()},
        }
        write_text(path, canonical_json(data))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote; raise StateError for any other file."""
        try:
            data: dict[str, Any] = json.loads(path.read_text())
            if data["format"] != FORMAT:
                raise StateError(
                    f"{path}: ranges of format {data['format']}; this version reads {FORMAT}, calibrate again"
                )
            octaves = {name: _octaves(reached) for name, reached in data["octaves"].items()}
            tensors = {
                name: _minmax(low, high, octaves[name]) for name, (low, high) in data["minmax"].items()
            }
            histograms = _histograms(data["histograms"], tensors)
            unbounded = frozenset(map(_text, data["unbounded"]))
            return cls(
                str(data["model_sha256"]), operator.index(data["rows"]), tensors, histograms, unbounded
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(f"{path}: not a ranges file; make one with `inc-mlflow calibrate`") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("the name of a tensor is not text")
    return value


def _octaves(reached: list[int]) -> frozenset[int]:
    return frozenset(map(operator.index, reached))


def _minmax(low: float, high: float, octaves: frozenset[int]) -> MinMax:
    """Check that ``low`` and ``high`` are in order and float32: a histogram has no bin for other values."""
    largest = float(np.finfo(np.float32).max)
    if not (-largest <= low <= high <= largest and all(float(np.float32(end)) == end for end in (low, high))):
        raise ValueError("a range is not one of finite float32")
    return MinMax(float(low), float(high), octaves)


def _histograms(texts: Mapping[str, str], tensors: Mapping[str, MinMax]) -> dict[str, Histogram]:
    if texts and texts.keys() != tensors.keys():
        raise ValueError("the histograms are of other tensors than the ranges")
    return {name: Histogram.from_text(text, *tensors[name].range()) for name, text in texts.items()}
