"""Shards that do not belong together, or changed, are refused."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.records import RECORD
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.measure.evaluate_shards import KEPT, evaluate_shard, merge_evaluations
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.calibrate_shards import calibrate_shard, merge_ranges
from tests.support.sharded_steps import WHOLE_SPLIT

KINDS = {"evaluation": merge_evaluations, "ranges": merge_ranges}

RANGES = "ranges.json"


def refused(good, shards, kind, numbers, says):
    with pytest.raises(DataError, match=says) as refusal:
        KINDS[kind](good.job, shards / "merged", shards=[shards / kind / str(number) for number in numbers])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ([], "^merge: no shards; give the directory of each$"),
        ([1], "^merge: shard 2/2 is missing; give all of them$"),
        ([2], "^merge: shard 1/2 is missing; give all of them$"),
        ([1, 2, 1], "^merge: shard 1/2 is given twice; give each once$"),
        ([2, 2], "^merge: shard 1/2 is missing; give all of them$"),
    ],
)
def test_a_merge_takes_every_shard_once(good, shards, kind, numbers, says):
    refused(good, shards, kind, numbers, says)


def change(directory, **fields):
    path = directory / RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize("kind", KINDS)
def test_shards_of_other_counts_are_refused(good, shards, kind):
    change(shards / kind / "2", shard={"number": 2, "count": 3})
    refused(
        good,
        shards,
        kind,
        [1, 2],
        "^merge: shards 1/2 and 2/3 are not of one count; give all shards of the same$",
    )


def other_evaluation(make, models, shards, **changes):
    """Replace the second shard by that of another job."""
    shutil.rmtree(shards / "evaluation" / "2")
    return evaluate_shard(
        make(**{"metric": WHOLE_SPLIT} | changes), shards / "evaluation" / "2", **models, shard="2/2"
    )


@pytest.mark.parametrize(
    ("changes", "differs"), [({"rows": 29}, "data"), ({"batch": 3}, "batch"), ({"metric": "top1"}, "metric")]
)
def test_evaluations_of_other_jobs_are_refused(good, make, models, shards, changes, differs):
    other_evaluation(make, models, shards, **changes)
    says = f"^merge: shards 1/2 and 2/2 differ in {differs}; evaluate all of them again with one job$"
    refused(good, shards, "evaluation", [1, 2], says)


def test_evaluations_on_other_labels_are_refused(good, make, models, shards, folder):
    archive = dict(np.load(folder / "dev.npz"))
    np.savez(folder / "other.npz", **archive | {"label": archive["label"][::-1]})
    splits = {"calibration": {"path": "calib.npz"}, "validation": {"path": "other.npz", "stop": 30}}
    other_evaluation(make, models, shards, data=splits)
    refused(
        good,
        shards,
        "evaluation",
        [1, 2],
        "^merge: shards 1/2 and 2/2 differ in data; evaluate all of them again",
    )


def test_evaluations_of_other_models_are_refused(good, make, models, shards, tmp_path):
    job = make(recipe={"method": "dynamic"})
    calibrate(job, tmp_path / "ranges", baseline=models["baseline"])
    quantize(job, tmp_path / "candidates", baseline=models["baseline"], ranges=tmp_path / "ranges")
    other_evaluation(make, models | {"candidates": tmp_path / "candidates"}, shards)
    refused(
        good,
        shards,
        "evaluation",
        [1, 2],
        "^merge: shards 1/2 and 2/2 differ in models; evaluate all of them again",
    )


def test_ranges_of_other_data_are_refused(good, make, models, shards):
    shutil.rmtree(shards / "ranges" / "2")
    calibrate_shard(make(rows=29), shards / "ranges" / "2", baseline=models["baseline"], shard="2/2")
    says = "^merge: shards 1/2 and 2/2 differ in data; calibrate all of them again with one job$"
    refused(good, shards, "ranges", [1, 2], says)


def test_ranges_of_other_batches_are_refused(good, make, models, shards):
    """The same rows, but which of them are whose is another question then."""
    shutil.rmtree(shards / "ranges" / "2")
    calibrate_shard(make(batch=3), shards / "ranges" / "2", baseline=models["baseline"], shard="2/2")
    refused(
        good,
        shards,
        "ranges",
        [1, 2],
        "^merge: shards 1/2 and 2/2 differ in batches; calibrate all of them again",
    )


def test_ranges_of_other_models_are_refused(good, shards):
    change(shards / "ranges" / "2", model_sha256="0" * 64)
    refused(good, shards, "ranges", [1, 2], "^merge: shards 1/2 and 2/2 differ in model; calibrate")


@pytest.mark.parametrize("fact", [{"cpu": "another"}, {"isa": ["avx2"]}, {"runtime": {"onnxruntime": "1.0"}}])
@pytest.mark.parametrize("kind", KINDS)
def test_shards_of_other_kinds_of_hosts_are_refused(good, shards, kind, fact):
    fields = json.loads((shards / kind / "2" / RECORD).read_text())
    if kind == "evaluation":
        change(shards / kind / "2", evidence=fields["evidence"] | {"host": fields["evidence"]["host"] | fact})
    else:
        change(shards / kind / "2", host=fields["host"] | fact)
    refused(good, shards, kind, [1, 2], "^merge: shards 1/2 and 2/2 differ in kind of host; ")


def test_shards_that_loaded_other_models_are_refused(good, shards):
    fields = json.loads((shards / "evaluation" / "2" / RECORD).read_text())
    absent = {"not_loaded": {"static": "no instructions"}}
    change(shards / "evaluation" / "2", evidence=fields["evidence"] | absent)
    refused(good, shards, "evaluation", [1, 2], "^merge: shards 1/2 and 2/2 differ in models; evaluate")


def test_shards_that_all_belong_to_another_job_are_refused(good, make, shards):
    for job in (make(metric="top1"), make(metric=WHOLE_SPLIT, batch=5)):
        other = SimpleNamespace(job=job)
        says = "^merge: the shards were evaluated with another metric or batch than the job's; evaluate them"
        refused(other, shards, "evaluation", [1, 2], says)


@pytest.mark.parametrize(("kind", "file"), [("evaluation", KEPT), ("ranges", RANGES)])
@pytest.mark.parametrize("change", ["removed", "changed"])
def test_raw_files_that_changed_are_refused(good, shards, kind, file, change):
    path = shards / kind / "2" / file
    if change == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" ")
    refused(good, shards, kind, [1, 2], f"2/{file}: missing, or changed since it was ")


def test_a_record_that_changed_is_refused(good, shards):
    change(shards / "evaluation" / "1", higher_is_better=False)
    change(shards / "evaluation" / "2", higher_is_better=False)
    refused(
        good,
        shards,
        "evaluation",
        [1, 2],
        "evaluation/1: the record changed since it was measured; measure again$",
    )
