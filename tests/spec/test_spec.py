"""Names of recipes, the example job, and the JSON schema."""

import pytest
import yaml

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import Job, JobSpec, parse_recipe
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        ({"method": "static"}, "static u8s8 per-channel"),
        (
            {"method": "static", "quant_format": "QOperator", "per_channel": False},
            "static u8s8 QOperator per-tensor",
        ),
        (
            {"method": "dynamic", "reduce_range": True, "weight_type": "QUInt8"},
            "dynamic u8 per-channel 7-bit",
        ),
        (
            {"method": "static", "op_types_to_quantize": ["Conv", "MatMul"]},
            "static u8s8 per-channel Conv+MatMul",
        ),
        ({"method": "dynamic", "nodes_to_exclude": ["a", "b"]}, "dynamic s8 per-channel 2 nodes FP32"),
    ],
)
def test_a_recipe_is_named_by_what_differs(recipe, name):
    assert parse_recipe(recipe).label() == name


def test_a_wrong_recipe_says_so():
    with pytest.raises(SpecError, match=r"^recipe: per_chanel: unknown field, did you mean 'per_channel'\?"):
        parse_recipe({"method": "static", "per_chanel": 1})


def test_the_example_job_loads_and_its_paths_start_from_its_own_folder():
    job = Job.load(ROOT / "examples" / "digits" / "job.yaml")
    assert job.model == ROOT / "examples" / "digits" / "fp32.onnx"
    assert job.layout.batch == 1
    assert list(job.spec.data.splits()) == ["calibration", "tuning", "validation"]
    assert JobSpec.from_text(job.spec.to_text()) == job.spec


def test_the_json_schema_accepts_the_example_job():
    jsonschema = pytest.importorskip("jsonschema")
    job = yaml.safe_load((ROOT / "examples" / "digits" / "job.yaml").read_text())
    jsonschema.validate(job, JobSpec.model_json_schema())


def test_the_json_schema_refuses_unknown_fields_and_names_every_field():
    schema = JobSpec.model_json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(JobSpec.model_fields)
    assert {"version", "name", "model", "data", "recipes"} == set(schema["required"])
    assert schema["oneOf"] == [{"required": ["metric"]}, {"required": ["metrics"]}]
