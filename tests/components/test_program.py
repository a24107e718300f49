"""`python -m inc_mlflow.component`: what a container task does with what KFP hands over, and how it ends."""

import json
import subprocess
import sys

import pytest

from inc_mlflow.spec import JobSpec
from tests.support.paths import EXAMPLE

TEXT = JobSpec.load(EXAMPLE / "job.yaml").to_text()


def asked(folder, artifacts=(), parameters=(), job=TEXT):
    """What KFP's launcher writes for ``{{$}}``."""
    outputs = {
        name: {
            "artifacts": [
                {
                    "name": name,
                    "type": {"schemaTitle": f"system.{kind}"},
                    "uri": str(folder / name),
                    "metadata": {},
                }
            ]
        }
        for name, kind in artifacts
    }
    files = {name: {"outputFile": str(folder / f"{name}.txt")} for name in parameters}
    return {
        "inputs": {"parameterValues": {"job": job, "root": str(EXAMPLE)}},
        "outputs": {
            "artifacts": outputs,
            "parameters": files,
            "outputFile": str(folder / "executor_output.json"),
        },
    }


def run(folder, step, given):
    text = given if isinstance(given, str) else json.dumps(given)
    command = [sys.executable, "-m", "inc_mlflow.component", step, "--executor-input", text]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_step_runs_and_tells_kfp_what_it_made(tmp_path):
    done = run(tmp_path, "import_model", asked(tmp_path, [("baseline", "Model")]))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "baseline" / "model.onnx").exists()
    told = json.loads((tmp_path / "executor_output.json").read_text())
    made = told["artifacts"]["baseline"]["artifacts"][0]
    assert made["uri"] == str(tmp_path / "baseline")
    assert made["metadata"]["opset"] >= 17
    assert len(made["metadata"]["model_sha256"]) == 64


def test_what_the_user_can_mend_is_one_line_and_no_green_step(tmp_path):
    job = TEXT.replace("fp32.onnx", "missing.onnx")
    done = run(tmp_path, "import_model", asked(tmp_path, [("baseline", "Model")], job=job))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("import_model: ")
    assert "missing.onnx" in done.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "executor_output.json").exists()


@pytest.mark.parametrize(("text", "says"), [("{", "not JSON"), ("[]", "not a JSON object")])
def test_other_input_than_kfps_is_refused(tmp_path, text, says):
    done = run(tmp_path, "import_model", text)
    assert done.returncode == 2
    assert says in done.stderr


def test_an_unknown_step_is_refused_with_those_there_are(tmp_path):
    done = run(tmp_path, "importt", "{}")
    assert done.returncode == 2
    assert "import_model" in done.stderr
