"""What counts of instances that ran together: the window in which all of them ran."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inc_mlflow.measure.timing.instance import CPU, DUE, END, START


@dataclass(frozen=True)
class Turn:
    """One model's calls in one round: an array of shape (calls, 4) per instance.

    ``window`` is (begin, end) in seconds; with ``arrivals`` (their number) calls are due by a schedule. Calls
    begun after ``until`` do not count for latencies.
    """

    calls: tuple[np.ndarray, ...]
    window: tuple[float, float]
    arrivals: int | None = None
    until: float = np.inf

    @property
    def seconds(self) -> float:
        """Length of the window; not above 0 where the instances never ran all at once."""
        return self.window[1] - self.window[0]

    def latencies(self) -> np.ndarray:
        """Seconds from due to end: of all arrivals, or of the calls begun in the window and not after ``until``.

        No call is left out for its end: which one lies over a given time depends on its length, and longer
        ones do more often. By their begin the number of calls is a stopping time, and their mean is that of
        all calls (Wald).
        """
        calls = np.concatenate(self.calls)
        if self.arrivals is None:
            calls = calls[
                (calls[:, START] >= self.window[0]) & (calls[:, START] < min(self.until, self.window[1]))
            ]
        return np.asarray(calls[:, END] - calls[:, DUE])

    def completed(self) -> float:
        """Count the calls in the window; one that overlaps its edge counts by its share."""
        return float(sum(_share(calls, self.window).sum() for calls in self.calls))

    def demand(self) -> float:
        """Return how many instances' time the arrivals ask for, as a share of the instances there are."""
        service = np.concatenate([calls[:, END] - calls[:, START] for calls in self.calls])
        return float(service.mean()) * (self.arrivals or len(service)) / (self.seconds * len(self.calls))

    def unserved(self) -> int:
        """Count the arrivals that were given up."""
        return (self.arrivals or 0) - sum(map(len, self.calls)) if self.arrivals is not None else 0

    def waited(self) -> float:
        """Return the share of its calls that the worst-off instance was not on its CPU.

        Right for one thread.
        """
        return max(
            1 - float(calls[:, CPU].sum() / (calls[:, END] - calls[:, START]).sum())
            for calls in self.calls
            if len(calls)
        )

    def pace(self) -> float:
        """Return what a speed-up is the ratio of: calls per second, or with arrivals one over the mean latency."""
        return (
            self.completed() / self.seconds if self.arrivals is None else 1 / float(self.latencies().mean())
        )


def together(calls: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the window in which all instances ran: from the latest first start to the earliest last end."""
    return max(float(one[0, START]) for one in calls), min(float(one[-1, END]) for one in calls)


def _share(calls: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Return the share of each call that lies in the window."""
    start, end = calls[:, START], calls[:, END]
    inside = np.minimum(end, window[1]) - np.maximum(start, window[0])
    return np.asarray(np.clip(inside, 0, None) / (end - start))
