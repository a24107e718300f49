"""What a search tries, in which order, and when it stops; with a space and an engine made up here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.search.front import shortlist
from tests.support.toy_search import ToyRecipe, ToyRunner, ToySpace, explore, protect, trial

COARSE, FINE = ToyRecipe(), ToyRecipe(method="fine")
NODES = tuple(f"n{number}" for number in range(40))


def by_method(fast, slow):
    """Answer coarse recipes with one speed and fine ones with another."""
    return lambda recipe: trial(recipe, speed=fast if recipe.method == "coarse" else slow)


def by_nodes(*speeds, **more):
    """Answer coarse recipes by their number of nodes in FP32; fine ones are too slow to matter."""
    return lambda recipe: trial(
        recipe, speed=speeds[len(recipe.fp32)] if recipe.method == "coarse" else 0.5, **more
    )


def left_out(tried):
    """Return the nodes in FP32 of each coarse recipe that only left nodes out, without doubles."""
    plain = [one.fp32 for one in tried if one == COARSE.model_copy(update={"fp32": one.fp32})]
    return list(dict.fromkeys(plain))[1:]


def test_all_first_recipes_are_tried_before_any_is_refined(monkeypatch):
    assert explore(ToyRunner(trial), monkeypatch)[:2] == [COARSE, FINE]


def test_every_refinement_is_tried_and_each_begins_with_the_best_of_those_before(monkeypatch):
    """Narrow ranges gain: the correction is then tried with them, and with the widest ones no more."""
    tried = explore(
        ToyRunner(lambda recipe: trial(recipe, speed=2.0 + 0.5 * (recipe.ranges == "narrow"))), monkeypatch
    )
    narrow = COARSE.model_copy(update={"ranges": "narrow"})
    assert narrow in tried
    assert narrow.model_copy(update={"corrected": True}) in tried
    assert COARSE.model_copy(update={"corrected": True}) not in tried


@pytest.mark.parametrize(("share", "refined"), [(0.9, True), (0.8, False)])
def test_a_method_is_refined_only_where_it_is_nearly_as_fast_as_the_fastest(monkeypatch, share, refined):
    tried = explore(ToyRunner(by_method(2.0, 2.0 * share)), monkeypatch)
    assert any(one.method == "fine" and one.ranges == "narrow" for one in tried) == refined
    assert any(one.method == "coarse" and one.ranges == "narrow" for one in tried)


def test_only_the_fastest_recipe_of_a_method_is_refined(monkeypatch):
    class TwoCoarse(ToySpace):
        def first(self):
            yield from (COARSE, ToyRecipe(number=1))

    runner = ToyRunner(
        lambda recipe: trial(recipe, speed=1.0 + recipe.number, error=0.01 * (1 + recipe.number))
    )
    refined = [one for one in explore(runner, monkeypatch, TwoCoarse()) if one.ranges == "narrow"]
    assert [one.number for one in refined] == [1]


def test_where_all_are_too_slow_the_least_bad_gives_up_its_slower_nodes(monkeypatch):
    def answer(recipe):
        slow = trial(recipe, speed=0.9 if recipe.method == "coarse" else 0.8, rejected="slow")
        return slow.model_copy(update={"relative_drop": None, "accuracy": None})

    tried = explore(ToyRunner(answer, slower=lambda _: ("a",)), monkeypatch)
    assert {one.method for one in tried if one.fp32} == {"coarse"}


def test_slower_nodes_are_left_out_one_more_at_a_time_while_that_gains(monkeypatch):
    runner = ToyRunner(by_nodes(1.0, 1.2, 1.4, 1.6), slower=lambda recipe: NODES[:3])
    assert left_out(explore(runner, monkeypatch)) == [NODES[:1], NODES[:2], NODES[:3]]


def test_one_node_without_gain_does_not_end_it_since_a_pair_may_gain(monkeypatch):
    """One node in FP32 between two in INT8 costs conversions; both together cost none."""
    runner = ToyRunner(by_nodes(1.0, 0.9, 1.4), slower=lambda recipe: NODES[:2])
    tried = explore(runner, monkeypatch)
    assert COARSE.model_copy(update={"fp32": NODES[:2]}) in tried
    assert COARSE.model_copy(update={"fp32": NODES[:2], "ranges": "narrow"}) in tried, (
        "the best one is refined"
    )


def test_two_trials_in_a_row_without_gain_end_it(monkeypatch):
    runner = ToyRunner(by_nodes(1.0, 1.2, *[1.2] * 9), slower=lambda recipe: NODES[:9])
    assert max(map(len, left_out(explore(runner, monkeypatch)))) == 3


def test_a_gain_that_is_noise_counts_as_none(monkeypatch):
    """Each node gains half a per cent over the one before."""
    runner = ToyRunner(by_nodes(1.0, 1.005, *[1.009] * 9), slower=lambda recipe: NODES[:9])
    assert max(map(len, left_out(explore(runner, monkeypatch)))) == 2


def test_what_is_left_is_profiled_again_a_few_times(monkeypatch):
    """Every profile shows one slower node more, so without a limit the search would go on to the last one."""
    asked = []

    def slower(recipe):
        asked.append(recipe.fp32)
        return NODES[: len(recipe.fp32) + 1]

    runner = ToyRunner(by_nodes(*(1.0 + 0.1 * n for n in range(41))), slower=slower)
    tried = left_out(explore(runner, monkeypatch))
    assert asked[:2] == [(), NODES[:1]]
    assert NODES[:2] in tried, "what the second profile showed"
    assert 2 <= len(asked) <= 5


def test_nodes_that_are_in_fp32_already_are_not_left_out_again(monkeypatch):
    runner = ToyRunner(by_nodes(1.0, 1.2, 1.2, 1.2), slower=lambda recipe: NODES[:1])
    assert left_out(explore(runner, monkeypatch)) == [NODES[:1]]


def test_sensitive_nodes_go_back_to_fp32_in_growing_numbers_up_to_half_of_them(monkeypatch):
    runner = ToyRunner(lambda recipe: trial(recipe, drop=0.02, error=0.1), sensitive=lambda recipe: NODES[:8])
    tried = explore(runner, monkeypatch)
    counts = [len(one.fp32) for one in tried if one.method == "coarse" and one.fp32]
    assert counts == [1, 2, 4]
    assert all(one.fp32 == NODES[: len(one.fp32)] for one in tried), "the worst ones first"


def test_of_many_sensitive_nodes_more_than_a_few_are_tried(monkeypatch):
    runner = ToyRunner(lambda recipe: trial(recipe, drop=0.02, error=0.1), sensitive=lambda recipe: NODES)
    assert max(len(one.fp32) for one in explore(runner, monkeypatch)) > 10


def test_sensitive_nodes_are_left_out_no_further_where_that_costs_the_speed(monkeypatch):
    runner = ToyRunner(by_nodes(2.0, 1.9, 1.5, *[1.5] * 40, drop=0.02, error=0.1), sensitive=lambda _: NODES)
    assert max(len(one.fp32) for one in explore(runner, monkeypatch)) == 2


@pytest.mark.parametrize(
    ("error", "drop", "high", "tried"),
    [(0.01, 0.0, 0.005, False), (0.1, 0.0, 0.005, True), (0.01, 0.004, 0.005, True), (0.01, 0.0, 0.02, True)],
    ids=["nothing to gain", "outputs differ", "the metric drops", "the rows leave doubt"],
)
def test_a_recipe_that_shows_no_loss_is_left_as_it_is(monkeypatch, error, drop, high, tried):
    runner = ToyRunner(
        lambda recipe: trial(recipe, error=error, drop=drop, high=high), sensitive=lambda _: NODES[:8]
    )
    assert any(one.fp32 for one in explore(runner, monkeypatch)) == tried


@given(st.randoms(use_true_random=False))
def test_a_search_ends_whatever_is_measured(random):
    runner = ToyRunner(
        lambda recipe: trial(recipe, speed=random.uniform(0.5, 3), drop=random.uniform(-0.01, 0.05)),
        slower=lambda _: NODES[:2],
        sensitive=lambda _: NODES[:8],
    )
    with pytest.MonkeyPatch.context() as patch:
        explore(runner, patch)
    assert 2 < len(runner.trials) < 60


def test_what_is_handed_over_is_protected_where_it_can_be(monkeypatch):
    runner = ToyRunner(trial)
    runner.trial(FINE)
    guarded = FINE.model_copy(update={"guarded": True})
    assert protect(runner, monkeypatch, everywhere=False)[-1] == guarded
    assert shortlist(runner.trials)[0].recipe["guarded"] is True


def test_what_moves_up_because_a_protected_form_is_worse_is_protected_too(monkeypatch):
    """Four fine recipes, three places: each guarded form is rejected or slow, so the next one moves up."""
    fine = [FINE.model_copy(update={"number": number}) for number in range(4)]
    runner = ToyRunner(
        lambda recipe: trial(recipe, speed=(2.0 - 0.01 * recipe.number) * (0.5 if recipe.guarded else 1))
    )
    for recipe in fine:
        runner.trial(recipe)
    tried = protect(runner, monkeypatch, everywhere=False)
    assert {one.number for one in tried if one.guarded} == {0, 1, 2, 3}


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_recipe_that_loses_by_its_protection_is_protected_only_where_that_is_judged(
    monkeypatch, everywhere
):
    runner = ToyRunner(trial)
    runner.trial(COARSE)
    assert any(one.guarded for one in protect(runner, monkeypatch, everywhere)) == everywhere
