"""Small whole jobs that went wrong once, from the folder ``jobs`` beside the real models.

Each ends as the README there says: with a verdict, or one line. Their steps run in this process; what the
program makes of a verdict and of a line is shown where a server takes part.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from inc_mlflow.errors import IncError
from inc_mlflow.spec import Job
from tests.real.jobs import PROGRAM
from tests.support.brief_benchmarks import brief
from tests.support.judged_jobs import judged
from tests.support.mlflow_server import mlflow_server

pytestmark = [pytest.mark.real, pytest.mark.slow]
JUDGED = {0: "pass", 3: "fail", 4: "inconclusive"}
AGREEMENT = """
version: 1
name: {name}
model: {model}
data:
  calibration: {{path: rows.npz, stop: 20}}
  validation: {{path: rows.npz, start: 20}}
metric: {{name: agreement, output: {output}}}
recipes: [{{method: static}}, {{method: static, quant_format: QOperator}}, {{method: dynamic}}]
gate: {{max_relative_drop: 0.5, min_speedup: 0.01}}
"""
AGREE = """
def f(outputs, labels, reference):
    same = outputs["out"].argmax(-1) == reference["out"].argmax(-1)
    return same.reshape(len(same), -1).mean(1)
"""


@pytest.fixture
def copied(models, tmp_path):
    """Give a function that copies one of the folders."""
    if not (models.parent / "jobs").is_dir():
        pytest.skip(f"{models.parent / 'jobs'} is not there")
    return lambda name: Path(shutil.copytree(models.parent / "jobs" / name, tmp_path / name))


def call(folder, *arguments, **environment):
    done = subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder,
        env=os.environ | brief() | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


def ended(folder, job, *verdicts):
    """Do the steps of a job and return its result; it ends with a verdict."""
    result = judged(_brief_search(Job.load(folder / job)), folder / "steps")
    assert result["verdict"] in (verdicts or JUDGED.values())
    assert result["table"][0]["recipe"] == "baseline"
    return result


def _brief_search(job):
    """Let a search try a few recipes; nothing here asks which is the best one."""
    search = job.spec.search.model_copy(update={"budget": 3.0})
    return Job(job.spec.model_copy(update={"search": search}), job.root)


def run(folder, job, *codes, **environment):
    """Run a job by the program and return its result and what it told; it ends with a verdict."""
    done = call(folder, "run", job, "--json", **environment)
    assert done.returncode in (codes or JUDGED), done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["verdict"] == JUDGED[done.returncode]
    assert result["table"][0]["recipe"] == "baseline"
    return result, done.stderr


def rows_for(model, folder, count=60):
    """Save random rows as a model takes them, each of one row."""
    rng, inputs = np.random.default_rng(0), onnx.load(model).graph.input
    shapes = {one.name: [axis.dim_value for axis in one.type.tensor_type.shape.dim] for one in inputs}
    arrays = {
        name: rng.normal(0, 1, [count * (shape[0] or 1), *shape[1:]]).astype("f4")
        for name, shape in shapes.items()
    }
    np.savez(folder / "rows.npz", **arrays)


def test_a_state_and_a_scalar_beside_the_rows_keep_their_axes(copied):
    result = ended(copied("state_input"), "job.yaml")
    assert result["table"][0]["accuracy"]["value"] == pytest.approx(1.0)


@pytest.mark.parametrize("job", ["job", "auto", "pt"])
def test_biases_of_one_row_become_biases(copied, job):
    result = ended(copied("gemm_bias_row"), f"{job}.yaml")
    assert result["best"] is not None


@pytest.mark.parametrize("job", ["job", "auto"])
def test_nothing_to_quantise_keeps_fp32(copied, job):
    result = ended(copied("nothing_to_quantise"), f"{job}.yaml", "fail")
    assert all(row["verdict"] == "fail" for row in result["table"][1:])
    assert result["reasons"]


def test_a_lone_lstm_keeps_fp32_under_a_static_recipe(copied):
    folder = copied("nothing_to_quantise")
    rows_for(folder / "lstm.onnx", folder)
    (folder / "metric.py").write_text(AGREE)
    job = AGREEMENT.format(name="lstm", model="lstm.onnx", output="out")
    job = job.replace("{name: agreement, output: out}", '{callable: "metric.py:f", range: [0, 1]}')
    (folder / "lstm.yaml").write_text(job.replace(", {method: dynamic}", ""))
    ended(folder, "lstm.yaml", "fail")


def test_an_output_that_nobody_reads_is_left_out_by_name(copied):
    folder = copied("output_zipmap")
    ended(folder, "job.yaml")
    assert "output_probability" in (folder / "steps" / "baseline" / "record.json").read_text()


@pytest.mark.parametrize("job", ["keep-static", "keep-dyn", "keep-auto"])
def test_half_precision_is_raised(copied, job):
    folder = copied("fp16_source")
    ended(folder, f"{job}.yaml")
    made = list((folder / "steps").glob("**/*.onnx"))
    assert made
    for path in made:
        kinds = {one.data_type for one in onnx.load(path).graph.initializer}
        assert onnx.TensorProto.FLOAT16 not in kinds, path


@pytest.mark.parametrize("kind", ["varlen", "timefirst", "nan"])
def test_rows_of_any_shape(copied, kind):
    folder = copied("rows_of_any_shape")
    subprocess.run([sys.executable, "seq.py", kind], cwd=folder, check=True)
    if kind != "nan":
        ended(folder, f"{kind}.yaml")
        return
    try:
        ended(folder, f"{kind}.yaml")
        told = (folder / "steps" / "baseline" / "record.json").read_text()
    except IncError as error:
        told = str(error)
    assert "'z'" in told or " z" in told, "the output that is NaN is named"


def test_a_bias_that_two_layers_share(copied):
    folder = copied("rows_of_any_shape")
    subprocess.run([sys.executable, "shared_bias.py"], cwd=folder, check=True)
    ended(folder, "shared_bias.yaml")


@pytest.mark.parametrize(
    "model", ["conv_weight_not_initializer", "dyn_pca_lr", "qop_prelu_expanded", "qop_unsorted"]
)
def test_a_recipe_that_the_quantiser_cannot_make_is_a_row_that_fails(copied, model):
    """The models' outputs have no axis of rows, or one of another length: such a job may be refused in a line."""
    folder = copied("quantiser_errors")
    loaded = onnx.load(folder / f"{model}.onnx")
    rows_for(folder / f"{model}.onnx", folder)
    job = AGREEMENT.format(name=model, model=f"{model}.onnx", output=loaded.graph.output[0].name)
    (folder / "job.yaml").write_text(job)
    try:
        result = ended(folder, "job.yaml")
    except IncError as error:
        assert "\n" not in str(error)
        assert not str(error).startswith("recipe"), "a recipe's failure is no end of the job"
    else:
        assert all(row["reasons"] for row in result["table"][1:] if row["verdict"] == "fail")


