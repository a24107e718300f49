"""The gate is a pure function: measurements in, a table, a verdict and its reasons out."""

import re
from dataclasses import replace

import numpy as np
import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.measure import paired
from inc_mlflow.measure.gate import Measured, judge
from inc_mlflow.measure.paired import ratio_bounds
from inc_mlflow.records import (
    BASELINE,
    BenchmarkRecord,
    Evaluated,
    EvaluationRecord,
    Evidence,
    HostFacts,
    Interval,
    Model,
    Slow,
)
from inc_mlflow.spec import GateSpec

HOST = HostFacts(cpu="a", isa=(), cores=1, system="Linux", runtime={})
ROWS = 2000
RIGHT = 1800
GATE = GateSpec()
PASS, UNSURE, FAIL = (0, 0), (20, 10), (80, 10)
"""Rows that a candidate loses and gains: with 2,000 rows and 1 % allowed each has a sure verdict."""
FAST = Interval(value=2.0, low=1.9, high=2.1)
SLOW = Interval(value=0.8, low=0.7, high=0.9)
EVEN = Interval(value=1.0, low=0.9, high=1.1)


def scores(lost=0, gained=0):
    right = np.r_[np.ones(RIGHT), np.zeros(ROWS - RIGHT)]
    right[:lost] = 0
    right[RIGHT : RIGHT + gained] = 1
    return right


def model(label, size=100, sha256=None):
    return Model(label=label, path=f"/{label}/model.onnx", sha256=sha256 or f"sha of {label}", size_bytes=size)


def measured(accuracy, speed, pool="local", valid=True, source=None, **changes):
    """What one pool found out about candidates: label -> (lost, gained), and label -> speed-up."""
    outcomes = {BASELINE: scores()} | {label: scores(*counts) for label, counts in accuracy.items()}
    evidence = Evidence(pool=pool, host=HOST, data_sha256="d", models={label: f"sha of {label}" for label in outcomes})
    results = {label: Evaluated(value=float(one.mean())) for label, one in outcomes.items()}
    evaluation = {"evidence": evidence, "split": "validation", "metric": "top1", "higher_is_better": True,
                  "decomposable": True, "rows": ROWS, "results": results, "outcomes_sha256": "o"}  # fmt: skip
    benchmark = BenchmarkRecord(
        evidence=evidence, valid=valid, reasons=() if valid else ("the host was too busy",), layout="1s1c1ins1bs",
        clock="thread CPU time", pinned_to=0, passes=1, models={}, speedup=speed, source_speedup=source or {},
        latencies_sha256="l",
    )  # fmt: skip
    return Measured(EvaluationRecord(**evaluation | changes), outcomes, benchmark)


def judged(accuracy, speedup, gate=GATE, **changes):
    """The verdict on one candidate, and its reasons by accuracy and by speed."""
    record = judge(
        [model(BASELINE), model("int8")], {"local": measured({"int8": accuracy}, {"int8": speedup}, **changes)}, gate
    )
    assert record.reasons == record.best().reasons
    return record.verdict, *record.reasons


@pytest.mark.parametrize(
    ("accuracy", "speedup", "verdict"),
    [
        (PASS, FAST, "pass"),
        (PASS, EVEN, "inconclusive"),
        (PASS, SLOW, "fail"),
        (UNSURE, FAST, "inconclusive"),
        (UNSURE, EVEN, "inconclusive"),
        (UNSURE, SLOW, "fail"),
        (FAIL, FAST, "fail"),
        (FAIL, EVEN, "fail"),
        (FAIL, SLOW, "fail"),
    ],
)
def test_the_worse_of_accuracy_and_speed_decides(accuracy, speedup, verdict):
    assert judged(accuracy, speedup)[0] == verdict


@pytest.mark.parametrize(
    ("accuracy", "reason"),
    [
        (PASS, r"top1 drops by 0 %, at most 0\.15 %; allowed is 1 %"),
        (FAIL, r"top1 drops by 3\.89 %, at least 3\.\d+ %; allowed is 1 %"),
        (
            UNSURE,
            r"top1 drops by 0\.56 %, but it could be 0\.\d+ % to 1\.\d+ %; allowed is 1 %, "
            r"about \d,\d{3} rows would decide, validation has 2,000",
        ),
    ],
)
def test_the_reason_of_accuracy_is_a_sentence_with_its_numbers(accuracy, reason):
    assert re.fullmatch(reason, judged(accuracy, FAST)[1])


