"""Rounds: which are dropped, how many are added, when to give up; and the ratio over those that count."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.measure.stats import bootstrap
from inc_mlflow.measure.timing import disturbance, ratio
from inc_mlflow.measure.timing.disturbance import NEEDED
from inc_mlflow.measure.timing.instance import Turn, common_window
from inc_mlflow.measure.timing.wall_time import MOST_ROUNDS, Round, run_rounds
from inc_mlflow.records import Interval, Load

QUIET = Load(waited=0.01, stolen=0.0, other=0.02, throttled=0, migrated=0, slowed=1.0)


def loaded(**changes):
    return QUIET.model_copy(update=changes)


def turn(seconds, calls=10, cpu=1.0):
    ends = np.arange(1, calls + 1) * seconds
    rows = np.stack([ends - seconds, ends - seconds, ends, np.full(calls, seconds * cpu)], axis=1)
    return Turn((rows,), common_window([rows]))


class Fake:
    """A model whose calls take as long as it says, for each round."""

    instances, threads = (None,), 1

    def __init__(self, seconds, log=None, name=""):
        self.seconds, self.log, self.name = seconds, log if log is not None else [], name

    def warm_up(self):
        return 0.001

    def run(self, _):
        self.log.append(self.name)
        return turn(self.seconds() if callable(self.seconds) else self.seconds)


def run(loads, groups=None, enough=lambda _: True):
    """``loads`` are those of the rounds' turns; a round asks before it and after each turn."""
    groups = groups or {"a": Fake(1.0)}
    answers = (answer for load in loads for answer in [QUIET, *[load] * len(groups)])
    return run_rounds(groups, None, lambda: lambda: next(answers), enough, lambda rounds, _: rounds)


class Stall:
    """A watch on models that run 0.2 s each, of which one loses a share of its turns to something else."""

    def __init__(self, models, lost):
        self.ran = self.waited = 0.0
        self.groups = {str(n): Fake(lambda n=n: self.turn(lost if n == 5 else 0.0)) for n in range(models)}

    def turn(self, lost):
        self.ran, self.waited = self.ran + 0.2, self.waited + 0.2 * lost
        return 0.01

    def __call__(self):
        share = self.waited / self.ran if self.ran else 0.0
        self.ran = self.waited = 0.0
        return loaded(waited=share)


@pytest.mark.parametrize("models", [6, 12, 40])
def test_a_turn_that_was_half_lost_disturbs_its_round_however_many_models_there_are(models):
    stall = Stall(models, 0.5)
    rounds = run_rounds(stall.groups, None, lambda: stall, lambda _: True, lambda numbers, _: numbers)
    assert not any(one.clean for one in rounds)
    assert rounds[0].load.waited == pytest.approx(0.5)


def test_the_load_of_a_round_is_that_of_the_worst_turn_for_each_cause():
    loads = [loaded(waited=0.3, slowed=0.9, throttled=2), loaded(stolen=0.2, slowed=None, migrated=None)]
    assert disturbance.worst_load(loads) == loaded(waited=0.3, stolen=0.2, slowed=0.9, throttled=2)
    assert disturbance.worst_load([loaded(slowed=None)] * 2) == loaded(slowed=None)


def test_quiet_rounds_are_as_many_as_needed():
    rounds = run([QUIET] * MOST_ROUNDS)
    assert len(rounds) == NEEDED
    assert all(one.clean for one in rounds)


def test_a_disturbed_round_is_dropped_for_all_models_and_another_one_added():
    loads = [QUIET, loaded(waited=0.5), loaded(other=0.4), *[QUIET] * MOST_ROUNDS]
    rounds = run(loads, {"a": Fake(1.0), "b": Fake(2.0)})
    assert len(rounds) == NEEDED + 2
    assert [one.clean for one in rounds[:4]] == [True, False, False, True]
    assert all(one.turns.keys() == {"a", "b"} for one in rounds)


def test_rounds_are_given_up_as_soon_as_enough_clean_ones_are_out_of_reach():
    rounds = run([loaded(waited=0.5)] * MOST_ROUNDS)
    assert len(rounds) == MOST_ROUNDS - NEEDED + 1


def test_rounds_that_disagree_are_added_up_to_the_limit():
    assert len(run([QUIET] * MOST_ROUNDS, enough=lambda clean: len(clean) >= NEEDED + 5)) == NEEDED + 5
    assert len(run([QUIET] * MOST_ROUNDS, enough=lambda _: False)) == MOST_ROUNDS


def test_the_order_of_models_turns_round_by_round():
    log = []
    run([QUIET] * MOST_ROUNDS, {name: Fake(1.0, log, name) for name in "abc"})
    assert "".join(log).startswith("abcbcacababc")


