"""Several metrics: all that have a limit must hold, each by its own; what is informative decides nothing."""

from dataclasses import replace

import numpy as np
import pytest

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE
from inc_mlflow.spec import GateSpec
from tests.support.gate_measurements import FAIL, FAST, GATE, PASS, SLOW, UNSURE, model
from tests.support.several_metrics import SECOND, by_two

MODELS = [model(BASELINE), model("int8")]
SPEED = {"int8": FAST}


def judged(first, second, gate=GATE, speed=None, **limits):
    found = by_two({"int8": first}, {"int8": second}, speed or SPEED, **limits)
    return judge(MODELS, {"local": found}, gate)


def verdicts(judgement):
    row = judgement.best()
    return row.verdict, {name: one.verdict for name, one in row.metrics.items()}


@pytest.mark.parametrize(
    ("first", "second", "verdict", "by_metric"),
    [
        (PASS, PASS, "pass", ("pass", "pass")),
        (PASS, FAIL, "fail", ("pass", "fail")),
        (FAIL, PASS, "fail", ("fail", "pass")),
        (PASS, UNSURE, "inconclusive", ("pass", "inconclusive")),
        (UNSURE, FAIL, "fail", ("inconclusive", "fail")),
        (PASS, None, "fail", ("pass", "fail")),
    ],
)
def test_a_candidate_has_to_pass_by_every_metric(first, second, verdict, by_metric):
    judgement = judged(first, second)
    assert verdicts(judgement) == (verdict, dict(zip(["top1", SECOND], by_metric, strict=True)))
    assert [one.name for one in judgement.metrics] == ["top1", SECOND]
    assert judgement.best().per_pool["local"].metrics == judgement.best().metrics


def test_reasons_name_the_metric_and_its_limit():
    reasons = judged(PASS, FAIL, relative=0.02).best().reasons
    assert reasons[0].startswith("top1 drops by 0 %")
    assert reasons[1].startswith("exact_match drops by 3.89 %")
    assert "allowed is 2 %" in reasons[1]
    assert judged(PASS, None).best().reasons[1] == "exact_match is no number: the metric gave NaN or infinity"


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ({}, "fail"),
        ({"relative": 0.1}, "pass"),
        ({"absolute": 0.1}, "pass"),
        ({"absolute": 0.001}, "fail"),
        ({"relative": 0.1, "absolute": 0.001}, "fail"),
        ({"informative": True}, "pass"),
    ],
)
def test_its_own_limits_stand_in_place_of_the_gates(limits, verdict):
    assert judged(PASS, FAIL, **limits).verdict == verdict


def test_a_metric_for_information_is_shown_without_a_verdict_and_says_nothing():
    judgement = judged(PASS, FAIL, informative=True)
    assert verdicts(judgement) == ("pass", {"top1": "pass", SECOND: None})
    assert judgement.best().metrics[SECOND].relative_drop.value == pytest.approx(70 / 1800)
    assert not any(SECOND in reason for reason in judgement.reasons)
    assert [one.informative for one in judgement.metrics] == [False, True]


def test_a_metric_for_information_that_is_no_number_or_zero_refuses_nothing():
    assert judged(PASS, None, informative=True).verdict == "pass"
    found = by_two({"int8": PASS}, {"int8": PASS}, SPEED, informative=True)
    none = replace(found.further[0], outcomes={name: np.zeros(2000) for name in ("baseline", "int8")})
    zero = {name: one.model_copy(update={"value": 0.0}) for name, one in none.evaluation.results.items()}
    none = replace(none, evaluation=none.evaluation.model_copy(update={"results": zero}))
    judgement = judge(MODELS, {"local": replace(found, further=(none,))}, GATE)
    assert (judgement.verdict, judgement.best().metrics[SECOND].relative_drop) == ("pass", None)


def test_a_second_metric_that_cannot_tell_models_apart_is_never_promoted():
    assert judged(PASS, PASS, constant=0.899).verdict == "inconclusive"
    assert "exact_match cannot tell this model" in judged(PASS, PASS, constant=0.899).best().reasons[-2]
    assert judged(PASS, PASS, constant=0.899, informative=True).verdict == "pass"


def test_a_gate_in_the_unit_of_the_first_metric_says_nothing_about_another():
    gate = GateSpec(max_absolute_drop=0.01)
    assert judged(PASS, PASS, gate, relative=0.01).verdict == "pass"
    with pytest.raises(SpecError, match="give exact_match a limit of its own"):
        judged(PASS, PASS, gate)


def test_classes_are_those_of_the_first_metric():
    found = by_two({"int8": PASS}, {"int8": PASS}, SPEED)
    found = replace(found, classes=np.arange(2000) % 2)
    judgement = judge(MODELS, {"local": found}, GateSpec(max_class_drop=0.05, max_relative_drop=0.01))
    assert judgement.verdict == "pass"
    assert not any(f"{SECOND} of class" in reason for reason in judgement.reasons)


def test_the_first_orders_the_rows_and_the_worst_pool_is_shown_of_each_metric():
    pools = {
        "local": by_two({"int8": PASS}, {"int8": UNSURE}, SPEED),
        "arm": by_two({"int8": UNSURE}, {"int8": PASS}, {"int8": SLOW}, pool="arm"),
    }
    row = judge(MODELS, pools, GATE).best()
    assert row.verdict == "fail", "it is slow on arm"
    assert row.accuracy == row.metrics["top1"].accuracy == row.per_pool["arm"].accuracy
    assert row.metrics[SECOND].accuracy == row.per_pool["local"].metrics[SECOND].accuracy
    assert {name: one.verdict for name, one in row.metrics.items()} == dict.fromkeys(
        ["top1", SECOND], "inconclusive"
    )


def test_the_spread_between_pools_is_judged_by_each_metric():
    gate = GateSpec(max_relative_drop=0.1, max_pool_spread=0.01)
    pools = {
        "local": by_two({"int8": PASS}, {"int8": PASS}, SPEED),
        "arm": by_two({"int8": PASS}, {"int8": FAIL}, SPEED, pool="arm"),
    }
    row = judge(MODELS, pools, gate).best()
    assert (row.verdict, row.metrics[SECOND].verdict, row.metrics["top1"].verdict) == ("fail", "fail", "pass")
    assert row.reasons[-1].startswith("exact_match from local to arm drops by")


def test_pools_with_other_further_metrics_are_not_compared():
    pools = {
        "local": by_two({"int8": PASS}, {"int8": PASS}, SPEED),
        "arm": by_two({"int8": PASS}, {"int8": PASS}, SPEED, pool="arm", relative=0.5),
    }
    with pytest.raises(DataError, match="on the same rows by the same metric"):
        judge(MODELS, pools, GATE)


def test_outcomes_of_a_further_metric_that_are_not_those_of_its_value_are_refused():
    found = by_two({"int8": PASS}, {"int8": FAIL}, SPEED)
    forged = {name: np.ones(2000) for name in ("baseline", "int8")}
    with pytest.raises(DataError, match="the exact_match of baseline on pool 'local' is not that of"):
        judge(MODELS, {"local": replace(found, further=(replace(found.further[0], outcomes=forged),))}, GATE)
