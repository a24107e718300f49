"""The gate is a pure function: measurements in, a table, a verdict and its reasons out."""

import re
from dataclasses import replace

import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.stats.binary import relative_bounds
from inc_mlflow.records import BASELINE, Evaluated, Interval, Slow
from inc_mlflow.spec import GateSpec
from tests.support.gate_measurements import (
    EVEN,
    FAIL,
    FAST,
    GATE,
    PASS,
    RIGHT,
    ROWS,
    SLOW,
    UNSURE,
    measured,
    model,
)


def judged(accuracy, speedup, gate=GATE, **changes):
    """The verdict on one candidate, and its reasons by accuracy and by speed."""
    record = judge(
        [model(BASELINE), model("int8")],
        {"local": measured({"int8": accuracy}, {"int8": speedup}, **changes)},
        gate,
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
        (PASS, r"top1 drops by 0 %, at most 0\.17 %; allowed is 1 %"),
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
        return relative_bounds(*counts, round(factor * ROWS), GATE.confidence).high

    assert high(1.1 * needed / ROWS) <= GATE.max_relative_drop < high(0.8 * needed / ROWS)


def test_a_drop_that_equals_the_limit_is_not_promised_a_number_of_rows():
    gate = GateSpec(max_relative_drop=10 / RIGHT)
    assert judged(UNSURE, FAST, gate)[1].endswith(
        "and no number of rows can decide a loss that equals the limit"
    )


@pytest.mark.parametrize("speedup", [FAST, EVEN])
def test_a_metric_that_is_no_number_fails(speedup):
    results = {
        BASELINE: Evaluated(value=0.9, size_bytes=1),
        "int8": Evaluated(value=None, reason="the metric gave NaN or infinity", size_bytes=1),
    }
    assert judged(PASS, speedup, results=results)[:2] == (
        "fail",
        "top1 is no number: the metric gave NaN or infinity",
    )


@pytest.mark.parametrize(
    ("value", "message"), [(None, "the baseline's top1 is None; check data"), (0.0, "the top1 of baseline")]
)
def test_a_baseline_without_accuracy_judges_nothing(value, message):
    results = {BASELINE: Evaluated(value=value, size_bytes=1), "int8": Evaluated(value=0.9, size_bytes=1)}
    with pytest.raises(DataError, match=f"^gate: {message}"):
        judged(PASS, FAST, results=results)


def test_an_invalid_benchmark_is_inconclusive_however_fast_and_never_hides_a_failure():
    assert judged(PASS, FAST, valid=False)[::2] == (
        "inconclusive",
        "the speed could not be measured: the host was too busy",
    )
    assert judged(PASS, SLOW, valid=False)[0] == "inconclusive"
    assert judged(FAIL, FAST, valid=False)[0] == "fail"


def test_a_missing_ratio_is_inconclusive():
    pool = measured({"int8": PASS}, {})
    record = judge([model(BASELINE), model("int8")], {"local": pool}, GATE)
    assert (record.verdict, record.reasons[1]) == (
        "inconclusive",
        "the speed could not be measured: no ratio",
    )


def ratio(low):
    return Interval(value=low + 0.1, low=low, high=low + 0.2)


def test_rows_are_ordered_by_verdict_speed_size_accuracy_and_digest():
    table = {  # label: (lost and gained, speed-up, bytes), in the order they should come
        "fast": (PASS, ratio(3.0), 100),
        "small": (PASS, ratio(2.0), 50),
        "right": ((0, 3), ratio(2.0), 100),
        "a": (PASS, ratio(2.0), 100),
        "b": (PASS, ratio(2.0), 100),
        "unsure": (UNSURE, ratio(9.0), 10),
        "wrong": (FAIL, ratio(9.0), 1),
        "slow": (FAIL, ratio(0.1), 1),
    }
    pool = measured(
        {label: one[0] for label, one in table.items()}, {label: one[1] for label, one in table.items()}
    )
    for labels in (list(table), list(table)[::-1]):
        models = [model(BASELINE), *(model(label, table[label][2]) for label in labels)]
        record = judge(models, {"local": pool}, GATE)
        assert [row.recipe for row in record.table] == [BASELINE, *table]
        assert (record.verdict, record.best().recipe) == ("pass", "fast")


@pytest.mark.parametrize("limit", [{}, {"max_absolute_drop": 0.01}])
def test_where_lower_is_better_what_gets_worse_rises(limit):
    record = judge(
        [model(BASELINE), model("int8")],
        {"local": measured({"int8": (0, 80)}, {"int8": FAST}, metric="wer", higher_is_better=False)},
        GateSpec(**limit),
    )
    assert record.verdict == "fail"
    assert record.reasons[0].startswith("wer rises by ")
    assert not any("drop" in reason for reason in record.reasons)


def test_where_lower_is_better_the_lower_value_comes_first():
    pool = measured({"a": (0, 0), "b": (0, 3)}, {"a": FAST, "b": FAST}, higher_is_better=False)
    record = judge(
        [model(BASELINE), model("b"), model("a")], {"local": pool}, GateSpec(max_relative_drop=0.5)
    )
    assert [row.recipe for row in record.table[1:]] == ["a", "b"]


def test_the_baseline_stands_first_without_verdict_or_reasons():
    source = {BASELINE: ratio(1.0), "int8": ratio(1.5)}
    pool = measured({"int8": PASS}, {"int8": FAST}, source=source)
    baseline, row = judge([model(BASELINE), model("int8")], {"local": pool}, GATE).table
    assert (baseline.verdict, baseline.reasons, baseline.relative_drop.value, baseline.speedup.value) == (
        None,
        (),
        0,
        1,
    )
    assert baseline.accuracy.low < baseline.accuracy.value == 0.9 < baseline.accuracy.high
    assert (row.source_speedup, row.speedup) == (source["int8"], FAST)


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
        (
            [model(BASELINE), model("int8")],
            "arm",
            "gate: the evaluation was made on pool 'local', not 'arm'; measure there",
        ),
    ],
)
def test_evidence_about_other_models_or_another_pool_is_refused(models, pool, message):
    with pytest.raises(DataError) as raised:
        judge(models, {pool: measured({"int8": PASS}, {"int8": FAST})}, GATE)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("split", ["tuning", "calibration", "training"])
