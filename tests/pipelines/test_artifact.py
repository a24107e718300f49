"""A model that a task of a user's own pipeline made, as the source of a job's pipeline."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inc_mlflow.components._base import execute
from inc_mlflow.errors import ModelError
from inc_mlflow.files import sha256_file
from inc_mlflow.pipelines.compiling import compile_package
from inc_mlflow.records import ImportRecord
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.step import load_job
from tests.support.compiled_packages import documents, trained_package
from tests.support.paths import EXAMPLE

GOLDEN = Path(__file__).parent / "golden" / "trained.yaml"
PROGRAM = Path(sys.executable).with_name("inc-mlflow")
DATA = {name: {"path": f"{name}.npz"} for name in ("calibration", "validation")}
PATHS = {"calibration": "calib.npz", "validation": "dev.npz"}


def text(model, **more):
    data = {name: {"path": path} for name, path in PATHS.items()}
    spec = {"version": 1, "name": "trained", "model": model, "data": data, "metric": "top1"}
    return JobSpec.model_validate(spec | {"recipes": [{"method": "static"}]} | more).to_text()


def imported(folder, job, artifact):
    """Run the import's container program with an artifact; return the folder that it wrote."""
    target = folder / "baseline"
    made = {"name": "baseline", "type": {"schemaTitle": "system.Model"}, "uri": str(target), "metadata": {}}
    given = {"name": "model", "type": {"schemaTitle": "system.Model"}, "uri": str(artifact), "metadata": {}}
    asked = {
        "inputs": {
            "parameterValues": {"job": job, "root": str(EXAMPLE)},
            "artifacts": {"model": {"artifacts": [given]}},
        },
        "outputs": {
            "artifacts": {"baseline": {"artifacts": [made]}},
            "outputFile": str(folder / "output.json"),
        },
    }
    execute("import_model", asked)
    return target


@pytest.fixture
def file(tmp_path):
    """An artifact of one file, whose path has no ending, as KFP names them."""
    artifact = tmp_path / "task" / "model"
    artifact.parent.mkdir()
    artifact.write_bytes((EXAMPLE / "fp32.onnx").read_bytes())
    return artifact


def test_the_import_takes_an_artifact_of_one_file_under_the_name_that_the_job_gives_it(tmp_path, file):
    target = imported(tmp_path, text("artifact://net.onnx"), file)
    record = ImportRecord.load(target)
    assert record.source_sha256 == sha256_file(EXAMPLE / "fp32.onnx")
    assert record.source_error is None and record.rows_compared == 8
    assert record.kept_source == "source/net.onnx"
    assert (target / record.kept_source).read_bytes() == file.read_bytes()


def test_steps_after_the_import_need_no_artifact(tmp_path, file):
    from inc_mlflow.steps.prepare.calibrate import calibrate

    target = imported(tmp_path, text("artifact://net.onnx"), file)
    file.unlink()
    calibrate(load_job(text("artifact://net.onnx"), str(EXAMPLE)), tmp_path / "ranges", baseline=target)


def test_the_import_takes_a_file_in_an_artifact_of_a_folder(tmp_path, file):
    folder = tmp_path / "folder"
    (folder / "inside").mkdir(parents=True)
    file.rename(folder / "inside" / "net.onnx")
    target = imported(tmp_path, text("artifact://inside/net.onnx"), folder)
    assert ImportRecord.load(target).kept_source == "source/net.onnx"


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", ["net.py:build", "artifact://net.py:build"], ids=["the job's", "the artifact's"]
)
def test_weights_are_an_artifact_and_their_module_is_the_code_that_the_job_names(tmp_path, monkeypatch, code):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    monkeypatch.setenv("INC_MLFLOW_CACHE", str(tmp_path / "cache"))
    namespace = {}
    exec((EXAMPLE / "net.py").read_text(), namespace)
    torch.manual_seed(1)
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    save_file(namespace["build"]()[0].state_dict(), artifact / "weights.safetensors")
    (artifact / "net.py").write_text((EXAMPLE / "net.py").read_text())
    data = {name: {"path": path, "inputs": {"input": "image"}} for name, path in PATHS.items()}
    job = text({"torch": code, "weights": "artifact://weights.safetensors"}, data=data)
    record = ImportRecord.load(imported(tmp_path, job, artifact))
    assert record.framework_source.kind == "torch" and record.framework_source.largest < 1e-5


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("artifact://../net.onnx", "leaves the artifact"),
        ("artifact:///etc/net.onnx", "leaves the artifact"),
        ("artifact://", "artifact://"),
    ],
)
def test_a_path_stays_in_the_artifact(path, says):
    with pytest.raises(ValueError, match=says):
        text(path)
    with pytest.raises(ValueError, match="artifact"):
        text("artifact://net.onnx", data={"validation": {"path": "artifact://dev.npz"}})


