"""Speed: the ratio of two models' times, and the processes that are timed in turns."""

import json
import sys
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.errors import ModelError
from inc_mlflow.measure.timing import cpu_time as bench
from inc_mlflow.measure.timing.cpu_time import (
    CPU_TIME_WIDEST,
    Timing,
    cpu_time_contradiction,
    cpu_time_speed,
    cpu_time_speedup,
    interleave,
)
from inc_mlflow.measure.timing.instance import Instance
from inc_mlflow.measure.timing.repeatability import CPU_TIME_REPEATABILITY
from inc_mlflow.records import Interval

BATCHES = 16


def times(base, noise=0.0, passes=30, seed=0):
    """Times that only ever grow by noise, one base time per batch."""
    added = (
        np.random.default_rng(seed).exponential(noise, (passes, BATCHES))
        if noise
        else np.zeros((passes, BATCHES))
    )
    return Timing((np.broadcast_to(base, (passes, BATCHES)) * (1 + added))[None], 1)


@given(st.floats(0.2, 5), st.floats(1e-5, 1))
def test_the_ratio_of_steady_times_is_their_quotient_within_the_repeatability(factor, base):
    interval = cpu_time_speedup(times(base * factor), times(base), 0.95)
    assert interval.value == pytest.approx(factor)
    assert interval.low == pytest.approx(factor * np.exp(-1.645 * CPU_TIME_REPEATABILITY), rel=1e-3)
    assert interval.high == pytest.approx(factor * np.exp(1.645 * CPU_TIME_REPEATABILITY), rel=1e-3)


def test_a_clock_that_undercounts_now_and_then_does_not_decide():
    slow, fast = times(2e-3, passes=200), times(1e-3, passes=200)
    glitched = fast.seconds.copy()
    glitched[0, [3, 50], [0, 7]] = 0.0
    glitched[0, 120] = 1e-4
    assert cpu_time_speedup(slow, Timing(glitched, 1), 0.95) == cpu_time_speedup(slow, fast, 0.95)


def test_load_that_only_one_model_meets_in_most_of_its_passes_does_not_move_the_ratio():
    """Another process that shares the core can only make a pass longer: those that it missed decide."""
    slow, fast = times(2e-3, passes=200), times(1e-3, passes=200)
    loaded = fast.seconds.copy()
    loaded[0, np.arange(200) % 5 != 0] *= 1.5
    assert cpu_time_speedup(slow, Timing(loaded, 1), 0.95).value == pytest.approx(2)


def test_load_that_both_models_meet_is_no_noise():
    calm = cpu_time_speedup(times(2e-3), times(1e-3), 0.95)
    busy = cpu_time_speedup(
        times(2e-3, noise=0.5, passes=200), times(1e-3, noise=0.5, passes=200, seed=1), 0.95
    )
    assert busy.value == pytest.approx(calm.value, rel=0.02)
    assert busy.low < 2 < busy.high


def test_batches_that_disagree_widen_the_interval():
    base = np.full(BATCHES, 1e-3)
    agreed = cpu_time_speedup(times(base * 2), times(base), 0.95)
    uneven = cpu_time_speedup(times(base * np.linspace(1.5, 2.5, BATCHES)), times(base), 0.95)
    assert uneven.value == pytest.approx(agreed.value)
    assert uneven.high - uneven.low > 2 * (agreed.high - agreed.low)


@given(st.floats(0.1, 10), st.integers(0, 50))
def test_exchanging_the_models_inverts_the_interval(factor, seed):
    one, other = times(1e-3, 0.1, seed=seed), times(1e-3 * factor, 0.1, seed=seed + 1)
    there, back = cpu_time_speedup(one, other, 0.95), cpu_time_speedup(other, one, 0.95)
    assert there.low * back.high == pytest.approx(1)
    assert there.low < there.value < there.high


def test_more_confidence_is_a_wider_interval():
    intervals = [
        cpu_time_speedup(times(2e-3, 0.2), times(1e-3, 0.2, seed=1), level) for level in (0.8, 0.95, 0.99)
    ]
    widths = [one.high - one.low for one in intervals]
    assert widths == sorted(widths)


def test_a_ratio_wider_than_a_quarter_is_not_believed():
    assert (
        cpu_time_contradiction(
            Interval(value=2, low=2 * (1 - CPU_TIME_WIDEST), high=2 * (1 + CPU_TIME_WIDEST))
        )
        is None
    )
    message = cpu_time_contradiction(Interval(value=2, low=1, high=3))
    assert (
        message
        == "batches and processes disagree by 50% about the speed-up; the host was too busy, run again"
    )


def test_the_summary_of_one_model_has_percentiles_and_throughput_at_the_median():
    seconds = np.arange(1, 101).reshape(10, 10) / 1000
    summary = cpu_time_speed(Timing(seconds[None], 7), batch=4, size_bytes=9)
    assert (summary.p50_ms, summary.p90_ms, summary.p99_ms) == pytest.approx((50.5, 90.1, 99.01))
    assert summary.samples_per_second == pytest.approx(4 / 0.0505)
    assert (summary.peak_rss_bytes, summary.size_bytes) == (7, 9)


