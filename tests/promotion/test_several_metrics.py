"""A job with several metrics from measurement to champion: the gate runs rows again for each of them."""

import json

import numpy as np
import pytest

from inc_mlflow.measure.gate.measurements import OUTCOMES
from inc_mlflow.promotion.best import best_candidates
from inc_mlflow.promotion.process_request import process_untrusted_request
from inc_mlflow.records import BASELINE, EvaluationRecord
from inc_mlflow.records.sealed_arrays import load_raw, save_raw
from inc_mlflow.reports.best import print_best
from inc_mlflow.tracking.runs.metric_verdicts import VERDICTS
from tests.support.recheck_policies import policy
from tests.support.tracked_jobs import JOB

pytestmark = pytest.mark.slow

METRICS = "metrics: [top1, {name: top5, max_relative_drop: 0.02}, {name: agreement, informative: true}]"
NAMES = ["top1", "top5", "agreement"]


@pytest.fixture(scope="module")
def several(job_in, tmp_path_factory):
    """The example by three metrics, of which the last decides nothing."""
    return job_in(tmp_path_factory.mktemp("several"), JOB.replace("metric: top1", METRICS)).measure()


def answer(store, several, gate, evaluation=None):
    several.track(store.folder, records=[evaluation or several / "evaluation", several / "benchmark"])
    return process_untrusted_request(store.stores, several.request(store.folder), gate)


def test_what_was_measured_is_promoted_and_the_protections_name_the_metrics(
    store, several, trusted, tmp_path
):
    decision = answer(store, several, policy(tmp_path, trusted, 40))
    assert decision.outcome == "promoted", decision.reasons
    said = " ".join(one.text() for one in decision.protections)
    assert "scored by top1 and top5, were run again" in said
    assert "top5 by them is 1" in said


def test_outcomes_of_the_second_metric_that_were_made_up_are_refused(store, several, trusted, tmp_path):
    record = EvaluationRecord.load(several / "evaluation")
    arrays = load_raw(several / "evaluation" / OUTCOMES, record, record.outcomes_sha256)
    claimed = arrays[f" 1 {BASELINE}"].copy()
    claimed[:3] = 0
    found = record.further_results["top5"]
    lower = found.results[BASELINE].model_copy(update={"value": float(claimed.mean())})
    found = found.model_copy(update={"results": found.results | {BASELINE: lower}})
    forged = record.model_copy(update={"further_results": record.further_results | {"top5": found}})
    (tmp_path / "forged").mkdir()
    digest = save_raw(tmp_path / "forged" / OUTCOMES, forged, arrays | {f" 1 {BASELINE}": claimed})
    forged.model_copy(update={"outcomes_sha256": digest}).save(tmp_path / "forged")
    decision = answer(store, several, policy(tmp_path, trusted), tmp_path / "forged")
    assert decision.outcome == "rejected"
    assert "baseline does not give the outcomes that the evidence claims by top5" in decision.reasons[0]


def test_runs_have_the_numbers_of_all_metrics_and_best_shows_them(store, several, capsys):
    logged = several.track(store.folder)
    row = several.judgement.best()
    numbers = store.run(logged.runs[row.sha256]).data.metrics
    assert numbers["top5"] == row.metrics["top5"].accuracy.value
    assert numbers["top5_relative_drop_high"] == row.metrics["top5"].relative_drop.high
    assert numbers["agreement"] == row.metrics["agreement"].accuracy.value
    assert json.loads(store.tags(logged.parent_run_id)["inc.metrics"]) == NAMES
    assert json.loads(store.tags(logged.runs[row.sha256])[VERDICTS]) == {"top1": "pass", "top5": "pass"}
    note = store.tags(logged.parent_run_id)["mlflow.note.content"]
    assert note.startswith(f"pass: {row.recipe}, top1 drop 0 %, top5 drop 0 %, agreement drop ")

    result = best_candidates(store.stores, "digits", "local", None, None)
    assert [one["name"] for one in result["metrics"]] == NAMES
    assert result["rows"][0]["metrics"] == json.loads(row.model_dump_json())["metrics"]
    assert result["rows"][0]["per_pool"]["local"]["metrics"] == result["rows"][0]["metrics"]
    print_best(result)
    header = capsys.readouterr().out.splitlines()[0].split()
    assert header[:7] == ["recipe", "top1", "drop", "top5", "drop", "agreement", "drop"]


def test_the_leaderboard_of_the_whole_row_has_them_too(store, several):
    several.track(store.folder)
    rows = best_candidates(store.stores, "digits", None, None, None)["rows"]
    assert [one["recipe"] for one in rows] == [row.recipe for row in several.judgement.candidates]
    assert all(list(one["metrics"]) == NAMES for one in rows)
    assert all(np.isfinite(one["metrics"]["top5"]["accuracy"]["value"]) for one in rows)
