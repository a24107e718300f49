"""A metric by which one answer for all rows is as good as the baseline: nothing passes by it."""

from dataclasses import replace

import numpy as np
import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE
from inc_mlflow.spec import GateSpec
from tests.support.gate_measurements import FAIL, FAST, GATE, PASS, RIGHT, ROWS, measured, model, scores


def constant(right, accuracy=PASS, pool="local", **changes):
    """Measurements in which one answer is right on so many of the rows that the baseline has right."""
    outcomes = np.r_[np.ones(right), np.zeros(ROWS - right)]
    found = measured(
        {"int8": accuracy}, {"int8": FAST}, pool, constant_score=float(outcomes.mean()), **changes
    )
    return replace(found, constant=outcomes)


def judged(found, gate=GATE):
    return judge([model(BASELINE), model("int8")], {found.evaluation.evidence.pool: found}, gate)


@pytest.mark.parametrize(
    ("right", "gate", "verdict"),
    [
        (RIGHT, {}, "inconclusive"),
        (RIGHT - 18, {}, "inconclusive"),
        (RIGHT - 19, {}, "pass"),
        (RIGHT - 19, {"max_relative_drop": 0.02}, "inconclusive"),
        (RIGHT - 19, {"max_relative_drop": 0.02, "max_absolute_drop": 0.005}, "pass"),
        (RIGHT - 19, {"max_absolute_drop": 0.01}, "inconclusive"),
        (0, {}, "pass"),
    ],
)
def test_one_answer_within_every_limit_decides_nothing(right, gate, verdict):
    assert judged(constant(right), GateSpec(**gate)).verdict == verdict


def test_the_reason_says_what_the_answer_scores_and_what_to_do():
    record = judged(constant(RIGHT))
    assert (
        "top1 cannot tell this model from one that gives the same answer for all rows: that has 0.9, the "
        "baseline 0.9, allowed is a loss of 1 %; choose another metric, or rows that need different answers"
    ) in record.reasons


def test_what_fails_still_fails():
    assert judged(constant(RIGHT, FAIL)).verdict == "fail"


def test_where_lower_is_better_the_answer_has_to_be_higher():
    metric = {"higher_is_better": False, "metric": "errors"}
    gate = GateSpec(max_relative_drop=0.05)
    assert judged(constant(ROWS, **metric), gate).verdict == "pass"
    assert judged(constant(RIGHT, **metric), gate).verdict == "inconclusive"


def test_a_limit_on_the_worst_class_sees_what_all_rows_hide():
    """Of 2,000 rows 1,980 are of class 0: the share of right rows hardly changes, that of class 1 does."""
    classes = np.r_[np.zeros(ROWS - 20, int), np.ones(20, int)]
    right = scores() * 0 + 1
    blind = np.where(classes == 0, 1.0, 0.0)
    found = replace(
        measured({"int8": PASS}, {"int8": FAST}),
        outcomes={BASELINE: right, "int8": right},
        classes=classes,
        constant=blind,
    )
    results = {
        label: one.model_copy(update={"value": 1.0}) for label, one in found.evaluation.results.items()
    }
    found = replace(
        found, evaluation=found.evaluation.model_copy(update={"results": results, "constant_score": 0.99})
    )
    assert judged(found).verdict == "inconclusive"
    told = judged(found, GateSpec(max_relative_drop=0.01, max_class_drop=0.5))
    assert not any("cannot tell" in reason for reason in told.reasons)


@pytest.mark.parametrize(
    ("outcomes", "score"),
    [
        (None, 0.9),
        (scores(), None),
        (scores(), 0.5),
        (scores()[:-1], 0.9),
        (scores().astype(int), 0.9),
    ],
)
def test_a_score_that_is_not_that_of_its_outcomes_is_refused(outcomes, score):
    found = measured({"int8": PASS}, {"int8": FAST}, constant_score=score)
    with pytest.raises(DataError, match="outcomes of a constant answer on pool 'local' are not those"):
        judged(replace(found, constant=outcomes))


def test_it_has_to_tell_on_every_pool_that_counts():
    pools = {"x86": constant(0, pool="x86"), "arm": constant(RIGHT, pool="arm")}
    models = [model(BASELINE), model("int8")]
    assert judge(models, pools, GateSpec()).verdict == "inconclusive"
    informative = GateSpec(pools={"arm": {"role": "informative"}})
    assert judge(models, pools, informative).verdict == "pass"