@pytest.mark.parametrize(
    ("speedup", "reason"),
    [
        (FAST, "2.00x as fast as the baseline, at least 1.90x; needed is 1.00x"),
        (SLOW, "0.80x as fast as the baseline, at most 0.90x; needed is 1.00x"),
        (EVEN, "1.00x as fast as the baseline, but it could be 0.90x to 1.10x; needed is 1.00x"),
    ],
)
def test_the_reason_of_speed_is_a_sentence_with_its_numbers(speedup, reason):
    assert judged(PASS, speedup)[2] == reason


@pytest.mark.parametrize(
    ("gate", "verdict"),
    [({"min_speedup": 1.9}, "pass"), ({"min_speedup": 2.0}, "inconclusive"), ({"min_speedup": 2.2}, "fail")],
)
def test_the_jobs_own_limits_count(gate, verdict):
    assert judged(PASS, FAST, GateSpec(**gate))[0] == verdict
    assert judged(FAIL, FAST, GateSpec(max_relative_drop=0.1))[0] == "pass"


def test_the_rows_that_would_decide_really_decide():
    reason = judged(UNSURE, FAST)[1]
    needed = int(reason.partition("about ")[2].partition(" rows")[0].replace(",", ""))

    def high(factor):
        counts = [round(factor * n) for n in (RIGHT - 20, 20, 10)]
        return ratio_bounds(*counts, round(factor * ROWS), 10 / RIGHT, GATE.confidence).high

    assert high(1.1 * needed / ROWS) <= GATE.max_relative_drop < high(0.9 * needed / ROWS)


def test_a_drop_that_equals_the_limit_is_not_promised_a_number_of_rows():
    gate = GateSpec(max_relative_drop=10 / RIGHT)
    assert judged(UNSURE, FAST, gate)[1].endswith("and no number of rows can decide a drop that equals the limit")


@pytest.mark.parametrize("speedup", [FAST, EVEN])
def test_a_metric_that_is_no_number_fails(speedup):
    results = {BASELINE: Evaluated(value=0.9), "int8": Evaluated(value=None, reason="the metric gave NaN or infinity")}
    assert judged(PASS, speedup, results=results)[:2] == ("fail", "top1 is no number: the metric gave NaN or infinity")


@pytest.mark.parametrize("value", [None, 0.0])
def test_a_baseline_without_accuracy_judges_nothing(value):
    results = {BASELINE: Evaluated(value=value), "int8": Evaluated(value=0.9)}
    with pytest.raises(DataError, match=f"^gate: the baseline's top1 is {value}; check data, labels and metric"):
        judged(PASS, FAST, results=results)


def test_an_invalid_benchmark_is_inconclusive_however_fast_and_never_hides_a_failure():
    assert judged(PASS, FAST, valid=False)[::2] == ("inconclusive", "the speed could not be measured: the host was too busy")
    assert judged(PASS, SLOW, valid=False)[0] == "inconclusive"
    assert judged(FAIL, FAST, valid=False)[0] == "fail"


def test_a_missing_ratio_is_inconclusive():
    pool = measured({"int8": PASS}, {})
    record = judge([model(BASELINE), model("int8")], {"local": pool}, GATE)
    assert (record.verdict, record.reasons[1]) == ("inconclusive", "the speed could not be measured: no ratio")


def ratio(low):
    return Interval(value=low + 0.1, low=low, high=low + 0.2)


def test_rows_are_ordered_by_verdict_speed_accuracy_size_and_digest():
    table = {  # label: (lost and gained, speed-up, bytes), in the order they should come
        "fast": (PASS, ratio(3.0), 100),
        "right": ((0, 3), ratio(2.0), 100),
        "small": (PASS, ratio(2.0), 50),
        "a": (PASS, ratio(2.0), 100),
        "b": (PASS, ratio(2.0), 100),
        "unsure": (UNSURE, ratio(9.0), 10),
        "wrong": (FAIL, ratio(9.0), 1),
        "slow": (FAIL, ratio(0.1), 1),
    }
    pool = measured({label: one[0] for label, one in table.items()}, {label: one[1] for label, one in table.items()})
    for labels in (list(table), list(table)[::-1]):
        models = [model(BASELINE), *(model(label, table[label][2]) for label in labels)]
        record = judge(models, {"local": pool}, GATE)
        assert [row.recipe for row in record.table] == [BASELINE, *table]
        assert (record.verdict, record.best().recipe) == ("pass", "fast")


