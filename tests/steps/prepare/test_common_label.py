"""Labels of nearly one class: by the share of right rows nothing can pass, which is said before any work."""

import numpy as np
import onnx
import pytest

from inc_mlflow.steps.prepare.check import check
from inc_mlflow.steps.standalone.plan import plan_job
from tests.support.graphs import linear
from tests.support.job_texts import rows_job


@pytest.fixture
def job(tmp_path):
    """Give a function that makes a job on 400 rows, so many of them of another class than 3."""

    def job(others, metric="top1", gate=""):
        rows = np.random.default_rng(0).normal(size=(400, 8)).astype("f4")
        np.savez(tmp_path / "rows.npz", x=rows, label=np.where(np.arange(400) < others, 1, 3))
        onnx.save(linear(), tmp_path / "model.onnx")
        return rows_job(tmp_path, metric, gate)

    return job


LINE = (
    "data.validation: 99.5 % of the labels are 3, so by top1 a model that always answers 3 is within the "
    "allowed drop of 1 %: nothing can pass; give rows of other classes"
)


def test_it_is_said_by_the_check_and_by_the_plan(job):
    assert LINE in check(job(2)).notes
    assert plan_job(job(2), None, None, None)["plan"].endswith(LINE)


@pytest.mark.parametrize(
    ("others", "metric", "gate", "said"),
    [
        (4, "top1", "", True),
        (5, "top1", "", False),
        (5, "top1", "max_relative_drop: 0.02", True),
        (5, "top1", "max_absolute_drop: 0.02", True),
        (4, "top1", "max_class_drop: 0.1", False),
        (0, "top1", "max_class_drop: 0.1", True),
        (0, "agreement", "", False),
    ],
)
def test_only_where_the_labels_alone_tell(job, others, metric, gate, said):
    notes = check(job(others, metric, gate)).notes
    assert any("nothing can pass" in note for note in notes) == said
