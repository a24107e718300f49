"""A model that ignores its input, a metric that gives all models one value: said before the work, judged so."""

import numpy as np
import onnx
import pytest
from onnx import helper

from inc_mlflow.measure.gate.constant_answer import cannot_tell
from inc_mlflow.measure.gate.measurements import load_measured
from inc_mlflow.records import BASELINE
from inc_mlflow.steps.baselines import load_baselines
from inc_mlflow.steps.measure.evaluate import evaluate_models
from inc_mlflow.steps.measure.models import model_at
from inc_mlflow.steps.prepare.import_model import import_model
from tests.support.graphs import model
from tests.support.job_texts import rows_job

ROWS, CLASSES = 200, 4


@pytest.fixture
def told(tmp_path):
    """Give a function from weights and metric to the note before the work and the gate's reason."""

    def told(weights, metric, labels=None, rows=None):
        nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "b"], ["y"])]
        bias = np.array([1, 0, 0, 0], np.float32)
        axes = ["batch", CLASSES]
        graph = model(nodes, {"w": weights, "b": bias}, {"x": axes}, {"y": axes}, 17)
        onnx.save(graph, tmp_path / "model.onnx")
        rows = np.eye(CLASSES, dtype="f4")[np.arange(ROWS) % CLASSES] * 5 if rows is None else rows
        np.savez(tmp_path / "rows.npz", x=rows, **({} if labels is None else {"label": labels}))
        (tmp_path / "metric.py").write_text(
            "import numpy as np\ndef one(outputs, labels, reference):\n    return np.ones(len(outputs['y']))\n"
        )
        job = rows_job(tmp_path, metric)
        notes = import_model(job, _folder(tmp_path / "baseline")).notes
        return notes, cannot_tell(_measured(job, tmp_path), job.spec.gate)

    return told


def _folder(path):
    path.mkdir()
    return path


def _measured(job, folder):
    import_model(job, folder / "baseline").save(folder / "baseline")
    (baseline,) = load_baselines(folder / "baseline").values()
    target = _folder(folder / "evaluation")
    models = [model_at(BASELINE, baseline.path, job.spec.engines)]
    record = evaluate_models(job, models, "validation", target)
    return load_measured(target, record, None)


EYE, ZERO = np.eye(CLASSES, dtype="f4"), np.zeros((CLASSES, CLASSES), "f4")
RIGHT = np.arange(ROWS) % CLASSES


@pytest.mark.parametrize(
    ("weights", "metric", "labels"),
    [
        (ZERO, "agreement", None),
        (ZERO, "top1", RIGHT),
        (ZERO, "f1_macro", RIGHT),
        (EYE, '{callable: "metric.py:one"}', None),
        (EYE, "top1", np.ones(ROWS, int)),
    ],
    ids=[
        "agreement of a constant",
        "top1 of a constant",
        "f1 of a constant",
        "one value",
        "labels of one class",
    ],
)
def test_what_cannot_tell_is_said_before_the_work_and_judged_so(told, weights, metric, labels):
    notes, result = told(weights, metric, labels)
    assert result is not None
    assert result.verdict == "inconclusive"
    assert [note for note in notes if note.startswith("on 64 validation rows, ") and "cannot tell" in note]


@pytest.mark.parametrize(
    ("metric", "labels"), [("agreement", None), ("top1", RIGHT), ("f1_macro", RIGHT), ("matthews", RIGHT)]
)
def test_a_good_model_is_told_apart_also_where_rows_are_sorted_by_class(told, metric, labels):
    rows = np.eye(CLASSES, dtype="f4")[np.sort(RIGHT)] * 5
    notes, result = told(EYE, metric, None if labels is None else np.sort(labels), rows)
    assert (notes, result) == ((), None)
