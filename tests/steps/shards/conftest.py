"""A job, its models, and what its shards wrote."""

import json
import shutil
from types import SimpleNamespace

import pytest

from inc_mlflow.records import ChampionRecord
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.step import STATE
from tests.support.paths import EXAMPLE
from tests.support.sharded_steps import OWN, WHOLE_SPLIT, calibrated, evaluated


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    for name in ("fp32.onnx", "calib.npz", "dev.npz", "tune.npz"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    (folder / "own.py").write_text(OWN.format(example=EXAMPLE))
    return folder


@pytest.fixture(scope="module")
def make(folder):
    """Give the function that makes a job on the first rows of the example."""

    def make(rows=30, batch=4, metric="top1", data=None, recipe=None):
        splits = {"calibration": {"path": "calib.npz", "stop": rows, "batch": batch}}
        splits["validation"] = {"path": "dev.npz", "stop": rows}
        fields = {
            "version": 1,
            "name": "digits",
            "model": "fp32.onnx",
            "data": data or splits,
            "metric": metric,
        }
        fields["recipes"] = [recipe or {"method": "static", "calibrate_method": "percentile"}]
        return Job(
            JobSpec.from_text(json.dumps(fields | {"benchmark": {"layout": f"1s1c1ins{batch}bs"}})), folder
        )

    return make


@pytest.fixture(scope="module")
def models(make, tmp_path_factory):
    """Directories of the models that are evaluated: the baseline and one candidate."""
    folder, job = tmp_path_factory.mktemp("models"), make()
    places = {name: folder / name for name in ("baseline", "champion", "candidates")}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(STATE, raising=False)
        import_model(job, places["baseline"])
        ChampionRecord(reachable=True).save(places["champion"])
        calibrate(job, folder / "ranges", baseline=places["baseline"])
        quantize(job, places["candidates"], baseline=places["baseline"], ranges=folder / "ranges")
    return places


@pytest.fixture(autouse=True)
def no_state(monkeypatch):
    monkeypatch.delenv(STATE, raising=False)


@pytest.fixture(scope="module")
def good(make, models, tmp_path_factory):
    """A job and what its two shards wrote."""
    folder, job = tmp_path_factory.mktemp("good"), make(metric=WHOLE_SPLIT)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(STATE, raising=False)
        evaluated(job, models, folder / "evaluation", 2)
        calibrated(job, models, folder / "ranges", 2)
    return SimpleNamespace(job=job, folder=folder)


@pytest.fixture
def shards(good, tmp_path):
    shutil.copytree(good.folder, tmp_path / "shards")
    return tmp_path / "shards"