def test_without_the_kernels_count_waiting_is_time_off_the_cpu():
    class Slept(Fake):
        def run(self, _):
            return turn(1.0, cpu=0.7)

    rounds = run([loaded(waited=None)] * MOST_ROUNDS, {"a": Fake(1.0), "b": Slept(1.0)})
    assert rounds[0].load.waited == pytest.approx(0.3)
    assert not rounds[0].clean


def test_instances_that_did_not_run_together_disturb_a_round():
    class Late(Fake):
        def run(self, seconds):
            first = np.array([[0.0, 0.0, seconds, seconds]])
            return Turn((first, first + seconds * 2), common_window([first, first + seconds * 2]))

    rounds = run([QUIET] * MOST_ROUNDS, {"a": Fake(1.0), "b": Late(1.0)})
    assert not any(one.clean for one in rounds)
    assert rounds[0].load.waited > 0.5


def test_instances_that_ran_together_for_most_of_a_turn_are_not_blamed_for_its_edges():
    class Edged(Fake):
        def run(self, seconds):
            rows = np.array([[0.0, 0.0, 0.7 * seconds, 0.7 * seconds]])
            return Turn((rows, rows), common_window([rows, rows]))

    assert all(one.clean for one in run([QUIET] * MOST_ROUNDS, {"a": Edged(1.0)}))


@pytest.mark.parametrize(
    ("change", "cause"),
    [({"waited": 0.06}, "waited"), ({"stolen": 0.06}, "stolen"), ({"other": 0.11}, "other"),
     ({"throttled": 1}, "throttled"), ({"migrated": 1}, "migrated"), ({"slowed": 0.69}, "slowed")],
)  # fmt: skip
def test_each_cause_disturbs_a_round(change, cause):
    assert disturbance.causes(loaded(**change)) == [cause]


@pytest.mark.parametrize("change", [{"waited": 0.05}, {"stolen": 0.05}, {"other": 0.1}, {"slowed": 0.7}])
def test_what_a_normal_machine_does_beside_disturbs_no_round(change):
    assert disturbance.causes(loaded(**change)) == []


def test_what_cannot_be_read_is_told_and_is_no_cause():
    blind = Load(waited=None, stolen=None, other=0.0, throttled=None, migrated=None, slowed=None)
    assert disturbance.causes(blind) == []
    assert disturbance.summarise([QUIET, blind]).unread == (
        "waited",
        "stolen",
        "throttled",
        "migrated",
        "slowed",
    )


def test_the_reasons_have_numbers():
    loads = [loaded(waited=0.47)] * 30 + [loaded(waited=0.49, stolen=0.2)] * 27 + [QUIET] * 3
    assert disturbance.too_few_clean(disturbance.summarise(loads), [1, 0]) == [
        "in 57 of 60 rounds the instances waited for their CPUs 47 % of the time: other processes run on CPUs 0-1",
        "in 27 of 60 rounds the hypervisor took 20 % of the time of one of CPUs 0-1: other machines run on this host",
    ]


def test_waiting_for_a_quota_is_not_blamed_on_other_processes():
    assert disturbance.too_few_clean(disturbance.summarise([loaded(waited=0.3, throttled=5)] * 41), [1]) == [
        "in 41 of 41 rounds the instances waited for their CPUs 30 % of the time",
        "in 41 of 41 rounds the CPU quota stopped the instances 5 times",
    ]


def test_enough_clean_rounds_need_no_reason():
    assert (
        disturbance.too_few_clean(disturbance.summarise([QUIET] * NEEDED + [loaded(waited=0.5)] * 40), [0])
        == []
    )
    assert (
        disturbance.too_few_clean(
            disturbance.summarise([QUIET] * (NEEDED - 1) + [loaded(waited=0.5)] * 40), [0]
        )
        != []
    )


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
    interval = ratio.wall_time_speedup(paired([factor] * 20), "a", "b", 0.95)
    assert interval.value == pytest.approx(factor)
    assert interval.low == pytest.approx(factor * np.exp(-1.645 * ratio.WALL_TIME_REPEATABILITY), rel=1e-3)
    assert interval.high == pytest.approx(factor * np.exp(1.645 * ratio.WALL_TIME_REPEATABILITY), rel=1e-3)


def test_the_bounds_hold_the_truth_as_often_as_they_say(monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 999)
    generator, below, above = np.random.default_rng(0), 0, 0
    for _ in range(200):
        drawn = 2 * np.exp(generator.normal(0, 0.3, NEEDED))
        interval = ratio.wall_time_speedup(paired(drawn), "a", "b", 0.9)
        below, above = below + (interval.low > 2), above + (interval.high < 2)
    assert 14 <= below <= 34, "a tenth of 200, and three standard deviations"
    assert 14 <= above <= 34


