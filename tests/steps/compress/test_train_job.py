"""The launcher of a cluster: pods that break, a stop, and a cluster that is away, refuses, or lacks the runtime."""

import time
from types import SimpleNamespace

import pytest

from inc_mlflow.errors import ClusterError, KilledError
from inc_mlflow.spec import PoolSpec
from inc_mlflow.training.launch import train_job
from inc_mlflow.training.launch.launcher import Program
from inc_mlflow.training.launch.pods import Pods
from tests.support.trainer_server import NAMESPACE
from tests.support.trainjobs import POOL, refused


def run(module="timeit"):
    pods = Pods("intel", PoolSpec.model_validate(POOL), "image@sha256:0", "account", 2, 7200)
    return train_job.LaunchTrainJob(pods, NAMESPACE).run(Program(module, "-n1"), 2)


def test_pods_that_break_without_a_word_are_told_by_the_end_of_their_log(cluster):
    ended = run("no_such_module")
    assert not ended.well
    assert "No module named no_such_module" in ended.story
    assert cluster.removed == list(cluster.jobs)


def test_a_stop_removes_the_job(cluster, monkeypatch):
    def stop(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_job, "time", SimpleNamespace(sleep=stop, monotonic=time.monotonic))
    with pytest.raises(KeyboardInterrupt):
        run()
    assert cluster.removed == list(cluster.jobs)
    assert len(cluster.removed) == 1


def test_a_cluster_that_is_away_for_long_is_told(cluster, monkeypatch):
    def sleep(_):
        cluster.refuses["GET"] = 503

    monkeypatch.setattr(train_job, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    with pytest.raises(
        ClusterError, match=r"^train: the TrainJob train-\w+ is out of sight: \(503\).*; run again$"
    ):
        run()
    assert cluster.removed == list(cluster.jobs)


def test_a_job_that_does_not_end_in_time_is_told(cluster, monkeypatch):
    clock = iter([0.0, 1.0, 1e9])
    fake = SimpleNamespace(sleep=lambda _: None, monotonic=lambda: next(clock))
    monkeypatch.setattr(train_job, "time", fake)
    with pytest.raises(
        KilledError, match=r"train-\w+ did not end within 7200 s; see why its pods do not run"
    ):
        run()
    assert cluster.removed == list(cluster.jobs)


def test_what_the_cluster_refuses_is_one_line(cluster):
    cluster.refuses["POST"] = 403
    with pytest.raises(ClusterError, match=r"^train: the TrainJob train-\w+ cannot be made in .*403"):
        run()


def test_a_cluster_without_the_runtime_is_told(cluster, monkeypatch):
    monkeypatch.setattr(train_job, "RUNTIME", "absent")
    with pytest.raises(
        ClusterError, match=r"cannot be made.*see docs/training-jobs.md for what the cluster needs"
    ):
        run()


def test_an_unknown_field_and_a_missing_one_are_refused():
    job = {"apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob", "metadata": {"name": "a"}}
    assert refused("trainjobs", {**job, "spec": {"runtimeRef": {"name": "a"}}}) == []
    assert refused("trainjobs", {**job, "spec": {"runtimeRef": {"name": "a"}, "podTemplateOverrides": []}})
    assert refused("trainjobs", {**job, "spec": {}})
