"""Outcomes: every model on the same rows, in order, however many batches run at a time."""

import time

import numpy as np
import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.measure.stats.outcomes import (
    Scoring,
    effective_rows,
    evaluate_rows,
    outcomes_of,
    row_influences,
)
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.spec import MetricSpec

LABELS = np.arange(40) % 3


def batches(size=4):
    for start in range(0, 40, size):
        rows = np.arange(start, min(start + size, 40))
        yield {"x": rows}, LABELS[rows]


def right(inputs):
    time.sleep(0.002 * (inputs["x"][0] == 0))  # the first batch is the last to be ready
    return {"y": inputs["x"] % 3, "unused": inputs["x"]}


def wrong_on_odd_rows(inputs):
    return {"y": np.where(inputs["x"] % 2, 9, inputs["x"] % 3), "unused": inputs["x"]}


MODELS = {"baseline": right, "int8": wrong_on_odd_rows}
KEEP = {"keep": lambda outputs, labels: {"right": outputs["y"] == labels}}
BY_ROW = Scoring(**KEEP, score=lambda kept, _: kept["right"].astype(float), decomposable=True)
WHOLE = Scoring(**KEEP, score=lambda kept, _: float(kept["right"].mean()), decomposable=False)


def collect(models, baseline, rows, scoring, workers):
    return outcomes_of(evaluate_rows(models, baseline, rows, scoring, workers), baseline, scoring, workers)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("size", [1, 7, 40])
def test_scores_come_in_the_order_of_the_rows(workers, size):
    found = collect(MODELS, "baseline", batches(size), BY_ROW, workers)
    assert found["baseline"].replicates.tolist() == [1.0] * 40
    assert found["int8"].replicates.tolist() == [1.0, 0.0] * 20
    assert (found["baseline"].value, found["int8"].value) == (1.0, 0.5)


def test_a_score_may_compare_with_the_baselines_outputs_of_the_same_rows():
    agreement = Scoring(
        keep=lambda outputs, _: {"y": outputs["y"]},
        score=lambda kept, baseline: np.asarray(kept["y"] == baseline["y"], float),
        decomposable=True,
    )
    unlabelled = ((inputs, None) for inputs, _ in batches())
    found = collect(MODELS, "baseline", unlabelled, agreement, 2)
    assert (found["baseline"].value, found["int8"].value) == (1.0, 0.5)


def test_a_metric_of_the_whole_split_is_called_again_on_the_same_resamples_for_every_model():
    runs = [
        collect(MODELS | {"copy": wrong_on_odd_rows}, "baseline", batches(size), WHOLE, workers)
        for size, workers in ((4, 1), (9, 2))
    ]
    for found in runs:
        assert found["int8"].value == 0.5
        assert found["int8"].replicates.shape == (1000,)
        assert set(found["baseline"].replicates) == {1.0}
        np.testing.assert_array_equal(found["int8"].replicates, found["copy"].replicates)
        np.testing.assert_array_equal(found["int8"].replicates, runs[0]["int8"].replicates)
    assert found["int8"].replicates.std() == pytest.approx(np.sqrt(0.25 / 40), rel=0.1)


def test_rows_that_belong_together_are_resampled_together():
    pairs = Scoring(
        **KEEP,
        group=lambda kept: {"right": kept["right"].reshape(-1, 2)},
        score=lambda kept, _: float(np.ptp(kept["right"].mean(axis=1))),
        decomposable=False,
    )
    found = collect(MODELS, "baseline", batches(7), pairs, 2)["int8"]
    assert found.value == 0
    assert set(found.replicates) == {0.0}  # every pair has one row that is right


def test_outputs_of_several_shapes_are_no_whole(tmp_path):
    """A callable of the whole split keeps all outputs; a batch of longer texts gives longer rows."""
    (tmp_path / "own.py").write_text("def length(outputs, labels, reference):\n    return 1.0")
    whole = resolve(MetricSpec(callable="own.py:length", decomposable=False), tmp_path, ["y"])
    scoring = Scoring(whole.keep, whole.score, whole.decomposable)
    growing = {"baseline": lambda inputs: {"y": np.zeros((4, 5 + int(inputs["x"][0] > 0)))}}
    with pytest.raises(
        DataError,
        match=r"^metric: 'y' has rows of shape \(5,\) and of \(6,\); give outputs one shape, or pad them$",
    ):
        collect(growing, "baseline", batches(), scoring, 2)
    ragged = (({"x": rows["x"]}, np.zeros((4, 1 + (at > 2)))) for at, (rows, _) in enumerate(batches()))
    with pytest.raises(
        DataError, match=r"^metric: labels have rows of shape \(1,\) and of \(2,\); give labels one shape, or"
    ):
        collect({"baseline": lambda inputs: {"y": np.zeros(4)}}, "baseline", ragged, scoring, 2)


def test_no_rows_are_refused():
    with pytest.raises(DataError, match=r"^data: the split has no rows to evaluate on; give it some$"):
        collect(MODELS, "baseline", iter(()), BY_ROW, 2)


def test_an_error_of_a_model_ends_the_evaluation():
    def broken(inputs):
        raise DataError("broken")

    with pytest.raises(DataError, match="broken"):
        collect(MODELS | {"broken": broken}, "baseline", batches(), BY_ROW, 2)


def test_rows_that_are_spoilt_show_on_how_few_a_callable_hangs():
    """F1 of 20 positives among 400 rows, and a share that all rows have a part in."""
    label = np.arange(400) < 20
    kept = {"answer": label.copy(), "": label}

    def f1(one, _):
        hits = (one["answer"] & one[""]).sum()
        return 2 * hits / max(1, one["answer"].sum() + one[""].sum())

    def share(one, _):
        return float((one["answer"] == one[""]).mean())

    numbers = {"answer": np.arange(400), "": np.arange(400)}
    assert effective_rows(row_influences(kept, f1, "")) * 4 < 60
    assert effective_rows(row_influences(numbers, share, "")) * 4 == pytest.approx(400)
    assert (kept["answer"] == label).all()


def test_as_many_equal_rows_weigh_as_much():
    assert effective_rows(np.ones(50)) == 50
    assert effective_rows(np.r_[np.ones(5), np.zeros(95)]) == 5
    assert effective_rows(np.zeros(5)) == 1
    assert effective_rows(np.ones(50), np.repeat(np.arange(10), 5)) == 10


@pytest.mark.parametrize("scores", [np.zeros(88), 0.5, np.zeros((2, 4))])
def test_a_metric_that_gives_no_score_per_row_is_refused(scores):
    scoring = Scoring(**KEEP, score=lambda *_: scores, decomposable=True)
    with pytest.raises(DataError, match="it must give one per row: choose an output whose first axis counts"):
        collect(MODELS, "baseline", batches(), scoring, 1)


def test_a_metric_that_keeps_no_value_per_row_is_refused_with_the_output():
    scoring = Scoring(
        keep=lambda outputs, _: {"y": np.ones((7, 4))}, score=lambda *_: 1.0, decomposable=False
    )
    with pytest.raises(DataError, match=r"output 'y' has shape \(7, 4\) .* data: \{axes: \{y: 1\}\}"):
        collect(MODELS, "baseline", batches(), scoring, 1)
