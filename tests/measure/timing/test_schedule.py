"""How often models run, on a machine whose clock is simulated: enough for steady times, and not for ever."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from inc_mlflow.measure.timing import cpu_time, in_process, instance
from inc_mlflow.measure.timing.cpu_time import LOW_QUANTILE, interleave
from inc_mlflow.measure.timing.in_process import time_in_process
from inc_mlflow.measure.timing.instance import InstanceGroup, Turn
from inc_mlflow.measure.timing.rounds import run_rounds
from inc_mlflow.records import Load

BATCHES = 4


@dataclass
class Machine:
    """A clock that only models move."""

    now: float = 0.0
    turns: list[float] = field(default_factory=list)
    """Seconds of each turn that an instance ran."""
    started: int = 0

    def monotonic(self):
        return self.now

    def process_time(self):
        return self.now


@pytest.fixture
def machine(monkeypatch):
    """Give a machine; the command of an instance on it is the seconds that one batch takes."""
    there = Machine()

    class Simulated:
        peak_rss_bytes = 1

        def __init__(self, seconds):
            self.seconds, self.pid = seconds, 0
            there.started += 1

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def ask(self, request):
            calls = request["passes"] * BATCHES
            there.now += calls * self.seconds
            there.turns.append(calls * self.seconds)
            return np.full((calls, 4), self.seconds)

    monkeypatch.setattr(cpu_time, "Instance", Simulated)
    monkeypatch.setattr(cpu_time, "time", there)
    monkeypatch.setattr(in_process, "time", there)
    return there


def measure(seconds):
    """Return the CPU times of two models by whole benchmark."""
    return interleave({"a": seconds, "b": seconds}, lambda rounds, _: rounds)["a"].seconds


def test_the_slowest_model_still_makes_as_many_passes_as_its_low_quantile_needs(machine):
    """A quantile of 5 % is the least of 20 passes; of fewer it would be that of nothing."""
    generations, passes, _ = measure(seconds=1.0).shape
    assert generations * passes * LOW_QUANTILE >= 1


def test_a_turn_of_a_small_model_lasts_until_caches_are_warm(machine):
    measure(seconds=1e-4)
    assert np.median(machine.turns) > 0.01


def test_a_benchmark_of_a_usual_model_takes_some_seconds(machine):
    measure(seconds=1e-3)
    assert 3 < machine.now < 8


def test_processes_start_anew_several_times(machine):
    """So that the spread between processes can be seen at all, see ``between_generations``."""
    assert len(measure(seconds=1e-3)) == machine.started / 2 > 2


@pytest.mark.parametrize("seconds", [1e-5, 1e-3, 1.0])
def test_a_trial_makes_enough_passes_and_is_short_where_it_can_be(machine, seconds):
    def model(_):
        machine.now += seconds

    slow, fast = time_in_process(model, model, range(BATCHES))
    assert slow.seconds.shape == fast.seconds.shape
    assert slow.seconds.shape[1] >= 8
    assert machine.now < max(3, 30 * seconds * 2 * BATCHES)


QUIET = Load(waited=0.0, stolen=0.0, other=0.0, throttled=0, migrated=0, slowed=1.0)


class Timed:
    """All instances of a model whose calls take so long; keeps what it is asked for."""

    threads = 1
    instances = (None, None)

    def __init__(self, seconds):
        self.seconds, self.asked, self.arrivals = seconds, [], []

    def warm_up(self):
        return self.seconds

    def run(self, seconds):
        self.asked.append(seconds)
        ends = np.arange(self.seconds, seconds + self.seconds, self.seconds)
        rows = np.stack([ends - self.seconds, ends - self.seconds, ends, np.full(len(ends), self.seconds)], 1)
        return Turn((rows,), (0.0, seconds))

    def serve(self, arrivals):
        self.arrivals.append(arrivals)
        due = np.sort(np.concatenate(arrivals))
        rows = np.stack([due, due, due + self.seconds, np.full(len(due), self.seconds)], 1)
        return Turn((rows,), (0.0, float(due[-1])), len(due))


def rounds_of(rate=None, **seconds):
    """Run quiet rounds of models whose calls take so long; return what each group was asked for."""
    groups = {name: Timed(one) for name, one in seconds.items()}
    run_rounds(groups, rate, lambda: lambda: QUIET, lambda _: True, lambda numbers, _: numbers)
    return groups


def test_all_models_run_for_as_long_as_the_slowest_needs_for_several_calls():
    """The last call of a turn does not count for latencies, so one alone would give none."""
    groups = rounds_of(small=0.001, large=2.0)
    assert set(groups["small"].asked) == set(groups["large"].asked)
    assert groups["large"].asked[0] >= 3 * 2.0


def test_a_turn_is_long_beside_the_start_of_its_instances():
    assert rounds_of(small=1e-4)["small"].asked[0] >= 5 * instance.LEAD


def test_a_round_of_seldom_requests_has_arrivals_enough_for_a_mean():
    """The mean of n exponential gaps is off by one over the root of n."""
    (arrivals, *_) = rounds_of(rate=0.01, model=0.001)["model"].arrivals
    assert sum(map(len, arrivals)) ** -0.5 < 0.2


class Warming:
    """An instance that gets faster call by call until it is warm."""

    def __init__(self, paces):
        self.paces, self.request, self.turns = iter(paces), {}, 0

    def ask(self, _):
        return np.empty((0, 4))

    def send(self, request):
        self.request = request

    def calls(self):
        self.turns += 1
        start, stop = self.request["start"], self.request["stop"]
        ends = np.linspace(start, stop, next(self.paces) + 1)
        return np.stack([ends[:-1], ends[:-1], ends[1:], np.diff(ends)], axis=1)


@pytest.fixture
def warmed(monkeypatch):
    """Warm up an instance that makes so many calls per turn; return how many turns that took."""
    monkeypatch.setattr(instance, "time", Machine())
    monkeypatch.setattr(Machine, "sleep", lambda *_: None, raising=False)

    def warm(paces):
        group = InstanceGroup([], threads=1)
        group.instances = [Warming(paces)]
        group.warm_up()
        return group.instances[0].turns

    return warm


def test_a_model_is_warm_when_its_pace_no_longer_changes(warmed):
    assert warmed([10, 12, 15, 20, 30, 30, 30]) == 6


def test_a_model_whose_pace_never_settles_is_measured_all_the_same(warmed):
    assert 5 <= warmed([10, 30] * 50) <= 20
