"""A chain on a cluster: its stages run in the image with torch, on their pool's nodes and on no other."""

import warnings
from dataclasses import replace

import pytest

from inc_mlflow.pipelines.images import reference
from inc_mlflow.pipelines.scheduling.fleet import Fleet
from inc_mlflow.pipelines.scheduling.package import Task, tasks_of
from inc_mlflow.pipelines.scheduling.pod import Pod
from inc_mlflow.pipelines.scheduling.proof import prove
from inc_mlflow.spec import JobSpec
from inc_mlflow.spec.presets import presets
from inc_mlflow.training.launch.launcher import Program
from inc_mlflow.training.launch.pods import ACCOUNT, IMAGE, Pods, options, trainer
from tests.support.compiled_packages import FLEET_JOB, NAMES, bundled, compiled, documents, step_of, tasks
from tests.support.fleets import FLEETS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's, about how it uses pydantic
    from kubeflow.trainer.backends.kubernetes.backend import KubernetesBackend

CHAIN = [{"method": "prune", "pattern": "channel", "sparsity": 0.5}, {"method": "static"}]


def chain_job(placement, **training):
    job = bundled(FLEET_JOB, placement)
    data = job.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    data |= {"model": {"torch": "net.py:build"}, "recipes": [CHAIN], "training": training}
    data["data"]["training"] = data["data"]["tuning"]
    return replace(job, spec=JobSpec._from_mapping(data))


@pytest.mark.parametrize("pipeline", NAMES)
def test_a_stage_runs_on_its_pool_in_the_image_that_can_train(tmp_path, pipeline):
    package = compiled(tmp_path, pipeline, chain_job("eks"))
    spec = documents(package)[0]
    executors = spec["deploymentSpec"]["executors"]
    images = {
        executors[spec["components"][task["componentRef"]["name"]]["executorLabel"]]["container"]["image"]
        for task in tasks(spec).values()
        if step_of(spec, task) == "train"
    }
    assert images == {reference("pytorch")}
    placed = [one for one in prove(tasks_of(package), Fleet.load(FLEETS / "eks.yaml")) if _trains(one)]
    assert [(one.task.pool, bool(one.feasible), one.wrong) for one in placed] == [("intel", True, ())]


def environments(package):
    """The variables of the task that trains, by what gives them."""
    spec, platform = documents(package)
    (task,) = (one for one in tasks(spec).values() if step_of(spec, one) == "train")
    label = spec["components"][task["componentRef"]["name"]]["executorLabel"]
    fields = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label]["fieldPathAsEnv"]
    container = spec["deploymentSpec"]["executors"][label]["container"]
    return container, {one["name"]: one["fieldPath"] for one in fields}


def test_a_stage_in_several_pods_knows_its_image_service_account_and_namespace(tmp_path):
    job = chain_job("eks", processes=4, nodes=2)
    container, fields = environments(compiled(tmp_path, "int8", job, registry="mirror.example/ml"))
    assert container["image"] == reference("pytorch", "mirror.example/ml")
    assert {"name": IMAGE, "value": container["image"]} in container["env"]
    assert fields == {ACCOUNT: "spec.serviceAccountName", "INC_MLFLOW_NAMESPACE": "metadata.namespace"}


def pod_of(job, pool):
    """The pod of a TrainJob of a stage as the scheduler sees it."""
    hardware = job.spec.placement[pool]
    pods = Pods(pool, hardware, "image@sha256:0", "account", 2, 60)
    made = {}
    options("a", pods, Program("m", "x"), 2)[-1](made, None, object.__new__(KubernetesBackend))
    (patch,) = made["spec"]["runtimePatches"]
    (job,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    template = job["template"]["spec"]["template"]
    affinity = template["spec"].get("affinity")
    required = affinity and affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return Pod.model_validate(
        {
            "labels": template["metadata"]["labels"],
            "selector": template["spec"].get("nodeSelector", {}),
            "terms": required and required["nodeSelectorTerms"],
            "tolerations": template["spec"].get("tolerations", []),
            "requests": trainer(pods).resources_per_node,
        }
    )


@pytest.mark.parametrize("preset", presets())
def test_the_pods_of_a_training_stand_where_its_task_stands(tmp_path, preset):
    job, fleet = chain_job(preset, processes=4, nodes=2), Fleet.load(FLEETS / f"{preset}.yaml")
    (task,) = [one for one in prove(tasks_of(compiled(tmp_path, "int8", job)), fleet) if _trains(one)]
    pod = pod_of(job, "intel")
    found = prove([Task("train/pods", "pods", pod)], fleet)[0]
    assert (found.task.pool, found.feasible, found.wrong) == ("intel", task.feasible, ())
    assert pod.requests == task.task.pod.requests


def _trains(placed):
    return placed.task.name == "intel · train"
