"""Our evaluator in MLflow's own language: metric, drop with bounds, thresholds.

And what it refuses in one line.
"""

import re
from pathlib import Path

import mlflow
import numpy as np
import onnx
import onnxruntime
import pytest
from mlflow.models import MetricThreshold
from mlflow.models.evaluation.validation import ModelValidationFailedException
from onnx import numpy_helper

from inc_mlflow.errors import DataError, HardwareError, IncError, ModelError, SpecError
from inc_mlflow.tracking.plugins import evaluation
from inc_mlflow.tracking.plugins.evaluator import Int8Evaluator
from tests.support.paths import EXAMPLE

PINNED = ["onnxruntime"]
SHAPE = [1, 8, 8]


@pytest.fixture(scope="module")
def rows():
    data = np.load(EXAMPLE / "dev.npz")
    return data["image"].reshape(len(data["image"]), -1), data["label"]


def spoiled(path: Path, bias: float) -> Path:
    """The example with another bias of the class 3."""
    model = onnx.load(EXAMPLE / "fp32.onnx")
    (tensor,) = (one for one in model.graph.initializer if one.name == "classifier.bias")
    values = numpy_helper.to_array(tensor).copy()
    values[3] = bias
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def worse(tmp_path_factory):
    """A model that never answers 3."""
    return spoiled(tmp_path_factory.mktemp("worse") / "worse.onnx", bias=-1e6)


def log(path):
    """Log a model as a run of ours does, and return where it is."""
    with mlflow.start_run():
        return mlflow.onnx.log_model(
            onnx.load(path), name="m", pip_requirements=PINNED, save_as_external_data=False
        ).model_uri


@pytest.fixture
def saved(store, tmp_path):
    mlflow.onnx.save_model(onnx.load(EXAMPLE / "fp32.onnx"), tmp_path / "saved", pip_requirements=PINNED)
    return str(tmp_path / "saved")


def evaluated(model, rows, **config):
    features, labels = rows
    given = {"metric": "top1", "shape": SHAPE} | config
    with mlflow.start_run() as run:
        found = mlflow.models.evaluate(
            model,
            features,
            targets=labels,
            model_type="inc_mlflow",
            evaluators="inc_mlflow",
            evaluator_config=given,
        )
    return found, run.info.run_id


def test_a_logged_model_gets_accuracy_and_drop_with_bounds(store, rows, worse):
    baseline, model = log(EXAMPLE / "fp32.onnx"), log(worse)
    found, run_id = evaluated(model, rows, baseline=baseline)
    right = 1 - float(np.mean(rows[1] == 3))
    metrics = found.metrics
    assert metrics["rows"] == 500
    assert metrics["accuracy"] == pytest.approx(right, abs=0.03)
    assert metrics["accuracy_low"] < metrics["accuracy"] < metrics["accuracy_high"]
    assert metrics["relative_drop"] == pytest.approx(np.mean(rows[1] == 3), abs=0.02)
    assert metrics["relative_drop_low"] < metrics["relative_drop"] < metrics["relative_drop_high"]
    logged = {
        metric.key: metric.value for metric in store.client.get_logged_model(model.partition("/")[2]).metrics
    }
    assert logged == metrics == store.run(run_id).data.metrics
    assert [one.value for one in store.client.get_metric_history(run_id, "accuracy")] == [metrics["accuracy"]]


def test_the_numbers_are_those_of_a_job(store, rows, worse):
    """The same rows, models and confidence through the evaluate step's own parts."""
    from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
    from inc_mlflow.measure.stats.outcomes import Outcomes
    from inc_mlflow.measure.stats.paired import Pair, relative_drop

    images = rows[0].reshape(-1, *SHAPE)
    right = [
        (Runner(path, threads=1)({"image": images})["logits"].argmax(1) == rows[1]).astype(float)
        for path in (EXAMPLE / "fp32.onnx", worse)
    ]
    pair = Pair(
        *(Outcomes(float(one.mean()), one) for one in right),
        decomposable=True,
        higher_is_better=True,
        rows=500,
    )
    expected = relative_drop(pair, 0.01)(0.95)
    found = evaluated(log(worse), rows, baseline=str(EXAMPLE / "fp32.onnx"))[0].metrics
    assert (found["relative_drop"], found["relative_drop_low"], found["relative_drop_high"]) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )


def test_a_threshold_of_mlflow_is_a_gate(store, rows, worse):
    thresholds = {"relative_drop_high": MetricThreshold(threshold=0.01, greater_is_better=False)}
    same, _ = evaluated(log(EXAMPLE / "fp32.onnx"), rows, baseline=str(EXAMPLE / "fp32.onnx"))
    mlflow.validate_evaluation_results(thresholds, same)
    lost, _ = evaluated(log(worse), rows, baseline=str(EXAMPLE / "fp32.onnx"))
    with pytest.raises(
        ModelValidationFailedException, match="relative_drop_high value threshold check failed"
    ):
        mlflow.validate_evaluation_results(thresholds, lost)
    without, _ = evaluated(log(worse), rows)
    with pytest.raises(ModelValidationFailedException, match="missing"):
        mlflow.validate_evaluation_results(thresholds, without)


def test_the_example_of_the_documentation_works(store, monkeypatch):
    (code,) = re.findall(
        r"```python\n(.*?)```", (EXAMPLE.parents[1] / "docs/plugins.md").read_text(), re.DOTALL
    )
    monkeypatch.chdir(EXAMPLE.parents[1])
    exec(code.replace("models:/digits@int8-champion", log(EXAMPLE / "fp32.onnx")), {})


