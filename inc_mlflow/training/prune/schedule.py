"""When weights become zero: a rising share between two steps of training, then none any more."""

from dataclasses import dataclass

_UPDATES = 20
"""Times at which weights become zero, at most."""


@dataclass(frozen=True)
class CubicSchedule:
    """Shares rise as 1 - (1 - t)^3 (Zhu and Gupta, 2017): many weights early, few at the end."""

    first: int
    """Number of the first step behind which weights become zero, from 0."""
    last: int

    @classmethod
    def of(cls, steps: int, begin: float, end: float) -> "CubicSchedule":
        """Return the schedule between two shares of all steps; the last step is left to mend."""
        last = max(0, min(steps - 2, round(end * steps)))
        return cls(min(round(begin * steps), last), last)

    def is_due(self, step: int) -> bool:
        """Tell whether weights become zero in a step."""
        every = max(1, (self.last - self.first) // _UPDATES)
        return self.first <= step <= self.last and ((step - self.first) % every == 0 or step == self.last)

    def reached(self, step: int) -> float:
        """Return the part of the whole share that is due in a step."""
        if step >= self.last:
            return 1.0
        passed = (step - self.first + 1) / (self.last - self.first + 1)
        return 1 - (1 - max(0.0, passed)) ** 3
