"""What the tests of pipelines share: a small job that passes, on a copy of the example."""

import contextlib
import json
import shutil
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support.paths import EXAMPLE
from tests.support.pipeline_runs import Run, Undisturbed, check_store, folders, steps_of

RECIPES = "recipes:\n- {method: static}\n- {method: static, quant_format: QOperator}\n- {method: dynamic}\n"


def _copy(folder: Path) -> Path:
    """Copy the example without its state and with one recipe, and return the job file."""
    folder.mkdir(parents=True)
    for file in [*EXAMPLE.glob("*.npz"), EXAMPLE / "fp32.onnx"]:
        shutil.copyfile(file, folder / file.name)
    text = (EXAMPLE / "job.yaml").read_text()
    assert RECIPES in text, "examples/digits/job.yaml has other recipes now: mend RECIPES here"
    job = folder / "job.yaml"
    job.write_text(text.replace(RECIPES, "recipes: [{method: static}]\n"))
    return job


@pytest.fixture(scope="session")
def copy_example():
    """Give the function that copies the example with one recipe and no state, and returns the job file."""
    return _copy


@pytest.fixture
def digits(tmp_path, monkeypatch, copy_example):
    """The job file of a copy of the example, which talks to no server but its own."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    return copy_example(tmp_path / "digits")


@pytest.fixture
def start():
    """Give a function that starts runs; whatever they left alive is ended afterwards, by process id."""
    jobs, runs = set(), []

    def begin(job, **more):
        jobs.add(job)
        runs.append(Run(job, **more))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill(group=True)
    for process in [process for job in jobs for process in steps_of(job)]:
        with contextlib.suppress(psutil.Error):
            process.kill()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, copy_example):
    job = copy_example(tmp_path_factory.mktemp("undisturbed") / "digits")
    begun, run = time.monotonic(), Run(job)
    assert run.wait() == 0, run.err[-3000:]
    result = json.loads(run.out)
    check_store(job, result)
    return Undisturbed(job, time.monotonic() - begun, result, folders(job))


@pytest.fixture(scope="session")
def preset_packages(tmp_path_factory):
    """One package per preset, with tasks on all of its pools."""
    from inc_mlflow.spec.presets import definitions, presets
    from tests.support.placed_pipelines import compiled, every_pool

    folder = tmp_path_factory.mktemp("packages")
    return {
        name: compiled(folder / f"{name}.yaml", partial(every_pool, definitions(name, folder)))
        for name in presets()
    }
