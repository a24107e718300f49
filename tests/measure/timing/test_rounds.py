"""Rounds: which are dropped, how many are added, when to give up."""

import numpy as np
import pytest

from inc_mlflow.measure.timing import disturbance
from inc_mlflow.measure.timing.disturbance import NEEDED
from inc_mlflow.measure.timing.instance import Turn, common_window
from inc_mlflow.measure.timing.rounds import MOST_ROUNDS, run_rounds
from inc_mlflow.records import Load
from tests.support.turns import QUIET, turn


def loaded(**changes):
    return QUIET.model_copy(update=changes)


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
