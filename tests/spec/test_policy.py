"""A gate policy in a file of its own, shared by jobs."""

import json

import pytest

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import GateSpec, JobSpec, PolicySpec

JOB = """
version: 1
name: a
model: a.onnx
data: {validation: {path: a.npz}}
metric: top1
recipes: [{method: dynamic}]
gate: %s
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nmax_relative_drop: 0.02\npools: {a100: {role: accuracy_only}}\n")
    return path


def test_a_job_takes_its_policy_in(tmp_path, policy):
    (tmp_path / "job.yaml").write_text(JOB % "policy.yaml")
    spec = JobSpec.load(tmp_path / "job.yaml")
    assert spec.gate == PolicySpec.load(policy).limits
    assert spec.gate.max_relative_drop == 0.02
    assert JobSpec.from_text(spec.to_text()) == spec


def test_equal_limits_in_job_and_file_give_equal_text(tmp_path, policy):
    (tmp_path / "one.yaml").write_text(JOB % "policy.yaml")
    (tmp_path / "two.yaml").write_text(
        JOB % "{max_relative_drop: 0.02, pools: {a100: {role: accuracy_only}}}"
    )
    one, two = (JobSpec.load(tmp_path / f"{name}.yaml") for name in ("one", "two"))
    assert one.to_text() == two.to_text()
    assert "version" not in json.loads(one.to_text())["gate"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_relative_drop: 0.02", "version: required field is missing"),
        ("version: 2", "version: expected 1, got 2"),
        ("version: 1\nmax_drop: 1", "max_drop: unknown field"),
        ("version: 1\nmin_speedup: fast", "min_speedup: expected a valid number, got 'fast'"),
        ("[]", "policy: expected a mapping of fields, got list"),
        ("a: [", "policy: not YAML"),
    ],
)
def test_a_wrong_policy_is_one_line_with_file_and_field(tmp_path, text, message):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as raised:
        PolicySpec.load(path)
    assert str(raised.value).startswith(f"{path}: {message}")
    assert "\n" not in str(raised.value)


def test_a_policy_that_is_not_there_is_named(tmp_path):
    (tmp_path / "job.yaml").write_text(JOB % "gone.yaml")
    with pytest.raises(SpecError, match=r"gone.yaml: cannot be read \(No such file"):
        JobSpec.load(tmp_path / "job.yaml")


def test_the_default_limit_is_written_out_and_an_absolute_one_replaces_it():
    assert (GateSpec().max_relative_drop, GateSpec(max_absolute_drop=0.1).max_relative_drop) == (0.01, None)
    assert GateSpec() == GateSpec(max_relative_drop=0.01)
    assert GateSpec(max_absolute_drop=0.009).relative_limit(0.9) == pytest.approx(0.01)
    assert GateSpec(max_absolute_drop=0.009, max_relative_drop=0.001).relative_limit(-0.9) == 0.001