INSTANCE = """
import json, os, sys, time
name, seconds, fails_after, trouble, log = sys.argv[1:]
for number, line in enumerate(sys.stdin):
    if number == int(fails_after):
        if trouble == "dies":
            os._exit(9)
        print(json.dumps({"error": trouble}), flush=True)
        break
    passes = json.loads(line)["passes"]
    time.sleep(float(seconds))
    with open(log, "a") as file:
        file.write(json.dumps([name, passes]) + chr(10))
    calls = [[0, 0, 0, float(seconds)]] * 3 * passes
    print(json.dumps({"calls": calls, "peak_rss_bytes": 1000 + number}), flush=True)
"""


@pytest.fixture
def command(tmp_path):
    def make(name, seconds=0.0005, fails_after=-1, trouble="dies"):
        return [
            sys.executable,
            "-S",
            "-c",
            INSTANCE,
            name,
            str(seconds),
            str(fails_after),
            trouble,
            str(tmp_path / "log"),
        ]

    return make


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(bench, "SECONDS", 0.05)
    monkeypatch.setattr(bench, "ROUNDS", (12, 20))
    monkeypatch.setattr(bench, "GENERATIONS", 2)
    monkeypatch.setattr(bench, "TURN_SECONDS", 0.002)


def plain(rounds, _):
    return rounds


def test_all_models_run_equally_often_in_turns_and_keep_only_measured_times(command, short, tmp_path):
    timings = interleave({"a": command("a"), "b": command("b"), "c": command("c")}, plain)
    generations, passes, batches = timings["a"].seconds.shape
    assert (generations, batches) == (2, 3)
    turns = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    count = turns[-1][1]
    rounds = passes // count
    first, second = (
        turns[12 : -3 * (rounds + 1)],
        turns[-3 * rounds :],
    )  # after four turns of warm-up, and after one
    for measured in (first, second):
        assert Counter(name for name, _ in measured) == dict.fromkeys("abc", rounds)
        assert {made for _, made in measured} == {count}
    order = [
        "".join(name for name, _ in measured[start : start + 3])
        for measured in (first, second)
        for start in range(0, 3 * rounds, 3)
    ]
    assert order == (["abc", "bca", "cab"] * rounds)[: 2 * rounds]
    for timing in timings.values():
        assert timing.seconds.shape == (2, rounds * count, 3)
        assert (
            timing.peak_rss_bytes == 1000 + 4 + rounds - 1
        )  # of the first generation, which was asked more often


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0001, 10), (0.02, 6)])
def test_rounds_of_a_generation_stay_between_the_fewest_and_the_most(
    command, short, seconds, rounds, tmp_path
):
    timings = interleave({"a": command("a", seconds), "b": command("b", seconds)}, plain)
    count = json.loads((tmp_path / "log").read_text().splitlines()[-1])[1]
    assert rounds - 4 <= timings["a"].seconds.shape[1] / count <= rounds
    assert 6 <= timings["a"].seconds.shape[1] / count <= 10


def test_every_generation_has_new_processes_and_is_watched_while_it_is_measured(command, short, tmp_path):
    watched, steps = [], []

    @contextmanager
    def watch(pids):
        started = len((tmp_path / "log").read_text().splitlines())
        yield
        watched.append((pids, len((tmp_path / "log").read_text().splitlines()) - started))

    def progress(numbers, total):
        steps.append(total)
        return numbers

    passes = interleave({"a": command("a"), "b": command("b")}, progress, watch)["a"].seconds.shape[1]
    rounds = passes // json.loads((tmp_path / "log").read_text().splitlines()[-1])[1]
    assert steps == [2]
    assert len({pid for pids, _ in watched for pid in pids}) == 4
    assert [turns for _, turns in watched] == [2 * rounds] * 2


@pytest.mark.parametrize("fails_after", [0, 2, 5])
def test_an_instance_that_dies_is_an_error_with_its_exit_code(command, short, fails_after):
    with pytest.raises(ModelError, match=r"^benchmark: an instance ended with code 9; out of memory\?$"):
        interleave({"a": command("a"), "b": command("b", fails_after=fails_after)}, plain)


def test_the_error_of_an_instance_is_told_as_it_is(command, short):
    trouble = "model.onnx: onnxruntime cannot load it: no such operator"
    with pytest.raises(ModelError) as raised:
        interleave({"a": command("a"), "b": command("b", fails_after=0, trouble=trouble)}, plain)
    assert str(raised.value) == trouble


def test_no_instance_outlives_the_benchmark(command, short, monkeypatch):
    made = []

    class Kept(Instance):
        def __init__(self, arguments):
            super().__init__(arguments)
            made.append(self._process)

    monkeypatch.setattr(bench, "Instance", Kept)
    with pytest.raises(ModelError):
        interleave({"a": command("a"), "b": command("b", fails_after=3)}, plain)
    interleave({"a": command("a")}, plain)
    assert len(made) == 2 + 2 * 1
    assert all(process.poll() is not None for process in made)