def test_the_bounds_of_rounds_that_agree_hold_what_whole_benchmarks_differ_by():
    """Two files were seen to differ by up to 1.7 % from one benchmark to the next, however alike its
    rounds."""
    drawn = np.exp(np.random.default_rng(4).normal(0, 0.017, 2000))
    interval = ratio.wall_time_speedup(paired([1.0] * NEEDED), "a", "b", 0.95)
    assert np.mean(drawn <= interval.high) >= 0.94
    assert np.mean(drawn >= interval.low) >= 0.94


def test_the_bounds_are_those_of_the_one_bootstrap_there_is(monkeypatch):
    monkeypatch.setattr(ratio, "WALL_TIME_REPEATABILITY", 0.0)
    rounds = paired(np.random.default_rng(2).uniform(1.5, 2.5, 20))
    ratios = np.array([one.turns["b"].pace() / one.turns["a"].pace() for one in rounds])
    mean = bootstrap.BootstrappedMean(np.log(ratios)).at(0.95)
    interval = ratio.wall_time_speedup(rounds, "a", "b", 0.95)
    assert (interval.value, interval.low, interval.high) == pytest.approx(
        np.exp((mean.value, mean.low, mean.high)), rel=1e-9
    )


def test_one_place_has_the_seed():
    sources = Path(ratio.__file__).parents[1].rglob("*.py")
    assert [file.name for file in sources if "20240101" in file.read_text()] == ["seed.py"]


def test_the_same_rounds_give_the_same_interval_and_exchanged_models_the_inverse():
    rounds = paired(np.random.default_rng(1).uniform(1.5, 2.5, 20))
    there, back = (
        ratio.wall_time_speedup(rounds, "a", "b", 0.95),
        ratio.wall_time_speedup(rounds, "b", "a", 0.95),
    )
    assert there == ratio.wall_time_speedup(rounds, "a", "b", 0.95)
    assert there.value * back.value == pytest.approx(1)
    assert there.low * back.high == pytest.approx(1, rel=0.01)


def test_rounds_that_contradict_each_other_are_a_reason():
    wild = paired([1.0, 4.0] * 10)
    assert ratio.wall_time_contradictions(wild, "a", ["b"], 0.95, {}) == [
        "20 undisturbed rounds disagree by more than 10 % about the speed-up; run again"
    ]
    assert ratio.wall_time_contradictions(paired([2.0, 2.1] * 10), "a", ["b"], 0.95, {}) == []


def test_latencies_are_pooled_and_not_averaged_over_rounds():
    rounds = [Round({"a": turn(0.001, calls=99)}, QUIET), Round({"a": turn(0.1, calls=1)}, QUIET)]
    speed = ratio.wall_time_speed(rounds, "a", batch=4, rss=[5, 7], size_bytes=9)
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
    assert ratio.overloaded_models(rounds, 100.0) == {"a": told}
    assert ratio.wall_time_contradictions(
        rounds, "a", ["b"], 0.95, ratio.overloaded_models(rounds, 100.0)
    ) == [told]
    assert ratio.overloaded_models(rounds, None) == {}


def test_a_candidate_that_cannot_keep_up_takes_only_its_own_ratio():
    slow, fast = served(0.012, 0.01), served(0.005, 0.01)
    rounds = [Round({"baseline": fast, "a": slow, "b": fast, "source": slow}, QUIET)] * 20
    slow_ones = ratio.overloaded_models(rounds, 100.0)
    assert list(slow_ones) == ["a", "source"]
    assert ratio.wall_time_contradictions(rounds, "baseline", ["a", "b"], 0.95, slow_ones) == []
    assert ratio.wall_time_contradictions(rounds, "baseline", ["a"], 0.95, slow_ones) == [slow_ones["a"]], (
        "no candidate is left"
    )
    assert ratio.keeping_up(["a", "b"], slow_ones) == ["b"]


def test_candidates_that_cannot_keep_up_need_not_agree_about_anything():
    wild = [Round({"baseline": turn(1.0), "a": turn(n % 2 + 1.0), "b": turn(0.5)}, QUIET) for n in range(20)]
    assert ratio.wall_time_contradictions(wild, "baseline", ["a", "b"], 0.95, {}) != []
    assert ratio.wall_time_contradictions(wild, "baseline", ["a", "b"], 0.95, {"a": "slow"}) == []


def test_latency_grows_without_end_when_the_rate_exceeds_capacity():
    means = [served(0.012, 0.01, count).latencies().mean() for count in (20, 40, 80)]
    assert means[2] - means[1] == pytest.approx(2 * (means[1] - means[0]), rel=0.01)
    assert means[0] > 2 * 0.012
    assert served(0.005, 0.01).latencies().mean() == pytest.approx(0.005)


def test_the_interval_is_ordered():
    interval = ratio.wall_time_speedup(paired([1.0, 1.2, 5.0] * 7), "a", "b", 0.95)
    assert isinstance(interval, Interval)
    assert interval.low < interval.value < interval.high