def test_rows_that_a_candidate_was_chosen_on_do_not_judge_it(split):
    with pytest.raises(DataError, match=f"^gate: pool 'local' was evaluated on {split}; validation judges"):
        judged(PASS, FAST, split=split)


def test_a_benchmark_of_other_models_is_refused_too():
    pool, other = (measured({"int8": PASS}, {"int8": FAST}, name) for name in ("local", "arm"))
    with pytest.raises(DataError, match=r"^gate: the benchmark was made on pool 'arm'"):
        judge(
            [model(BASELINE), model("int8")],
            {"local": Measured(pool.evaluation, pool.outcomes, other.benchmark)},
            GATE,
        )


def test_the_reasons_say_why_a_candidate_is_slow():
    pool = measured({"int8": PASS}, {"int8": SLOW})
    why = Slow(seconds=2, baseline_seconds=1, causes=(), summary="of its time, 41 % goes to conversions")
    explained = replace(pool, benchmark=pool.benchmark.model_copy(update={"slow": {"int8": why}}))
    record = judge([model(BASELINE), model("int8")], {"local": explained}, GATE)
    assert (record.verdict, record.best().reasons[-1]) == ("fail", why.summary)
    assert record.table[0].reasons == ()


@pytest.mark.parametrize(
    "labels", [[], [BASELINE], [BASELINE, BASELINE], ["int8", BASELINE], [BASELINE, "int8", "int8"]]
)
def test_models_without_a_name_of_their_own_are_not_judged(labels):
    with pytest.raises(DataError, match=r"^gate: judges the baseline and candidates of different names"):
        judge([model(label) for label in labels], {"local": measured({"int8": PASS}, {"int8": FAST})}, GATE)


def test_records_about_more_models_than_are_judged_are_refused():
    pool = measured({"int8": PASS, "int4": PASS}, {"int8": FAST, "int4": FAST})
    with pytest.raises(DataError, match="is about other models"):
        judge([model(BASELINE), model("int8")], {"local": pool}, GATE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": {"cpu": "b"}}, "was evaluated on a and benchmarked on b; measure both on one kind of host"),
        ({"host": {"runtime": {"onnxruntime": "2"}}}, "with other versions; measure both with one image"),
        (
            {"layout": "1s1c1ins64bs"},
            "was evaluated with batch 1 and benchmarked with 64; measure both with one layout",
        ),
    ],
)
def test_accuracy_and_speed_of_different_set_ups_are_not_joined(change, message):
    pool = measured({"int8": PASS}, {"int8": FAST})
    record = pool.benchmark
    if "host" in change:
        evidence = record.evidence.model_copy(
            update={"host": record.evidence.host.model_copy(update=change["host"])}
        )
        record = record.model_copy(update={"evidence": evidence})
    else:
        record = record.model_copy(update=change)
    with pytest.raises(DataError, match=message):
        judge([model(BASELINE), model("int8")], {"local": replace(pool, benchmark=record)}, GATE)
