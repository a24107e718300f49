"""Which calibration methods there are, and which ones a job needs."""

import pytest

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import Job, JobSpec, parse_recipe
from inc_mlflow.steps.prepare.calibrate import needed_kinds


def job(recipes, tmp_path):
    split = {"path": "rows.npz"}
    data = {"calibration": split, "tuning": split, "validation": split}
    text = {
        "version": 1,
        "name": "job",
        "model": "fp32.onnx",
        "data": data,
        "metric": "top1",
        "recipes": recipes,
    }
    return Job(JobSpec.model_validate(text), tmp_path)


@pytest.mark.parametrize(
    ("recipes", "expected"),
    [
        ([{"method": "dynamic"}], set()),
        ([{"method": "static"}, {"method": "dynamic"}], {"minmax"}),
        ([{"method": "static", "calibrate_method": "entropy"}, {"method": "static"}], {"minmax", "entropy"}),
        ("auto", {"minmax", "percentile", "entropy", "mse"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_a_job_needs_the_methods_of_its_recipes(recipes, expected, tmp_path):
    assert needed_kinds(job(recipes, tmp_path), "onnxruntime") == expected


def test_distribution_is_refused_with_the_reason():
    with pytest.raises(SpecError) as raised:
        parse_recipe({"method": "static", "calibrate_method": "distribution"})
    assert str(raised.value) == (
        "recipe: calibrate_method: 'distribution' is for float8 and ruins INT8; use minmax, percentile, "
        "entropy or mse"
    )


def test_another_name_is_refused_with_those_that_exist():
    with pytest.raises(
        SpecError, match="calibrate_method: expected 'minmax', 'percentile', 'entropy' or 'mse', got 'kl'"
    ):
        parse_recipe({"method": "static", "calibrate_method": "kl"})
