"""In a search of several engines a candidate has to beat the fastest FP32 of all of them."""

import json
import time

import pytest

from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.engines.plan import RecipePlan
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.compress.lag import lag_note, lag_of
from inc_mlflow.steps.compress.recorded_plan import RecordedPlan
from inc_mlflow.steps.compress.tuning import Tuning
from tests.support.paths import EXAMPLE

DATA = {"calibration": {"path": "calib.npz"}, "tuning": {"path": "tune.npz", "stop": 8}}
FIELDS = {
    "version": 1,
    "name": "digits",
    "model": "fp32.onnx",
    "data": DATA | {"validation": {"path": "dev.npz"}},
    "metric": "top1",
    "recipes": "auto",
}
JOB = Job(JobSpec.from_text(json.dumps(FIELDS)), EXAMPLE)
FP32 = EXAMPLE / "fp32.onnx"


class Slow:
    """The default engine, with calls that take a given time longer."""

    name = "slow"

    def __init__(self, seconds):
        self.seconds = seconds

    def load(self, model, settings):
        loaded = ENGINES.get("onnxruntime").load(model, settings)

        def call(inputs):
            end = time.process_time() + self.seconds
            while time.process_time() < end:
                pass
            return loaded(inputs)

        return call


def baseline(engine):
    return Baseline(engine, "baseline", FP32, "")


def test_the_lag_is_that_behind_the_fastest_of_the_others():
    one, two, four = (baseline(Slow(seconds)) for seconds in (0.002, 0.004, 0.008))
    assert lag_of(JOB, four, [two, one]) == pytest.approx(4, rel=0.2)
    assert lag_of(JOB, one, [two, four]) == 1
    assert lag_of(JOB, one, []) == 1
    assert lag_of(JOB, baseline(Slow(0.0005)), [baseline(Slow(0))]) == 1, "calls too short to tell"


def test_what_beats_its_own_baseline_alone_is_no_gain():
    own = ENGINES.get("onnxruntime").load(FP32, RunSettings())
    speed = Tuning(JOB, baseline(ENGINES.get("onnxruntime")), limit=8, lag=2.0).speedup(own)
    assert speed.value == pytest.approx(0.5, rel=0.2)
    assert speed.low <= speed.value <= speed.high
    behind = RecordedPlan(RecipePlan((), 1.5, 2.0), None).behind(2.0)
    assert (behind.plan.gain, behind.plan.limit) == (0.75, 1.0)
    assert RecordedPlan(None, "why").behind(2.0) == RecordedPlan(None, "why")


def test_it_is_said_where_it_is_more_than_noise():
    assert lag_note(1.02) is None
    assert lag_note(1.8).startswith("another engine's FP32 is 1.80x as fast by a quick timing")
