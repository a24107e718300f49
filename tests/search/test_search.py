"""The search without models: what it keeps, what it writes down, what it tries, and when it stops."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.engines.onnxruntime.analysis.survey import Survey
from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
from inc_mlflow.engines.onnxruntime.space import OnnxRuntimeSpace
from inc_mlflow.errors import StateError
from inc_mlflow.records import Interval, Trial
from inc_mlflow.search.budget import Budget, Cost, Spent
from inc_mlflow.search.front import accepted, beaten_by, front, shortlist
from inc_mlflow.search.journal import Journal
from inc_mlflow.search.strategy import explore, protect


def trial(recipe=None, *, speed=1.5, drop=0.0, error=0.01, rejected=None, high=None, sha256="a" * 64):
    recipe = recipe or Static()
    return Trial(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        label=recipe.label(),
        protects=(plain := recipe.unprotected()) and plain.model_dump(mode="json", exclude_none=True),
        directory="trials/1",
        sha256=sha256,
        size_bytes=1,
        speedup=Interval.exact(speed),
        rows=100,
        accuracy=1 - drop,
        relative_drop=Interval(value=drop, low=drop, high=drop if high is None else high),
        disagreement=None,
        max_relative_drop=0.01,
        output_error=error,
        rejected=rejected,
        cpu_seconds=1.0,
        seconds=1.0,
    )


numbered = st.builds(
    lambda number, **more: trial(Static(nodes_to_exclude=(str(number),)), **more),
    number=st.integers(0, 30),
    speed=st.floats(0.3, 4.0),
    drop=st.floats(-0.01, 0.2),
    error=st.floats(0, 1),
    rejected=st.sampled_from([None, None, "drops"]),
)
many = st.lists(numbered, max_size=12, unique_by=lambda one: one.recipe["nodes_to_exclude"][0])


@given(many)
def test_every_step_along_the_front_gains_speed_and_loses_exactness(trials):
    best = front(trials)
    assert bool(best) == bool(accepted(trials))
    for fast, slow in pairwise(best):
        assert fast.speedup.value > slow.speedup.value * 1.02
        assert loss(fast) > loss(slow)


@given(many)
def test_what_is_not_on_the_front_is_neither_faster_nor_more_exact_beyond_noise(trials):
    best = front(trials)
    for one in accepted(trials):
        beats = [
            other
            for other in best
            if loss(other) <= loss(one) and other.speedup.value * 1.05 > one.speedup.value
        ]
        assert one in best or beats


def loss(one):
    proven = max(0, one.relative_drop.low) / 0.005
    return math.floor(proven), round(math.log(max(one.output_error, 1e-9), 1.1))


def test_a_speed_within_noise_does_not_save_a_less_exact_trial():
    exact, lucky = (
        trial(Static(), speed=1.47, drop=0.0),
        trial(Static(per_channel=False), speed=1.48, drop=0.006),
    )
    assert front([lucky, exact]) == [exact]


def test_of_two_alike_the_one_that_was_tried_first_stays():
    simple, refined = (
        trial(Static(), speed=1.47, error=0.0101),
        trial(Static(bias_correction=True), speed=1.48, error=0.01),
    )
    assert front([simple, refined]) == [simple]


def test_rows_that_prove_nothing_do_not_outweigh_the_distance_of_the_outputs():
    lucky = trial(Static(), error=0.056).model_copy(
        update={"relative_drop": Interval(value=-0.005, low=-0.015, high=0.005)}
    )
    near = trial(Dynamic(), error=0.047).model_copy(
        update={"relative_drop": Interval(value=-0.002, low=-0.012, high=0.008)}
    )
    assert front([lucky, near]) == [near]


def test_places_that_are_left_go_to_second_choices_that_are_nearly_as_fast():
    first, second = trial(Static(), speed=2.0), trial(Static(per_channel=False), speed=1.95, drop=0.004)
    slow = trial(Dynamic(), speed=1.5, drop=0.004)
    assert shortlist([first, second, slow]) == [first, second]


@given(many)
def test_the_shortlist_has_at_most_three_and_is_never_empty_where_a_model_was_made(trials):
    chosen = shortlist(trials)
    assert len(chosen) <= 3
    assert bool(chosen) == bool(trials)
    best = front(trials)
    if best:
        assert chosen[0] == best[0]
        assert best[-1] in chosen


def test_the_shortlist_takes_the_fastest_that_is_surely_within_the_limit_between_the_ends():
    ends = [
        trial(Static(), speed=3, error=0.09, high=0.02),
        trial(Static(per_channel=False), speed=1.1, error=0.01),
    ]
    unsure = trial(Dynamic(), speed=2.5, error=0.06, high=0.02)
    sure = trial(Dynamic(per_channel=False), speed=2, error=0.03, high=0.009)
    assert shortlist([*ends, unsure, sure]) == [ends[0], sure, ends[1]]


def test_where_nothing_is_accepted_the_least_bad_is_handed_over():
    slow = trial(Static(), speed=0.5, drop=0, rejected="slow")
    bad = trial(Dynamic(), speed=2, drop=0.2, rejected="drops")
    assert shortlist([slow, bad]) == [bad]
    assert shortlist([trial(rejected="nothing", sha256=None)]) == []


def test_a_protected_model_takes_the_place_of_its_unprotected_form():
    plain, safe = trial(Static(), speed=2.02), trial(Static(reduce_range="saturating"), speed=2.0)
    assert shortlist([plain, safe]) == [safe]
    lost = safe.model_copy(update={"rejected": "drops"})
    assert shortlist([plain, lost]) == [plain]


def test_a_trial_is_beaten_by_one_that_is_faster_beyond_noise_and_nearer():
    found = trial(speed=2.0, error=0.01)
    assert beaten_by(1.5, 0.02, [found], 0.05) == found
    assert beaten_by(1.95, 0.02, [found], 0.05) is None, "as fast within noise"
    assert beaten_by(1.5, 0.005, [found], 0.05) is None, "nearer itself"
    assert beaten_by(1.5, 0.02, [trial(speed=2.0, rejected="drops")], 0.05) is None


def test_a_journal_gives_back_its_trials(tmp_path):
    journal = Journal(tmp_path / "trials.jsonl", "key")
    journal.add(trial(Static()))
    journal.add(trial(Dynamic(), rejected="slow"))
    again = Journal(tmp_path / "trials.jsonl", "key")
    assert again.trials == journal.trials
    assert again.find(journal.trials[1].recipe).rejected == "slow"
    assert again.find(Static(per_channel=False).model_dump(mode="json")) is None


@given(st.data())
def test_a_journal_cut_off_anywhere_loses_at_most_its_last_trial(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "trials.jsonl"
    journal = Journal(path, "key")
    ends = [path.stat().st_size]
    for number in range(3):
        journal.add(trial(Static(nodes_to_exclude=(f"é{number}",))))
        ends.append(path.stat().st_size)
    length = data.draw(st.integers(0, ends[-1]))
    path.write_bytes(path.read_bytes()[:length])
    again = Journal(path, "key")
    assert len(again.trials) == sum(end <= length for end in ends[1:])
    again.add(trial(Dynamic()))
    assert Journal(path, "key").trials == again.trials


def test_a_journal_of_another_search_is_refused(tmp_path):
    path = tmp_path / "trials.jsonl"
    Journal(path, "one")
    with pytest.raises(StateError, match=r"is of another search .*give another directory"):
        Journal(path, "two")
    path.write_text("{}\n")
    with pytest.raises(StateError, match="not a journal of a search"):
        Journal(path, "one")


def test_a_budget_counts_what_earlier_runs_used_and_stops_before_it_is_exceeded():
    budget = Budget(Cost(10.0, math.inf), Cost(cpu_seconds=6.0))
    with budget.spending(Cost(3.0)):
        pass
    with pytest.raises(Spent), budget.spending(Cost(4.5)):
        pass
    budget.share = 0.5
    with pytest.raises(Spent), budget.spending(Cost()):
        pass


def test_a_person_s_budget_is_in_seconds_and_knows_no_other_limit():
    budget = Budget(Cost(math.inf, 5.0), Cost(500.0, 3.0))
    with budget.spending(Cost(50.0, 1.0)):
        pass
    with pytest.raises(Spent), budget.spending(Cost(0.0, 2.5)):
        pass


class FakeRunner:
    """Answers every recipe with a made-up trial, the same one for the same recipe."""

    def __init__(self, answer):
        self.trials, self.asked, self._answer = [], [], answer

    def trial(self, recipe):
        known = next(
            (one for one in self.trials if one.recipe == recipe.model_dump(mode="json", exclude_none=True)),
            None,
        )
        if known is None:
            known = self._answer(recipe)
            self.trials.append(known)
        self.asked.append(recipe)
        return known

    def sensitive_nodes(self, recipe):
        return [f"n{i}" for i in range(8)]

    def slower_nodes(self, recipe):
        return ["n7", "n6"]


def space(static, dynamic, products=(), followers=()):
    return OnnxRuntimeSpace(
        Survey(
            frozenset(static) | {"LayerNormalization"},
            frozenset(static),
            frozenset(dynamic),
            products,
            dict(followers),
        )
    )


CNN = space({"Conv", "Add", "Gemm", "Relu"}, {"Conv"}, followers=[("n7", "relu")])
TRANSFORMER = space({"MatMul", "Add", "Softmax"}, {"MatMul", "Gather"}, ("qk", "av"))


@pytest.mark.parametrize("model", [CNN, TRANSFORMER])
@given(st.randoms(use_true_random=False))
def test_a_search_ends_and_tries_only_what_the_model_has(model, random):
    runner = FakeRunner(
        lambda recipe: trial(recipe, speed=random.uniform(0.5, 3), drop=random.uniform(-0.01, 0.05))
    )
    explore(model, runner)
    assert 5 < len(runner.trials) < 60
    for recipe in runner.asked:
        kinds = model.graph.static if isinstance(recipe, Static) else model.graph.dynamic
        assert set(recipe.op_types_to_quantize or ()) <= kinds


def test_convolutions_are_not_quantised_dynamically():
    assert not any(isinstance(recipe, Dynamic) for recipe in CNN.first())
    assert any(isinstance(recipe, Dynamic) for recipe in TRANSFORMER.first())


def test_nothing_to_quantise_gives_nothing_to_try():
    assert list(space((), ()).first()) == []


def test_nodes_stay_fp32_as_long_as_that_brings_speed():
    runner = FakeRunner(lambda recipe: trial(recipe, speed=1.2 + 0.2 * len(recipe.nodes_to_exclude)))
    explore(CNN, runner)
    assert any({"n7", "n6", "relu"} <= set(recipe.nodes_to_exclude) for recipe in runner.asked)


def test_what_is_handed_over_is_protected_where_it_can_be():
    runner = FakeRunner(trial)
    runner.trial(Static())
    protect(CNN, runner, everywhere=False)
    assert runner.asked[-1] == Static(reduce_range="saturating")
    assert shortlist(runner.trials)[0].recipe["reduce_range"] == "saturating"


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_dynamic_recipe_is_narrowed_only_where_it_is_judged_on_a_cpu_that_saturates(everywhere):
    runner = FakeRunner(trial)
    runner.trial(Dynamic())
    protect(CNN, runner, everywhere)
    assert (runner.asked[-1] == Dynamic(reduce_range=True)) == everywhere


@given(st.data())
def test_a_journal_with_a_damaged_byte_keeps_the_trials_before_it_or_is_refused_in_one_line(
    tmp_path_factory, data
):
    path = tmp_path_factory.mktemp("damaged") / "trials.jsonl"
    journal = Journal(path, "key")
    for number in range(3):
        journal.add(trial(Static(nodes_to_exclude=(f"{number}",))))
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    header = content.index(b"\n")
    if place <= header:
        with pytest.raises(StateError, match="not a journal of a search, or damaged; give another directory"):
            Journal(path, "key")
        return
    again = Journal(path, "key")
    assert again.trials == journal.trials[: content[:place].count(b"\n") - 1]
    again.add(trial(Dynamic()))
    assert Journal(path, "key").trials == again.trials
