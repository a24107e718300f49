"""Several metrics in a job file: names, limits, and what is refused before any work."""

import pytest

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import GateSpec, JobSpec, gates_of
from inc_mlflow.spec.paths import paths

START = """
version: 1
name: several
model: fp32.onnx
data: {calibration: {path: c.npz}, validation: {path: v.npz}}
recipes: [{method: static}]
"""


def job(metrics, gate=""):
    return JobSpec.from_text(f"{START}{metrics}\n{gate}")


def limits(spec, gate=None):
    gates = gates_of(spec.all_metrics.values(), gate or spec.gate)
    return [one and (one.max_relative_drop, one.max_absolute_drop) for one in gates]


@pytest.mark.parametrize(
    ("metrics", "gate", "expected"),
    [
        ("metric: top1", "", [(0.01, None)]),
        ("metrics: [top1]", "", [(0.01, None)]),
        ("metrics: [top1, top5]", "", [(0.01, None)] * 2),
        ("metrics: [top1, top5]", "gate: {max_relative_drop: 0.03}", [(0.03, None)] * 2),
        ("metrics: [{name: top1, max_relative_drop: 0.02}, top5]", "", [(0.02, None)] * 2),
        ("metrics: [{name: top1, max_absolute_drop: 0.5}, {name: top5, max_relative_drop: 0.03}]", "",
         [(None, 0.5), (0.03, None)]),
        ("metrics: [top1, {name: top5, max_absolute_drop: 0.5}]", "", [(0.01, None), (None, 0.5)]),
        ("metrics: [top1, {name: top5, informative: true}]", "", [(0.01, None), None]),
        ("metrics: [top1, {name: top5, informative: true}]", "gate: {max_absolute_drop: 1.0}",
         [(None, 1.0), None]),
    ],
)  # fmt: skip
def test_each_metric_has_its_own_limits_or_the_gates_share(metrics, gate, expected):
    spec = job(metrics, gate)
    assert limits(spec) == expected
    assert JobSpec.from_json(spec.to_text()) == spec
    assert JobSpec.from_json(spec.to_text()).to_text() == spec.to_text()


def test_a_policy_limits_the_first_and_what_has_no_limit_of_its_own():
    spec = job("metrics: [{name: top1, max_relative_drop: 0.2}, f1, {name: top5, max_relative_drop: 0.3}]")
    assert limits(spec, GateSpec(max_relative_drop=0.01)) == [(0.01, None), (0.01, None), (0.3, None)]


@pytest.mark.parametrize(
    ("metrics", "gate", "error"),
    [
        ("", "", "job: give either 'metric', or several as 'metrics'"),
        ("metric: top1\nmetrics: [top1]", "", "job: give either 'metric', or several as 'metrics'"),
        ("metrics: []", "", "metrics: "),
        ("metrics: [top1, top1]", "", "job: metrics: 'top1' stands twice; give one another name"),
        ("metrics: [{name: top1, informative: true}, top5]", "", "job: metrics[0].informative: the first"),
        ("metrics: [top1, {name: top5, max_relative_drop: 0.1, informative: true}]", "",
         "job: metrics[1]: has a limit and is informative; choose one"),
        ("metrics: [{name: top1, max_relative_drop: 0.02}, top5]", "gate: {max_relative_drop: 0.01}",
         "job: metrics[0].max_relative_drop: the gate has the limit of the first metric"),
        ("metrics: [top1, top5]", "gate: {max_absolute_drop: 0.5}",
         "job: gate.max_absolute_drop: is in the unit of the first metric; give top5 a limit of its own"),
        ("metrics: [top1, {name: topp5}]", "", "metrics[1].name: "),
        ("metrics: [top1, {name: top5, max_drop: 1}]", "", "metrics[1].max_drop: unknown field"),
        ("metrics: [top1, {name: top5, as: 'a\\nb'}]", "", "metrics[1].as: "),
    ],
)  # fmt: skip
def test_what_would_not_be_clear_is_refused_in_one_line(metrics, gate, error):
    with pytest.raises(SpecError) as refusal:
        job(metrics, gate)
    assert str(refusal.value).startswith(error)
    assert "\n" not in str(refusal.value)


def test_one_metric_may_stand_twice_under_another_name_and_its_files_have_their_field():
    spec = job("metrics: [top1, {name: top1, output: second, as: second head}, {callable: 'm.py:f'}]")
    assert [one.called for one in spec.all_metrics.values()] == ["top1", "second head", "f"]
    assert paths(spec)["metrics[2].callable"] == "m.py"


def test_the_text_of_a_job_with_one_metric_is_as_it_was():
    assert '"metric":{"name":"top1","options":{},"outputs":{}}' in job("metric: top1").to_text()
    assert '"metrics"' not in job("metric: top1").to_text()
