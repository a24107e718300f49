"""The rank of a candidate among those of other runs: its order, and with what it may be compared."""

from dataclasses import replace

import pytest

from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.measure.gate.rank import rank, rank_on_pool
from inc_mlflow.records import BASELINE, Interval
from inc_mlflow.spec import GateSpec
from tests.support.gate_measurements import GATE, PASS, measured, model

SPEEDS = {"x86": Interval(value=2.0, low=1.9, high=2.1), "arm": Interval(value=3.0, low=1.2, high=4.8)}


def pools(**changes):
    return {
        pool: measured({"int8": PASS}, {"int8": speed}, pool, **changes) for pool, speed in SPEEDS.items()
    }


def ranked(found, gate=GATE):
    row = judge([model(BASELINE), model("int8")], found, gate).best()
    return rank(row, found, gate), {pool: rank_on_pool(pool, row, found, gate) for pool in found}


def test_speed_counts_by_its_lower_end_on_the_worst_pool():
    whole, by_pool = ranked(pools())
    assert whole.speedup == 1.2
    assert {pool: one.speedup for pool, one in by_pool.items()} == {"x86": 1.9, "arm": 1.2}


def test_the_better_accuracy_has_the_higher_rank_in_either_direction():
    assert ranked(pools())[0].accuracy == 0.9
    gate = GateSpec(max_relative_drop=0.5)
    assert ranked(pools(higher_is_better=False), gate)[0].accuracy == -0.9


def evaluated(found, **changes):
    """Change the evaluation's evidence on every pool, and that of the benchmark with it."""
    return {
        pool: replace(
            one,
            evaluation=one.evaluation.model_copy(
                update={"evidence": one.evaluation.evidence.model_copy(update=changes)}
            ),
            benchmark=one.benchmark.model_copy(
                update={"evidence": one.benchmark.evidence.model_copy(update=changes)}
            ),
        )
        for pool, one in found.items()
    }


HOST = measured({}, {}).evaluation.evidence.host


@pytest.mark.parametrize(
    "other",
    [
        evaluated(pools(), data_sha256="other rows"),
        evaluated(pools(), provider="gpu"),
        evaluated(pools(), host=HOST.model_copy(update={"cpu": "another"})),
        evaluated(pools(), host=HOST.model_copy(update={"runtime": {"engine": "2"}})),
        pools(metric="f1"),
        {
            pool: replace(one, benchmark=one.benchmark.model_copy(update={"layout": "1s4c1ins1bs"}))
            for pool, one in pools().items()
        },
        {"x86": pools()["x86"]},
    ],
    ids=["rows", "provider", "host", "runtime", "metric", "layout", "pools"],
)
def test_runs_are_compared_only_under_the_same_conditions(other):
    assert ranked(other)[0].conditions != ranked(pools())[0].conditions


def test_runs_at_another_confidence_are_not_compared():
    assert ranked(pools(), GateSpec(confidence=0.99))[0].conditions != ranked(pools())[0].conditions


def test_the_same_conditions_are_the_same_in_every_run():
    assert ranked(pools())[0].conditions == ranked(pools())[0].conditions
