"""What a split can decide agrees with what the gate then does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_mlflow.measure.gate.power import (
    largest_passing_drop,
    split_power,
    split_power_at_best,
    split_power_by_spread,
    strictest,
)
from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.paired import Pair, relative_drop
from inc_mlflow.spec import GateSpec


def upper_bound(rows, lost, gained, gate):
    right = round(0.9 * rows)
    baseline = np.r_[np.ones(right), np.zeros(rows - right)]
    candidate = baseline.copy()
    candidate[:lost], candidate[right : right + gained] = 0, 1
    pair = Pair(*(Outcomes(float(one.mean()), one) for one in (baseline, candidate)), True, True, rows)
    return relative_drop(pair, gate.max_relative_drop)(gate.confidence).high


@settings(max_examples=30)
@given(st.integers(100, 5000), st.sampled_from([0.005, 0.01, 0.02, 0.05]), st.sampled_from([0.01, 0.04]))
def test_the_largest_drop_passes_and_the_next_larger_does_not(rows, limit, share):
    gate = GateSpec(max_relative_drop=limit)
    drop = largest_passing_drop(rows, gate, share, gate.confidence)
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
    drops = [largest_passing_drop(rows, GateSpec(), 0.01, 0.95) or -1 for rows in (few, many)]
    assert drops[0] < drops[1] < GateSpec().max_relative_drop


def test_a_split_that_is_large_enough_is_told_its_limits():
    text = split_power(1821, GateSpec())
    assert text.startswith(
        "1,821 validation rows, allowed drop 1 %: with 1 % disagreement a candidate passes up to an observed drop"
    )
    assert "; with 4 % disagreement a candidate passes up to an observed drop of 0." in text


def test_a_split_that_is_too_small_is_told_about_how_many_rows_it_needs():
    text = split_power(300, GateSpec())
    assert "with 4 % disagreement none can pass, about " in text
    needed = int(text.rpartition("about ")[2].partition(" rows")[0].replace(",", ""))
    assert largest_passing_drop(needed, GateSpec(), 0.04, 0.95) is not None
    assert largest_passing_drop(needed // 2, GateSpec(), 0.04, 0.95) is None


def test_without_any_allowed_drop_no_number_of_rows_can_show_it():
    assert (
        split_power(300, GateSpec(max_relative_drop=0)).count(
            "none can pass, no number of rows could show it"
        )
        == 3
    )


def test_several_candidates_leave_less_room_and_the_text_says_so():
    drops = [largest_passing_drop(5000, GateSpec(), 0.04, strictest(GateSpec(), count)) for count in (1, 3)]
    assert drops[1] < drops[0]
    assert split_power(1821, GateSpec(), 3).startswith(
        "1,821 validation rows, allowed drop 1 %, 3 candidates: "
    )


def test_an_absolute_limit_is_planned_with_too():
    gate = GateSpec(max_absolute_drop=0.01)
    assert gate.max_relative_drop is None
    both = GateSpec(max_absolute_drop=0.01, max_relative_drop=0.008)
    assert (
        largest_passing_drop(5000, both, 0.04, 0.95)
        < largest_passing_drop(5000, gate, 0.04, 0.95)
        < 0.01 / 0.9
    )
    assert "allowed drop 0.8 % and 0.01 absolute: " in split_power(5000, both)


def test_a_measured_disagreement_replaces_the_assumed_ones():
    assert split_power(1821, GateSpec(), 1, (0.02,), 0.8).count("disagreement") == 1


@pytest.mark.parametrize(
    ("reach", "says"),
    [
        (0.004, "by the spread on 400 tuning rows a candidate passes up to an observed drop of 0.8 %"),
        (0.04, "by the spread on 400 tuning rows none passes without a gain, about 6,400 rows could show it"),
    ],
)
def test_other_scores_are_planned_by_their_spread_on_tuning(reach, says):
    assert (
        split_power_by_spread(1600, GateSpec(), reach, 400, 0.01)
        == f"1,600 validation rows, allowed drop 1 %: {says}"
    )


def test_fewer_rows_than_tuning_had_are_planned_with_care():
    assert "none passes without a gain" in split_power_by_spread(12, GateSpec(), 0.0027, 997, 0.01)
    assert "none passes without a gain" in split_power_by_spread(200, GateSpec(), 0.006, 400, 0.01)
    assert "a candidate passes up to" in split_power_by_spread(800, GateSpec(), 0.012, 400, 0.01)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            50,
            "can only be shown to lose at most 5.82 % of the metric, so none can pass; about 300 rows could show it",
        ),
        (
            1000,
            "can only be shown to lose at most 0.3 % of the metric; how much may change depends on its spread",
        ),
    ],
)
def test_a_metric_that_is_not_right_or_wrong_is_told_what_rows_show_at_best(rows, says):
    assert split_power_at_best(rows, GateSpec()).endswith(says)


@pytest.mark.parametrize("rows", [446, 447, 448, 449])
def test_what_they_show_at_best_is_what_the_gate_then_says(rows):
    same = Outcomes(1.0, np.ones(1000))
    passes = relative_drop(Pair(same, same, False, True, rows, effective_rows=rows), 0.01)(0.95).high <= 0.01
    assert ("none can pass" in split_power_at_best(rows, GateSpec(), whole=True)) != passes


def test_what_is_counted_may_be_groups():
    texts = [
        split_power_at_best(50, GateSpec(max_relative_drop=limit), unit="groups of speaker")
        for limit in (0.01, 0)
    ]
    plain = [split_power_at_best(50, GateSpec(max_relative_drop=limit)) for limit in (0.01, 0)]
    assert texts == [text.replace("rows", "groups of speaker") for text in plain]
    assert "50 validation groups of speaker, " in texts[0]
    assert texts[1].endswith("no number of groups of speaker could show it")
