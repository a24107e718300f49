"""im2col: write Conv, MatMul and Gemm as matrix products, one row per output position.

Along the reduction axis the values of a convolution have the order of its kernels: height, width, input
channel.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Product:
    """Weights of a layer as matrices (groups, K, N), and the way from activations to rows for them."""

    weights: np.ndarray
    attributes: dict[str, Any]
    kernel: tuple[int, ...] | None
    """Spatial shape of a convolution's kernel; None for MatMul and Gemm."""

    @classmethod
    def of(cls, operator: str, weights: np.ndarray, attributes: dict[str, Any]) -> "Product":
        """Bring ``weights`` from the file's order into the kernel's; MatMul's and Gemm's have rank two."""
        if operator != "Conv":
            return cls((weights.T if attributes.get("transB") else weights)[None], attributes, None)
        groups = attributes.get("group", 1)
        split = weights.reshape(groups, len(weights) // groups, *weights.shape[1:])
        matrices = np.moveaxis(split, (1, 2), (-1, -2)).reshape(groups, -1, split.shape[1])
        return cls(matrices, attributes, weights.shape[2:])

    def depthwise(self) -> bool:
        """Tell whether each group has one input and one output channel: such kernels add no pairs."""
        return (
            self.kernel is not None
            and len(self.weights) > 1
            and self.weights.shape[1:] == (math.prod(self.kernel), 1)
        )

    def rows(self, activations: np.ndarray, zero: int, limit: int, seed: int) -> np.ndarray:
        """Return the values that output positions multiply, (groups, positions, K).

        At most ``limit`` positions per row of the batch are drawn with ``seed``. ``zero`` fills the borders.
        """
        if self.kernel is None:
            flat = (
                activations.T
                if self.attributes.get("transA")
                else activations.reshape(-1, activations.shape[-1])
            )
            chosen = _draw(
                len(flat), limit * (1 if self.attributes.get("transA") else len(activations)), seed
            )
            return np.asarray(flat[chosen][None])
        return self._windows(activations, self.kernel, zero, limit, seed)

    def _windows(
        self, activations: np.ndarray, kernel: tuple[int, ...], zero: int, limit: int, seed: int
    ) -> np.ndarray:
        """Cut windows out of activations (batch, channels, *space) at drawn positions."""
        strides, dilations = (
            self.attributes.get(name, [1] * len(kernel)) for name in ("strides", "dilations")
        )
        spans = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
        pads = _pads(self.attributes, activations.shape[2:], spans, strides)
        padded = np.moveaxis(np.pad(activations, [(0, 0), (0, 0), *pads], constant_values=zero), 1, -1)
        counts = [
            (size - span) // step + 1
            for size, span, step in zip(padded.shape[1:-1], spans, strides, strict=True)
        ]
        shape = (len(padded), *counts)
        batch, *corners = np.unravel_index(_draw(math.prod(shape), limit * len(padded), seed), shape)
        taps = np.unravel_index(np.arange(math.prod(kernel)), kernel)
        places = [
            corner[:, None] * step + tap * dilation
            for corner, step, tap, dilation in zip(corners, strides, taps, dilations, strict=True)
        ]
        windows = padded[(batch[:, None], *places)]  # (positions, taps, channels)
        grouped = windows.reshape(*windows.shape[:2], len(self.weights), -1)
        return np.asarray(np.moveaxis(grouped, 2, 0).reshape(len(self.weights), len(windows), -1))


def _draw(count: int, limit: int, seed: int) -> np.ndarray:
    """Return all of ``count`` positions, or ``limit`` of them.

    They are drawn at random, since even steps would follow the columns.
    """
    if count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, limit, replace=False))


def _pads(
    attributes: dict[str, Any], space: tuple[int, ...], spans: list[int], strides: list[int]
) -> list[tuple[int, int]]:
    """Return the padding of Conv before and after each spatial axis, ``auto_pad`` included."""
    mode = attributes.get("auto_pad", b"NOTSET").decode()
    if mode in {"SAME_UPPER", "SAME_LOWER"}:
        wanted = [
            (-(-size // step) - 1) * step + span - size
            for size, span, step in zip(space, spans, strides, strict=True)
        ]
        less, more = [max(pad, 0) // 2 for pad in wanted], [-(-max(pad, 0) // 2) for pad in wanted]
        return list(zip(less, more, strict=True) if mode == "SAME_UPPER" else zip(more, less, strict=True))
    pads = [0] * 2 * len(space) if mode == "VALID" else attributes.get("pads", [0] * 2 * len(space))
    return list(zip(pads[: len(space)], pads[len(space) :], strict=True))