def test_a_link_out_of_the_artifact_is_refused(tmp_path, file):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "net.onnx").symlink_to(file)
    with pytest.raises(ModelError, match=r"net.onnx in the artifact is a link that leads out of it"):
        imported(tmp_path, text("artifact://net.onnx"), folder)


def test_a_path_into_a_file_and_a_missing_artifact_are_refused(tmp_path, file):
    with pytest.raises(ModelError, match="the artifact is one file; give its name alone"):
        imported(tmp_path, text("artifact://inside/net.onnx"), file)
    with pytest.raises(ModelError, match="is not there"):
        imported(tmp_path, text("artifact://net.onnx"), tmp_path / "none")


@pytest.mark.parametrize(
    "command", [["run"], ["submit", "--host", "http://127.0.0.1:9"]], ids=lambda one: one[0]
)
def test_a_job_of_an_artifact_runs_in_a_pipeline_alone(tmp_path, command):
    job = tmp_path / "job.yaml"
    job.write_text(text("artifact://net.onnx"))
    environment = os.environ | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    done = subprocess.run(
        [PROGRAM, command[0], job, *command[1:]], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 2 and "pipeline of yours" in done.stderr.splitlines()[-1], done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_other_jobs_have_no_input(tmp_path):
    job = Job.load(EXAMPLE / "job.yaml")
    compile_package(job, "int8", tmp_path / "package.yaml")
    assert "artifacts" not in documents(tmp_path / "package.yaml")[0]["root"]["inputDefinitions"]


@pytest.mark.parametrize("pipeline", ["int8", "cross_hardware", "sharded"])
def test_the_artifact_goes_to_the_import_alone(tmp_path, pipeline):
    spec = documents(trained_package(tmp_path, pipeline))[0]
    assert list(spec["root"]["inputDefinitions"]["artifacts"]) == ["model"]
    takers = [
        task["componentRef"]["name"]
        for component in spec["components"].values()
        for task in component.get("dag", {}).get("tasks", {}).values()
        if "model" in task.get("inputs", {}).get("artifacts", {})
    ]
    assert [name for name in takers if "executorLabel" in spec["components"][name]] == ["comp-import-model"]


def test_the_import_of_an_artifact_is_never_taken_from_the_cache(tmp_path):
    spec = documents(trained_package(tmp_path, "int8"))[0]
    (task,) = [
        task
        for component in spec["components"].values()
        for name, task in component.get("dag", {}).get("tasks", {}).items()
        if name == "import-model"
    ]
    assert not task["cachingOptions"]


def test_the_package_of_a_pipeline_that_trains_is_the_one_that_was_reviewed(tmp_path):
    """Where it changed on purpose: look at the difference, then `python tests/pipelines/golden/make.py`."""
    from tests.support.compiled_packages import training_pipeline

    assert training_pipeline(tmp_path).read_text() == GOLDEN.read_text()


@pytest.mark.slow
def test_the_example_trains_and_compresses_on_this_machine(tmp_path):
    pytest.importorskip("torch")
    for path in EXAMPLE.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("INC_MLFLOW", "MLFLOW"))
    }
    done = subprocess.run(
        [sys.executable, tmp_path / "train.py"],
        cwd=tmp_path,
        env=environment | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "verdict: 'pass'" in done.stdout + done.stderr
