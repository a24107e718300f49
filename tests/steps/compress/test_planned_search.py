"""A search with a plan: what it asks is answered once, and its recipes are tried like others."""

import shutil

import pytest

from inc_mlflow.engines.plan import LEAST_GAIN, RecipePlan
from inc_mlflow.spec import Job
from inc_mlflow.steps.compress import search
from inc_mlflow.steps.compress.answers import ANSWERS
from inc_mlflow.steps.compress.search import nothing_gains
from inc_mlflow.steps.standalone.search import search_job
from tests.support.paths import EXAMPLE
from tests.support.toy_search import ToyRecipe, trial


def planned_job(folder):
    for file in [*EXAMPLE.glob("*.npz"), EXAMPLE / "fp32.onnx", EXAMPLE / "auto.yaml"]:
        shutil.copyfile(file, folder / file.name)
    return Job.load(folder / "auto.yaml")


def test_a_planned_search_goes_on_with_the_same_answers_and_trials(tmp_path, monkeypatch):
    job, out = planned_job(tmp_path), tmp_path / "out"
    first = search_job(job, 60.0, out)
    asked = {path.name: path.stat().st_mtime_ns for path in out.glob(f"**/{ANSWERS}/*.json")}
    assert any(name.startswith("profile-") for name in asked)
    assert any(row["recipe"]["method"] == "mixed" for row in first["trials"])
    again = search_job(job, 60.0, out)
    assert {path.name: path.stat().st_mtime_ns for path in out.glob(f"**/{ANSWERS}/*.json")} == asked
    assert again["trials"] == first["trials"]
    assert again["planned"] == first["planned"]
    monkeypatch.setattr(search, "LEAST_GAIN", 50.0)
    kept = search_job(job, 60.0, out)
    assert kept["candidates"] == []
    assert "on this CPU, keep FP32" in kept["planned"]
    assert "no gain by INT8" in kept["rejected"] or "it needs" in kept["rejected"]


PROMISED, FASTER = LEAST_GAIN - 0.001, LEAST_GAIN + 0.001


@pytest.mark.parametrize(
    ("promised", "measured", "change", "keeps"),
    [
        (PROMISED, 1.0, {}, True),
        (PROMISED, FASTER, {}, False),
        (FASTER, 1.0, {}, False),
        (None, 1.0, {}, False),
        (PROMISED, 1.0, {"pools": ("local", {"emulate": "x86-avx2"})}, False),
        (PROMISED, 1.0, {"gate": {"min_speedup": 0.9}}, False),
    ],
)
def test_fp32_stays_where_plan_and_trials_show_no_gain_and_nobody_else_judges(
    tmp_path, promised, measured, change, keeps
):
    job = planned_job(tmp_path)
    spec = job.spec.model_dump(mode="json", by_alias=True, exclude_none=True) | change
    job = Job(type(job.spec).model_validate(spec), job.root)
    plan = None if promised is None else RecipePlan((), promised, limit=2.0)
    assert nothing_gains(job, plan, [trial(ToyRecipe(method="coarse"), speed=measured)]) is keeps
