"""A stage in the pods of a TrainJob: what the API gets, the model that one machine makes, errors, and a stop."""

import json
import re
import time
from dataclasses import replace
from types import SimpleNamespace

import jsonschema
import pytest
import yaml

from inc_mlflow.errors import CallableError, ClusterError
from inc_mlflow.files import sha256_file
from inc_mlflow.pipelines.bundle import bundle
from inc_mlflow.spec import Job, PoolSpec
from inc_mlflow.spec.stages import stages_of
from inc_mlflow.steps.baselines import converted_file
from inc_mlflow.steps.compress import train_apart as apart
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.step import load_job
from inc_mlflow.training.launch import train_job
from inc_mlflow.training.launch.launcher import Program
from inc_mlflow.training.launch.pods import ACCOUNT, IMAGE, Pods
from tests.steps.compress.test_shared_training import JOB, LOSSES
from tests.support.paths import ROOT
from tests.support.stage_jobs import write_stage_job
from tests.support.strict_schema import strict
from tests.support.trainer_server import NAMESPACE, trainer_server

pytest.importorskip("torch")
kube_config = pytest.importorskip("kubernetes.config.kube_config")
pytest.importorskip("kubeflow")
POOL = {
    "selector": {"cloud.google.com/gke-nodepool": "intel"},
    "required": [{"key": "cloud.google.com/machine-family", "operator": "In", "values": ["n2"]}],
    "tolerations": [{"key": "inc-mlflow/pool", "value": "intel"}],
    "cpu": 4,
    "memory": "16Gi",
}
TOLD = {
    IMAGE: f"registry.example/ml/pytorch@sha256:{'0' * 64}",
    ACCOUNT: "inc-mlflow-pipeline",
    "INC_MLFLOW_NAMESPACE": NAMESPACE,
}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """The API of a cluster, and the variables of a task there."""
    for variable, value in {**TOLD, "INC_MLFLOW_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(train_job, "_PAUSE", 0.2)
    (tmp_path / "pods").mkdir()
    with trainer_server(tmp_path / "pods") as (server, config):
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(config))
        yield server


@pytest.fixture
def job(tmp_path):
    """A job whose files are in a bundle, on a pool."""
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "losses.py").write_text(LOSSES)
    text = JOB.replace("processes: 2", "processes: 2, nodes: 2, deadline: 7200").replace(
        "epochs: 3", "epochs: 1"
    )
    job = Job.load(write_stage_job(tmp_path / "job", text))
    pool = PoolSpec.model_validate(POOL)
    job = replace(job, spec=job.spec.model_copy(update={"pools": ("intel",), "placement": {"intel": pool}}))
    spec = bundle(job, f"file://{tmp_path}/store", lambda line: None).spec
    return load_job(spec.to_text(), ".", "intel")


def run(job, folder, name):
    """Train the job's first stage as the step does."""
    baseline = folder / "baseline"
    if not baseline.exists():
        import_model(job, baseline)
    job = replace(job, converted=converted_file(baseline))
    (folder / f"{name} checkpoints").mkdir()
    stage = stages_of(job.spec.listed)[0]
    return apart.train_apart(job, stage, baseline, baseline, folder / f"{name} checkpoints", folder / name)


def test_the_pods_make_the_model_that_one_machine_makes(job, cluster, tmp_path):
    here = run(job, tmp_path, "here")
    assert cluster.requests == []
    there = run(replace(job, output=f"file://{tmp_path}/root/run/train/trained"), tmp_path, "there")
    assert there == here
    assert there.training.processes == 2
    made = [{one.name: sha256_file(one) for one in (tmp_path / name).iterdir()} for name in ("here", "there")]
    assert made[0] == made[1]
    ((name, posted),) = cluster.jobs.items()
    assert cluster.removed == [name]
    assert posted == documented(name, posted["spec"]["trainer"]["command"][-1])
    assert refused("trainjobs", posted) == []
    assert not (tmp_path / "root" / "run" / "train" / "trained").exists()  # it is KFP that writes the output


