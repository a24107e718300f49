"""A chain on a cluster: its stages run in the image with torch, on their pool's nodes and on no other."""

from dataclasses import replace

import pytest

from inc_mlflow.pipelines.images import reference
from inc_mlflow.pipelines.scheduling.fleet import Fleet
from inc_mlflow.pipelines.scheduling.package import tasks_of
from inc_mlflow.pipelines.scheduling.proof import prove
from inc_mlflow.spec import JobSpec
from tests.support.compiled_packages import FLEET_JOB, NAMES, bundled, compiled, documents, step_of, tasks
from tests.support.fleets import FLEETS

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


def _trains(placed):
    return placed.task.name == "intel · train"
