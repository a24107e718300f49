"""What each method of each engine has to do, whatever it is: one row of cases for each."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inc_mlflow.engines.engine import MethodData, RunSettings
from inc_mlflow.errors import MissingExtraError
from inc_mlflow.files import model_sha256
from inc_mlflow.hardware.cpuinfo import cpu_flags
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.spec import Job, JobSpec, parse_recipe
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.step import STATE
from tests.support.paths import ROOT

DIGITS = ROOT / "examples" / "digits"
FP32 = {"engine": "onnxruntime"}, {"engine": "openvino"}
COMPRESSED = (
    {"engine": "onnxruntime", "method": "static"},
    {"engine": "onnxruntime", "method": "dynamic"},
    {"engine": "onnxruntime", "method": "mixed"},
    {"engine": "openvino", "method": "static"},
    {"engine": "openvino", "method": "static", "calibrate_method": "percentile", "bias_correction": True},
    {"engine": "openvino", "method": "bf16"},
)
EXTRAS = {"openvino": "openvino"}
"""Engine -> the package that its extra brings."""
BF16 = {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}
LOST = 0.02
"""Share of right rows that a candidate of digits may lose."""
ONE_CALL = """
import sys
from pathlib import Path
import numpy as np
from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.hardware.cpuinfo import cpu_flags
from inc_mlflow.registry.engines import ENGINES
model = ENGINES.get(sys.argv[1]).load(Path(sys.argv[2]), RunSettings())
with np.load(sys.argv[3]) as rows:
    np.savez(sys.argv[4], **model({"image": rows["image"][:4]}))
"""
KILLED = """
import os
import signal
import sys
from pathlib import Path
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.compress.quantize import quantize

def kill(event, arguments):
    if event == "open" and "/.candidates.partial/1/" in str(arguments[0]):
        os.kill(os.getpid(), signal.SIGKILL)

job, root, target, baseline, ranges = sys.argv[1:]
sys.addaudithook(kill)
quantize(Job(JobSpec.from_text(job), Path(root)), Path(target), baseline=Path(baseline), ranges=Path(ranges))
"""
"""Makes a candidate, and is killed where the first of its files is opened."""


def named(case):
    return "-".join(map(str, case.values()))


@pytest.fixture(scope="module")
def digits():
    with np.load(DIGITS / "dev.npz") as rows:
        return dict(rows)


@pytest.fixture(scope="module")
def batches():
    with np.load(DIGITS / "calib.npz") as rows:
        return [{"image": rows["image"][n : n + 1]} for n in range(32)]


@pytest.fixture(scope="module")
def baselines(tmp_path_factory):
    """The baseline of each engine."""
    made = {}
    for name in ("onnxruntime", "openvino"):
        folder = tmp_path_factory.mktemp(name)
        ENGINES.get(name).import_source(DIGITS / "fp32.onnx", folder)
        made[name] = folder / ENGINES.get(name).model_name
    return made


@pytest.fixture(scope="module")
def made(baselines, batches, tmp_path_factory):
    """Give a function that writes a candidate anew, or gives the baseline for a case without a method."""

    def make(case):
        engine = ENGINES.get(case["engine"])
        if "method" not in case:
            folder = tmp_path_factory.mktemp("made")
            engine.import_source(DIGITS / "fp32.onnx", folder)
            return folder / engine.model_name
        recipe = parse_recipe(case)
        baseline = baselines[case["engine"]]
        found = (
            engine.calibrator.collect(baseline, batches, recipe.statistics, 1) if recipe.statistics else None
        )
        target = tmp_path_factory.mktemp("made") / engine.model_name
        method = METHODS.get(method_name(recipe.engine, recipe.method))
        method.check(recipe)
        method.apply(baseline, recipe, MethodData(lambda: iter(batches), found, 1), target)
        return target

    return make


@pytest.fixture(scope="module", params=(*FP32, *COMPRESSED), ids=named)
def model(request, made):
    if request.param.get("method") == "bf16" and not BF16 & cpu_flags():
        pytest.skip("this CPU has no bf16 instructions")
    return request.param["engine"], made(request.param), request.param


def test_the_same_inputs_give_the_same_bytes(model, made):
    _, path, case = model
    assert model_sha256(made(case)) == model_sha256(path)


def test_it_loads_in_a_new_process_and_gives_the_same(model, digits, tmp_path):
    engine, path, _ = model
    arguments = [engine, path, DIGITS / "dev.npz", tmp_path / "out.npz"]
    subprocess.run([sys.executable, "-c", ONE_CALL, *map(str, arguments)], check=True, cwd=ROOT)
    here = ENGINES.get(engine).load(path, RunSettings())({"image": digits["image"][:4]})
    with np.load(tmp_path / "out.npz") as there:
        np.testing.assert_array_equal(there["logits"], here["logits"])


def test_two_calls_agree_and_leave_their_inputs_alone(model, digits):
    engine, path, _ = model
    loaded = ENGINES.get(engine).load(path, RunSettings())
    given = {"image": digits["image"][:3].copy()}
    first = loaded(given)
    kept = {name: value.copy() for name, value in first.items()}
    loaded({"image": digits["image"][3:6]})
    np.testing.assert_array_equal(given["image"], digits["image"][:3])
    second = loaded(given)
    for name in kept:
        np.testing.assert_array_equal(first[name], kept[name], "a later call may not change what was given")
        np.testing.assert_array_equal(second[name], kept[name])


def test_it_keeps_the_accuracy(model, digits, baselines):
    engine, path, _ = model

    def right(loaded):
        images, labels = digits["image"], digits["label"]
        answers = [
            loaded({"image": images[n : n + 50]})["logits"].argmax(1) for n in range(0, len(images), 50)
        ]
        return float((np.concatenate(answers) == labels).mean())

    baseline = right(ENGINES.get("onnxruntime").load(baselines["onnxruntime"], RunSettings()))
    assert right(ENGINES.get(engine).load(path, RunSettings())) >= baseline - LOST


def test_its_operators_tell_int8_from_float(model):
    engine, path, case = model
    int8 = case.get("method") not in (None, "bf16")
    assert bool(ENGINES.get(engine).int8_operators(path)) == int8


def test_any_number_of_rows_is_taken_and_each_row_is_its_own(model, digits):
    engine, path, case = model
    loaded = ENGINES.get(engine).load(path, RunSettings())
    several = loaded({"image": digits["image"][:5]})["logits"]
    single = np.concatenate([loaded({"image": digits["image"][n : n + 1]})["logits"] for n in range(5)])
    assert several.shape == single.shape
    if case.get("method") != "dynamic":  # its scale is that of the batch
        np.testing.assert_allclose(single, several, rtol=0.05, atol=0.05)


def test_its_interface_is_that_of_the_source(model):
    engine, path, _ = model
    found, source = (
        ENGINES.get(engine).interface(path),
        ENGINES.get("onnxruntime").interface(DIGITS / "fp32.onnx"),
    )
    assert [(one.name, one.dtype) for one in found.inputs] == [(one.name, one.dtype) for one in source.inputs]
    assert found.output_names == source.output_names


def job_of(recipes):
    data = {"calibration": {"path": "calib.npz", "stop": 32}, "validation": {"path": "dev.npz", "stop": 50}}
    fields = {"version": 1, "name": "digits", "model": "fp32.onnx", "engines": ["onnxruntime", "openvino"]}
    fields |= {"data": data, "metric": "top1", "recipes": recipes}
    return Job(JobSpec.from_text(json.dumps(fields)), DIGITS)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A state folder with the baselines, and the statistics that all methods need."""
    state, links = tmp_path_factory.mktemp("state"), tmp_path_factory.mktemp("links")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE, str(state))
        import_model(job_of(COMPRESSED), links / "baseline")
        calibrate(job_of(COMPRESSED), links / "ranges", baseline=links / "baseline")
    return state


