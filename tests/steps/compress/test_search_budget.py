"""A search that its budget ends says so, and its verdict too; one that comes to its own end does not."""

import math

import pytest

from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE, RejectedRecipe
from inc_mlflow.search.budget import Cost, Spent
from inc_mlflow.steps.compress.search import _ended, _finishes
from tests.support.gate_measurements import FAST, GATE, PASS, measured, model


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (
            Cost(42.0, math.inf),
            "of 42 s of CPU time, after 14 recipes; raise search.budget, as search: {budget: 84}",
        ),
        (Cost(math.inf, 600.0), "of 600 s, after 14 recipes; raise search.budget, as search: {budget: 1200}"),
        (Cost(math.inf, 0.5), "of 0.5 s, after 14 recipes; raise search.budget, as search: {budget: 1}"),
    ],
)
def test_it_names_the_budget_and_the_field_to_raise(limit, said):
    assert _ended(limit, 14) == f"the search was ended by its budget {said} (seconds), for it to go on"


def test_only_the_budget_ends_a_search_before_its_end():
    def spent():
        raise Spent

    def broken():
        raise KeyError("a bug")

    assert not _finishes(spent)
    assert _finishes(lambda: None)
    with pytest.raises(KeyError):
        _finishes(broken)


@pytest.mark.parametrize("labels", [["int8"], []])
def test_the_verdict_says_so_among_its_reasons(labels):
    rejected = (RejectedRecipe(recipe={}, engine="onnxruntime", label="one", reason="cannot be made"),)
    pools = {"local": measured(dict.fromkeys(labels, PASS), dict.fromkeys(labels, FAST))}
    record = judge([model(BASELINE), *map(model, labels)], pools, GATE, rejected, ("the budget ended it",))
    assert record.reasons[-1] == "the budget ended it"
    assert len(record.reasons) > 1
