"""The gate runs rows itself: made-up outcomes promote nothing, though records and digests fit together."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from inc_mlflow.errors import DataError, TrackingError
from inc_mlflow.measure.gate.measurements import find_pools
from inc_mlflow.promotion.gate_data import find_gate_data
from inc_mlflow.promotion.process_request import process_untrusted_request
from inc_mlflow.promotion.rerun_rows import rerun_rows
from inc_mlflow.promotion.review import Policy
from inc_mlflow.promotion.spot_check import accuracy_protections
from inc_mlflow.records import BASELINE
from inc_mlflow.records.measurements import CLASSES, CONSTANT
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.spec import JobSpec
from tests.support.forged_evidence import claiming, forged
from tests.support.recheck_policies import ALL, check, policy

pytestmark = pytest.mark.slow


def answer(store, measured, gate, evaluation=None):
    measured.track(store.folder, records=[evaluation or measured / "evaluation", measured / "benchmark"])
    return process_untrusted_request(store.stores, measured.request(store.folder), gate)


def refused(store, decision, reason):
    assert decision.outcome == "rejected"
    assert reason in decision.reasons[0]
    assert store.versions() == []


@pytest.mark.parametrize("rows", [40, ALL, 10**6])
def test_what_was_measured_is_promoted(store, measured, trusted, tmp_path, rows):
    assert answer(store, measured, policy(tmp_path, trusted, rows)).outcome == "promoted"


@pytest.mark.parametrize("rows", [40, ALL])
def test_a_broken_candidate_with_the_outcomes_of_the_baseline_is_refused(
    store, broken, trusted, tmp_path, rows
):
    decision = answer(store, broken, policy(tmp_path, trusted, rows), broken / "forged")
    refused(store, decision, "does not give the outcomes that the evidence claims")


def test_without_recheck_it_is_promoted(store, broken):
    decision = answer(store, broken, Policy(), broken / "forged")
    assert decision.outcome == "promoted"
    assert "accuracy: advisory" in " ".join(one.text() for one in decision.protections)


@pytest.mark.parametrize("right", [True, False], ids=["the candidate better", "the baseline worse"])
def test_a_few_made_up_rows_are_refused(store, measured, trusted, tmp_path, right):
    label = measured.judgement.best().recipe if right else BASELINE
    evaluation = forged(measured, tmp_path / "forged", claiming(right, label))
    decision = answer(store, measured, policy(tmp_path, trusted), evaluation)
    refused(store, decision, f"{label} does not give the outcomes that the evidence claims")


@pytest.mark.parametrize(
    "change",
    [lambda arrays: arrays[CONSTANT].fill(0), lambda arrays: arrays.pop(CONSTANT)],
    ids=["made worse", "taken away"],
)
def test_a_constant_answer_that_was_changed_is_refused(store, measured, trusted, tmp_path, change):
    """It is what shows that a metric cannot tell a good model from any other."""

    def write(arrays):
        arrays.update({CONSTANT: arrays[CONSTANT].copy()})
        change(arrays)

    evaluation = forged(measured, tmp_path / "forged", write)
    decision = answer(store, measured, policy(tmp_path, trusted), evaluation)
    refused(store, decision, "one answer for all rows does not score by top1 what the evidence claims")


def test_classes_that_were_exchanged_are_refused(store, measured, trusted, tmp_path):
    evaluation = forged(
        measured, tmp_path / "forged", lambda arrays: arrays.update({CLASSES: arrays[CLASSES][::-1].copy()})
    )
    refused(
        store,
        answer(store, measured, policy(tmp_path, trusted), evaluation),
        "the classes of rows on pool 'local'",
    )


def test_other_data_is_refused(store, measured, tmp_path):
    with np.load(measured / "dev.npz") as data:
        labels = data["label"].copy()
        labels[0] = (labels[0] + 1) % 10
        (tmp_path / "other").mkdir()
        np.savez(tmp_path / "other" / "dev.npz", image=data["image"], label=labels)
    decision = answer(store, measured, policy(tmp_path, tmp_path / "other"))
    refused(store, decision, "pool 'local' was evaluated on other rows than the gate's own")


def test_a_link_out_of_the_gates_data_is_refused(store, measured, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "dev.npz").symlink_to(measured / "dev.npz")
    decision = answer(store, measured, policy(tmp_path, tmp_path / "linked"))
    refused(store, decision, "leads out of the gate's data")


def test_gate_data_that_is_not_there_leaves_the_request_open(store, measured, tmp_path):
    with pytest.raises(TrackingError, match=r"^recheck: policy: data: no folder .*/absent; mount it$"):
        answer(store, measured, policy(tmp_path, "absent"))
    assert store.versions() == []
    (run,) = store.client.search_runs(["1"], "tags.`inc.request` = 'open'")
    assert run.data.tags["inc.role"] == "job"


def test_the_gates_data_may_be_in_s3(store, measured, s3, s3_server, tmp_path):
    rows = s3_server.folder / s3.removeprefix("s3://") / "gate" / "dev.npz"
    rows.parent.mkdir()
    shutil.copyfile(measured / "dev.npz", rows)
    assert answer(store, measured, policy(tmp_path, f"{s3}/gate")).outcome == "promoted"


def test_a_bucket_that_cannot_be_reached_leaves_the_request_open(store, measured, s3, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TrackingError, match=r"^recheck: s3://.*"):
        answer(store, measured, policy(tmp_path, s3))
    assert store.versions() == []


def test_it_says_how_far_the_evidence_is_sure_and_what_it_is_of(measured, pools, trusted, tmp_path):
    accuracy = pools["local"].evaluation.results[BASELINE].value
    here, asked = accuracy_protections(measured.job.spec, policy(tmp_path, trusted, 40).spec, pools)
    assert here.text() == (
        "accuracy on local: enforced, 40 of 500 rows of dev.npz, scored by top1, were run again "
        "on the same kind of hardware, and none differs"
    )
    assert asked.text() == (
        "what accuracy is: advisory, the job chose file, inputs, label, transform and metric; "
        f"the baseline's top1 by them is {accuracy:.4g}, compare with your own"
    )


def test_rows_are_drawn_one_by_one_however_large_the_batches(measured, models, trusted):
    """All that is made up could stand in one batch, and that be drawn seldom.

    The last one may be all of one row.
    """
    job = altered(measured, benchmark={"layout": "1s1c1ins250bs"})
    engines = dict.fromkeys(models, "onnxruntime")
    own = rerun_rows(find_gate_data(job, str(trusted)).apply_to(job), models, engines, 200)
    assert (own.drawn.sum(), own.rows.tolist()) == (200, list(range(ALL)))
    assert len(own.outcomes[BASELINE]) == ALL
    assert len(own.sample(own.outcomes[BASELINE])) == 200


@pytest.mark.parametrize("score", [0.5, 1e9, -1.0, np.nan])
def test_a_row_that_is_worth_more_than_a_row_is_refused(measured, pools, models, trusted, tmp_path, score):
    """It may not be drawn, and would outweigh all that are."""
    outcomes = pools["local"].outcomes[BASELINE].astype(float)
    outcomes[7] = score
    made_up = replace(pools["local"], outcomes=pools["local"].outcomes | {BASELINE: outcomes})
    with pytest.raises(DataError, match="top1 cannot give the outcomes of pool 'local'"):
        check(measured, {"local": made_up}, models, policy(tmp_path, trusted, 1))


def test_every_metric_of_the_table_scores_a_row_from_0_to_1():
    """What the gate takes for impossible rests on it."""
    kinds = [METRICS.get(name) for name in METRICS]
    assert {kind.unit for kind in kinds if kind.decomposable} == {"share", "F1"}


def altered(measured, **fields):
    data = measured.job.spec.model_dump(mode="json", by_alias=True, exclude_none=True) | {
        "recipes": [{"method": "dynamic"}]
    }
    return JobSpec.model_validate(data | fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"data": {"validation": {"callable": "data.py:rows"}}}, "code of its own, which a gate never runs"),
        ({"metric": {"callable": "metric.py:score"}}, "code of its own, which a gate never runs"),
        (
            {"model": {"parts": {"all": "fp32.onnx"}, "pipeline": "run.py:f"}},
            "code of the job's, which a gate never runs",
        ),
        (
            {"data": {"validation": {"path": "dev.npz", "samples": 300}}},
            "the job chooses which rows of 'dev.npz' judge it",
        ),
        ({"data": {"validation": {"path": "../dev.npz"}}}, "is no path below the gate's data"),
        ({"data": {"validation": {"path": "/etc/passwd"}}}, "is no path below the gate's data"),
        ({"data": {"validation": {"path": "s3://theirs/dev.npz"}}}, "is no path below the gate's data"),
        ({"data": {"validation": {"path": "absent.npz"}}}, "cannot be read"),
        ({"metric": "f1"}, "f1 is about all 500 rows together, not about 40; raise recheck"),
        ({"metric": "top5"}, "evaluated by another metric or batch size than the job's"),
        (
            {"benchmark": {"layout": "1s1c1ins4bs"}},
            "evaluated by another metric or batch size than the job's",
        ),
    ],
)
def test_what_a_gate_does_not_run_is_refused(measured, pools, models, trusted, tmp_path, fields, reason):
    with pytest.raises(DataError, match=r"^recheck: |^data\.validation: ") as refusal:
        check(measured, pools, models, policy(tmp_path, trusted, 40), altered(measured, **fields))
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.fixture(scope="module")
def f1(measured, tmp_path_factory):
    """The same models judged by a metric of all rows at once: its job, and what the pool found out."""
    from inc_mlflow.steps.measure.evaluate import evaluate

    job = replace(measured.job, spec=altered(measured, metric="f1"))
    folder = tmp_path_factory.mktemp("f1") / "evaluation"
    evaluate(job, folder, **measured.of("baseline", "champion", "candidates"))
    return job.spec, find_pools([folder])


def test_a_metric_of_all_rows_is_compared_on_all_rows(measured, f1, models, trusted, tmp_path):
    spec, pools = f1
    check(measured, pools, models, policy(tmp_path, trusted), spec)
    lower = pools["local"].outcomes[BASELINE] - 0.001
    pools = {"local": replace(pools["local"], outcomes=pools["local"].outcomes | {BASELINE: lower})}
    with pytest.raises(DataError, match="baseline does not give the outcomes that the evidence claims"):
        check(measured, pools, models, policy(tmp_path, trusted), spec)


def test_a_model_that_cannot_be_run_is_refused(measured, pools, models, trusted, tmp_path):
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(DataError, match=r"^recheck: .*not an ONNX file"):
        check(measured, pools, dict.fromkeys(models, broken), policy(tmp_path, trusted))


def test_a_model_in_fp32_that_is_said_to_be_int8_is_refused(measured, pools, models, trusted, tmp_path):
    claimed = dict.fromkeys(models, models[BASELINE])
    with pytest.raises(DataError, match=r"^recheck: .* has no operator in INT8"):
        check(measured, pools, claimed, policy(tmp_path, trusted))


def test_a_model_that_is_a_folder_is_run_again(measured, trusted, tmp_path):
    ENGINES.get("openvino").import_source(measured / "baseline" / "model.onnx", tmp_path)
    models = dict.fromkeys([BASELINE, "same"], tmp_path / ENGINES.get("openvino").model_name)
    job = find_gate_data(measured.job.spec, str(trusted)).apply_to(measured.job.spec)
    again = rerun_rows(job, models, dict.fromkeys(models, "openvino"), 40)
    assert again.outcomes["same"].tolist() == again.outcomes[BASELINE].tolist()
