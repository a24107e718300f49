"""What the benchmark in wall time records of models that can and that cannot keep up with arrivals."""

import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from inc_mlflow.measure.gate.criteria import SpeedCriterion
from inc_mlflow.measure.timing import wall_time
from inc_mlflow.measure.timing.instance import Turn
from inc_mlflow.measure.timing.rounds import Round
from inc_mlflow.records import Load, Model, Plan
from inc_mlflow.spec import Job
from tests.support.paths import EXAMPLE

QUIET = Load(waited=0.0, stolen=0.0, other=0.0, throttled=0, migrated=0, slowed=1.0)
PLAN = Plan(layout="1s1c1ins1bs", cpus=((0,),), pinned=True, usable=1, quota=None, notes=())
ARRIVALS = {"layout": "1s1c1ins1bs", "scenario": "arrival_rate", "rate": 100.0}


class Idle:
    """In place of the instances of a model, whose calls are made up."""

    def __init__(self, commands, threads):
        self.instances = [SimpleNamespace(pid=os.getpid(), peak_rss_bytes=1) for _ in commands]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def served(service, count=40):
    """A queue of one server: arrivals every 10 ms, each served for ``service`` seconds."""
    due = np.arange(1, count + 1) * 0.01
    begin = np.maximum.accumulate(due - np.arange(count) * service) + np.arange(count) * service
    rows = np.stack([due, begin, begin + service, np.full(count, service)], axis=1)
    return Turn((rows,), (0.0, float(due[-1])), count)


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Measure models whose calls take so many seconds, at 100 requests per second."""
    job = Job.load(EXAMPLE / "job.yaml")
    benchmark = job.spec.benchmark.model_validate(ARRIVALS)
    job = replace(job, spec=job.spec.model_copy(update={"benchmark": benchmark}))

    def measure(**seconds):
        def run_rounds(groups, rate, watch, enough, progress):
            assert (list(groups), rate) == (list(seconds), 100.0)
            rounds = [Round({name: served(seconds[name]) for name in groups}, QUIET)] * 20
            assert enough(rounds), "equal rounds agree"
            return rounds

        monkeypatch.setattr(wall_time, "InstanceGroup", Idle)
        monkeypatch.setattr(wall_time, "run_rounds", run_rounds)
        models = [Model(label=name, path="m.onnx", sha256=name, size_bytes=1) for name in seconds]
        return wall_time.by_wall_time(job, PLAN, models, tmp_path)

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
        "slow cannot keep up with 100 requests per second: they take 120 % of its instances' time; give a "
        "rate below 75"
    ]
    assert (speeds.conditions.plan, speeds.conditions.rate) == (PLAN, 100.0)
    evidence = SimpleNamespace(not_loaded={})
    record = SimpleNamespace(valid=True, speedup={}, reasons=tuple(speeds.left_out), evidence=evidence)
    result = SpeedCriterion("slow", record, 1.0).result(0.95, 0.95)
    assert result.verdict == "inconclusive"
    assert "slow cannot keep up" in result.reason


@pytest.mark.parametrize("seconds", [{"baseline": 0.012, "int8": 0.002}, {"baseline": 0.005, "int8": 0.012}])
def test_without_a_baseline_or_any_candidate_that_keeps_up_there_are_no_numbers(measured, seconds):
    speeds = measured(**seconds)
    assert len(speeds.reasons) == 1
    assert (speeds.models, speeds.ratios, speeds.left_out) == ({}, {}, [])
