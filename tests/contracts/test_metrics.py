"""One suite over every metric of the table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, top_k_accuracy_score

from inc_mlflow.errors import DataError
from inc_mlflow.metrics import METRICS
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.spec import MetricSpec

ALL = pytest.mark.parametrize("name", list(METRICS))
CASES = st.tuples(st.integers(2, 80), st.integers(5, 9), st.integers(0, 10**6))
"""Rows, classes and the seed of random logits."""


def case(rows, classes, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    logits = random.normal(size=(rows, classes)).astype(np.float32)
    logits[np.arange(rows), labels] += 1
    return logits, labels


def value(name, logits, labels):
    metric = METRICS.get(name)
    return float(np.mean(metric.score(metric.keep(logits), labels)))


REFERENCES = {
    "top1": lambda logits, labels: accuracy_score(labels, logits.argmax(1)),
    "top5": lambda logits, labels: top_k_accuracy_score(labels, logits, k=5, labels=range(logits.shape[1])),
    "f1": lambda logits, labels: f1_score(labels, logits.argmax(1), average="macro", zero_division=0.0),
}


def test_every_metric_has_a_reference_here():
    assert set(REFERENCES) == set(METRICS)


@ALL
@settings(max_examples=25)
@given(case_=CASES)
def test_it_agrees_with_scikit_learn(name, case_):
    logits, labels = case(*case_)
    labels[0] = 2  # more than two classes: F1 is the macro average
    if name == "top5" and case_[1] == 5:
        assert value(name, logits, labels) == 1.0  # all of five classes are among the best five
        return
    assert value(name, logits, labels) == pytest.approx(REFERENCES[name](logits, labels))


@ALL
def test_perfect_predictions_give_one(name):
    labels = np.arange(24) % 6
    assert value(name, np.eye(6)[labels], labels) == 1.0


@ALL
def test_the_worst_predictions_give_nothing(name):
    labels = np.arange(24) % 6
    assert value(name, -np.eye(6)[labels], labels) == 0.0


@ALL
@settings(max_examples=25)
@given(case_=CASES)
def test_the_order_of_rows_does_not_matter(name, case_):
    logits, labels = case(*case_)
    order = np.random.default_rng(case_[2]).permutation(len(labels))
    assert value(name, logits[order], labels[order]) == pytest.approx(value(name, logits, labels))


@ALL
def test_what_is_kept_of_batches_joins_to_what_is_kept_of_the_whole(name):
    logits, _ = case(20, 6, 0)
    metric = METRICS.get(name)
    parts = [metric.keep(logits[start : start + 7]) for start in range(0, 20, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), metric.keep(logits))


@ALL
def test_a_metric_that_decomposes_gives_one_score_per_row_and_any_other_one_number(name):
    logits, labels = case(20, 6, 0)
    metric = METRICS.get(name)
    scores = metric.score(metric.keep(logits), labels)
    assert np.shape(scores) == ((20,) if metric.decomposable else ())
    assert not metric.binary or set(np.unique(scores)) <= {0.0, 1.0}
    assert metric.higher_is_better


@ALL
@pytest.mark.parametrize("where", [(slice(None), 0), (slice(None), slice(None))])
def test_a_row_with_nan_never_counts_as_right(name, where):
    labels = np.arange(24) % 6
    logits = np.eye(6)[labels]
    logits[where] = np.nan
    assert value(name, logits, labels) == 0.0


@ALL
def test_nan_in_one_row_never_helps(name):
    logits, labels = case(40, 6, 3)
    broken = logits.copy()
    broken[np.flatnonzero(logits.argmax(1) == labels)[0]] = np.nan
    assert value(name, broken, labels) < value(name, logits, labels)


@ALL
@pytest.mark.parametrize("shape", [(20,), (20, 6, 1)])
def test_outputs_of_another_rank_are_refused_with_the_field_to_set(name, shape):
    with pytest.raises(DataError, match=r"set metric\.output$"):
        METRICS.get(name).keep(np.zeros(shape))


def test_too_few_classes_for_the_best_five_are_refused():
    with pytest.raises(DataError, match=r"top5 needs outputs of shape \(n, at least 5\), got \(3, 4\)"):
        METRICS.get("top5").keep(np.zeros((3, 4)))


@settings(max_examples=25)
@given(CASES)
def test_f1_of_two_classes_is_that_of_class_one(case_):
    rows, _, seed = case_
    logits, labels = case(rows, 2, seed)
    expected = f1_score(labels, logits.argmax(1), average="binary", zero_division=0.0)
    assert value("f1", logits, labels) == pytest.approx(expected)


def test_of_equal_logits_the_first_class_is_taken():
    assert value("top1", np.zeros((2, 6)), np.array([0, 1])) == 0.5
    assert value("top5", np.zeros((2, 6)), np.array([4, 5])) == 0.5


@ALL
def test_a_named_metric_reads_the_output_it_is_told_and_needs_labels(name, tmp_path):
    logits, labels = case(20, 6, 0)
    outputs = {"hidden": np.zeros((20, 6)), "logits": logits}
    metric = resolve(MetricSpec(name=name, output="logits"), tmp_path, list(outputs))
    kept = metric.keep(outputs)
    assert np.mean(metric.score(kept, labels, {})) == pytest.approx(value(name, logits, labels))
    with pytest.raises(DataError, match=f"metric: {name} needs labels"):
        metric.score(kept, None, {})
    with pytest.raises(DataError, match=r"one label per row, got labels of shape \(20, 1\)"):
        metric.score(kept, labels[:, None], {})
    with pytest.raises(DataError, match=r"^metric\.output: the model has no output 'logit', did you mean 'logits'\?"):
        resolve(MetricSpec(name=name, output="logit"), tmp_path, list(outputs))


def test_nan_in_one_row_does_not_change_what_f1_means():
    random = np.random.default_rng(1)
    labels = (random.random(500) < 0.1).astype(int)
    logits = random.normal(size=(500, 2)) + np.array([1.5, 0])
    broken = logits.copy()
    broken[0] = np.nan
    assert value("f1", broken, labels) <= value("f1", logits, labels)


@pytest.mark.parametrize("name", ["top1", "top5"])
def test_nan_is_not_right_about_a_label_of_minus_one(name):
    assert value(name, np.full((1, 6), np.nan), np.array([-1])) == 0.0