@pytest.mark.parametrize("case", COMPRESSED, ids=named)
def test_killed_while_it_is_made_it_is_made_again_with_the_same_bytes(case, prepared, tmp_path, monkeypatch):
    if case["method"] == "bf16" and not BF16 & cpu_flags():
        pytest.skip("this CPU has no bf16 instructions")
    state, job = tmp_path / "state", job_of([case])
    shutil.copytree(prepared, state)
    given = {"baseline": state / "baseline", "ranges": state / "ranges"}
    with monkeypatch.context() as elsewhere:
        elsewhere.delenv(STATE, raising=False)
        whole = quantize(job, tmp_path / "whole", **given).candidates[0]
    arguments = [job.spec.to_text(), DIGITS, tmp_path / "made", *given.values()]
    program = [sys.executable, "-c", KILLED, *map(str, arguments)]
    ended = subprocess.run(program, check=False, cwd=ROOT, env=os.environ | {STATE: str(state)})
    assert ended.returncode == -signal.SIGKILL
    assert (state / ".candidates.partial" / "1").is_dir() and not (state / "candidates").exists()
    monkeypatch.setenv(STATE, str(state))
    again = quantize(job, tmp_path / "made", **given).candidates[0]
    assert (again.label, again.sha256) == (whole.label, whole.sha256)
    assert model_sha256(tmp_path / "made" / again.path) == whole.sha256


@pytest.mark.parametrize("engine", EXTRAS)
def test_without_its_extra_it_is_refused_in_one_line(engine, monkeypatch):
    monkeypatch.setattr("inc_mlflow.registry.table.find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=rf"engines: '{engine}' needs .* pip install 'inc-mlflow\[{EXTRAS[engine]}\]'"
    ):
        ENGINES.check_packages(engine)


def test_every_engine_with_a_method_of_its_own_is_among_the_cases():
    tested = {Path(one["engine"]).name for one in COMPRESSED}
    assert tested == {name.split(".")[0] for name in METHODS} - {"parts"}, "parts are models of the others"
