"""A job of several engines: each task has an image that holds them all, or the job is refused in one line."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from inc_mlflow.cli import main
from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.images import reference
from inc_mlflow.pipelines.scheduling.package import tasks_of
from inc_mlflow.spec import PoolSpec, parse_recipe
from tests.support.compiled_packages import FLEET_JOB, bundled, compiled, documents, of_two_engines
from tests.support.fleets import fleet_file, wrong

GOLDEN = Path(__file__).parent / "golden" / "engines.yaml"
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
    job = of_two_engines(preset)
    pools = job.spec.pools
    package = compiled(tmp_path, "cross_hardware", job)
    assert wrong(package, preset) == {}, "as `pools check` says"
    placed = {task.name for task in tasks_of(package)}
    assert {f"{pool} · {step}" for pool in pools for step in ("evaluate", "benchmark")} <= placed
    executors = documents(package)[0]["deploymentSpec"]["executors"]
    assert {one["container"]["image"] for one in executors.values()} == {reference("openvino")}


def test_its_package_is_the_one_that_was_reviewed(tmp_path):
    """Where it changed on purpose: look at the difference, then `python tests/pipelines/golden/make.py`."""
    assert compiled(tmp_path, "cross_hardware", of_two_engines()).read_text() == GOLDEN.read_text()


def test_pools_check_finds_a_place_for_each_of_its_tasks(monkeypatch, capsys):
    arguments = ["inc-mlflow", "pools", "check", str(GOLDEN), "--fleet", fleet_file("karpenter"), "--json"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    found = json.loads(capsys.readouterr().out)
    assert (ended.value.code, found["verdict"]) == (0, "pass")
    assert {task["pool"] for task in found["tasks"]} == {"intel", "amd", "arm", "system"}


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
