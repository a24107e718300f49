"""What counts of calls that several instances made at the same time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.measure.timing import instance
from inc_mlflow.measure.timing.instance import InstanceGroup, Turn, common_window
from inc_mlflow.measure.timing.rounds import ARRIVALS, CALLS, poisson


def calls(*times, due=None, cpu=1.0):
    """Rows of (due, start, end, CPU seconds) from (start, end) pairs; ``cpu`` is a share of the wall time."""
    return np.array(
        [
            (start if due is None else due[n], start, end, (end - start) * cpu)
            for n, (start, end) in enumerate(times)
        ]
    )


ONE = calls((0, 2), (2, 4), (4, 6))
OTHER = calls((1, 4), (4, 7), (7, 10))


def turn(*instances):
    return Turn(instances, common_window(instances))


def test_the_window_is_from_the_latest_first_start_to_the_earliest_last_end():
    assert turn(ONE, OTHER).window == (1, 6)


def test_a_call_over_the_edge_counts_by_its_share_for_throughput():
    both = turn(ONE, OTHER)
    assert both.completed() == pytest.approx(0.5 + 1 + 1 + 1 + 2 / 3)
    assert both.pace() == pytest.approx((2.5 + 5 / 3) / 5)


def test_latencies_are_of_calls_begun_in_the_window_until_the_given_time_whenever_they_end():
    assert sorted(turn(ONE, OTHER).latencies()) == [2, 2, 3, 3]
    assert sorted(Turn((ONE, OTHER), (1, 6), until=4.0).latencies()) == [2, 3]


class Simulated:
    """The parent's side of an instance whose calls take 30 ms, a tenth of them 120 ms, all of them a little
    more or less."""

    def __init__(self, generator):
        self.generator, self.pid, self.request = generator, 0, {}

    def ask(self, _):
        return np.empty((0, 4))

    def send(self, request):
        self.request = request

    def calls(self):
        begin, rows = self.request["start"] + self.generator.uniform(0, 0.001), []
        while not rows or begin < self.request["stop"]:
            seconds = float(self.draw(1)[0])
            rows.append((begin, begin, begin + seconds, seconds))
            begin += seconds
        return np.array(rows)

    def draw(self, count):
        return np.where(self.generator.random(count) < 0.1, 0.120, 0.030) * self.generator.lognormal(
            0, 0.1, count
        )


@pytest.mark.parametrize("seed", range(3))
def test_pooled_latencies_have_the_mean_and_percentiles_of_the_calls(monkeypatch, seed):
    """The call over the end of a turn is longer than others, so leaving it out would make all figures too
    low."""
    monkeypatch.setattr(instance.time, "monotonic", lambda: 0.0)
    monkeypatch.setattr(instance.time, "sleep", lambda _: None)
    generator = np.random.default_rng(seed)
    running = InstanceGroup([], threads=1)
    running.instances = [Simulated(generator) for _ in range(4)]
    seconds = CALLS * running.warm_up()
    pooled = np.concatenate([running.run(seconds).latencies() for _ in range(4000)])
    true = Simulated(generator).draw(1_000_000)
    noise = true.std() / np.sqrt(len(pooled))
    assert pooled.mean() == pytest.approx(true.mean(), abs=4 * noise), "0.5 of 39 ms"
    assert (pooled > 0.06).mean() == pytest.approx(0.1, abs=0.005)
    assert np.percentile(pooled, 99) == pytest.approx(np.percentile(true, 99), rel=0.01)


def test_calls_that_count_for_latency_begin_a_whole_call_before_instances_stop(monkeypatch):
    monkeypatch.setattr(instance.time, "monotonic", lambda: 0.0)
    monkeypatch.setattr(instance.time, "sleep", lambda _: None)
    running = InstanceGroup([], threads=1)
    running.instances = [Simulated(np.random.default_rng(0)) for _ in range(4)]
    call = running.warm_up()
    one = running.run(1.0)
    assert one.until == pytest.approx(instance.LEAD + 1.0 - call)
    assert one.window[1] - one.until >= call


def test_all_calls_of_a_single_instance_count():
    assert turn(ONE).completed() == 3
    assert turn(ONE).pace() == 0.5
    assert list(turn(ONE).latencies()) == [2, 2, 2]


@given(st.integers(1, 5), st.integers(2, 30), st.floats(0.01, 3), st.integers(0, 99))
def test_instances_that_never_pause_have_the_throughput_of_their_number_whenever_they_began(
    instances, count, seconds, seed
):
    begins = np.random.default_rng(seed).uniform(0, seconds, instances)
    ran = turn(*(calls(*((b + n * seconds, b + (n + 1) * seconds) for n in range(count))) for b in begins))
    assert ran.pace() == pytest.approx(instances / seconds, rel=1e-6)


def test_instances_that_never_ran_at_once_have_no_window():
    assert turn(calls((0, 1)), calls((2, 3))).seconds < 0


def test_latency_counts_from_the_scheduled_arrival():
    served = Turn((calls((0, 2), (2, 4), (4, 6), due=[0, 1, 1.5]),), (0, 1.5), arrivals=4)
    assert list(served.latencies()) == [2, 3, 4.5]
    assert served.pace() == pytest.approx(1 / np.mean([2, 3, 4.5]))
    assert served.unserved() == 1
    assert served.demand() == pytest.approx(2 * 4 / 1.5)


def test_time_off_the_cpu_is_that_of_the_worst_off_instance():
    assert turn(calls((0, 1), (1, 3), cpu=0.9), calls((0, 1), (1, 3), cpu=0.6)).waited() == pytest.approx(0.4)


def test_arrivals_are_the_same_every_time_and_others_in_every_round():
    first, again, next_ = (np.concatenate(poisson(100, 1, 3, number)) for number in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, next_)


def test_arrivals_are_poisson_and_go_to_any_instance():
    parts = poisson(50, 400, 4, 0)
    gaps = np.diff(np.sort(np.concatenate(parts)))
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)
    assert [len(part) for part in parts] == pytest.approx([5000] * 4, rel=0.05)


def test_a_round_has_enough_arrivals_at_any_rate():
    assert sum(map(len, poisson(0.01, 0.2, 2, 0))) == ARRIVALS
    assert sum(map(len, poisson(1000, 2, 2, 0))) == 2000
