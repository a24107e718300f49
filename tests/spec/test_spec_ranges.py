"""Impossible numbers and names in a job are refused when it is read, before anything computes with them."""

import copy
import json

import pytest
import yaml

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import JobSpec

JOB = {
    "version": 1,
    "name": "digits",
    "model": "fp32.onnx",
    "data": {
        "calibration": {"path": "c.npz"},
        "tuning": {"path": "t.tsv", "transform": {}},
        "validation": {"path": "images", "transform": {"mean": [0.5], "std": [0.5]}},
    },
    "metric": {"name": "top1"},
    "recipes": [{"method": "static"}],
    "benchmark": {"layout": "1s1c1ins1bs"},
    "gate": {"confidence": 0.95},
}
REFUSED = [
    ("data.calibration.seed", [-1, 2**63]),
    ("data.calibration.samples", [10**30]),
    ("data.calibration.start", [10**30]),
    ("data.calibration.batch", [10**9]),
    ("data.calibration.path", ["a\0b", "x" * 300, "é" * 200 + "/a", "a/" * 3000]),
    ("data.validation.transform.resize", [10**9]),
    ("data.validation.transform.std", [[5e-324], [1e300]]),
    ("data.validation.transform.mean", [[1e300]]),
    ("data.tuning.transform.tokenizer", ["a\0b"]),
    ("data.tuning.transform.max_length", [10**9]),
    ("gate.confidence", [0.9999999999999999, 1 - 1e-6, 0.5, 1.0]),
    ("gate.min_speedup", [float("inf"), 1e308, 5e-324, 0.0]),
    ("gate.max_relative_drop", [5e-324, 1e-12, 1.0]),
    ("gate.max_absolute_drop", [1e308]),
    ("benchmark.layout", ["99999999c", "1000000000bs", "1s1c1ins" + "9" * 5000 + "bs"]),
    (
        "benchmark",
        [{"scenario": "arrival_rate", "rate": 1e308}, {"scenario": "arrival_rate", "rate": 5e-324}],
    ),
    ("search", [{"budget": 1e308}]),
    ("name", ["x" * 300]),
    ("metric.name", ["\ud800"]),
    ("metric.options", [{"k": float("inf")}, {"\ud800": 1}, {"k": b"1"}]),
    ("metric", [{"callable": "a\0b.py:f"}]),
]
CASES = [(field, value) for field, values in REFUSED for value in values]


def changed(field, value):
    job = copy.deepcopy(JOB)
    *parents, last = field.split(".")
    part = job
    for name in parents:
        part = part[name]
    part[last] = value
    return job


def test_the_job_itself_is_taken():
    assert JobSpec.from_text(yaml.safe_dump(JOB))


@pytest.mark.parametrize(("field", "value"), CASES, ids=[f"{field} {value!r}"[:50] for field, value in CASES])
def test_it_is_refused_in_one_line_that_names_the_field(field, value):
    with pytest.raises(SpecError) as raised:
        JobSpec._from_mapping(changed(field, value))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400
    assert field.split(".")[0] in str(raised.value) or "half a character" in str(raised.value)


@pytest.mark.parametrize("field", ["gate", "placement"])
@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_a_name_of_another_file_that_none_can_have_is_refused(tmp_path, field, name):
    (tmp_path / "job.yaml").write_text(json.dumps(JOB | {field: name}))
    with pytest.raises(SpecError, match=rf"job\.yaml: {field}: no file can have that name"):
        JobSpec.load(tmp_path / "job.yaml")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data.calibration.seed", 2**63 - 1),
        ("gate.confidence", 0.9999),
        ("gate.max_relative_drop", 0.0),
        ("gate.min_speedup", 0.001),
        ("data.calibration.path", "é" * 120),
        ("metric.options", {"k": [1, "é", {"a": None}]}),
    ],
)
def test_what_is_at_the_edge_is_taken(field, value):
    assert JobSpec._from_mapping(changed(field, value))
