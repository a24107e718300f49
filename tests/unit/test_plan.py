"""What a split can decide agrees with what the gate then does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_mlflow.measure.paired import relative_drop
from inc_mlflow.measure.plan import largest_passing_drop, plan
from inc_mlflow.spec import GateSpec


def upper_bound(rows, lost, gained, gate):
    right = round(0.9 * rows)
    baseline = np.r_[np.ones(right), np.zeros(rows - right)]
    candidate = baseline.copy()
    candidate[:lost], candidate[right : right + gained] = 0, 1
    values = ((one.mean(), one) for one in (baseline, candidate))
    return relative_drop(*values, decomposable=True, higher_is_better=True, confidence=gate.confidence).high


@settings(max_examples=30)
@given(st.integers(100, 5000), st.sampled_from([0.005, 0.01, 0.02, 0.05]), st.sampled_from([0.01, 0.04]))
def test_the_largest_drop_passes_and_the_next_larger_does_not(rows, limit, share):
    gate = GateSpec(max_relative_drop=limit)
    drop = largest_passing_drop(rows, gate, share)
    differing = round(share * rows)
    if drop is None:
        assert upper_bound(rows, (differing + 1) // 2, differing // 2, gate) > limit - 1e-6
        return
    lost = round((differing + drop * round(0.9 * rows)) / 2)
    assert upper_bound(rows, lost, differing - lost, gate) <= limit + 1e-6
    if lost < differing:
        assert upper_bound(rows, lost + 1, differing - lost - 1, gate) > limit


@pytest.mark.parametrize(("few", "many"), [(500, 2000), (2000, 20_000)])
def test_more_rows_let_a_larger_drop_pass(few, many):
    drops = [largest_passing_drop(rows, GateSpec(), 0.01) or -1 for rows in (few, many)]
    assert drops[0] < drops[1] < GateSpec().max_relative_drop


def test_a_split_that_is_large_enough_is_told_its_limits():
    text = plan(1821, GateSpec())
    assert text.startswith(
        "1,821 validation rows, allowed drop 1 %: with 1 % disagreement a candidate passes up to an observed drop"
    )
    assert "; with 4 % disagreement a candidate passes up to an observed drop of 0." in text


def test_a_split_that_is_too_small_is_told_about_how_many_rows_it_needs():
    text = plan(300, GateSpec())
    assert "with 4 % disagreement none can pass, about " in text
    needed = int(text.rpartition("about ")[2].partition(" rows")[0].replace(",", ""))
    assert largest_passing_drop(needed, GateSpec(), 0.04) is not None
    assert largest_passing_drop(needed // 2, GateSpec(), 0.04) is None


def test_without_any_allowed_drop_no_number_of_rows_can_show_it():
    assert plan(300, GateSpec(max_relative_drop=0)).count("none can pass, no number of rows could show it") == 2
