"""One suite over every metric of the table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_mlflow.errors import DataError, MissingExtraError, SpecError
from inc_mlflow.measure.stats import resample
from inc_mlflow.measure.stats.outcomes import effective_rows
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.metrics.text import BROKEN
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.spec import MetricSpec
from tests.support.metric_cases import OPTIONS, case, make, take, value
from tests.support.metric_references import REFERENCES

NAMES = list(METRICS)
ALL = pytest.mark.parametrize("name", NAMES)
WHOLE = pytest.mark.parametrize("name", [name for name in NAMES if not METRICS.get(name).decomposable])
BEST = {"bleu": 100.0, "wer": 0.0}
SEEDS = st.integers(0, 10**6)
ROWS = 60


def spoil(outputs, rows):
    """Make the outputs of some rows NaN.

    In texts and whole numbers that is what a postprocess makes of them.
    """
    broken = {}
    for role, array in outputs.items():
        broken[role] = array.astype(object if array.dtype.kind == "U" else array.dtype)
        if array.dtype.kind == "U":
            broken[role][rows] = BROKEN
        elif array.dtype.kind == "f":
            broken[role][rows] = np.nan
    return broken


def worse(name, one, other):
    """NaN is worse than any number."""
    return np.isnan(one) or (one < other if METRICS.get(name).higher_is_better else one > other)


def test_every_metric_has_a_reference():
    assert set(REFERENCES) == set(NAMES) - {"squad_em", "squad_f1"}


@pytest.mark.parametrize("name", REFERENCES)
@settings(max_examples=6)
@given(seed=SEEDS, right=st.sampled_from([0.3, 0.7, 0.95]))
def test_it_agrees_with_the_library(name, seed, right):
    outputs, labels = case(name, ROWS, seed, right)
    assert value(name, outputs, labels) == pytest.approx(REFERENCES[name](outputs, labels), abs=1e-9)


@ALL
def test_perfect_predictions_give_the_best_value(name):
    outputs, labels = case(name, ROWS, 0, 1.0)
    best = BEST.get(name, 1.0)
    assert value(name, outputs, labels) == pytest.approx(best, abs=1e-3 if name == "perplexity" else 1e-9)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "agreement"])
def test_worse_predictions_give_a_worse_value(name):
    good, bad = (value(name, *case(name, ROWS, 1, right)) for right in (0.9, 0.2))
    assert worse(name, bad, good)


@ALL
@settings(max_examples=4)
@given(seed=SEEDS)
def test_the_order_of_rows_does_not_matter(name, seed):
    outputs, labels = case(name, ROWS, seed, 0.7)
    order = np.random.default_rng(seed).permutation(ROWS)
    assert value(name, *take(outputs, labels, order)) == pytest.approx(value(name, outputs, labels))


@ALL
@pytest.mark.parametrize("size", [1, 7])
def test_what_is_kept_of_batches_joins_to_what_is_kept_of_the_whole(name, size):
    outputs, labels = case(name, ROWS, 2, 0.7)
    metric = make(name)
    cuts = [range(start, min(start + size, ROWS)) for start in range(0, ROWS, size)]
    parts = [metric.statistics(*take(outputs, labels, cut)) for cut in cuts]
    whole = metric.statistics(outputs, labels)
    assert {len(array) for array in whole.values()} == {ROWS}
    joined = {key: np.concatenate([part[key] for part in parts]) for key in whole}
    assert np.mean(metric.score(metric.group(joined), joined)) == pytest.approx(value(name, outputs, labels))


@ALL
def test_a_metric_that_decomposes_gives_one_score_per_row_and_any_other_one_number(name):
    outputs, labels = case(name, ROWS, 3, 0.7)
    metric = make(name)
    kept = metric.group(metric.statistics(outputs, labels))
    scores = metric.score(kept, kept)
    assert np.shape(scores) == ((ROWS,) if metric.decomposable else ())
    assert not metric.binary or set(np.unique(scores)) <= {0.0, 1.0}


@ALL
@settings(max_examples=8)
@given(seed=SEEDS, right=st.sampled_from([0.0, 0.5, 0.9]), count=st.sampled_from([1, 5, ROWS]))
def test_nan_never_helps(name, seed, right, count):
    outputs, labels = case(name, ROWS, seed, right)
    rows = np.random.default_rng(seed).permutation(ROWS)[:count]
    before, after = value(name, outputs, labels), value(name, spoil(outputs, rows), labels)
    assert worse(name, after, before) or (METRICS.get(name).decomposable and after == before)
    if METRICS.get(name).decomposable:
        assert count < ROWS or after == 0.0
    else:
        assert np.isnan(after)


@WHOLE
def test_rows_that_are_drawn_twice_count_twice(name):
    """What is computed once from the kept rows is what the metric says of the drawn rows themselves."""
    if name == "verification":
        pytest.skip("its pairs are drawn, and a pair drawn twice would need another number")
    outputs, labels = case(name, ROWS, 4, 0.7)
    metric = make(name)
    drawn = np.random.default_rng(0).integers(0, ROWS, ROWS)
    kept = {key: array[drawn] for key, array in metric.group(metric.statistics(outputs, labels)).items()}
    assert metric.score(kept, kept) == pytest.approx(value(name, *take(outputs, labels, drawn)))


@WHOLE
def test_resamples_scatter_around_the_value(name, monkeypatch):
    monkeypatch.setattr(resample, "RESAMPLES", 30)
    outputs, labels = case(name, ROWS, 5, 0.8)
    metric = make(name)
    kept = metric.group(metric.statistics(outputs, labels))
    found = resample.resample({"one": kept, "same": kept}, "one", metric.score, workers=1)
    np.testing.assert_array_equal(found["one"], found["same"])
    assert found["one"].std() > 0
    assert abs(np.median(found["one"]) - value(name, outputs, labels)) < 4 * found["one"].std()


@WHOLE
def test_one_row_drawn_again_and_again_is_no_crash(name):
    outputs, labels = case(name, ROWS, 6, 0.5)
    metric = make(name)
    kept = metric.group(metric.statistics(outputs, labels))
    for row in range(5):
        one = {key: array[np.full(40, row)] for key, array in kept.items()}
        assert isinstance(metric.score(one, one), float)


@WHOLE
def test_it_says_by_its_labels_on_how_many_rows_it_hangs(name):
    (outputs, labels), (others, _) = case(name, ROWS, 7, 0.9), case(name, ROWS, 7, 0.4)
    metric = make(name)
    weights, again = (
        metric.row_weights(metric.group(metric.statistics(one, labels))) for one in (outputs, others)
    )
    assert weights.ndim == 1
    assert np.isfinite(weights).all()
    assert weights.min() >= 0
    assert weights.max() > 0
    np.testing.assert_array_equal(weights, again)
    assert 1 <= effective_rows(weights) <= len(weights)


WRONG_LABELS = {
    "none": None,
    "text": np.array(["x"] * ROWS),
    "fractions": np.full(ROWS, 0.5),
    "NaN": np.full(ROWS, np.nan),
    "a column": np.zeros((ROWS, 1), int),
    "objects": np.full(ROWS, None),
}
TAKES = {
    ("fractions", "pearson"),
    ("fractions", "spearman"),
    ("a column", "token_accuracy"),
    ("a column", "perplexity"),
    ("a column", "entity_f1"),
} | {("text", name) for name in ("bleu", "rouge1", "rouge2", "rougeL", "wer")}


@ALL
@pytest.mark.parametrize("kind", WRONG_LABELS)
def test_labels_that_it_cannot_take_are_refused(name, kind, tmp_path):
    outputs, labels = case(name, ROWS, 0, 0.7)
    metric = resolve(MetricSpec(name=name, options=OPTIONS.get(name, {})), tmp_path, list(outputs))
    metric.check_labels(labels)
    if name == "agreement" or (kind, name) in TAKES:
        metric.check_labels(WRONG_LABELS[kind])
        return
    with pytest.raises(
        DataError, match=rf"^metric {name} (needs labels|takes )|^label 'x': .*; a label is JSON text with"
    ):
        metric.check_labels(WRONG_LABELS[kind])
    with pytest.raises(DataError):
        metric.keep(outputs, WRONG_LABELS[kind])


@ALL
def test_it_reads_the_outputs_that_it_is_told(name, tmp_path):
    outputs, labels = case(name, ROWS, 0, 0.7)
    renamed = {"hidden": np.zeros((ROWS, 6))} | {f"graph_{role}": array for role, array in outputs.items()}
    options = OPTIONS.get(name, {})
    metric = resolve(
        MetricSpec(name=name, options=options, outputs={role: f"graph_{role}" for role in outputs}),
        tmp_path,
        list(renamed),
    )
    kept = metric.group(metric.keep(renamed, labels))
    assert np.mean(metric.score(kept, kept)) == pytest.approx(value(name, outputs, labels))
    with pytest.raises(
        SpecError,
        match=rf"^metric: no output of the model is called '{next(iter(outputs))}'; it has hidden, ",
    ):
        resolve(MetricSpec(name=name, options=options), tmp_path, list(renamed))
    with pytest.raises(DataError, match=r"its first axis is rows, or data: "):
        metric.keep(
            {role: array[1:] for role, array in renamed.items()}, labels
        ) if name != "agreement" else metric.keep(
            {role: array[1:] for role, array in renamed.items()}, np.zeros(ROWS)
        )


@ALL
def test_without_its_package_it_is_refused_in_one_line(name, monkeypatch, tmp_path):
    outputs, _ = case(name, ROWS, 0, 0.7)
    spec = MetricSpec(name=name, options=OPTIONS.get(name, {}))
    entry = METRICS.entry(name)
    for package in entry.needs:
        monkeypatch.setitem(__import__("sys").modules, package, None)
        with pytest.raises(
            MissingExtraError,
            match=rf"^metrics: '{name}' needs the package '{package}'; "
            rf"pip install 'inc-mlflow\[{entry.extra}\]'$",
        ):
            resolve(spec, tmp_path, list(outputs))
        monkeypatch.undo()
    resolve(spec, tmp_path, list(outputs))


@ALL
def test_outputs_of_another_shape_are_refused(name):
    outputs, labels = case(name, ROWS, 0, 0.7)
    if name == "verification":
        return  # an embedding may have any shape
    with pytest.raises(DataError, match=r"^metric"):
        make(name).statistics(
            {role: array.reshape(ROWS, 1, -1, 1, 1) for role, array in outputs.items()}, labels
        )


@ALL
def test_an_option_that_it_does_not_have_is_refused_with_those_it_has(name, tmp_path):
    with pytest.raises(SpecError, match=r"^metric\.options\.colour: unknown field"):
        resolve(MetricSpec(name=name, options={"colour": 1}), tmp_path, ["logits"])
