"""Count how often one layer saturates, and how much its outputs change, summed over rows."""

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.analysis.saturating_pairs import at_risk, excess
from inc_mlflow.engines.onnxruntime.graph.quantized_layers import Layer
from inc_mlflow.records import LayerSaturation

_BLOCK = 1024
"""Output positions counted at once: enough to vectorise, few enough to keep in memory for every layer."""


class SaturationCounter:
    """Counts the saturation of one layer; memory does not grow with the number of rows."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self._weights = layer.product.weights
        self._risky = (
            np.stack([at_risk(matrix) for matrix in self._weights])
            if layer.pairs
            else np.zeros((1, 1, 1), bool)
        )
        known = ("weight_scale", "weight_zero", "bias")
        self._columns = {
            role: self._per_column(layer.constants[role]) for role in known if role in layer.constants
        }
        self._none = self._per_column(np.zeros(1))
        self._waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._pairs = self._saturated = self._outputs = 0
        self._error = 0.0

    def needed(self) -> set[str]:
        """Return the names of computed tensors that ``add`` needs; none where no row can saturate."""
        return set(self.layer.computed.values()) if self._risky.any() else set()

    def add(self, values: Arrays, positions: int, seed: int) -> None:
        """Count a batch of the tensors in ``needed``, at most ``positions`` outputs per row."""
        activations, scale, zero = _quantized(self.layer, values)
        rows = self.layer.product.rows(activations, int(zero), positions, seed)
        count = rows.shape[1]
        self._waiting.append(
            (rows, np.full((count, 1), scale, np.float32), np.full((count, 1), zero, np.float32))
        )
        if sum(part[0].shape[1] for part in self._waiting) >= _BLOCK:
            self._count()

    def result(self) -> LayerSaturation:
        """Return the shares and the mean error so far; None where the activations cannot be seen."""
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
        """Count the positions that wait."""
        if not self._waiting:
            return
        rows = np.concatenate([part[0] for part in self._waiting], 1)
        scale, zero = (np.concatenate([part[column] for part in self._waiting]) for column in (1, 2))
        self._waiting.clear()
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
        """Sum the absolute changes of the outputs in quantisation steps; a float range has 255 of them."""
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
    tensors = {role: values[name] for role, name in layer.computed.items()} | layer.constants
    activations = tensors["activation"]
    if activations.dtype.kind == "f":
        return _dynamically(activations)
    scale, zero = (
        float(tensors[role].item()) if role in tensors else default
        for role, default in (("scale", 1.0), ("zero", 0.0))
    )
    if layer.shifted:
        return (activations.astype(np.int16) + 128).astype(np.uint8), scale, zero + 128
    return activations, scale, zero


def _dynamically(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Quantise as DynamicQuantizeLinear: over the range of the whole batch, zero included."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = (high - low) / 255 or 1.0
    zero = float(np.clip(np.rint(-low / scale), 0, 255))
    return np.clip(np.rint(values / scale) + zero, 0, 255).astype(np.uint8), scale, zero


def _rounded(layer: Layer, outputs: np.ndarray) -> np.ndarray:
    """Quantise float outputs as the layer does, with its Relu and the limits of its type."""
    zero = layer.constants.get("out_zero", np.zeros(1, np.uint8))
    info = np.iinfo(zero.dtype)
    low = max(info.min, int(zero.item())) if layer.relu else info.min
    return np.asarray(
        np.clip(np.rint(outputs / layer.constants["out_scale"]) + int(zero.item()), low, info.max)
    )
