"""A histogram of float32 values that grows with them and merges without loss."""

import base64
import math
import zlib
from dataclasses import dataclass
from typing import Self

import numpy as np

from inc_mlflow.engines.onnxruntime.calibration.counting import counter

_BITS = 12
HALF_BINS = 1 << _BITS
"""Bins on either side of zero."""
BINS = 2 * HALF_BINS
SMALLEST = -100  # below 2**-100 the scale of the bins leaves float32: such small values count as zero


def exponent_of(magnitude: float) -> int:
    """Return the exponent of the smallest power of two above ``magnitude``, not less than ``SMALLEST``."""
    return max(math.frexp(magnitude)[1], SMALLEST) if magnitude else SMALLEST


@dataclass(eq=False)
class Histogram:
    """Counts in equal bins between -2**exponent and 2**exponent.

    Merging pairs of bins doubles the range. The borders of the wide range are also borders of the narrow one,
    so every value is in the same bin as if the wide range had been used from the start. A value on a border
    belongs to the bin farther from zero, and zero to the bin above it.
    """

    exponent: int
    counts: np.ndarray
    """int64 (BINS,), from the lowest value up."""

    @classmethod
    def empty(cls) -> Self:
        """Return a histogram without values."""
        return cls(SMALLEST, np.zeros(BINS, np.int64))

    @property
    def width(self) -> float:
        """Width of a bin."""
        return math.ldexp(1.0, self.exponent - _BITS)

    def add(self, values: np.ndarray, magnitude: float) -> None:
        """Count finite ``values``; ``magnitude`` is the largest absolute value among them."""
        exponent = max(self.exponent, exponent_of(magnitude))
        self.exponent, self.counts = exponent, self._widened(exponent)
        counter()(np.ascontiguousarray(values, np.float32), math.ldexp(1.0, _BITS - exponent), self.counts)

    def merge(self, other: Self) -> Self:
        """Return the histogram of the values of both."""
        exponent = max(self.exponent, other.exponent)
        return type(self)(exponent, self._widened(exponent) + other._widened(exponent))

    def bin_of(self, value: float) -> int:
        """Return the index in ``counts`` of a value within the range."""
        distance = int(math.ldexp(abs(value), _BITS - self.exponent))
        return HALF_BINS + distance if value >= 0 else HALF_BINS - 1 - distance

    def to_text(self) -> str:
        """Return the counts as compressed text; equal counts give equal text."""
        return base64.b64encode(zlib.compress(self.counts.astype("<i8").tobytes())).decode()

    @classmethod
    def from_text(cls, text: str, low: float, high: float) -> Self:
        """Read what ``to_text`` wrote for values between ``low`` and ``high``.

        Raises ValueError where the text is damaged or does not fit that range.
        """
        unpack = zlib.decompressobj()
        try:
            # The limit stops text that unpacks to far more than a histogram.
            data = unpack.decompress(base64.b64decode(text, validate=True), BINS * 8 + 1)
        except zlib.error as error:
            raise ValueError("the counts are not compressed data") from error
        if len(data) != BINS * 8 or not unpack.eof or unpack.unused_data:
            raise ValueError("the counts are cut off or too many")
        histogram = cls(exponent_of(max(-low, high)), np.frombuffer(data, "<i8").astype(np.int64))
        if (histogram.counts < 0).any() or not histogram._within(low, high):
            raise ValueError("the counts do not belong to the range")
        return histogram

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Histogram)
            and self.exponent == other.exponent
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]  # the counts change

    def _within(self, low: float, high: float) -> bool:
        """Tell whether the outermost counts are in the bins of ``low`` and ``high``.

        An end that is zero may also come from a batch without values.
        """
        (used,) = self.counts.nonzero()
        lowest, highest = (used[0], used[-1]) if used.size else (HALF_BINS, HALF_BINS)
        first, last = self.bin_of(low), self.bin_of(high)
        return bool(
            (first == lowest or (first < lowest and not low))
            and (highest == last or (highest < last and not high))
        )

    def _widened(self, exponent: int) -> np.ndarray:
        counts = self.counts
        # After _BITS + 1 steps all values of a side are in the bin next to zero.
        for _ in range(min(exponent - self.exponent, _BITS + 1)):
            pairs = counts[0::2] + counts[1::2]
            counts = np.zeros_like(counts)
            counts[HALF_BINS // 2 : HALF_BINS // 2 + HALF_BINS] = pairs
        return counts
