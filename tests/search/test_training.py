"""What is trained in a search: the recipe that is fast and loses too much, in its safe form, and only one."""

import pytest

from inc_mlflow.search import training
from inc_mlflow.search.training import train
from tests.support.toy_search import ToyRecipe, ToyRunner, ToySpace, know_toys, trial

TRAINED = ToyRecipe(method="fine", corrected=True, guarded=True)


class TrainingRunner(ToyRunner):
    """Knows for each start the recipe that trains it, but for those that cannot be trained."""

    untrainable: tuple[int, ...] = ()

    def training_of(self, start):
        return None if start.number in self.untrainable else start.model_copy(update={"corrected": True})


def trained(monkeypatch, *trials, untrainable=(), everywhere=False):
    """Train after these trials, as (speed, drop or None); return what was tried then."""
    know_toys(monkeypatch)
    monkeypatch.setattr(training, "parse_recipe", ToyRecipe.model_validate)
    given = {number: (method, *numbers) for number, (method, *numbers) in enumerate(trials)}

    def answer(recipe):
        _, speed, drop = given[recipe.number]
        rejected = None if (drop is not None and drop <= 0.01) or recipe.corrected else "wrong"
        sha256 = None if drop is None else "a" * 64
        return trial(recipe, speed=speed, drop=drop, rejected=rejected, sha256=sha256)

    runner = TrainingRunner(answer)
    runner.untrainable = untrainable
    for number, (method, *_) in given.items():
        runner.trial(ToyRecipe(number=number, method=method))
    train(ToySpace(), runner, everywhere)
    return runner.tried[len(trials) :]


def test_of_nearly_the_fastest_the_one_that_loses_least_is_trained_in_its_safe_form(monkeypatch):
    found = trained(monkeypatch, ("fine", 2.0, 0.2), ("fine", 1.9, 0.05), ("fine", 1.5, 0.02))
    assert found == [TRAINED.model_copy(update={"number": 1})]


def test_what_loses_no_more_than_it_may_is_left_alone(monkeypatch):
    assert trained(monkeypatch, ("fine", 2.0, 0.01), ("fine", 1.9, 0.05)) == []


def test_a_wrong_one_is_trained_where_the_accepted_one_is_slower(monkeypatch):
    (found,) = trained(monkeypatch, ("fine", 1.2, 0.0), ("fine", 1.9, 0.05))
    assert found.number == 1


def test_the_next_one_is_trained_where_one_cannot_be(monkeypatch):
    (found,) = trained(monkeypatch, ("fine", 2.0, 0.02), ("fine", 1.9, 0.05), untrainable=(0,))
    assert found.number == 1


def test_one_whose_outputs_are_wrong_comes_last(monkeypatch):
    (found,) = trained(monkeypatch, ("fine", 2.0, None), ("fine", 1.9, 0.5))
    assert found.number == 1


@pytest.mark.parametrize("everywhere", [False, True])
def test_the_form_of_a_start_is_the_one_that_the_space_protects(monkeypatch, everywhere):
    (found,) = trained(monkeypatch, ("coarse", 2.0, 0.05), everywhere=everywhere)
    assert found.guarded is everywhere
