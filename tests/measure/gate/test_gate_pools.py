"""The gate over several pools, real and emulated: the worst decides, and emulated ones never save a
candidate."""

import re
from dataclasses import replace

import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE
from tests.support.gate_measurements import EVEN, FAIL, FAST, GATE, PASS, SLOW, UNSURE, measured, model


def two(other_accuracy, other_speed):
    pools = {
        "x86": measured({"int8": PASS}, {"int8": FAST}, "x86"),
        "arm": measured({"int8": other_accuracy}, {"int8": other_speed}, "arm"),
    }
    return judge([model(BASELINE), model("int8")], pools, GATE)


@pytest.mark.parametrize(
    ("accuracy", "speed", "verdict"),
    [
        (PASS, FAST, "pass"),
        (PASS, EVEN, "inconclusive"),
        (UNSURE, FAST, "inconclusive"),
        (FAIL, FAST, "fail"),
        (PASS, SLOW, "fail"),
    ],
)
def test_the_worst_of_two_pools_decides_and_gives_the_rows_numbers(accuracy, speed, verdict):
    record = two(accuracy, speed)
    row = record.best()
    assert record.verdict == row.verdict == row.per_pool["arm"].verdict == verdict
    assert row.per_pool["x86"].verdict == "pass"
    assert len(row.reasons) == 4
    if verdict != "pass":
        assert (row.speedup, row.relative_drop) == (speed, row.per_pool["arm"].relative_drop)


AVX2 = "emulated x86-avx2"


def beside_emulated(accuracy, speed=FAST, native=PASS):
    emulated = replace(measured({"int8": accuracy}, {}, AVX2), benchmark=None)
    return judge(
        [model(BASELINE), model("int8")],
        {"local": measured({"int8": native}, {"int8": speed}), AVX2: emulated},
        GATE,
    )


@pytest.mark.parametrize(
    ("accuracy", "speed", "native", "verdict"),
    [
        (PASS, FAST, PASS, "pass"),
        (UNSURE, FAST, PASS, "inconclusive"),
        (FAIL, FAST, PASS, "fail"),
        (PASS, SLOW, PASS, "fail"),
        (PASS, EVEN, PASS, "inconclusive"),
        (PASS, FAST, FAIL, "fail"),
    ],
)
def test_an_emulated_pool_can_fail_a_candidate_and_never_saves_one(accuracy, speed, native, verdict):
    row = beside_emulated(accuracy, speed, native).best()
    assert row.verdict == verdict
    assert row.speedup == row.per_pool["local"].speedup == speed
    assert row.per_pool[AVX2].speedup is None


def test_the_reason_names_the_emulated_pool_and_the_row_shows_its_accuracy():
    row = beside_emulated(FAIL).best()
    assert re.fullmatch(
        rf"on {AVX2}: top1 drops by 3\.89 %, at least 3\.\d+ %; allowed is 1 %", row.reasons[-1]
    )
    assert [reason.partition(": ")[0] for reason in row.reasons] == ["on local", "on local", f"on {AVX2}"]
    assert (row.accuracy, row.relative_drop) == (
        row.per_pool[AVX2].accuracy,
        row.per_pool[AVX2].relative_drop,
    )


def test_where_the_real_pool_is_worse_the_row_shows_that_one():
    row = beside_emulated(PASS, native=UNSURE).best()
    assert row.relative_drop == row.per_pool["local"].relative_drop != row.per_pool[AVX2].relative_drop


def test_emulated_pools_alone_decide_nothing():
    emulated = replace(measured({"int8": PASS}, {}, AVX2), benchmark=None)
    with pytest.raises(DataError, match=r"^gate: no pool is required; emulated ones"):
        judge([model(BASELINE), model("int8")], {AVX2: emulated}, GATE)


def test_pools_that_saw_other_rows_are_not_compared():
    pool, other = measured({"int8": PASS}, {"int8": FAST}), measured({"int8": PASS}, {}, AVX2)
    evidence = other.evaluation.evidence.model_copy(update={"data_sha256": "others"})
    emulated = replace(
        other, benchmark=None, evaluation=other.evaluation.model_copy(update={"evidence": evidence})
    )
    with pytest.raises(DataError, match=r"^gate: not all pools were evaluated on the same rows"):
        judge([model(BASELINE), model("int8")], {"local": pool, AVX2: emulated}, GATE)
