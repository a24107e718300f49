"""A clock that runs only when one looks, in place of the module ``time``."""


class TickingClock:
    """At each look at its CPU time, ``wall`` seconds pass and ``cpu`` seconds of work are done."""

    def __init__(self, wall: float = 1.0, cpu: float = 1.0) -> None:
        self._wall, self._cpu, self._looks = wall, cpu, 0

    def monotonic(self) -> float:
        return self._wall * self._looks

    def process_time(self) -> float:
        self._looks += 1
        return self._cpu * self._looks
