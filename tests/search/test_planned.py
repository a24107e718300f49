"""The order of a search with its engine's plan."""

import pytest

from inc_mlflow.engines.plan import LEAST_GAIN, Planned, RecipePlan
from inc_mlflow.search import planned
from tests.support.toy_search import ToyRecipe, ToyRunner, ToySpace, know_toys, trial

COARSE, FINE = (ToyRecipe(method=method) for method in ("coarse", "fine"))
PLANNED = [ToyRecipe(number=number) for number in (7, 8)]


def explored(monkeypatch, runner, gain=2.0, recipes=PLANNED):
    """Search the toy space with a plan and return the recipes in the order in which they were tried."""
    know_toys(monkeypatch)
    runner.planned = RecipePlan(tuple(Planned(recipe, "why") for recipe in recipes), gain, limit=3.0)
    planned.explore_with_plan(ToySpace(), runner)
    return runner.tried


def speeds(recipe, **more):
    """The planned recipe with the lower number is the fastest, just before the other method's."""
    other = 2.4 if recipe.method == "fine" else 1.5
    return trial(recipe, speed={7: 2.6, 8: 2.5}.get(recipe.number, other), **more)


def test_what_is_planned_is_tried_behind_the_first_recipe(monkeypatch):
    assert explored(monkeypatch, ToyRunner(speeds))[:4] == [COARSE, *PLANNED, FINE]


def test_only_the_fastest_is_refined_and_no_node_is_left_out(monkeypatch):
    runner = ToyRunner(speeds, slower=lambda _: ("a", "b"), sensitive=lambda _: ("a", "b", "c"))
    tried = explored(monkeypatch, runner)
    refined = [recipe for recipe in tried if recipe.ranges == "narrow" or recipe.corrected]
    assert {(recipe.method, recipe.number) for recipe in refined} == {("coarse", 7)}
    assert not any(recipe.fp32 for recipe in tried)


@pytest.mark.parametrize(("gain", "tried"), [(LEAST_GAIN - 0.001, 2), (LEAST_GAIN, 6)])
def test_where_nothing_can_gain_the_best_recipe_shows_it(monkeypatch, gain, tried):
    found = explored(monkeypatch, ToyRunner(speeds), gain)
    assert found[:2] == [COARSE, PLANNED[0]]
    assert (len(found) == 2) == (tried == 2)


def test_where_the_plan_gains_nothing_what_was_fast_and_wrong_is_mended(monkeypatch):
    """The plan does not cover the nodes of the first recipe; without the worst of them it is right."""

    def answer(recipe):
        wrong = recipe == COARSE
        return trial(recipe, drop=None if wrong else 0.0, rejected="off" if wrong else None, sha256=None)

    runner = ToyRunner(answer, sensitive=lambda _: ("a", "b", "c"))
    found = explored(monkeypatch, runner, gain=1.0, recipes=())
    assert found == [COARSE, COARSE.model_copy(update={"fp32": ("a",)})]


def test_without_anything_planned_the_first_recipe_shows_it(monkeypatch):
    assert explored(monkeypatch, ToyRunner(speeds), gain=1.0, recipes=()) == [COARSE]


def test_a_fast_and_wrong_recipe_is_refined_before_it_is_dropped(monkeypatch):
    """Narrow ranges save it; without that the slower one would be all there is."""

    def answer(recipe):
        wrong = recipe.number == 7 and recipe.ranges == "widest"
        return speeds(recipe, drop=0.05 if wrong else 0.0, rejected="drops" if wrong else None)

    tried = explored(monkeypatch, ToyRunner(answer))
    mended = PLANNED[0].model_copy(update={"ranges": "narrow"})
    assert tried[4] == mended
    assert PLANNED[0].model_copy(update={"corrected": True}) not in tried, "one form is enough"


def test_a_wrong_recipe_that_is_slower_than_a_right_one_is_not_mended(monkeypatch):
    def answer(recipe):
        return speeds(recipe, rejected="drops" if recipe.number == 8 else None)

    assert {recipe.number for recipe in explored(monkeypatch, ToyRunner(answer))[4:]} == {7}


def test_without_a_plan_the_search_goes_from_recipe_to_recipe(monkeypatch):
    know_toys(monkeypatch)
    runner = ToyRunner(trial, slower=lambda _: ("a", "b"))
    planned.explore_with_plan(ToySpace(), runner)
    assert any(recipe.fp32 for recipe in runner.tried)


def test_what_is_faster_than_the_plan_gives_up_its_slower_nodes(monkeypatch):
    """The planned recipes are of the coarse method."""
    answer = lambda recipe: trial(recipe, speed=3.0 + len(recipe.fp32) if recipe.method == "fine" else 2.0)  # noqa: E731
    tried = explored(monkeypatch, ToyRunner(answer, slower=lambda _: ("a", "b")))
    assert [recipe.fp32 for recipe in tried if recipe.fp32 and not recipe.corrected][:2] == [
        ("a",),
        ("a", "b"),
    ]
