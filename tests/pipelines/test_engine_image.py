"""A job of several engines: each task has an image that holds them all, or the job is refused in one line."""

import re
from dataclasses import replace

import pytest

from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.images import reference
from inc_mlflow.pipelines.scheduling.package import tasks_of
from inc_mlflow.spec import PoolSpec, parse_recipe
from tests.support.compiled_packages import FLEET_JOB, bundled, compiled, documents
from tests.support.fleets import wrong

BOTH = ("onnxruntime", "openvino")
BF16, STATIC, TRAINED = (parse_recipe({"method": method}) for method in ("bf16", "static", "qat"))


def job_of(recipes=(STATIC, BF16), engines=BOTH, **hardware):
    job = bundled(FLEET_JOB)
    placement = {pool: one.model_copy(update=hardware) for pool, one in job.spec.placement.items()}
    changed = {"recipes": recipes, "engines": engines, "placement": placement}
    return replace(job, spec=job.spec.model_copy(update=changed))


def images(tmp_path, job):
    executors = documents(compiled(tmp_path, "cross_hardware", job))[0]["deploymentSpec"]["executors"]
    return {one["container"]["image"] for one in executors.values()}


def test_all_tasks_have_the_image_with_both_engines(tmp_path):
    job = job_of(image=PoolSpec().image, provider="cpu")
    assert images(tmp_path, job) == {reference("openvino")}, "each task reads the job, and so its engines"
    assert job.spec.images == ("openvino",)


def test_without_the_engine_nothing_changes(tmp_path):
    job = job_of((STATIC,), ("onnxruntime",), image=PoolSpec().image, provider="cpu")
    assert images(tmp_path, job) == {reference("onnxruntime")}


@pytest.mark.parametrize("preset", ["eks", "nfd"])
def test_each_task_stands_on_its_pool_in_that_image(tmp_path, preset):
    job = bundled(FLEET_JOB, preset)
    pools = ("intel", "amd", "arm")
    placement = {name: one for name, one in job.spec.placement.items() if name in (*pools, "system")}
    changed = {"recipes": (STATIC, BF16), "engines": BOTH, "pools": pools, "placement": placement}
    job = replace(job, spec=job.spec.model_copy(update=changed))
    package = compiled(tmp_path, "cross_hardware", job)
    assert wrong(package, preset) == {}, "as `pools check` says"
    placed = {task.name for task in tasks_of(package)}
    assert {f"{pool} · {step}" for pool in pools for step in ("evaluate", "benchmark")} <= placed
    executors = documents(package)[0]["deploymentSpec"]["executors"]
    assert {one["container"]["image"] for one in executors.values()} == {reference("openvino")}


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (
            job_of((TRAINED,), provider="cpu"),
            "image openvino for the engines and pytorch for the model or a recipe, which are two",
        ),
        (job_of(provider="cuda"), "runs models by cuda, and openvino cannot; leave one of them out"),
    ],
)
def test_what_no_image_or_device_can_run_is_one_line(tmp_path, job, says):
    with pytest.raises(SpecError, match=re.escape(says)):
        compiled(tmp_path, "cross_hardware", job)
