"""What a search keeps of its trials, and what it hands to the gate."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.records import Interval, TrialMetric
from inc_mlflow.search.front import accepted, beaten_by, front, shortlist, surely_within
from tests.support.toy_search import ToyRecipe, trial

numbered = st.builds(
    lambda number, **more: trial(ToyRecipe(fp32=(str(number),)), **more),
    number=st.integers(0, 30),
    speed=st.floats(0.3, 4.0),
    drop=st.floats(-0.01, 0.2),
    error=st.floats(0, 1),
    rejected=st.sampled_from([None, None, "drops"]),
)
many = st.lists(numbered, max_size=12, unique_by=lambda one: one.recipe["fp32"][0])


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
        trial(ToyRecipe(), speed=1.47, drop=0.0),
        trial(ToyRecipe(number=1), speed=1.48, drop=0.006),
    )
    assert front([lucky, exact]) == [exact]


def test_of_two_alike_the_one_that_was_tried_first_stays():
    simple, refined = (
        trial(ToyRecipe(), speed=1.47, error=0.0101),
        trial(ToyRecipe(corrected=True), speed=1.48, error=0.01),
    )
    assert front([simple, refined]) == [simple]


def test_rows_that_prove_nothing_do_not_outweigh_the_distance_of_the_outputs():
    lucky = trial(ToyRecipe(), error=0.056).model_copy(
        update={"relative_drop": Interval(value=-0.005, low=-0.015, high=0.005)}
    )
    near = trial(ToyRecipe(method="fine"), error=0.047).model_copy(
        update={"relative_drop": Interval(value=-0.002, low=-0.012, high=0.008)}
    )
    assert front([lucky, near]) == [near]


def test_a_drop_that_the_rows_do_not_prove_is_luck_however_large_it_looks():
    """Six rows of a thousand may be lost by chance; the distance of the outputs has a value for every row."""
    unlucky = trial(ToyRecipe(), error=0.01).model_copy(
        update={"relative_drop": Interval(value=0.006, low=-0.002, high=0.014)}
    )
    lucky = trial(ToyRecipe(method="fine"), error=0.05)
    assert front([lucky, unlucky]) == [unlucky]


def test_places_that_are_left_go_to_second_choices_that_are_nearly_as_fast():
    first, second = trial(ToyRecipe(), speed=2.0), trial(ToyRecipe(number=1), speed=1.95, drop=0.004)
    slow = trial(ToyRecipe(method="fine"), speed=1.5, drop=0.004)
    assert shortlist([first, second, slow]) == [first, second]


def test_of_many_second_choices_the_most_exact_ones_get_the_places_that_are_left():
    best = trial(ToyRecipe(method="fine"), speed=2.0, error=0.01)
    near = [trial(ToyRecipe(number=number), speed=1.95, error=0.5 - 0.1 * number) for number in range(5)]
    assert shortlist([best, *near]) == [best, near[4], near[3]]


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
        trial(ToyRecipe(), speed=3, error=0.09, high=0.02),
        trial(ToyRecipe(number=1), speed=1.1, error=0.01),
    ]
    unsure = trial(ToyRecipe(method="fine"), speed=2.5, error=0.06, high=0.02)
    sure = trial(ToyRecipe(method="fine", number=1), speed=2, error=0.03, high=0.009)
    assert shortlist([*ends, unsure, sure]) == [ends[0], sure, ends[1]]


def test_where_nothing_is_accepted_the_least_bad_is_handed_over():
    slow = trial(ToyRecipe(), speed=0.5, drop=0, rejected="slow")
    bad = trial(ToyRecipe(method="fine"), speed=2, drop=0.2, rejected="drops")
    worse = trial(ToyRecipe(method="fine", number=1), speed=3, drop=0.4, rejected="drops")
    assert shortlist([slow, bad, worse]) == [bad], "faster than FP32, and of those the one that loses least"
    assert shortlist([trial(rejected="nothing", sha256=None)]) == []


def test_a_protected_model_takes_the_place_of_its_unprotected_form():
    plain, safe = trial(ToyRecipe(), speed=2.02), trial(ToyRecipe(guarded=True), speed=2.0)
    assert shortlist([plain, safe]) == [safe]
    lost = safe.model_copy(update={"rejected": "drops"})
    assert shortlist([plain, lost]) == [plain]


def test_a_trial_is_beaten_by_one_that_is_faster_beyond_noise_and_nearer():
    found = trial(speed=2.0, error=0.01)
    assert beaten_by(1.5, 0.02, [found], 0.05) == found
    assert beaten_by(1.95, 0.02, [found], 0.05) is None, "as fast within noise"
    assert beaten_by(1.5, 0.005, [found], 0.05) is None, "nearer itself"
    assert beaten_by(1.5, 0.02, [trial(speed=2.0, rejected="drops")], 0.05) is None


def scored(drop, limit=0.01):
    return TrialMetric(accuracy=0.9, relative_drop=Interval.exact(drop), max_relative_drop=limit)


def test_of_several_metrics_the_one_nearest_to_its_limit_counts():
    plain = trial(ToyRecipe(), speed=1.5, drop=0.0, error=0.01)
    worse = plain.model_copy(update={"further": {"exact_match": scored(0.009)}, "recipe": {"a": 1}})
    assert surely_within(worse)
    assert not surely_within(plain.model_copy(update={"further": {"exact_match": scored(0.011)}}))
    assert front([worse, plain]) == [plain], "as fast, and exact by both"
