"""The task that makes candidates has the image with torch where it may train: by a recipe, or in a search."""

from dataclasses import replace

import pytest

from inc_mlflow.pipelines.images import reference
from inc_mlflow.spec import parse_recipe
from tests.support.compiled_packages import FLEET_JOB, bundled, compiled, documents, step_of, tasks

TRAINED, PLAIN = (parse_recipe({"method": method}) for method in ("qat", "static"))


def job_of(recipes, training):
    job = bundled(FLEET_JOB)
    data = job.spec.data.model_copy(update={"training": job.spec.data.tuning if training else None})
    spec = job.spec.model_copy(update={"recipes": recipes, "data": data})
    return replace(job, spec=spec)


def images(spec, step):
    executors = spec["deploymentSpec"]["executors"]
    holders = [spec["components"][task["componentRef"]["name"]] for task in of_step(spec, step)]
    return {executors[one["executorLabel"]]["container"]["image"] for one in holders}


def of_step(spec, step):
    return [task for task in tasks(spec).values() if step_of(spec, task) == step]


@pytest.mark.parametrize(
    ("recipes", "training", "torch"),
    [((TRAINED,), True, True), ("auto", True, True), ("auto", False, False), ((PLAIN,), True, False)],
)
def test_candidates_are_made_in_the_image_that_can_train(tmp_path, recipes, training, torch):
    spec = documents(compiled(tmp_path, "int8", job_of(recipes, training)))[0]
    trains = {reference("pytorch")}
    assert (images(spec, "quantize") == trains) is torch
    assert not images(spec, "evaluate") & trains
