"""Fast and wrong recipes get what recovers accuracy before they are dropped."""

import pytest

from inc_mlflow.search.mending import mend
from tests.support.toy_search import ToyRecipe, ToyRunner, ToySpace, know_toys, trial

FAST, SLOW = ToyRecipe(method="fine"), ToyRecipe(method="coarse")
NODES = tuple("abcdefgh")


def mended(monkeypatch, answer, nodes=NODES):
    """Try two recipes and mend; return what was tried then."""
    know_toys(monkeypatch)
    runner = ToyRunner(answer, sensitive=lambda _: nodes)
    for recipe in (SLOW, FAST):
        runner.trial(recipe)
    mend(ToySpace(), runner)
    return runner.tried[2:]


def wrong_unless(accepted, fast=2.0):
    """The fast recipe loses too much in every form but those that ``accepted`` tells."""

    def answer(recipe):
        if recipe.method == "coarse":
            return trial(recipe, speed=1.5)
        wrong = not accepted(recipe)
        return trial(recipe, speed=fast, drop=0.05 if wrong else 0.0, rejected="drops" if wrong else None)

    return answer


def test_refinements_come_first_and_one_form_is_enough(monkeypatch):
    found = mended(monkeypatch, wrong_unless(lambda recipe: recipe.ranges == "narrow"))
    assert found == [FAST.model_copy(update={"ranges": "narrow"})]


def test_then_sensitive_nodes_go_back_to_fp32_up_to_half_of_them(monkeypatch):
    found = mended(monkeypatch, wrong_unless(lambda _: False))
    assert [recipe.fp32 for recipe in found if recipe.fp32] == [NODES[:1], NODES[:2], NODES[:4]]
    assert found[0].ranges == "narrow"


def test_of_many_sensitive_nodes_more_than_a_few_are_tried(monkeypatch):
    nodes = tuple(map(str, range(40)))
    found = mended(monkeypatch, wrong_unless(lambda _: False), nodes)
    assert len(found[-1].fp32) == 16


def test_they_go_back_until_a_form_is_accepted(monkeypatch):
    found = mended(monkeypatch, wrong_unless(lambda recipe: len(recipe.fp32) >= 2))
    assert found[-1].fp32 == NODES[:2]


def departed(recipe, speed=3.0):
    """Its outputs are not the baseline's: it has a speed and no score."""
    return trial(recipe, speed=speed, drop=None, rejected="off by 90 %", sha256=None)


def test_of_a_recipe_whose_outputs_are_wrong_nodes_go_back_and_nothing_is_refined(monkeypatch):
    def answer(recipe):
        return trial(recipe) if recipe == SLOW or len(recipe.fp32) == 2 else departed(recipe)

    assert mended(monkeypatch, answer) == [FAST.model_copy(update={"fp32": NODES[:n]}) for n in (1, 2)]


def test_a_recipe_without_speed_or_score_is_not_mended(monkeypatch):
    def answer(recipe):
        slow = departed(recipe).model_copy(update={"speedup": None})
        return trial(recipe) if recipe == SLOW else slow

    assert mended(monkeypatch, answer) == []


@pytest.mark.parametrize("fast", [1.2, 1.505])
def test_what_is_not_faster_than_an_accepted_one_is_not_mended(monkeypatch, fast):
    assert mended(monkeypatch, wrong_unless(lambda _: False, fast)) == []


def test_at_most_two_are_mended(monkeypatch):
    know_toys(monkeypatch)
    runner = ToyRunner(lambda recipe: trial(recipe, speed=2.0, drop=0.05, rejected="drops"))
    for number in range(4):
        runner.trial(ToyRecipe(number=number))
    mend(ToySpace(), runner)
    assert len({recipe.number for recipe in runner.tried[4:]}) == 2
