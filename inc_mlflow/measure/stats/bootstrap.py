"""Bounds of a mean by the bootstrap: resampled once with a fixed seed, then read at any confidence."""

import warnings
from functools import cached_property
from typing import Any

import numpy as np

from inc_mlflow.measure.stats.seed import SEED
from inc_mlflow.records import Interval

RESAMPLES = 9999
_BCA_ROWS = 5000
"""Rows up to which the bootstrap is BCa. Its jackknife costs their square; with more rows its correction
vanishes."""


class BootstrappedMean:
    """The mean of per-sample values, shape (n,), with one-sided bounds: BCa (Efron 1987)."""

    def __init__(self, sample: np.ndarray) -> None:
        self._sample = sample

    def at(self, confidence: float) -> Interval:
        """Return the mean with its bounds; both are the mean where the sample has no spread."""
        value = float(self._sample.mean())
        if np.ptp(self._sample) == 0:
            return Interval.exact(value)
        # BCa gives no bounds where the mean is the same whichever row is left out.
        for method in ("BCa", "percentile") if len(self._sample) <= _BCA_ROWS else ("percentile",):
            low, high = self._bounds(confidence, method)
            if np.isfinite(low) and np.isfinite(high):
                break
        return Interval(value=value, low=low, high=high)

    @cached_property
    def _drawn(self) -> Any:
        return self._bootstrap(RESAMPLES, None, 0.9, "percentile")

    def _bounds(self, confidence: float, method: str) -> tuple[float, float]:
        ends = self._bootstrap(0, self._drawn, 2 * confidence - 1, method).confidence_interval
        return float(ends.low), float(ends.high)

    def _bootstrap(self, resamples: int, drawn: Any, level: float, method: str) -> Any:
        from scipy import stats  # a third of a second, which scores of right and wrong do not need

        with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # the caller sees it by the bounds
            return stats.bootstrap(
                (self._sample,),
                np.mean,
                n_resamples=resamples,
                bootstrap_result=drawn,
                batch=max(1, 20_000_000 // len(self._sample)),  # numbers at a time: 160 MB
                confidence_level=level,
                method=method,
                rng=np.random.default_rng(SEED),
            )
