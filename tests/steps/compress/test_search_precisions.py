"""A search tries bf16 beside INT8: chosen where the gate allows it, else only told."""

import json

import pytest

from inc_mlflow.hardware.cpuinfo import cpu_flags
from inc_mlflow.spec import GateSpec, Job, JobSpec, parse_recipe
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.compress.search_precisions import not_allowed_note, promotable
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model
from tests.support.paths import EXAMPLE
from tests.support.toy_search import trial

BF16 = parse_recipe({"method": "bf16", "engine": "openvino"})
STATIC = parse_recipe({"method": "static", "engine": "openvino"})
BOTH = GateSpec(allow=("int8", "bf16"))
NOTE = (
    "bf16 is 2.00x on tuning, faster than all that gate.allow has; "
    "gate: {allow: [int8, bf16]} would have it judged"
)


@pytest.mark.parametrize(
    ("bf16", "static", "gate", "note"),
    [
        (2.0, 1.5, GateSpec(), NOTE),
        (1.4, 1.5, GateSpec(), None),
        (0.9, None, GateSpec(), None),
        (2.0, None, GateSpec(), NOTE),
        (2.0, 1.5, BOTH, None),
    ],
)
def test_it_is_told_only_where_it_would_win_and_may_not(bf16, static, gate, note):
    trials = [trial(BF16, speed=bf16)] + ([trial(STATIC, speed=static)] if static else [])
    assert not_allowed_note(trials, gate) == note
    assert (trials[0] in promotable(trials, gate)) == (gate is BOTH)


def test_one_that_was_rejected_is_not_told():
    assert not_allowed_note([trial(BF16, speed=2.0, rejected="no instructions")], GateSpec()) is None


def job_of(allow):
    data = {"calibration": {"path": "calib.npz", "stop": 32}, "tuning": {"path": "tune.npz", "stop": 60}}
    data |= {"validation": {"path": "dev.npz", "stop": 50}}
    fields = {"version": 1, "name": "digits", "model": "fp32.onnx", "engines": ["openvino"], "data": data}
    fields |= {"metric": "top1", "recipes": "auto", "search": {"budget": 4}}
    fields |= {"gate": {"allow": allow, "min_speedup": 0.1, "max_relative_drop": 0.2}}
    return Job(JobSpec.from_text(json.dumps(fields)), EXAMPLE)


def test_a_search_tries_it_first_where_the_gate_allows_it(tmp_path):
    job = job_of(["int8", "bf16"])
    import_model(job, tmp_path / "baseline")
    calibrate(job, tmp_path / "ranges", baseline=tmp_path / "baseline")
    made = quantize(job, tmp_path / "made", baseline=tmp_path / "baseline", ranges=tmp_path / "ranges")
    first, *others = made.trials
    assert first.label == "bf16"
    assert {one.recipe["method"] for one in others} <= {"static"}, "a busy machine may end it here"
    assert (first.rejected is None) == bool({"avx512_bf16", "amx_bf16", "bf16"} & cpu_flags())
    assert {one.precision for one in made.candidates} <= {"int8", "bf16"}
    plain = job_of(["int8"])
    made = quantize(plain, tmp_path / "int8", baseline=tmp_path / "baseline", ranges=tmp_path / "ranges")
    assert made.trials[0].recipe["method"] == "static"
    assert {one.precision for one in made.candidates} == {"int8"}