def documented(name, place):
    """The object that the documentation shows, with this name and address."""
    page = (ROOT / "docs" / "training-jobs.md").read_text()
    shown = yaml.safe_load(re.search(r"```yaml\n(apiVersion: trainer.*?)```", page, re.DOTALL)[1])
    shown["metadata"]["name"], shown["spec"]["trainer"]["command"][-1] = name, place
    return shown


def refused(kind, one):
    """What the API would refuse, or drop because it does not know it."""
    schema = json.loads((ROOT / "tests" / "support" / "trainer_api" / f"{kind}.json").read_text())
    return [error.message for error in jsonschema.Draft202012Validator(strict(schema)).iter_errors(one)]


def test_an_unknown_field_and_a_missing_one_are_refused():
    trainer = {"apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob", "metadata": {"name": "a"}}
    assert refused("trainjobs", {**trainer, "spec": {"runtimeRef": {"name": "a"}}}) == []
    assert refused(
        "trainjobs", {**trainer, "spec": {"runtimeRef": {"name": "a"}, "podTemplateOverrides": []}}
    )
    assert refused("trainjobs", {**trainer, "spec": {}})


def test_an_error_in_a_pod_is_the_error_of_the_step(job, cluster, tmp_path):
    training = job.spec.training.model_copy(
        update={"loss": type(job.spec.training).model_validate({"callable": "losses.py:broken"}).loss}
    )
    spec = job.spec.model_copy(update={"training": training})
    broken = replace(job, spec=spec, output=f"file://{tmp_path}/root/run/train/trained")
    with pytest.raises(CallableError, match=r"losses.py:\d+ in broken.*the second one cannot"):
        run(broken, tmp_path, "broken")
    assert cluster.removed == list(cluster.jobs)


def launcher():
    pods = Pods("intel", PoolSpec.model_validate(POOL), TOLD[IMAGE], TOLD[ACCOUNT], 2, 7200)
    return train_job.LaunchTrainJob(pods, NAMESPACE)


def test_pods_that_break_without_a_word_are_told_by_the_end_of_their_log(cluster):
    ended = launcher().run(Program("no_such_module", "x"), 2)
    assert not ended.well
    assert "No module named no_such_module" in ended.story
    assert cluster.removed == list(cluster.jobs)


def test_a_stop_removes_the_job(cluster, monkeypatch):
    def stop(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_job, "time", SimpleNamespace(sleep=stop, monotonic=time.monotonic))
    with pytest.raises(KeyboardInterrupt):
        launcher().run(Program("timeit", "-n1"), 2)
    assert cluster.removed == list(cluster.jobs)
    assert len(cluster.removed) == 1


def test_a_cluster_that_is_away_for_long_is_told(cluster, monkeypatch):
    def sleep(_):
        cluster.refuses["GET"] = 503

    monkeypatch.setattr(train_job, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    with pytest.raises(
        ClusterError, match=r"^train: the TrainJob train-\w+ is out of sight: \(503\).*; run again$"
    ):
        launcher().run(Program("timeit", "-n1"), 2)
    assert cluster.removed == list(cluster.jobs)


def test_what_the_cluster_refuses_is_one_line(cluster):
    cluster.refuses["POST"] = 403
    with pytest.raises(ClusterError, match=r"^train: the TrainJob train-\w+ cannot be made in .*403"):
        launcher().run(Program("timeit", "-n1"), 2)


def test_a_cluster_without_the_runtime_is_told(cluster, monkeypatch):
    monkeypatch.setattr(train_job, "RUNTIME", "absent")
    with pytest.raises(
        ClusterError, match=r"cannot be made.*see docs/training-jobs.md for what the cluster needs"
    ):
        launcher().run(Program("timeit", "-n1"), 2)


def test_a_job_without_a_bundle_is_refused_in_pods(job):
    spec = job.spec.model_copy(update={"bundle": None})
    plain = replace(job, spec=spec, output="s3://bucket/root/run/train/trained")
    with pytest.raises(apart.SpecError, match=r"training.nodes: no pod sees the job's files"):
        apart._pods(plain)
