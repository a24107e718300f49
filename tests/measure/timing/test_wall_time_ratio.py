"""The ratio of two speeds in wall time: its interval over the rounds that count, and when there is none."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.measure.stats import bootstrap
from inc_mlflow.measure.timing import wall_time
from inc_mlflow.measure.timing.disturbance import NEEDED
from inc_mlflow.measure.timing.instance import Turn
from inc_mlflow.measure.timing.rounds import Round
from inc_mlflow.records import Interval
from tests.support.turns import QUIET, turn


def paired(ratios, seconds=0.001):
    """Rounds whose pace drifts a lot and in which ``b`` is as many times faster than ``a`` as ``ratios``
    say."""
    drift = np.linspace(1, 3, len(ratios))
    return [
        Round({"a": turn(seconds * slow), "b": turn(seconds * slow / ratio)}, QUIET)
        for slow, ratio in zip(drift, ratios, strict=True)
    ]


@given(st.floats(0.2, 5))
def test_rounds_that_agree_leave_the_repeatability_however_the_host_drifts(factor):
    interval = wall_time.wall_time_speedup(paired([factor] * 20), "a", "b", 0.95)
    assert interval.value == pytest.approx(factor)
    assert interval.low == pytest.approx(
        factor * np.exp(-1.645 * wall_time.WALL_TIME_REPEATABILITY), rel=1e-3
    )
    assert interval.high == pytest.approx(
        factor * np.exp(1.645 * wall_time.WALL_TIME_REPEATABILITY), rel=1e-3
    )


def test_the_bounds_hold_the_truth_as_often_as_they_say(monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 999)
    generator, below, above = np.random.default_rng(0), 0, 0
    for _ in range(200):
        drawn = 2 * np.exp(generator.normal(0, 0.3, NEEDED))
        interval = wall_time.wall_time_speedup(paired(drawn), "a", "b", 0.9)
        below, above = below + (interval.low > 2), above + (interval.high < 2)
    assert 14 <= below <= 34, "a tenth of 200, and three standard deviations"
    assert 14 <= above <= 34


def test_the_bounds_of_rounds_that_agree_hold_what_whole_benchmarks_differ_by():
    """Two files were seen to differ by up to 1.7 % from one benchmark to the next, however alike its
    rounds."""
    drawn = np.exp(np.random.default_rng(4).normal(0, 0.017, 2000))
    interval = wall_time.wall_time_speedup(paired([1.0] * NEEDED), "a", "b", 0.95)
    assert np.mean(drawn <= interval.high) >= 0.94
    assert np.mean(drawn >= interval.low) >= 0.94


def test_the_bounds_are_those_of_the_one_bootstrap_there_is(monkeypatch):
    monkeypatch.setattr(wall_time, "WALL_TIME_REPEATABILITY", 0.0)
    rounds = paired(np.random.default_rng(2).uniform(1.5, 2.5, 20))
    ratios = np.array([one.turns["b"].pace() / one.turns["a"].pace() for one in rounds])
    mean = bootstrap.BootstrappedMean(np.log(ratios)).at(0.95)
    interval = wall_time.wall_time_speedup(rounds, "a", "b", 0.95)
    assert (interval.value, interval.low, interval.high) == pytest.approx(
        np.exp((mean.value, mean.low, mean.high)), rel=1e-9
    )


def test_one_place_has_the_seed():
    sources = Path(wall_time.__file__).parents[1].rglob("*.py")
    assert [file.name for file in sources if "20240101" in file.read_text()] == ["seed.py"]


def test_the_same_rounds_give_the_same_interval_and_exchanged_models_the_inverse():
    rounds = paired(np.random.default_rng(1).uniform(1.5, 2.5, 20))
    there, back = (
        wall_time.wall_time_speedup(rounds, "a", "b", 0.95),
        wall_time.wall_time_speedup(rounds, "b", "a", 0.95),
    )
    assert there == wall_time.wall_time_speedup(rounds, "a", "b", 0.95)
    assert there.value * back.value == pytest.approx(1)
    assert there.low * back.high == pytest.approx(1, rel=0.01)


def test_rounds_that_contradict_each_other_are_a_reason():
    wild = paired([1.0, 4.0] * 10)
    assert wall_time.wall_time_contradictions(wild, "a", ["b"], 0.95, {}) == [
        "20 undisturbed rounds disagree by more than 10 % about the speed-up; run again"
    ]
    assert wall_time.wall_time_contradictions(paired([2.0, 2.1] * 10), "a", ["b"], 0.95, {}) == []


def test_latencies_are_pooled_and_not_averaged_over_rounds():
    rounds = [Round({"a": turn(0.001, calls=99)}, QUIET), Round({"a": turn(0.1, calls=1)}, QUIET)]
    speed = wall_time.wall_time_speed(rounds, "a", batch=4, rss=[5, 7], size_bytes=9)
    assert (speed.p50_ms, speed.p90_ms) == pytest.approx((1, 1))
    assert speed.p99_ms == pytest.approx(np.percentile([1] * 99 + [100], 99))
    assert speed.p99_9_ms == pytest.approx(np.percentile([1] * 99 + [100], 99.9))
    assert speed.samples_per_second == pytest.approx(4 * 100 / (0.099 + 0.1))
    assert (speed.peak_rss_bytes, speed.instance_rss_bytes, speed.size_bytes) == (7, (5, 7), 9)


def served(service, gap, count=40):
    """A queue of one server: arrivals every ``gap`` seconds, each served for ``service`` seconds."""
    due, end, rows = 0.0, 0.0, []
    for _ in range(count):
        due += gap
        start = max(due, end)
        end = start + service
        rows.append((due, start, end, service))
    return Turn((np.array(rows),), (0.0, due), count)


def test_a_rate_that_cannot_be_sustained_is_a_reason_and_says_which_can():
    slow, fast = served(0.012, 0.01), served(0.005, 0.01)
    rounds = [Round({"a": slow, "b": fast}, QUIET)] * 20
    told = "a cannot keep up with 100 requests per second: they take 120 % of its instances' time; give a rate below 75"
    assert wall_time.overloaded_models(rounds, 100.0) == {"a": told}
    assert wall_time.wall_time_contradictions(
        rounds, "a", ["b"], 0.95, wall_time.overloaded_models(rounds, 100.0)
    ) == [told]
    assert wall_time.overloaded_models(rounds, None) == {}


def test_a_candidate_that_cannot_keep_up_takes_only_its_own_ratio():
    slow, fast = served(0.012, 0.01), served(0.005, 0.01)
    rounds = [Round({"baseline": fast, "a": slow, "b": fast, "source": slow}, QUIET)] * 20
    slow_ones = wall_time.overloaded_models(rounds, 100.0)
    assert list(slow_ones) == ["a", "source"]
    assert wall_time.wall_time_contradictions(rounds, "baseline", ["a", "b"], 0.95, slow_ones) == []
    assert wall_time.wall_time_contradictions(rounds, "baseline", ["a"], 0.95, slow_ones) == [
        slow_ones["a"]
    ], "no candidate is left"
    assert wall_time.keeping_up(["a", "b"], slow_ones) == ["b"]


def test_candidates_that_cannot_keep_up_need_not_agree_about_anything():
    wild = [Round({"baseline": turn(1.0), "a": turn(n % 2 + 1.0), "b": turn(0.5)}, QUIET) for n in range(20)]
    assert wall_time.wall_time_contradictions(wild, "baseline", ["a", "b"], 0.95, {}) != []
    assert wall_time.wall_time_contradictions(wild, "baseline", ["a", "b"], 0.95, {"a": "slow"}) == []


def test_latency_grows_without_end_when_the_rate_exceeds_capacity():
    means = [served(0.012, 0.01, count).latencies().mean() for count in (20, 40, 80)]
    assert means[2] - means[1] == pytest.approx(2 * (means[1] - means[0]), rel=0.01)
    assert means[0] > 2 * 0.012
    assert served(0.005, 0.01).latencies().mean() == pytest.approx(0.005)


def test_the_interval_is_ordered():
    interval = wall_time.wall_time_speedup(paired([1.0, 1.2, 5.0] * 7), "a", "b", 0.95)
    assert isinstance(interval, Interval)
    assert interval.low < interval.value < interval.high
