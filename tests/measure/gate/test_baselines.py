"""Several engines have a baseline each: candidates have to beat the fastest, and no baseline is judged."""

from dataclasses import replace

import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE, Interval
from tests.support.gate_measurements import FAST, GATE, PASS, SLOW, measured, model

OTHER = f"{BASELINE} other"


def judged(against, speed):
    """Judge one candidate beside two baselines; ``speed`` has the ratios against one of them."""
    pool = measured({"int8": PASS, OTHER: (10, 0)}, speed)
    pool = replace(pool, benchmark=pool.benchmark.model_copy(update={"against": against}))
    return judge([model(BASELINE), model(OTHER), model("int8")], {"local": pool}, GATE)


def test_baselines_come_first_and_have_no_verdict():
    record = judged(OTHER, {"int8": FAST, BASELINE: SLOW})
    assert [(row.recipe, row.verdict) for row in record.table] == [
        (BASELINE, None),
        (OTHER, None),
        ("int8", "pass"),
    ]
    assert [row.speedup.value for row in record.table] == [SLOW.value, 1.0, FAST.value]
    assert record.table[1].relative_drop.value == pytest.approx(10 / 1800), "against the first baseline"


@pytest.mark.parametrize(
    ("against", "faster"),
    [(BASELINE, {OTHER: Interval(value=1.2, low=1.1, high=1.3)}), ("int8", {}), ("baseline of nobody", {})],
    ids=["a slower baseline", "a candidate", "an unknown model"],
)
def test_speed_ups_against_anything_but_the_fastest_baseline_are_refused(against, faster):
    with pytest.raises(
        DataError, match="on pool 'local' are not against its fastest baseline; benchmark again"
    ):
        judged(against, {"int8": FAST, **faster})


def test_baselines_without_a_candidate_are_not_judged():
    pool = measured({OTHER: PASS}, {OTHER: SLOW})
    with pytest.raises(DataError, match="judges the baseline and candidates of different names"):
        judge([model(BASELINE), model(OTHER)], {"local": pool}, GATE)
