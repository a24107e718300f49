"""Several metrics on real models: one pass over the rows, the same numbers as each metric alone, and shards."""

import json
from dataclasses import replace

import numpy as np
import pytest

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.measure.gate.measurements import OUTCOMES, load_measured, load_pools, pools_of_job
from inc_mlflow.measure.stats.outcomes import Scoring, evaluate_metrics
from inc_mlflow.records import BASELINE, EvaluationRecord
from inc_mlflow.spec import JobSpec
from inc_mlflow.steps.measure.evaluate import evaluate
from inc_mlflow.steps.measure.evaluate_shards import merge_evaluations
from inc_mlflow.steps.prepare.check import check
from inc_mlflow.steps.standalone.plan import plan_job
from tests.support.paths import EXAMPLE
from tests.support.sharded_steps import WHOLE_SPLIT, evaluated, said

SEVERAL = [
    "top1",
    {**WHOLE_SPLIT, "max_relative_drop": 0.05},
    {"name": "f1_macro", "as": "F1"},
    {"name": "top5", "informative": True},
]
ALONE = {"top1": "top1", "spread": WHOLE_SPLIT, "F1": "f1_macro", "top5": "top5"}


@pytest.fixture
def several(make):
    """The job of the example by several metrics."""

    def build(rows=30, batch=4):
        job = make(rows, batch)
        fields = {name: one for name, one in json.loads(job.spec.to_text()).items() if name != "metric"}
        return replace(job, spec=JobSpec.from_text(json.dumps(fields | {"metrics": SEVERAL})))

    return build


def test_every_metric_has_the_numbers_that_it_has_alone(make, several, models, tmp_path):
    record = evaluate(several(), tmp_path / "several", **models)
    found = load_measured(tmp_path / "several", record, None)
    assert [one.evaluation.metric for one in found.by_metric] == list(ALONE)
    assert [one.judged for one in found.by_metric] == [True, True, True, False]
    for measured, (name, metric) in zip(found.by_metric, ALONE.items(), strict=True):
        alone = evaluate(make(30, 4, metric), tmp_path / name, **models)
        outcomes = load_measured(tmp_path / name, alone, None)
        assert measured.evaluation.results == alone.results
        about = measured.evaluation
        assert (about.constant_score, about.hangs_on) == (alone.constant_score, alone.hangs_on)
        assert measured.outcomes.keys() == outcomes.outcomes.keys()
        for label, array in outcomes.outcomes.items():
            np.testing.assert_array_equal(measured.outcomes[label], array)


@pytest.mark.parametrize(("rows", "batch", "count"), [(30, 4, 3), (7, 2, 2)])
def test_shards_merge_to_the_bytes_of_one_pass(several, models, tmp_path, rows, batch, count):
    job = several(rows, batch)
    evaluate(job, tmp_path / "whole", **models)
    merge_evaluations(job, tmp_path / "merged", shards=evaluated(job, models, tmp_path, count))
    assert (tmp_path / "merged" / OUTCOMES).read_bytes() == (tmp_path / "whole" / OUTCOMES).read_bytes()
    assert said(tmp_path / "merged") == said(tmp_path / "whole")


def test_models_run_once_for_all_metrics():
    calls = []

    def model(inputs):
        calls.append(len(inputs["x"]))
        return {"y": inputs["x"]}

    scoring = Scoring(lambda outputs, _: outputs, lambda kept, _: kept["y"], True)
    rows = [({"x": np.arange(3.0)}, None), ({"x": np.arange(2.0)}, None)]
    found = evaluate_metrics({BASELINE: model}, BASELINE, rows, {"a": scoring, "b": scoring}, 1)
    assert sorted(calls) == [2, 3]
    assert {name: one[BASELINE]["score"].shape for name, one in found.items()} == {"a": (5,), "b": (5,)}


def test_a_record_of_one_metric_has_no_word_of_others(make, models, tmp_path):
    record = evaluate(make(), tmp_path / "one", **models)
    record.save(tmp_path / "one")
    assert not {"further", "further_results"} & set(said(tmp_path / "one"))
    assert EvaluationRecord.load(tmp_path / "one") == record


def test_evidence_by_other_metrics_or_limits_than_the_jobs_is_refused(make, several, models, tmp_path):
    evaluate(several(), tmp_path / "several", **models).save(tmp_path / "several")
    pools = load_pools([tmp_path / "several"])
    with pytest.raises(DataError, match="was evaluated by top1, spread, F1, top5; the job says top1"):
        pools_of_job(make().spec, pools)
    looser = several().spec.metrics[1].model_copy(update={"max_relative_drop": 0.5})
    metrics = (several().spec.metrics[0], looser, *several().spec.metrics[2:])
    with pytest.raises(DataError, match="or gives them other limits"):
        pools_of_job(several().spec.model_copy(update={"metrics": metrics}), pools)
    assert pools_of_job(several().spec, pools) == pools


def test_labels_that_a_later_metric_cannot_use_are_refused_before_work(several, tmp_path):
    job = several()
    with np.load(EXAMPLE / "dev.npz") as archive:
        rows = dict(archive)
    np.savez(tmp_path / "dev.npz", **rows | {"label": rows["label"] + 0.5})
    np.savez(tmp_path / "calib.npz", **rows)
    spec = job.spec.model_copy(update={"metrics": job.spec.metrics[1:3]})
    (tmp_path / "own.py").write_text((job.root / "own.py").read_text())
    (tmp_path / "fp32.onnx").write_bytes((job.root / "fp32.onnx").read_bytes())
    with pytest.raises(DataError, match=r"data\.validation: "):
        check(replace(job, spec=spec, root=tmp_path))


def test_an_error_about_a_later_metric_names_its_field(several):
    job = several()
    metrics = (job.spec.metrics[0], job.spec.metrics[2].model_copy(update={"output": "nothing"}))
    with pytest.raises(DataError, match=r"^metrics\[1\]\.output: the model has no output 'nothing'"):
        check(replace(job, spec=job.spec.model_copy(update={"metrics": metrics})))
    metrics = (job.spec.metrics[0], job.spec.metrics[2].model_copy(update={"options": {"no": 1}}))
    with pytest.raises(SpecError, match=r"^metrics\[1\]\.options\.no: unknown field"):
        check(replace(job, spec=job.spec.model_copy(update={"metrics": metrics})))


def test_what_the_split_can_decide_is_said_of_each_metric_that_is_judged(several):
    notes = check(several()).notes
    plans = [note.partition(":")[0] for note in notes if note.startswith("by ")]
    assert plans == ["by top1", "by spread", "by F1"]


def test_the_plan_says_of_each_judged_metric_what_is_known_of_it_beforehand(several):
    plan = plan_job(several(), None, None, None)["plan"]
    assert "by top1: 30 validation rows, allowed drop 1 %" in plan
    assert "by spread: 30 validation rows, allowed drop 5 %" in plan
    assert "by F1: 30 validation rows, allowed drop 1 %: even an unchanged model" in plan
    assert "by top5" not in plan
