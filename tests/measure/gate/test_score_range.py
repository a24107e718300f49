"""The range of a metric's scores: declared, checked, and what bounds rest on."""

import json

import numpy as np
import pytest

from inc_mlflow.errors import CallableError, DataError, SpecError
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.metrics.resolve import resolve, score_range
from inc_mlflow.records import BASELINE
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.spec import JobSpec, MetricSpec
from tests.support.gate_measurements import FAST, GATE, found, model

OWN = """
import numpy as np

def score(outputs, labels, reference):
    return outputs["y"]

def whole(outputs, labels, reference):
    return float(outputs["y"].mean())
"""


def spec(**fields):
    return MetricSpec.model_validate({"callable": "own.py:score"} | fields)


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.py").write_text(OWN)

    def score(values, **fields):
        metric = resolve(spec(**fields), tmp_path, ["y"])
        kept = {"y": np.asarray(values, float)}
        return metric.score(kept, kept)

    return score


def test_every_metric_of_the_table_declares_where_its_scores_are():
    for name in METRICS:
        low, high = METRICS.get(name).score_range
        assert low is not None
        assert high is not None or not METRICS.get(name).higher_is_better
        assert not METRICS.get(name).decomposable or (low, high) == (0, 1)


@pytest.mark.parametrize("fields", [{}, {"range": [0, None]}, {"range": [None, 2]}, {"range": [0, 2]}])
def test_a_callable_declares_it_in_the_job(own, fields):
    assert list(score_range(spec(**fields))) == fields.get("range", [None, None])
    assert own([0.0, 2.0], **fields).tolist() == [0, 2]


@pytest.mark.parametrize("fields", [{}, {"callable": "own.py:whole", "decomposable": False}])
@pytest.mark.parametrize(("value", "between"), [(1.2, [0, 1]), (-0.1, [0, None]), (7, [None, 5])])
def test_a_score_beyond_it_is_one_line(own, fields, value, between):
    with pytest.raises(
        CallableError,
        match=r"^metric.callable: gave scores from .* to .*, its range is .*; correct metric.range",
    ):
        own([value, value], range=between, **fields)


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ({"callable": "own.py:score", "range": [1, 0]}, "the least score, 1, must be below the largest, 0"),
        ({"callable": "own.py:score", "range": [0, 1, 2]}, "metric"),
        ({"callable": "own.py:score", "range": [float("inf"), None]}, "expected a finite number, got inf"),
        ({"name": "top1", "range": [0, 1]}, "'range' are for callables"),
    ],
)
def test_a_range_that_is_none_is_refused(metric, says):
    job = {
        "version": 1,
        "name": "j",
        "model": "m.onnx",
        "data": {"validation": {"path": "a.npz"}},
        "recipes": "auto",
    }
    with pytest.raises(SpecError, match=says):
        JobSpec.from_text(json.dumps(job | {"metric": metric}))


def judged(scores, **changes):
    outcomes = {BASELINE: scores, "int8": scores.copy()}
    return judge(
        [model(BASELINE), model("int8")], {"local": found(outcomes, {"int8": FAST}, **changes)}, GATE
    ).table[1]


def test_without_one_the_reason_says_what_it_rests_on():
    scores = np.full(100, 0.9) + np.linspace(0, 0.01, 100)
    assert (
        judged(scores)
        .reasons[0]
        .endswith(
            "; the metric declares no least score, so a row is taken to lose no more than the baseline's largest score"
        )
    )
    assert "declares" not in judged(scores, score_range=(0.0, 1.0)).reasons[0]
    assert "largest score, so" in judged(scores, higher_is_better=False).reasons[0]


def test_an_unchanged_model_passes_on_400_rows_whatever_its_scores_are():
    random = np.random.default_rng(5)
    for scores in (random.random(400), np.ones(400), 1 - random.beta(1, 99, 400), np.full(400, 0.5)):
        assert judged(scores, score_range=(0.0, 1.0)).verdict == "pass"


def test_few_rows_that_are_all_alike_promote_nothing():
    for rows in (2, 12, 50, 200):
        assert judged(np.full(rows, 0.99), score_range=(0.0, 1.0)).verdict == "inconclusive"


def test_outcomes_beyond_the_range_are_refused():
    with pytest.raises(DataError, match=r"^gate: the top1 of baseline on pool 'local' is beyond the range"):
        judged(np.full(20, 1.5), score_range=(0.0, 1.0))
