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

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.cpu_seconds - other.cpu_seconds, self.seconds - other.seconds)

    def beyond(self, limit: "Cost") -> bool:
        """Tell whether it is more than a limit by one of the clocks."""
        return self.cpu_seconds > limit.cpu_seconds or self.seconds > limit.seconds


@dataclass
class Budget:
    """Limits of CPU seconds and of seconds; infinite where there is none."""

    limit: Cost
    used: Cost = field(default_factory=Cost)
    share: float = 1.0
    """Part of the limits that may be used now; the rest is reserved for the work at the end."""
    _began: tuple[Cost, Cost] | None = None
    """The clocks, and what was used, at the start of the work that is being done."""

    @contextmanager
    def spending(self, expected: Cost) -> Iterator[Cost]:
        """Add the time of the block; raise Spent where ``expected`` more would exceed the limits.

        A block inside another one is counted once: the outer one's cost is what remains.
        """
        if self._beyond(expected):
            raise Spent
        cost, start, outer = Cost(), (_clocks(), self.used), self._began
        self._began = outer or start
        try:
            yield cost
        finally:
            running = self._since(start)
            cost.cpu_seconds, cost.seconds = running.cpu_seconds, running.seconds
            self.used += cost
            self._began = outer

    def so_far(self) -> tuple[float, float]:
        """Return the seconds used by now and their limit, by the clock that has one."""
        now = self.used + self._running()
        if math.isfinite(self.limit.seconds):
            return now.seconds, self.limit.seconds
        return now.cpu_seconds, self.limit.cpu_seconds

    def left(self) -> float:
        """Return the seconds that are left of the share that may be used now, by the clock that has fewer."""
        rest = self.part(self.share) - self.used - self._running()
        return min(rest.cpu_seconds, rest.seconds)

    def _running(self) -> Cost:
        """Return what the work that is being done has taken, and nobody has counted yet."""
        return Cost() if self._began is None else self._since(self._began)

    def _since(self, start: tuple[Cost, Cost]) -> Cost:
        clocks, used = start
        return _clocks() - clocks - (self.used - used)

    def part(self, share: float) -> Cost:
        """Return a share of the limits, infinite where there is none."""
        return Cost(self.limit.cpu_seconds * share, self.limit.seconds * share)

    def _beyond(self, expected: Cost) -> bool:
        return (self.used + self._running() + expected).beyond(self.part(self.share))


def _clocks() -> Cost:
    return Cost(time.process_time(), time.monotonic())
