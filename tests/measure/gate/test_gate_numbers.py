"""Numbers that no measurement gives never reach the gate's arithmetic: it judges what a pipeline wrote."""

from dataclasses import replace

import numpy as np
import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE, Interval
from inc_mlflow.spec import GateSpec
from tests.support.gate_measurements import FAST, GATE, ROWS, found, measured, model, scores


def judged(pool, gate=GATE):
    return judge([model(BASELINE), model("int8")], {"local": pool}, gate)


def errors_per_row(kind):
    """A metric of which less is better: the candidate makes two errors where the baseline makes one."""
    one = np.r_[np.ones(ROWS - 3), [0, 2, 3]]
    return found(
        {BASELINE: one.astype(kind), "int8": (one + 1).astype(kind)}, {"int8": FAST}, higher_is_better=False
    )


def test_small_whole_numbers_do_not_wrap_a_loss_into_a_gain():
    assert judged(errors_per_row(np.float64)).verdict == "fail"
    with pytest.raises(DataError, match="the outcomes on pool 'local' are not one number each"):
        judged(errors_per_row(np.uint8))


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one[:, None],
        lambda one: np.repeat(one[:, None], 3, axis=1),
        lambda one: np.array(one.mean()),
        lambda one: one.astype(complex),
        lambda one: one.astype(str),
        lambda one: one.astype("M8[s]"),
    ],
)
def test_outcomes_are_one_number_per_row(change):
    pool = measured({"int8": (0, 0)}, {"int8": FAST})
    with pytest.raises(DataError, match="the outcomes on pool 'local' are not one number each"):
        judged(replace(pool, outcomes=pool.outcomes | {"int8": change(scores())}))


@pytest.mark.parametrize(
    "classes", [np.zeros(5, int), np.zeros((ROWS, 1), int), np.full(ROWS, np.nan), np.full(ROWS, "a")]
)
def test_classes_are_one_of_each_row(classes):
    pool = replace(measured({"int8": (0, 0)}, {"int8": FAST}), classes=classes)
    with pytest.raises(DataError, match=f"the classes on pool 'local' are not one of each of {ROWS} rows"):
        judged(pool, GateSpec(max_class_drop=0.1))


@pytest.mark.parametrize(
    "ratio",
    [
        (2.0, 2.1, 2.2),
        (2.0, 1.9, 1.8),
        (-2.0, -3.0, -1.0),
        (0.0, 0.0, 0.0),
        (5e-324, 5e-324, 2.0),
        (2.0, 1.9, 1e308),
    ],
)
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_a_speed_up_is_a_ratio_between_its_bounds(ratio, confidence):
    value, low, high = ratio
    pool = measured({"int8": (0, 0)}, {"int8": Interval(value=value, low=low, high=high)})
    with pytest.raises(DataError, match="the speed-ups on pool 'local' are no ratios with their bounds"):
        judged(pool, GateSpec(confidence=confidence))


@pytest.mark.parametrize("kind", ["source_speedup", "engine_speedup"])
def test_so_is_one_against_the_source_or_the_own_engine(kind):
    pool = measured({"int8": (0, 0)}, {"int8": FAST})
    record = pool.benchmark.model_copy(update={kind: {"int8": Interval(value=2.0, low=2.1, high=2.2)}})
    with pytest.raises(DataError, match="are no ratios with their bounds"):
        judged(replace(pool, benchmark=record), GateSpec())


@pytest.mark.parametrize("change", [{"confidence": 0.5}, {"confidence": 1.0}, {"confidence": -1.0}])
def test_bounds_have_a_confidence(change):
    pool = measured({"int8": (0, 0)}, {"int8": FAST})
    with pytest.raises(DataError, match="are no ratios with their bounds"):
        judged(replace(pool, benchmark=pool.benchmark.model_copy(update=change)), GateSpec(confidence=0.99))


def test_a_layout_that_cannot_be_read_is_refused():
    pool = measured({"int8": (0, 0)}, {"int8": FAST})
    with pytest.raises(DataError, match="the layout of pool 'local': 'x' is not like"):
        judged(replace(pool, benchmark=pool.benchmark.model_copy(update={"layout": "x"})))


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("decomposable", [True, False])
def test_outcomes_that_are_no_number_are_refused(broken, decomposable):
    """The value of a metric of all rows is not the mean of its resamples, so that does not show it."""
    pool = measured({"int8": (0, 0)}, {"int8": FAST}, decomposable=decomposable)
    outcomes = pool.outcomes | {"int8": np.r_[broken, scores()[1:]]}
    with pytest.raises(DataError, match="the top1 of int8 on pool 'local' is not that of its outcomes"):
        judged(replace(pool, outcomes=outcomes))
