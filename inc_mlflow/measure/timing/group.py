"""All instances of one model: started, warmed and run together."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

import numpy as np

from inc_mlflow.measure.timing.common_window import Turn, together
from inc_mlflow.measure.timing.instance import END, START, Instance

LEAD = 0.02
"""Seconds between a request and the common start: every instance has read it by then."""
WARM = 0.1
"""Seconds of a turn of warm-up."""
STEADY, MOST_WARM = 0.05, 10
"""A model is warm when two turns of warm-up in a row differ in pace by less than this share, or after the
most turns."""


class Group:
    """One process of ``threads`` threads per command.

    Instances load at the same time and end with this object.
    """

    def __init__(self, commands: Sequence[Sequence[str]], threads: int) -> None:
        self.threads, self._call = threads, 0.0
        with ExitStack() as stack:  # if one cannot be started, those before it end
            self.instances = [stack.enter_context(Instance(command)) for command in commands]
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def warm_up(self) -> float:
        """Run until steady, and return the seconds of one call."""
        for instance in self.instances:
            instance.ask({"passes": 0})  # answers when it is loaded
        last, turn = None, self.run(WARM)
        for _ in range(MOST_WARM - 1):
            last, turn = turn, self.run(WARM)
            if last.seconds > 0 and turn.seconds > 0 and abs(turn.pace() / last.pace() - 1) < STEADY:
                break
        calls = np.concatenate(turn.calls)
        self._call = float((calls[:, END] - calls[:, START]).mean())
        return self._call

    def run(self, seconds: float) -> Turn:
        """Run all instances as fast as they can, from a common start.

        The last mean call begins too late for latency.
        """
        start = time.monotonic() + LEAD
        calls = self._all([{"start": start, "stop": start + seconds}] * len(self.instances), start + seconds)
        return Turn(calls, together(calls), until=start + seconds - self._call)

    def serve(self, arrivals: Sequence[np.ndarray]) -> Turn:
        """Run one call for each arrival, seconds after a common start, of each instance.

        Give up at twice the time.
        """
        start, seconds = time.monotonic() + LEAD, max(float(times[-1]) for times in arrivals if len(times))
        requests = [{"arrivals": (times + start).tolist(), "stop": start + 2 * seconds} for times in arrivals]
        calls = self._all(requests, start + seconds)
        return Turn(calls, (start, start + seconds), sum(map(len, arrivals)))

    def _all(self, requests: Sequence[dict[str, object]], until: float) -> tuple[np.ndarray, ...]:
        """Ask all instances at once. This process sleeps meanwhile: it would run on their CPUs."""
        for instance, request in zip(self.instances, requests, strict=True):
            instance.send(request)
        time.sleep(max(0.0, until - time.monotonic()))
        return tuple(instance.calls() for instance in self.instances)
