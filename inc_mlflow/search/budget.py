"""How much a search may spend, counted over all of its runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Spent(Exception):  # noqa: N818 - the ordinary end of a search, no error
    """The budget does not reach for another trial."""


@dataclass
class Cost:
    """What one piece of work took; CPU seconds are of all threads."""

    cpu_seconds: float = 0.0
    seconds: float = 0.0


@dataclass
class Budget:
    """Limits in CPU seconds, and in seconds where a person set some."""

    cpu_seconds: float
    seconds: float | None
    used: Cost = field(default_factory=Cost)
    share: float = 1.0
    """Part of the limits that may be used now: the rest is kept for what must be done at the end."""

    @contextmanager
    def spending(self, expected: float) -> Iterator[Cost]:
        """Count what is done inside; Spent where ``expected`` CPU seconds more would go beyond the limits."""
        if self._beyond(expected):
            raise Spent
        cost, cpu, start = Cost(), time.process_time(), time.monotonic()
        try:
            yield cost
        finally:
            cost.cpu_seconds, cost.seconds = time.process_time() - cpu, time.monotonic() - start
            self.used.cpu_seconds += cost.cpu_seconds
            self.used.seconds += cost.seconds

    def _beyond(self, expected: float) -> bool:
        if self.used.cpu_seconds + expected > self.cpu_seconds * self.share:
            return True
        return self.seconds is not None and self.used.seconds >= self.seconds * self.share