@pytest.fixture
def strangers(copied, tmp_path):
    """A folder with a job, and the environment of a server that others have filled."""
    folder = copied("adopt_dead_end")
    (tmp_path / "server").mkdir()
    with mlflow_server(tmp_path / "server") as server:
        environment = server.identity()
        subprocess.run(
            [sys.executable, "strange.py", "populate", "a", "2"],
            cwd=folder,
            env=os.environ | environment,
            check=True,
            capture_output=True,
        )
        yield folder, environment


def test_a_registered_model_of_others_is_no_dead_end(strangers, models):
    """Both ways out that the message names are gone: a name of our own, and the command as it stands there."""
    folder, environment = strangers
    for name in ("fp32.onnx", "calib.npz", "tune.npz", "dev.npz"):
        shutil.copyfile(models / "digits" / name, folder / name)
    refused = call(folder, "run", "job.yaml", **environment)
    assert (refused.returncode, refused.stdout) == (2, "")
    line = refused.stderr.splitlines()[-1]
    assert "exists and has no ledger" in line
    command = shlex.split(re.search("`inc-mlflow (promote --adopt [^`]+)`", line)[1])
    job = re.sub(
        r"(?m)^recipes:\n(- .*\n)+", "recipes: [{method: static}]\n", (folder / "job.yaml").read_text()
    )
    (folder / "job.yaml").write_text(job)
    (folder / "own.yaml").write_text(job.replace("registered_model: digits", "registered_model: digits-int8"))
    run(folder, "own.yaml", 0, **environment)
    adopted = call(folder, *command)
    assert (adopted.returncode, "taken over" in adopted.stdout) == (0, True), adopted.stderr
    result, _ = run(folder, "job.yaml", 0, **environment)
    assert result["champion"] is not None
