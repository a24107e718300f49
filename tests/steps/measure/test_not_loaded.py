"""A candidate that this machine's engine refuses to load costs itself alone; a baseline ends the step."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.openvino.engine import ENGINE
from inc_mlflow.engines.openvino.methods.bf16 import METHOD
from inc_mlflow.engines.openvino.options import Bf16
from inc_mlflow.errors import ModelError
from inc_mlflow.records import BASELINE
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.measure.benchmark import benchmark_models
from inc_mlflow.steps.measure.evaluate import evaluate_models
from inc_mlflow.steps.measure.models import model_at
from inc_mlflow.steps.standalone.measure import benchmark_two
from tests.support.brief_benchmarks import brief_benchmarks
from tests.support.paths import EXAMPLE

FLAGS = "inc_mlflow.engines.openvino.settings.visible_flags"
WHY = "computes in bf16, and this CPU has no bf16 instructions; leave bf16 out"
FIELDS = {
    "version": 1,
    "name": "digits",
    "model": "fp32.onnx",
    "engines": ["openvino"],
    "data": {"calibration": {"path": "calib.npz"}, "validation": {"path": "dev.npz", "stop": 40}},
    "metric": "top1",
    "recipes": [{"method": "bf16"}],
}
STATIC = [{"method": "static"}]
JOB = Job(JobSpec.from_text(json.dumps(FIELDS)), EXAMPLE)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The baseline, a candidate that every CPU runs, and one in bf16."""
    folder = tmp_path_factory.mktemp("models")
    ENGINE.import_source(EXAMPLE / "fp32.onnx", folder)
    baseline, bf16 = folder / ENGINE.model_name, folder / "bf16" / ENGINE.model_name
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FLAGS, lambda: {"avx512_bf16"})
        METHOD.apply(baseline, Bf16(), MethodData(lambda: (), None, 1), bf16)
    paths = {BASELINE: baseline, "as it is": baseline, "bf16": bf16}
    return [model_at(label, path, ["openvino"]) for label, path in paths.items()]


@pytest.fixture(autouse=True)
def old_cpu(monkeypatch):
    monkeypatch.setattr(FLAGS, lambda: {"avx2"})
    with brief_benchmarks():
        yield


def test_an_evaluation_says_why_and_has_numbers_of_the_others(models, tmp_path):
    record = evaluate_models(JOB, models, "validation", tmp_path)
    assert record.evidence.not_loaded == {"bf16": WHY}
    assert (record.results["bf16"].value, record.results["bf16"].reason) == (None, WHY)
    assert record.results["as it is"].value == record.results[BASELINE].value > 0.5
    assert record.evidence.models.keys() == {model.label for model in models}


def test_a_benchmark_says_why_and_has_numbers_of_the_others(models, tmp_path):
    record = benchmark_models(JOB, models, tmp_path)
    assert record.evidence.not_loaded == {"bf16": WHY}
    assert f"bf16 cannot be run: {WHY}" in record.reasons
    assert "bf16" not in record.models | record.speedup
    assert not record.valid or "as it is" in record.speedup
    assert record.evidence.models.keys() == {model.label for model in models}


def test_a_baseline_that_is_not_loaded_ends_the_step(models, tmp_path):
    swapped = [models[2].model_copy(update={"label": BASELINE}), models[1]]
    with pytest.raises(ModelError, match="this CPU has no bf16 instructions"):
        evaluate_models(JOB, swapped, "validation", tmp_path)


def test_a_single_model_of_a_user_is_refused_in_one_line(models):
    with pytest.raises(ModelError, match=f"model.openvino: {WHY}$"):
        benchmark_two(JOB, Path(models[0].path), Path(models[2].path), print)


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """The baseline of the default engine, the same as a candidate, and one that loads and cannot be called."""
    path = tmp_path_factory.mktemp("failing") / "model.onnx"
    graph = onnx.load(EXAMPLE / "fp32.onnx")
    output = graph.graph.output[0]
    shape = onnx.numpy_helper.from_array(np.array([7, 13], np.int64), "of no batch")
    graph.graph.initializer.append(shape)
    for node in graph.graph.node:
        node.output[:] = ["before" if name == output.name else name for name in node.output]
    graph.graph.node.append(onnx.helper.make_node("Reshape", ["before", shape.name], [output.name]))
    onnx.save(graph, path)
    paths = {BASELINE: EXAMPLE / "fp32.onnx", "as it is": EXAMPLE / "fp32.onnx", "failing": path}
    return [model_at(label, path, ["onnxruntime"]) for label, path in paths.items()]


@pytest.mark.parametrize("measure", [partial(evaluate_models, split="validation"), benchmark_models])
def test_a_candidate_that_fails_at_its_first_call_costs_itself_alone(failing, measure, tmp_path):
    job = Job(
        JobSpec.from_text(json.dumps(FIELDS | {"engines": ["onnxruntime"], "recipes": STATIC})), EXAMPLE
    )
    record = measure(job, failing, target=tmp_path)
    assert list(record.evidence.not_loaded) == ["failing"]
    assert "Reshape" in record.evidence.not_loaded["failing"]
    assert str(tmp_path.parent) not in record.evidence.not_loaded["failing"]
    if "results" in type(record).model_fields:
        assert record.results["as it is"].value == record.results[BASELINE].value > 0.5
    with pytest.raises(ModelError, match="Reshape"):
        swapped = [failing[2].model_copy(update={"label": BASELINE}), failing[1]]
        measure(job, swapped, target=tmp_path)
