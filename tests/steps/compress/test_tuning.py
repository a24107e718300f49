"""What a search learns from tuning rows: distances of outputs, and metrics that are awkward on few rows."""

import shutil

import numpy as np
import pytest

from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import DataError
from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.paired import Pair, relative_drop
from inc_mlflow.records import BASELINE
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Job, parse_recipe
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.compress.make_candidate import apply_recipe
from inc_mlflow.steps.compress.tuning import Tuning, relative_error
from inc_mlflow.steps.data import method_data
from tests.support.paths import EXAMPLE

MODEL = EXAMPLE / "fp32.onnx"
BASE = Baseline(ENGINES.get("onnxruntime"), BASELINE, MODEL, "")
WRONG = """
import numpy as np
def wrong(outputs, labels, reference):
    scores = np.zeros(len(labels))
    scores[labels == 9] = 1.0
    return scores
"""


def job(folder, change="", metric="top1") -> Job:
    for file in EXAMPLE.glob("*.npz"):
        shutil.copyfile(file, folder / file.name)
    shutil.copyfile(MODEL, folder / "fp32.onnx")
    (folder / "m.py").write_text(WRONG)
    text = (EXAMPLE / "auto.yaml").read_text().replace("metric: top1", f"metric: {metric}") + change
    (folder / "job.yaml").write_text(text)
    return Job.load(folder / "job.yaml")


def test_the_baseline_has_no_distance_and_no_drop(tmp_path):
    tuning, runner = Tuning(job(tmp_path), BASE, limit=200), Runner(MODEL, threads=1)
    assert tuning.output_error(runner) == 0
    tuned = tuning.score(runner)
    assert (tuned.rows, tuned.first.drop.value) == (200, 0)


def test_equal_infinities_are_no_difference_and_others_are_not_finite():
    true = np.array([1.0, -np.inf, 2.0])
    assert relative_error([(true, true.copy())]) == 0
    assert relative_error([(true, np.array([1.0, -np.inf, 3.0]))]) == pytest.approx(np.sqrt(1 / 5))
    assert not np.isfinite(relative_error([(true, np.array([1.0, 0.0, 2.0]))]))


def test_a_metric_that_is_zero_on_the_first_rows_does_not_stop_a_search(tmp_path):
    metric = "{callable: 'm.py:wrong', higher_is_better: false}"
    with np.load(EXAMPLE / "tune.npz") as archive:
        rows = dict(archive)
    order = np.argsort(rows["label"], kind="stable")  # nines last
    spec = job(tmp_path, metric=metric)
    np.savez(tmp_path / "tune.npz", **{name: array[order] for name, array in rows.items()})
    tuned = Tuning(spec, BASE, limit=10_000).score(Runner(MODEL, threads=1))
    assert tuned.rows == len(order)
    assert tuned.first.drop.value == 0


def test_too_few_rows_for_the_batch_are_refused_with_the_number_that_is_needed(tmp_path):
    with pytest.raises(DataError, match="a search needs 2000 rows"):
        Tuning(job(tmp_path, "benchmark: {layout: 1s1c1ins1000bs}\n"), BASE, limit=10_000)


@pytest.mark.parametrize(
    "scores", [([0.5, 0.7, 0.9], [0.55, 0.77, 0.99]), ([1.0, 0.5, 2.0], [1.0, 0.5, 1.9])]
)
def test_bounds_are_numbers_where_bca_has_none(scores):
    base, other = map(np.array, scores)
    drop = relative_drop(
        Pair(Outcomes(base.mean(), base), Outcomes(other.mean(), other), True, True, 3), 0.01
    )(0.95)
    assert drop.low <= drop.value + 1e-12
    assert drop.value - 1e-12 <= drop.high


CLOSE = """
import numpy as np
def close(outputs, labels, reference):
    return 1.0 - np.minimum(np.abs(outputs["logits"] - reference["logits"]).max(1) * 1e6, 1.0)
"""


@pytest.fixture
def several(tmp_path):
    """A job by top1, by a metric that allows no change of any output, and by one for information."""
    spec = job(tmp_path, metric="top1")
    (tmp_path / "c.py").write_text(CLOSE)
    metrics = (
        "[top1, {callable: 'c.py:close', range: [0, 1], max_relative_drop: 0.5},"
        " {callable: 'm.py:wrong', higher_is_better: false, informative: true}]"
    )
    text = (tmp_path / "job.yaml").read_text().replace("metric: top1", f"metrics: {metrics}")
    (tmp_path / "job.yaml").write_text(text)
    return Job.load(tmp_path / "job.yaml"), spec


def test_a_trial_is_scored_by_each_metric_that_is_judged(several, tmp_path):
    tuning = Tuning(several[0], BASE, limit=200)
    assert tuning.limits == {"top1": 0.01, "close": 0.5}
    score = tuning.score(Runner(MODEL, threads=1))
    assert {name: one.drop.value for name, one in score.by_metric.items()} == {"top1": 0, "close": 0}
    alone = Tuning(several[1], BASE, limit=200).score(Runner(MODEL, threads=1))
    assert score.first == alone.first


def test_a_trial_that_breaks_the_limit_of_a_later_metric_is_rejected_by_its_name(several, tmp_path):
    spec, _ = several
    int8 = tmp_path / "made"
    int8.mkdir()
    recipe = parse_recipe({"engine": "onnxruntime", "method": "dynamic"})
    apply_recipe(MODEL, recipe, method_data(spec, None), int8 / "model.onnx")
    tuning = Tuning(spec, BASE, limit=200)
    score = tuning.score(Runner(int8 / "model.onnx", threads=1))
    assert score.rows < 200, "a quarter of the rows shows it"
    assert tuning.beyond(score) == ["close drops by 100 %, allowed is 50 %"]
