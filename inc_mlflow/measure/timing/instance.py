"""Processes that run one model: one instance, all instances of a model together, and the calls they made.

``worker`` is the program that such a process runs.
"""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from inc_mlflow.errors import ModelError

LEAD = 0.02
"""Seconds between a request and the common start: by then every instance has read its request."""
WARM_UP_SECONDS = 0.1
"""Length of one turn of the warm-up."""
STEADY, MOST_WARM_UPS = 0.05, 10
"""A model is warm when the pace of two consecutive turns differs by less than this share, or after that many
turns."""


class Call(NamedTuple):
    """One call of a model. Worker and parent both take the columns of their arrays from here."""

    due: float
    """When it should begin, in seconds of CLOCK_MONOTONIC, as are the next two."""
    start: float
    end: float
    cpu_seconds: float
    """CPU time of the whole process, all its threads, during the call."""


DUE, START, END, CPU_SECONDS = range(len(Call._fields))
"""Columns of an array of calls, shape (calls, 4)."""


class Instance:
    """A process that ``command`` starts and that runs one model on request.

    It ends with this object, and when its parent is gone.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self.peak_rss_bytes = 0

    def ask(self, request: Mapping[str, Any]) -> np.ndarray:
        """Send a request and wait for its calls, an array of shape (calls, 4).

        Raises ModelError where the process has ended or reports an error.
        """
        self.send(request)
        return self.calls()

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request; ``calls`` then waits for the answer.

        Raises ModelError where the process has ended.
        """
        if self._process.stdin is None:
            raise TypeError("an instance needs both pipes")
        try:
            self._process.stdin.write(f"{json.dumps(request)}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def calls(self) -> np.ndarray:
        """Wait for the answer to the last request, an array of shape (calls, 4).

        Raises ModelError where the process has ended or reports an error.
        """
        if self._process.stdout is None:
            raise TypeError("an instance needs both pipes")
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ModelError(answer["error"])
        self.peak_rss_bytes = answer["peak_rss_bytes"]
        return np.array(answer["calls"], float).reshape(-1, len(Call._fields))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _ended(self) -> ModelError:
        return ModelError(f"benchmark: an instance ended with code {self._process.wait()}; out of memory?")


@dataclass(frozen=True)
class Turn:
    """The calls of one model in one round: an array of shape (calls, 4) per instance.

    ``window`` is (begin, end) in seconds of CLOCK_MONOTONIC. ``arrivals`` is the number of calls that were
    due by a schedule, None where instances ran as fast as they could. Calls that begin after ``until`` do not
    count for latencies.
    """

    calls: tuple[np.ndarray, ...]
    window: tuple[float, float]
    arrivals: int | None = None
    until: float = np.inf

    @property
    def seconds(self) -> float:
        """Length of the window; 0 or less where the instances never ran all at once."""
        return self.window[1] - self.window[0]

    def latencies(self) -> np.ndarray:
        """Return the seconds from due to end of each call that counts, shape (calls,).

        Those are all arrivals, or the calls that begin in the window and not after ``until``. When a call
        ends does not matter: long calls are more likely to cross a given time, so leaving them out would make
        latencies too low. Selected by their begin, the number of calls is a stopping time, and their mean is
        that of all calls (Wald).
        """
        calls = np.concatenate(self.calls)
        if self.arrivals is None:
            calls = calls[
                (calls[:, START] >= self.window[0]) & (calls[:, START] < min(self.until, self.window[1]))
            ]
        return np.asarray(calls[:, END] - calls[:, DUE])

    def completed(self) -> float:
        """Count the calls in the window; one that crosses its edge counts by the share inside."""
        return float(sum(_share_inside(calls, self.window).sum() for calls in self.calls))

    def demand(self) -> float:
        """Return the share of all instances' time that the arrivals need; above 1 they cannot keep up."""
        service = np.concatenate([calls[:, END] - calls[:, START] for calls in self.calls])
        return float(service.mean()) * (self.arrivals or len(service)) / (self.seconds * len(self.calls))

    def unserved(self) -> int:
        """Count the arrivals that were given up."""
        return (self.arrivals or 0) - sum(map(len, self.calls)) if self.arrivals is not None else 0

    def waited(self) -> float:
        """Return the share of its calls' wall time that the worst-off instance was off its CPU.

        Right only where one thread makes the calls.
        """
        return max(
            1 - float(calls[:, CPU_SECONDS].sum() / (calls[:, END] - calls[:, START]).sum())
            for calls in self.calls
            if len(calls)
        )

    def pace(self) -> float:
        """Return calls per second, or with arrivals one over the mean latency: speed-ups are its ratios."""
        return (
            self.completed() / self.seconds if self.arrivals is None else 1 / float(self.latencies().mean())
        )


class InstanceGroup:
    """All instances of one model, one process of ``threads`` threads per command.

    They load at the same time and end with this object. Methods that run them raise ModelError where a
    process has ended or reports an error.
    """

    def __init__(self, commands: Sequence[Sequence[str]], threads: int) -> None:
        self.threads, self._mean_call = threads, 0.0
        with ExitStack() as stack:  # if one cannot be started, those before it end
            self.instances = [stack.enter_context(Instance(command)) for command in commands]
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def warm_up(self) -> float:
        """Run until the pace is steady, and return the mean seconds of one call."""
        for instance in self.instances:
            instance.ask({"passes": 0})  # answers when it is loaded
        last, turn = None, self.run(WARM_UP_SECONDS)
        for _ in range(MOST_WARM_UPS - 1):
            last, turn = turn, self.run(WARM_UP_SECONDS)
            if last.seconds > 0 and turn.seconds > 0 and abs(turn.pace() / last.pace() - 1) < STEADY:
                break
        calls = np.concatenate(turn.calls)
        self._mean_call = float((calls[:, END] - calls[:, START]).mean())
        return self._mean_call

    def run(self, seconds: float) -> Turn:
        """Run all instances as fast as they can, from a common start.

        Calls that begin within the last mean call do not count for latencies: others may have stopped by
        then.
        """
        start = time.monotonic() + LEAD
        calls = self._all([{"start": start, "stop": start + seconds}] * len(self.instances), start + seconds)
        return Turn(calls, common_window(calls), until=start + seconds - self._mean_call)

    def serve(self, arrivals: Sequence[np.ndarray]) -> Turn:
        """Run one call for each arrival; give up after twice the time of the last one.

        ``arrivals`` has one array of shape (arrivals,) per instance: seconds after the common start.
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


def common_window(calls: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return when all instances ran: from the latest first start to the earliest last end.

    ``calls`` has one array of shape (calls, 4) per instance.
    """
    return max(float(one[0, START]) for one in calls), min(float(one[-1, END]) for one in calls)


def _share_inside(calls: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Return the share of each call that lies in the window, shape (calls,)."""
    start, end = calls[:, START], calls[:, END]
    inside = np.minimum(end, window[1]) - np.maximum(start, window[0])
    return np.asarray(np.clip(inside, 0, None) / (end - start))
