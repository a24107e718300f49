"""A PyTorch model becomes a baseline: exported in a process of its own, and compared with PyTorch on real rows."""

import sys

import numpy as np
import onnx
import pytest

from inc_mlflow.errors import ModelError
from inc_mlflow.files import files_sha256
from inc_mlflow.records import ImportRecord
from inc_mlflow.reports.preview import facts
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.prepare.import_model import import_model

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.5)
        self.hidden, self.dense = nn.Linear(8 * 36, 16), nn.Linear(16, 10)

    def forward(self, image):
        x = torch.relu(self.norm(self.convolution(image)))
        CHANGE
        return {"logits": self.dense(self.hidden(self.drop(x.flatten(1))))}


def build():
    torch.manual_seed(0)
    return Net(), (torch.zeros(1, 1, 8, 8),)
"""
PARTS_WHEN_EXPORTED = "x = x * 1.01 if torch.compiler.is_exporting() else x"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INC_MLFLOW_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """A job's folder: code, weights that differ from those that the code makes, and rows."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(20, 1, 8, 8)).astype("f4")
    np.savez(tmp_path / "calibration.npz", image=rows + 1)
    np.savez(tmp_path / "rows.npz", image=rows, label=random.integers(0, 10, 20))
    write(tmp_path, "")
    module = namespace_of(tmp_path)["build"]()[0]
    module.norm.running_mean += 0.5
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    return tmp_path


def write(folder, change):
    (folder / "net.py").write_text(NET.replace("CHANGE", change))


def namespace_of(folder):
    namespace = {}
    exec((folder / "net.py").read_text(), namespace)
    return namespace


def job(folder, **model):
    data = {"calibration": {"path": "calibration.npz"}, "validation": {"path": "rows.npz"}}
    spec = {
        "version": 1,
        "name": "net",
        "model": {"torch": "net.py:build", "weights": "weights.pt", **model},
        "data": data,
        "metric": {"name": "top1", "output": "logits"},
        "recipes": [{"method": "dynamic"}],
    }
    return Job(JobSpec.model_validate(spec), folder)


def test_the_baseline_computes_what_pytorch_does_and_the_record_says_how_near(folder):
    target = folder / "baseline"
    import_model(job(folder), target)
    record = ImportRecord.load(target)
    source = record.framework_source
    assert source.kind == "torch" and source.framework.startswith("torch ")
    assert [one.name for one in source.parity] == ["logits"]
    assert 0 < source.parity[0].relative_difference < 1e-5
    assert facts(record)["framework"] == source.framework and facts(record)["parity"] == source.largest
    assert source.rows == record.rows_compared == 8
    assert record.source_sha256 == files_sha256([folder / "weights.pt", folder / "net.py"])
    assert onnx.load(target / source.file).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_the_weights_given_and_evaluation_mode_are_what_runs(folder):
    import onnxruntime

    target = folder / "baseline"
    import_model(job(folder), target)
    module = namespace_of(folder)["build"]()[0].eval()
    module.load_state_dict(torch.load(folder / "weights.pt"))
    rows = np.load(folder / "rows.npz")["image"]
    session = onnxruntime.InferenceSession(target / "model.onnx")
    assert np.allclose(
        session.run(None, {"image": rows})[0], module(torch.from_numpy(rows))["logits"].detach(), atol=1e-5
    )


def test_a_baseline_that_is_not_what_pytorch_computes_is_refused_at_the_first_layer_that_parts(folder):
    write(folder, PARTS_WHEN_EXPORTED)
    says = r"output 'logits' is 0\.0.* from that of torch .*; they part first at the layer 'hidden' \(0\.0"
    with pytest.raises(ModelError, match=says):
        import_model(job(folder), folder / "baseline")


def test_equal_models_give_equal_bytes_wherever_they_are(folder, tmp_path):
    import shutil

    first = job(folder).model.read_bytes()
    other = tmp_path / "elsewhere"
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("cache"))
    shutil.rmtree(tmp_path / "cache")
    assert job(other).model.read_bytes() == first


def test_the_process_of_the_job_never_loads_pytorch(folder):
    import subprocess

    code = (
        "import sys; from pathlib import Path; from inc_mlflow.spec import Job; "
        "from inc_mlflow.steps.prepare.import_model import import_model; "
        f"import_model(Job.load(Path({str(folder / 'job.json')!r})), Path({str(folder / 'made')!r})); "
        "assert not {'torch', 'onnxscript', 'transformers'} & set(sys.modules)"
    )
    (folder / "job.json").write_text(job(folder).spec.to_text())
    subprocess.run([sys.executable, "-c", code], check=True)
