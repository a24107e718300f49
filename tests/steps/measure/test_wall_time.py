"""What the benchmark in wall time records of models that can and that cannot keep up with arrivals."""

from types import SimpleNamespace

import numpy as np
import pytest

from inc_mlflow.measure.gate.speed import Faster
from inc_mlflow.measure.timing.common_window import Turn
from inc_mlflow.measure.timing.rounds import Round
from inc_mlflow.records import Load
from inc_mlflow.steps.measure import wall_time

QUIET = Load(waited=0.0, stolen=0.0, other=0.0, throttled=0, migrated=0, slowed=1.0)
PLAN = SimpleNamespace(pinned=True, cpus=((0,),))


def served(service, count=40):
    """A queue of one server: arrivals every 10 ms, each served for ``service`` seconds."""
    due = np.arange(1, count + 1) * 0.01
    begin = np.maximum.accumulate(due - np.arange(count) * service) + np.arange(count) * service
    rows = np.stack([due, begin, begin + service, np.full(count, service)], axis=1)
    return Turn((rows,), (0.0, float(due[-1])), count)


@pytest.fixture
def measured(monkeypatch):
    """Measure models whose calls take so many seconds, at 100 requests per second."""
    monkeypatch.setattr(wall_time, "conditions", lambda *_, **__: None)
    job = SimpleNamespace(
        spec=SimpleNamespace(
            gate=SimpleNamespace(confidence=0.95, min_speedup=1.0), benchmark=SimpleNamespace(rate=100.0)
        ),
        layout=SimpleNamespace(batch=1),
    )

    def measure(**seconds):
        turns = {name: served(service) for name, service in seconds.items()}
        monkeypatch.setattr(
            wall_time, "_run", lambda *_: ([Round(turns, QUIET)] * 20, {name: [1] for name in turns})
        )
        return wall_time.by_wall_time(
            job, PLAN, [SimpleNamespace(label=name, size_bytes=1) for name in seconds], None
        )

    return measure


def test_a_source_that_cannot_keep_up_leaves_the_ratios_against_the_baseline(measured):
    speeds = measured(baseline=0.005, int8=0.002, source=0.012)
    assert speeds.reasons == []
    assert list(speeds.ratios) == ["baseline"]
    assert speeds.ratios["baseline"]["int8"].value == pytest.approx(2.5)
    assert list(speeds.models) == ["baseline", "int8"]
    assert [reason.partition(" ")[0] for reason in speeds.left_out] == ["source"]


def test_a_candidate_that_cannot_keep_up_has_no_ratio_and_the_others_have_theirs(measured):
    speeds = measured(baseline=0.005, slow=0.012, int8=0.002, source=0.005)
    assert speeds.reasons == []
    told = {name: list(ratios) for name, ratios in speeds.ratios.items()}
    assert told == {
        "baseline": ["int8"],
        "source": ["baseline", "int8"],
    }
    assert speeds.left_out == [
        "slow cannot keep up with 100 requests per second: they take 120 % of its instances' time; give a rate below 75"
    ]
    record = SimpleNamespace(valid=True, speedup={}, reasons=tuple(speeds.left_out))
    opinion = Faster("slow", record, 1.0).opinion(0.95, 0.95)
    assert opinion.verdict == "inconclusive"
    assert "slow cannot keep up" in opinion.reason


@pytest.mark.parametrize("seconds", [{"baseline": 0.012, "int8": 0.002}, {"baseline": 0.005, "int8": 0.012}])
def test_without_a_baseline_or_any_candidate_that_keeps_up_there_are_no_numbers(measured, seconds):
    speeds = measured(**seconds)
    assert len(speeds.reasons) == 1
    assert (speeds.models, speeds.ratios, speeds.left_out) == ({}, {}, [])