def test_a_model_that_was_never_logged_is_evaluated_into_the_run(store, saved, rows):
    found, run_id = evaluated(saved, rows)
    assert store.run(run_id).data.metrics == found.metrics
    assert "relative_drop" not in found.metrics


@pytest.mark.parametrize("model_type", ["classifier", "regressor", "text", None])
def test_evaluations_of_others_are_not_ours(model_type):
    config = {"metric": "top1", "shape": SHAPE}
    assert not Int8Evaluator.can_evaluate(model_type=model_type, evaluator_config=config)


def test_the_evaluation_of_a_classifier_by_all_evaluators_is_as_without_us(store, monkeypatch):
    from mlflow.models.evaluation.evaluator_registry import _model_evaluation_registry as registry
    from sklearn.linear_model import LogisticRegression

    features = np.array([[0.0], [1.0], [2.0], [3.0]])
    labels = np.array([0, 0, 1, 1])
    predict = LogisticRegression().fit(features, labels).predict

    def run() -> tuple[set[str], set[str]]:
        with mlflow.start_run() as run:
            found = mlflow.models.evaluate(
                lambda frame: predict(np.asarray(frame)), features, targets=labels, model_type="classifier",
                evaluator_config={"log_explainer": False, "log_model_explainability": False},
            )  # fmt: skip
        return set(found.metrics.items()), {
            tag for tag in store.tags(run.info.run_id) if tag.startswith("inc.")
        }

    assert "inc_mlflow" in registry._registry
    ours = run()
    monkeypatch.delitem(registry._registry, "inc_mlflow")
    assert ours == run()
    assert ours[1] == set()


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        (
            {"shape": None},
            SpecError,
            r"^evaluator_config\.shape: rows of \(64,\) do not fit the model's input",
        ),
        (
            {"shape": [8, 9]},
            SpecError,
            r"^evaluator_config\.shape: \(8, 9\) has not the 64 numbers of a row$",
        ),
        ({"shape": [8, 8]}, DataError, r"input 'image' has rank 3"),
        ({"metric": "top11"}, IncError, r"^evaluator_config: metric\.name: no 'top11', did you mean 'top1'"),
        ({"metric": {"callable": "m.py:f"}}, SpecError, r"^evaluator_config: metric: callables are for jobs"),
        ({"shapes": [1]}, SpecError, r"^evaluator_config: shapes: unknown field, did you mean 'shape'"),
        ({"confidence": 1.0}, SpecError, r"^evaluator_config: confidence: "),
        ({"baseline": "nowhere.onnx"}, IncError, r"nowhere\.onnx"),
        (
            {"baseline": "models:/nobody/1"},
            ModelError,
            r"^evaluator_config\.baseline: MLflow cannot load 'models:/nobody/1'",
        ),
    ],
)
def test_what_it_cannot_hold_is_one_line(saved, rows, config, error, words):
    with pytest.raises(error, match=words) as raised:
        evaluated(saved, rows, **config)
    assert "\n" not in str(raised.value)


def test_numbers_that_are_none_are_refused(saved, rows):
    features = rows[0].copy()
    features[7, 7] = np.nan
    with pytest.raises(DataError, match="input 'image' has NaN or infinity"):
        evaluated(saved, (features, rows[1]))


def test_a_metric_that_is_no_number_is_refused_and_not_logged(store, rows, tmp_path):
    model = log(spoiled(tmp_path / "nan.onnx", bias=np.nan))
    with pytest.raises(DataError, match=r"the candidate's matthews is NaN or infinity; look at its outputs$"):
        evaluated(model, rows, metric="matthews")
    assert not any(run.data.metrics for run in store.client.search_runs(["0"]))


def test_labels_that_the_metric_cannot_take_are_refused(saved, rows):
    with pytest.raises(DataError, match="metric top1 takes"):
        evaluated(saved, (rows[0], rows[1].astype(float)))


def test_more_rows_than_fit_are_refused(saved, rows, monkeypatch):
    monkeypatch.setattr(evaluation, "LARGEST", 1 << 16)
    with pytest.raises(DataError, match=r"rows are 0 MiB, 0 fit; `inc-mlflow evaluate` streams them"):
        evaluated(saved, rows)


def test_a_function_is_refused(store, rows):
    with pytest.raises(ModelError, match="the model is not of MLflow's onnx flavour"):
        evaluated(lambda frame: frame, rows)


def test_what_else_mlflow_can_be_asked_for_is_refused_not_ignored(saved, rows):
    metric = mlflow.models.make_metric(
        eval_fn=lambda predictions, targets: 1.0, greater_is_better=True, name="mine"
    )
    with pytest.raises(SpecError, match="takes no extra_metrics"):
        mlflow.models.evaluate(
            saved, rows[0], targets=rows[1], model_type="inc_mlflow", evaluators="inc_mlflow",
            evaluator_config={"metric": "top1", "shape": SHAPE}, extra_metrics=[metric],
        )  # fmt: skip


def test_a_baseline_on_another_provider_is_refused(saved, rows, monkeypatch):
    """A stand-in for a GPU: nothing else of it is needed."""
    model = mlflow.pyfunc.load_model(saved)
    session, providers = model.get_raw_model(), onnxruntime.InferenceSession.get_providers
    monkeypatch.setattr(
        onnxruntime.InferenceSession,
        "get_providers",
        lambda one: ["CUDAExecutionProvider"] if one is session else providers(one),
    )
    with pytest.raises(
        HardwareError, match="the model runs by CUDAExecutionProvider, the baseline by CPUExecutionProvider"
    ):
        evaluated(model, rows, baseline=saved)
