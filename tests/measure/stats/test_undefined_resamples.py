"""Resamples that labels alone leave undefined are left out for all models.

What a model answers leaves out none.
"""

import json

import numpy as np
import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.measure.stats.outcomes import Scoring, evaluate_rows, outcomes_of
from inc_mlflow.measure.stats.resample import RESAMPLES, draw_rows
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.spec import MetricSpec

ROWS = 200


def rare(positives):
    return (np.arange(ROWS) < positives).astype(int)


def collect(tmp_path, labels, noise, name="auroc", workers=1):
    """Outcomes of models that know the labels but for some noise."""
    metric = resolve(MetricSpec(name=name), tmp_path, ["scores"])
    scoring = Scoring(metric.keep, metric.score, metric.decomposable, metric.group, metric.missing)
    models = {
        one: lambda inputs, added=added: {"scores": labels[inputs["row"]] + added}
        for one, added in noise.items()
    }
    kept = evaluate_rows(models, "baseline", [({"row": np.arange(ROWS)}, labels)], scoring, workers)
    return outcomes_of(kept, "baseline", scoring, workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_resamples_without_a_rare_class_are_left_out_for_all_models_alike(tmp_path, workers):
    random = np.random.default_rng(0)
    noise = {"baseline": random.normal(size=ROWS), "int8": random.normal(size=ROWS)}
    found = collect(tmp_path, rare(4), noise, workers=workers)
    drawn = np.random.default_rng(20240101).integers(0, ROWS, (RESAMPLES, ROWS))
    whole = (drawn < 4).any(axis=1)
    assert 5 < (~whole).sum() <= 50
    for outcomes in found.values():
        assert len(outcomes.replicates) == whole.sum()
        assert np.isfinite(outcomes.replicates).all()
    alone = collect(tmp_path, rare(4), {"baseline": noise["int8"]})["baseline"]
    np.testing.assert_array_equal(found["int8"].replicates, alone.replicates)


def test_a_resample_that_is_nan_by_a_models_outputs_is_not_left_out(tmp_path):
    noise = np.zeros(ROWS)
    noise[100] = np.nan
    found = collect(tmp_path, rare(4), {"baseline": np.zeros(ROWS), "int8": noise})
    assert np.isfinite(found["baseline"].replicates).all()
    assert np.isnan(found["int8"].value)
    assert np.isnan(found["int8"].replicates).mean() == pytest.approx(1 - np.exp(-1), abs=0.1)
    assert len(found["int8"].replicates) == len(found["baseline"].replicates)


def test_more_than_one_in_twenty_is_refused_with_what_is_rare(tmp_path):
    with pytest.raises(
        DataError,
        match=r"^metric: undefined on 1\d\d of 1,000 resamples of the 200 rows, which have no row of class 1; 50 may be; give",
    ):
        collect(tmp_path, rare(2), {"baseline": np.zeros(ROWS)})
    with pytest.raises(
        DataError, match=r"^metric: undefined on these 200 rows, which have no row of class 0; give some$"
    ):
        collect(tmp_path, rare(ROWS), {"baseline": np.zeros(ROWS)})
    with pytest.raises(
        DataError, match=r"^metric: undefined on 1\d\d of .*, which have no two labels that differ; 50 may be"
    ):
        collect(tmp_path, rare(2) / 3, {"baseline": np.zeros(ROWS)}, "pearson")


def few(nothing, something, count=2):
    """Labels of which only the first ones say anything."""
    return np.array([something if row < count else nothing for row in range(30)])


PICTURE = {"height": 2, "width": 2, "annotations": []}
OBJECT = {"category_id": 0, "segmentation": [[0.0, 0.0, 2.0, 0.0, 2.0, 2.0]]}
BOXES = {"boxes": np.zeros((30, 1, 4)), "scores": np.ones((30, 1)), "classes": np.zeros((30, 1))}
SPARSE = {
    "perplexity": ({"logits": np.zeros((30, 2, 3))}, few([-100, -100], [1, -100])),
    "token_accuracy": ({"logits": np.zeros((30, 2, 3))}, few([-100, -100], [1, -100])),
    "wer": ({"text": np.array(["a"] * 30)}, few("", "a")),
    "miou": ({"logits": np.zeros((30, 3, 1, 1))}, few([[255]], [[1]])),
    "coco_map": (BOXES, few([[0.0] * 4 + [-1]], [[0.0, 0.0, 1.0, 1.0, 0.0]])),
    "coco_mask_map": (
        BOXES | {"masks": np.ones((30, 1, 2, 2))},
        few(json.dumps(PICTURE), json.dumps(PICTURE | {"annotations": [OBJECT]})),
    ),
}


@pytest.mark.parametrize("name", SPARSE)
def test_so_is_any_metric_whose_labels_may_say_nothing(name, tmp_path):
    outputs, labels = SPARSE[name]
    metric = resolve(MetricSpec(name=name), tmp_path, list(outputs))
    kept = metric.group(metric.keep(outputs, labels))
    with pytest.raises(
        DataError, match=r"^metric: undefined on 1\d\d of 1,000 resamples of the 30 rows, which have no \w+"
    ):
        draw_rows(kept, metric.missing)
    assert metric.missing(kept) == ""
