"""A search with a plan: what it asks is answered once, and its recipes are tried like others."""

import shutil

from inc_mlflow.spec import Job
from inc_mlflow.steps.compress.answers import ANSWERS
from inc_mlflow.steps.standalone.search import search_job
from tests.support.paths import EXAMPLE


def planned_job(folder):
    for file in [*EXAMPLE.glob("*.npz"), EXAMPLE / "fp32.onnx", EXAMPLE / "auto.yaml"]:
        shutil.copyfile(file, folder / file.name)
    return Job.load(folder / "auto.yaml")


def test_a_planned_search_goes_on_with_the_same_answers_and_trials(tmp_path):
    job, out = planned_job(tmp_path), tmp_path / "out"
    first = search_job(job, 60.0, out)
    asked = {path.name: path.stat().st_mtime_ns for path in out.glob(f"**/{ANSWERS}/*.json")}
    assert any(name.startswith("profile-") for name in asked)
    assert any(row["recipe"]["method"] == "mixed" for row in first["trials"])
    again = search_job(job, 60.0, out)
    assert {path.name: path.stat().st_mtime_ns for path in out.glob(f"**/{ANSWERS}/*.json")} == asked
    assert again["trials"] == first["trials"]
    assert again["planned"] == first["planned"]