def test_where_lower_is_better_the_lower_value_comes_first(monkeypatch):
    monkeypatch.setattr(paired, "RESAMPLES", 99)
    pool = measured({"a": (0, 0), "b": (0, 3)}, {"a": FAST, "b": FAST}, higher_is_better=False)
    record = judge([model(BASELINE), model("b"), model("a")], {"local": pool}, GateSpec(max_relative_drop=0.5))
    assert [row.recipe for row in record.table[1:]] == ["a", "b"]


def test_the_baseline_stands_first_without_verdict_or_reasons():
    source = {BASELINE: ratio(1.0), "int8": ratio(1.5)}
    pool = measured({"int8": PASS}, {"int8": FAST}, source=source)
    baseline, row = judge([model(BASELINE), model("int8")], {"local": pool}, GATE).table
    assert (baseline.verdict, baseline.reasons, baseline.relative_drop.value, baseline.speedup.value) == (None, (), 0, 1)
    assert baseline.accuracy.low < baseline.accuracy.value == 0.9 < baseline.accuracy.high
    assert (row.source_speedup, row.speedup) == (source["int8"], FAST)


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
    return judge([model(BASELINE), model("int8")], {"local": measured({"int8": native}, {"int8": speed}), AVX2: emulated}, GATE)


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
    assert re.fullmatch(rf"on {AVX2}: top1 drops by 3\.89 %, at least 3\.\d+ %; allowed is 1 %", row.reasons[-1])
    assert [reason.partition(": ")[0] for reason in row.reasons] == ["on local", "on local", f"on {AVX2}"]
    assert (row.accuracy, row.relative_drop) == (row.per_pool[AVX2].accuracy, row.per_pool[AVX2].relative_drop)


def test_where_the_real_pool_is_worse_the_row_shows_that_one():
    row = beside_emulated(PASS, native=UNSURE).best()
    assert row.relative_drop == row.per_pool["local"].relative_drop != row.per_pool[AVX2].relative_drop


def test_emulated_pools_alone_decide_nothing():
    emulated = replace(measured({"int8": PASS}, {}, AVX2), benchmark=None)
    with pytest.raises(DataError, match=r"^gate: no pool has a benchmark, emulated pools alone decide nothing"):
        judge([model(BASELINE), model("int8")], {AVX2: emulated}, GATE)


def test_pools_that_saw_other_rows_are_not_compared():
    pool, other = measured({"int8": PASS}, {"int8": FAST}), measured({"int8": PASS}, {}, AVX2)
    evidence = other.evaluation.evidence.model_copy(update={"data_sha256": "others"})
    emulated = replace(other, benchmark=None, evaluation=other.evaluation.model_copy(update={"evidence": evidence}))
    with pytest.raises(DataError, match=r"^gate: not all pools were evaluated on the same rows"):
        judge([model(BASELINE), model("int8")], {"local": pool, AVX2: emulated}, GATE)


@pytest.mark.parametrize(
    ("models", "pool", "message"),
    [
        (
            [model(BASELINE), model("int8", sha256="another")],
            "local",
            "gate: the evaluation on pool 'local' is about other models",
        ),
        (
            [model(BASELINE), model("int8"), model("int4")],
            "local",
            "gate: the evaluation on pool 'local' is about other models",
        ),
        ([model(BASELINE), model("int8")], "arm", "gate: the evaluation was made on pool 'local', not 'arm'; measure there"),
    ],
)
def test_evidence_about_other_models_or_another_pool_is_refused(models, pool, message):
    with pytest.raises(DataError) as raised:
        judge(models, {pool: measured({"int8": PASS}, {"int8": FAST})}, GATE)
    assert str(raised.value).startswith(message)


def test_a_benchmark_of_other_models_is_refused_too():
    pool, other = (measured({"int8": PASS}, {"int8": FAST}, name) for name in ("local", "arm"))
    with pytest.raises(DataError, match=r"^gate: the benchmark was made on pool 'arm'"):
        judge([model(BASELINE), model("int8")], {"local": Measured(pool.evaluation, pool.outcomes, other.benchmark)}, GATE)


def test_the_reasons_say_why_a_candidate_is_slow():
    pool = measured({"int8": PASS}, {"int8": SLOW})
    why = Slow(seconds=2, baseline_seconds=1, causes=(), summary="of its time, 41 % goes to conversions")
    explained = replace(pool, benchmark=pool.benchmark.model_copy(update={"slow": {"int8": why}}))
    record = judge([model(BASELINE), model("int8")], {"local": explained}, GATE)
    assert (record.verdict, record.best().reasons[-1]) == ("fail", why.summary)
    assert record.table[0].reasons == ()
