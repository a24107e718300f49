"""The budget of a search, counted over all of its runs."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from inc_mlflow.engines.plan import NoTime


class Spent(NoTime):
    """The budget is not enough for another trial."""


@dataclass
class Cost:
    """Time of one piece of work; CPU seconds are of all threads."""

    cpu_seconds: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.cpu_seconds + other.cpu_seconds, self.seconds + other.seconds)


@dataclass
class Budget:
    """Limits of CPU seconds and of seconds; infinite where there is none."""

    limit: Cost
    used: Cost = field(default_factory=Cost)
    share: float = 1.0
    """Part of the limits that may be used now; the rest is reserved for the work at the end."""
    _began: Cost | None = None
    """The clocks at the start of the work that is being done."""

    @contextmanager
    def spending(self, expected: Cost) -> Iterator[Cost]:
        """Add the time of the block; raise Spent where ``expected`` more would exceed the limits."""
        if self._beyond(expected):
            raise Spent
        cost, self._began = Cost(), _clocks()
        try:
            yield cost
        finally:
            running = self._running()
            cost.cpu_seconds, cost.seconds = running.cpu_seconds, running.seconds
            self.used += cost
            self._began = None

    def so_far(self) -> tuple[float, float]:
        """Return the seconds used by now and their limit, by the clock that has one."""
        now = self.used + self._running()
        if math.isfinite(self.limit.seconds):
            return now.seconds, self.limit.seconds
        return now.cpu_seconds, self.limit.cpu_seconds

    def _running(self) -> Cost:
        if self._began is None:
            return Cost()
        now = _clocks()
        return Cost(now.cpu_seconds - self._began.cpu_seconds, now.seconds - self._began.seconds)

    @contextmanager
    def part(self, share: float) -> Iterator[None]:
        """Let the block use only this share of what may still be used now."""
        before = self.share
        ratios = (
            used / limit
            for used, limit in (
                (self.used.cpu_seconds, self.limit.cpu_seconds),
                (self.used.seconds, self.limit.seconds),
            )
            if limit
        )
        done = min(before, max(ratios, default=before))
        self.share = done + share * (before - done)
        try:
            yield
        finally:
            self.share = before

    def _beyond(self, expected: Cost) -> bool:
        total = self.used + expected
        return (
            total.cpu_seconds > self.limit.cpu_seconds * self.share
            or total.seconds > self.limit.seconds * self.share
        )


def _clocks() -> Cost:
    return Cost(time.process_time(), time.monotonic())
