"""The job file at its edges: what YAML, pydantic and JSON each read in their own way."""

import json

import pytest
import yaml

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import JobSpec, parse_recipe

JOB = """
version: 1
name: digits
model: fp32.onnx
data: {calibration: {path: c.npz}, validation: {path: dev.npz}}
metric: top1
recipes: [{method: static}]
"""


def refused(text: str) -> str:
    with pytest.raises(SpecError) as raised:
        JobSpec.from_text(text)
    return str(raised.value)


def test_the_json_schema_takes_a_metric_by_its_name():
    metric = JobSpec.model_json_schema()["$defs"]["MetricSpec"]
    assert '"type": "string"' in json.dumps(metric)


def test_a_field_that_stands_twice_is_refused():
    assert "gate" in refused(JOB + "gate: {min_speedup: 2.0}\ngate: {min_speedup: 1.0}\n")


def test_an_empty_std_is_refused_in_words():
    transform = {"mean": [], "std": []}
    job = yaml.safe_load(JOB)
    job["data"]["validation"]["transform"] = transform
    assert "min()" not in refused(yaml.safe_dump(job))


@pytest.mark.parametrize(("old", "new"), [("{path: dev.npz}", "dev.npz"), ("metric: top1", "metric: 7")])
def test_what_should_be_a_mapping_is_asked_for_in_words_of_yaml(old, new):
    assert "instance of" not in refused(JOB.replace(old, new))


@pytest.mark.parametrize("recipe", [{"method": "foo"}, []])
def test_a_recipe_of_its_own_is_refused_without_a_stray_field_name(recipe):
    with pytest.raises(SpecError) as raised:
        parse_recipe(recipe)
    assert not str(raised.value).startswith(("recipe: :", "recipe: job:"))


@pytest.mark.parametrize("metric", [{"callable": "m.py:f", "decomposable": None}])
def test_equal_callable_metrics_give_equal_text(metric):
    job = yaml.safe_load(JOB)
    texts = [
        JobSpec.from_text(yaml.safe_dump(job | {"metric": one})).to_text()
        for one in ({"callable": "m.py:f"}, metric)
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [("metric: top1", "metric: top1\ngate: {max_relative_drop: 0.00001}"), ("dev.npz", '"\\x7f"')],
)
def test_canonical_text_of_any_job_reads_back(old, new):
    job = JobSpec.from_text(JOB.replace(old, new))
    assert JobSpec.from_text(job.to_text()) == job


def test_axes_are_kept_with_null_and_with_names_that_are_numbers():
    job = JobSpec.from_text(JOB.replace("data: {", "data: {axes: {387: 1, rate: null}, "))
    assert job.data.axes == {"387": 1, "rate": None}
    assert JobSpec.from_text(job.to_text()) == job
    assert "axes" not in JobSpec.from_text(JOB).to_text()
    assert "data.axes" in refused(JOB.replace("data: {", "data: {axes: {x: -1}, "))
