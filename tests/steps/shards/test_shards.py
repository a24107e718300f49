"""Shards merge to the bytes and the record of one pass, also in a run that was killed."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.measure.gate.measurements import OUTCOMES
from inc_mlflow.measure.stats.outcomes import join_shards
from inc_mlflow.steps.measure.evaluate import evaluate
from inc_mlflow.steps.measure.evaluate_shards import evaluate_shard, merge_evaluations
from inc_mlflow.steps.measure.ragged import pack_ragged
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.calibrate_shards import calibrate_shard, merge_ranges
from inc_mlflow.steps.step import STATE
from tests.support.sharded_steps import METRICS, calibrated, evaluated, said

LAYOUT = st.integers(1, 30).flatmap(
    lambda rows: st.integers(1, 8).flatmap(
        lambda batch: st.tuples(st.just(rows), st.just(batch), st.integers(1, min(4, -(-rows // batch))))
    )
)
"""Rows, batch, and shards of which each has a batch."""

RANGES = "ranges.json"


@settings(max_examples=20)
@given(LAYOUT)
def test_shards_of_ranges_merge_to_the_file_and_the_record_of_one_pass(
    make, models, tmp_path_factory, layout
):
    (rows, batch, count), folder = layout, tmp_path_factory.mktemp("ranges")
    job = make(rows, batch)
    calibrate(job, folder / "whole", baseline=models["baseline"])
    merge_ranges(job, folder / "merged", shards=calibrated(job, models, folder, count))
    assert (folder / "merged" / RANGES).read_bytes() == (folder / "whole" / RANGES).read_bytes()
    assert said(folder / "merged") == said(folder / "whole")


@settings(max_examples=20)
@given(LAYOUT, st.sampled_from(METRICS))
def test_shards_of_an_evaluation_merge_to_the_outcomes_and_the_record_of_one_pass(
    make, models, tmp_path_factory, layout, metric
):
    (rows, batch, count), folder = layout, tmp_path_factory.mktemp("evaluation")
    job = make(rows, batch, metric)
    evaluate(job, folder / "whole", **models)
    merge_evaluations(job, folder / "merged", shards=evaluated(job, models, folder, count))
    assert (folder / "merged" / OUTCOMES).read_bytes() == (folder / "whole" / OUTCOMES).read_bytes()
    assert said(folder / "merged") == said(folder / "whole")


@given(LAYOUT, st.data())
def test_what_shards_keep_is_joined_in_the_order_of_the_rows(layout, data):
    rows, batch, count = layout
    whole = data.draw(arrays(np.int8, st.just((rows, 2))))
    batches = [whole[start : start + batch] for start in range(0, rows, batch)]
    shards = [np.concatenate(batches[number::count]) for number in range(count)]
    joined = join_shards([{"model": {"kept": shard}} for shard in shards], batch)
    np.testing.assert_array_equal(joined["model"]["kept"], whole)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (
            np.zeros((2, 3)),
            r"^metric: 'm' of int8 has shape \(2, 3\) for 3 rows, so no shards can be made; its first axis "
            r"is",
        ),
        (np.float64(1), r"has shape \(\) for 3 rows"),
        (
            np.array(["a", "b", "c"], object),
            r"^metric: 'm' has rows that are not arrays of one type, so no shards can be made",
        ),
    ],
)
def test_what_has_no_rows_makes_no_shards(array, says):
    with pytest.raises(DataError, match=says):
        pack_ragged({"int8": {"m": array}}, 3)


def test_a_job_whose_recipes_need_no_ranges_merges_to_none(make, models, tmp_path):
    job = make(recipe={"method": "dynamic"})
    record = merge_ranges(job, tmp_path / "merged", shards=calibrated(job, models, tmp_path, 2))
    calibrate(job, tmp_path / "whole", baseline=models["baseline"])
    assert record.ranges_sha256 is None
    assert said(tmp_path / "merged") == said(tmp_path / "whole")
    assert not (tmp_path / "merged" / RANGES).exists()


def test_a_callable_split_is_regrouped_before_it_is_shared_out(make, models, tmp_path):
    job = make(
        batch=4, data={"validation": {"callable": "own.py:data"}, "calibration": {"callable": "own.py:data"}}
    )
    evaluate(job, tmp_path / "whole", **models)
    merge_evaluations(job, tmp_path / "merged", shards=evaluated(job, models, tmp_path, 4))
    assert (tmp_path / "merged" / OUTCOMES).read_bytes() == (tmp_path / "whole" / OUTCOMES).read_bytes()
    with pytest.raises(
        DataError, match=r"^data.validation: 5 batches are too few for 6 shards; use fewer shards$"
    ):
        evaluate_shard(job, tmp_path / "few", **models, shard="1/6")


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "-1/4", "1/4/", "a/b", "", "1 /4"])
def test_what_is_no_shard_is_refused(make, models, tmp_path, text):
    with pytest.raises(SpecError, match=r"^shard: .* is not like 1/4: the first of four parts$"):
        evaluate_shard(make(), tmp_path / "a", **models, shard=text)


@pytest.mark.parametrize("shard", ["1/9", "9/9"])
def test_too_many_shards_are_refused_before_any_work(make, models, tmp_path, shard, monkeypatch):
    monkeypatch.setattr(
        "inc_mlflow.engines.onnxruntime.runtime.runner.Runner.__call__", lambda *_: pytest.fail("a model ran")
    )
    with pytest.raises(
        DataError, match=r"^data.validation: 8 batches are too few for 9 shards; use fewer shards$"
    ):
        evaluate_shard(make(30, 4), tmp_path / "a", **models, shard=shard)
    with pytest.raises(
        DataError, match=r"^data.calibration: 8 batches are too few for 9 shards; use fewer shards$"
    ):
        calibrate_shard(make(30, 4), tmp_path / "a", baseline=models["baseline"], shard=shard)


def test_a_killed_run_goes_on_shard_by_shard(good, models, tmp_path, monkeypatch):
    (tmp_path / "state").mkdir()
    monkeypatch.setenv(STATE, str(tmp_path / "state"))
    places = {name: tmp_path / name for name in models}
    for name, place in places.items():
        shutil.copytree(models[name], place)
        (place / "done.json").write_text(json.dumps({"inputs": {}, "identity": name}))
    evaluated(good.job, places, tmp_path / "first", 2)
    assert {path.name for path in (tmp_path / "state").iterdir()} == {
        "evaluation_1-of-2",
        "evaluation_2-of-2",
    }
    shutil.rmtree(tmp_path / "state" / "evaluation_2-of-2")
    before = (tmp_path / "state" / "evaluation_1-of-2").stat().st_ino
    directories = evaluated(good.job, places, tmp_path / "second", 2)
    assert (tmp_path / "state" / "evaluation_1-of-2").stat().st_ino == before
    merge_evaluations(good.job, tmp_path / "merged", shards=directories)
    assert (tmp_path / "merged").resolve() == tmp_path / "state" / "evaluation"
