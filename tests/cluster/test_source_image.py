"""On a cluster a framework's model is imported in that framework's image; its files travel with the job."""

from dataclasses import replace

import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.pipelines.bundle import bundle, is_pinned
from inc_mlflow.pipelines.images import LOCK
from inc_mlflow.spec import JobSpec, parse_recipe
from inc_mlflow.spec.paths import local_paths
from tests.support.changed_jobs import change
from tests.support.compiled_packages import FLEET_JOB, NAMES, bundled, compiled, documents, step_of, tasks

MODEL = {"torch": "net.py:build", "weights": "w.safetensors"}


@pytest.fixture
def torch_job(digits):
    """The digits' job with a model of PyTorch's, of which nothing is run here."""
    folder = digits.parent
    (folder / "net.py").write_text("from layers import Layer\n")
    (folder / "layers.py").write_text("class Layer: ...\n")
    (folder / "w.safetensors").write_bytes(b"weights")
    return change(digits, model=MODEL)


def images(package):
    spec = documents(package)[0]
    executors = spec["deploymentSpec"]["executors"]
    found = {}
    for task in tasks(spec).values():
        label = spec["components"][task["componentRef"]["name"]]["executorLabel"]
        found.setdefault(step_of(spec, task), set()).add(
            executors[label]["container"]["image"].partition("@")[0]
        )
    return found


@pytest.mark.parametrize("pipeline", NAMES)
def test_the_import_alone_runs_in_the_image_of_the_framework(pipeline, torch_job, tmp_path, monkeypatch):
    monkeypatch.delenv(LOCK, raising=False)
    (tmp_path / "torch").mkdir()
    fleet = bundled(FLEET_JOB)
    plain = images(compiled(tmp_path, pipeline, fleet))
    spec = fleet.spec.model_copy(update={"model": torch_job.spec.model})
    with_torch = images(compiled(tmp_path / "torch", pipeline, replace(fleet, spec=spec)))
    assert plain["import_model"] == {"inc-mlflow/onnxruntime"}
    assert with_torch == plain | {"import_model": {"inc-mlflow/pytorch"}}
    assert "pytorch" in spec.images and "pytorch" not in fleet.spec.images


def test_candidates_that_are_trained_are_made_in_the_image_with_torch(tmp_path, monkeypatch):
    monkeypatch.delenv(LOCK, raising=False)
    fleet = bundled(FLEET_JOB)
    spec = fleet.spec.model_copy(update={"recipes": (parse_recipe({"method": "qat"}),)})
    assert images(compiled(tmp_path, "int8", replace(fleet, spec=spec)))["quantize"] == {"inc-mlflow/pytorch"}
    assert "pytorch" in spec.images


def test_the_model_travels_with_all_its_files(torch_job, tmp_path):
    sent = bundle(torch_job, f"file://{tmp_path}/store", lambda _: None)
    assert {"net.py", "layers.py", "w.safetensors"} <= set(sent.spec.bundle.files)
    assert local_paths(sent.spec) == {} and is_pinned(sent.spec)


def test_a_teacher_travels_with_all_its_files_too(torch_job, tmp_path):
    folder = torch_job.root
    (folder / "old.py").write_text("from blocks import Block\n")
    (folder / "blocks.py").write_text("class Block: ...\n")
    (folder / "old.safetensors").write_bytes(b"teacher")
    data = torch_job.spec.data.model_copy(update={"training": torch_job.spec.data.calibration})
    recipes = [{"method": "distill", "teacher": {"torch": "old.py:build", "weights": "old.safetensors"}}]
    text = torch_job.spec.model_copy(update={"data": data}).model_dump(mode="json", by_alias=True)
    job = replace(torch_job, spec=JobSpec.model_validate({**text, "recipes": recipes}))
    sent = bundle(job, f"file://{tmp_path}/store", lambda _: None)
    assert {"old.py", "blocks.py", "old.safetensors", "net.py"} <= set(sent.spec.bundle.files)
    assert local_paths(sent.spec) == {} and is_pinned(sent.spec)
    (folder / "old.safetensors").unlink()
    with pytest.raises(DataError, match=r"recipes\[0\]\.recipes\[0\]\.teacher: no file"):
        bundle(job, f"file://{tmp_path}/store", lambda _: None)
