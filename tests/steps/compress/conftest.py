"""The API of a cluster for tasks that start pods."""

import pytest

from inc_mlflow.training.launch import train_job
from inc_mlflow.training.launch.pods import ACCOUNT, IMAGE
from tests.support.trainer_server import NAMESPACE, trainer_server


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """The API, in the environment of a task there."""
    kube_config = pytest.importorskip("kubernetes.config.kube_config")
    pytest.importorskip("torch")
    pytest.importorskip("kubeflow_trainer_api")
    told = {
        IMAGE: f"registry.example/ml/pytorch@sha256:{'0' * 64}",
        ACCOUNT: "inc-mlflow-pipeline",
        "INC_MLFLOW_NAMESPACE": NAMESPACE,
    }
    for variable, value in told.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(train_job, "_PAUSE", 0.2)
    (tmp_path / "pods").mkdir()
    with trainer_server(tmp_path / "pods") as (server, config):
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(config))
        yield server
