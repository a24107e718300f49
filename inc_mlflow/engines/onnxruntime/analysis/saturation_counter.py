"""What pair saturation does to one layer, summed over rows."""

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.analysis.saturating_pairs import at_risk, excess
from inc_mlflow.engines.onnxruntime.graph.quantized_layers import Layer
from inc_mlflow.records import LayerSaturation

_BLOCK = 1024
"""Output positions worked on at once: enough to vectorise, few enough to hold for every layer."""


class Tally:
    """Counts of one layer; memory does not grow with the rows that are added."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self._weights = layer.product.weights
        self._risky = (
            np.stack([at_risk(one) for one in self._weights]) if layer.pairs else np.zeros((1, 1, 1), bool)
        )
        known = ("weight_scale", "weight_zero", "bias")
        self._columns = {
            role: self._per_column(layer.constants[role]) for role in known if role in layer.constants
        }
        self._none = self._per_column(np.zeros(1))
        self._held: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._pairs = self._saturated = self._outputs = 0
        self._error = 0.0

    def fetched(self) -> set[str]:
        """Name the computed tensors that ``add`` needs; none where rows can add nothing."""
        return set(self.layer.computed.values()) if self._risky.any() else set()

    def add(self, values: Arrays, positions: int, seed: int) -> None:
        """Take up a batch of what ``fetched`` names; at most ``positions`` outputs per row are looked at."""
        activations, scale, zero = _quantized(self.layer, values)
        rows = self.layer.product.rows(activations, int(zero), positions, seed)
        count = rows.shape[1]
        self._held.append(
            (rows, np.full((count, 1), scale, np.float32), np.full((count, 1), zero, np.float32))
        )
        if sum(held[0].shape[1] for held in self._held) >= _BLOCK:
            self._count()

    def result(self) -> LayerSaturation:
        """Return the shares and the mean error so far; None is what could not be seen."""
        self._count()
        safe = not self._risky.any()
        error = self._error / max(self._outputs, 1)
        return LayerSaturation(
            name=self.layer.name,
            operator=self.layer.operator,
            weights=self.layer.source,
            possible=float(self._risky.mean()),
            expected_rate=self._saturated / max(self._pairs, 1) if safe or self._pairs else None,
            expected_error_lsb=error if safe or self._outputs else None,
        )

    def _count(self) -> None:
        """Work off what is held."""
        if not self._held:
            return
        rows = np.concatenate([held[0] for held in self._held], 1)
        scale, zero = (np.concatenate([held[part] for held in self._held]) for part in (1, 2))
        self._held.clear()
        for group, risky in enumerate(self._risky):
            lost, saturated = excess(rows[group], self._weights[group], risky)
            self._saturated += saturated
            self._pairs += len(lost) * risky.size
            if "weight_scale" in self._columns:
                self._outputs += lost.size
                self._error += self._steps_lost(group, rows[group], lost, scale, zero) if saturated else 0.0

    def _steps_lost(
        self, group: int, rows: np.ndarray, lost: np.ndarray, scale: np.ndarray, zero: np.ndarray
    ) -> float:
        """Sum the absolute changes of the outputs in quantisation steps: of the output, or of 255 over its range."""
        weights = self._weights[group] - self._columns.get("weight_zero", self._none)[group]
        unit = scale * self._columns["weight_scale"][group] * self.layer.product.attributes.get("alpha", 1.0)
        exact = (rows - zero) @ weights
        if "out_scale" not in self.layer.constants:
            outputs = exact * unit
            return float(np.abs(lost * unit).sum() * 255 / (max(outputs.max(), 0) - min(outputs.min(), 0)))
        exact += self._columns.get("bias", self._none)[group]
        return float(
            np.abs(_rounded(self.layer, (exact + lost) * unit) - _rounded(self.layer, exact * unit)).sum()
        )

    def _per_column(self, values: np.ndarray) -> np.ndarray:
        """Spread a constant over the columns of every group: (groups, 1, N)."""
        groups, _, columns = self._weights.shape
        return np.broadcast_to(values.ravel().astype(np.float32), groups * columns).reshape(
            groups, 1, columns
        )


def _quantized(layer: Layer, values: Arrays) -> tuple[np.ndarray, float, float]:
    """Return the uint8 activations that the kernel sees, with their scale and zero point."""
    found = {role: values[name] for role, name in layer.computed.items()} | layer.constants
    activations = found["activation"]
    if activations.dtype.kind == "f":
        return _dynamically(activations)
    scale, zero = (
        float(found[role].item()) if role in found else default
        for role, default in (("scale", 1.0), ("zero", 0.0))
    )
    if layer.shifted:
        return (activations.astype(np.int16) + 128).astype(np.uint8), scale, zero + 128
    return activations, scale, zero


def _dynamically(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Quantise as DynamicQuantizeLinear does: over the range of the whole batch, zero included."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = (high - low) / 255 or 1.0
    zero = float(np.clip(np.rint(-low / scale), 0, 255))
    return np.clip(np.rint(values / scale) + zero, 0, 255).astype(np.uint8), scale, zero


def _rounded(layer: Layer, outputs: np.ndarray) -> np.ndarray:
    """Quantise float outputs as the layer does; what a Relu cuts and what the range clips differs no more."""
    zero = layer.constants.get("out_zero", np.zeros(1, np.uint8))
    info = np.iinfo(zero.dtype)
    low = max(info.min, int(zero.item())) if layer.relu else info.min
    return np.asarray(
        np.clip(np.rint(outputs / layer.constants["out_scale"]) + int(zero.item()), low, info.max)
    )
