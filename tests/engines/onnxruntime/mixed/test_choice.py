"""What is built and what is tried: outputs that are far off are no choice, however fast the model is."""

import pytest

from inc_mlflow.engines.onnxruntime.mixed.choice import (
    USABLE,
    MeasuredAssignment,
    to_build,
    underestimated,
    worth_a_trial,
)
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment


def assignment(number):
    return Assignment(frozenset({str(number)}))


def measured(*pairs):
    return [MeasuredAssignment(assignment(i), seconds, error) for i, (seconds, error) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("pairs", "factor"),
    [([], 1.0), ([(0.0, 5.0)], 1.0), ([(0.1, 0.01)], 1.0), ([(0.1, 0.2), (0.1, 0.4), (0.1, 9.0)], 4.0)],
)
def test_errors_that_were_larger_than_predicted_are_expected_again(pairs, factor):
    assert underestimated(pairs) == pytest.approx(factor)


def test_what_is_built_is_spread_over_what_is_expected_to_be_of_use():
    solved = [(assignment(number), 8.0 / 2**number) for number in range(12)]
    built = to_build(solved)
    first = next(number for number in range(12) if 8.0 / 2**number <= USABLE)
    assert built == [assignment(number) for number in (first, (first + 11) // 2, 11)]


def test_without_anything_of_use_the_most_exact_are_built():
    assert to_build([(assignment(number), 9.0) for number in range(5)]) == [assignment(n) for n in (2, 3, 4)]


def test_the_front_holds_neither_what_is_far_off_nor_what_has_no_kernel():
    found = measured((1.0, 0.8), (1.2, 0.1), (1.3, 0.2), (1.4, 0.01), (1.9, 0.001))
    floats = MeasuredAssignment(assignment(9), 1.0, 0.0, whole=False)
    assert worth_a_trial([*found, floats], 2.0) == [found[1], found[3]], "the last gains little"


def test_what_is_nearly_the_fastest_is_tried_too():
    found = measured((1.0, 0.1), (1.02, 0.1), (1.04, 0.1))
    assert worth_a_trial(found, 2.0) == found[:2]
