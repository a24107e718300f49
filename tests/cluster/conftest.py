"""A real S3 server and a stub of Kubeflow's, both on loopback, and a job whose files a test may spoil."""

import os
import shutil

import pytest

from inc_mlflow.remote import fetch
from tests.cluster import kubeflow_stub as stub
from tests.support.paths import EXAMPLE


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch, tmp_path, published):
    """No server, credential or cache of this machine; what a process fetched is forgotten between tests."""
    for name in os.environ:
        if name.startswith(("AWS_", "MLFLOW_", "INC_MLFLOW_", "KF_PIPELINES_", "KUBERNETES_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("INC_MLFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("INC_MLFLOW_IMAGES", str(published))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fetch.cache_clear()


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A lock of images that somebody has pushed."""
    lock = tmp_path_factory.mktemp("lock") / "images.lock"
    lock.write_text(f"onnxruntime: {{repository: registry.test/inc-mlflow, digest: 'sha256:{'1' * 64}'}}\n")
    return lock


@pytest.fixture
def kubeflow():
    with stub.served() as server:
        yield server


@pytest.fixture
def digits(tmp_path):
    """The job file of a copy of the example."""
    folder = tmp_path / "digits"
    folder.mkdir()
    for name in ("job.yaml", "fp32.onnx", "calib.npz", "tune.npz", "dev.npz"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    return folder / "job.yaml"


@pytest.fixture
def refused(call):
    """Assert that a command is refused in one line with all of these."""

    def inner(*arguments, holds):
        code, out, err = call(*arguments)
        assert (code, out) == (2, ""), err
        (line,) = [line for line in err.splitlines() if line.startswith("inc-mlflow: ")]
        assert err.splitlines()[-1] == line
        missing = [text for text in holds if text not in line]
        assert not missing, f"{missing} not in: {line}"
        return line

    return inner


@pytest.fixture
def submit(call, digits, kubeflow, tmp_path, monkeypatch):
    """Submit the example with these options."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.invalid")

    def inner(*options):
        return call(
            "submit", digits, "--host", kubeflow.url, "--pipeline-root", f"file://{tmp_path}/store", *options
        )

    return inner
