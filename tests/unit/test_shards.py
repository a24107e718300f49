"""Shards merge to the bytes and the record of one pass; shards that do not belong together are refused."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.measure.outcomes import interleave
from inc_mlflow.records import RECORD, ChampionRecord, Shard
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.calibrate import RANGES, calibrate
from inc_mlflow.steps.calibrate_shards import calibrate_shard, merge_ranges
from inc_mlflow.steps.evaluate import OUTCOMES, evaluate
from inc_mlflow.steps.evaluate_shards import KEPT, evaluate_shard, merge_evaluations
from inc_mlflow.steps.import_model import import_model
from inc_mlflow.steps.kept import flattened
from inc_mlflow.steps.quantize import quantize
from inc_mlflow.steps.stage import STATE

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"
WHOLE_SPLIT = {"callable": "own.py:spread", "decomposable": False}
METRICS = ["top1", WHOLE_SPLIT]
OWN = """
import numpy as np

def spread(outputs, labels, reference):
    return float((outputs["logits"].argmax(1) == labels).mean() + 0 * reference["logits"].std())

def data(split):
    archive = np.load("{example}/dev.npz" if split == "validation" else "{example}/calib.npz")
    for start in range(0, 15, 6):
        yield {{"image": archive["image"][start : start + 6]}}, archive["label"][start : start + 6]
"""
LAYOUT = st.integers(1, 30).flatmap(
    lambda rows: st.integers(1, 8).flatmap(
        lambda batch: st.tuples(st.just(rows), st.just(batch), st.integers(1, min(4, -(-rows // batch))))
    )
)
"""Rows, batch, and shards of which each has a batch."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    for name in ("fp32.onnx", "calib.npz", "dev.npz", "tune.npz"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    (folder / "own.py").write_text(OWN.format(example=EXAMPLE))
    return folder


@pytest.fixture(scope="module")
def make(folder):
    """Give the function that makes a job on the first rows of the example."""

    def make(rows=30, batch=4, metric="top1", data=None, recipe=None):
        splits = {"calibration": {"path": "calib.npz", "stop": rows, "batch": batch}}
        splits["validation"] = {"path": "dev.npz", "stop": rows}
        fields = {"version": 1, "name": "digits", "model": "fp32.onnx", "data": data or splits, "metric": metric}
        fields["recipes"] = [recipe or {"method": "static", "calibrate_method": "percentile"}]
        return Job(JobSpec.from_text(json.dumps(fields | {"benchmark": {"layout": f"1s1c1ins{batch}bs"}})), folder)

    return make


@pytest.fixture(scope="module")
def models(make, tmp_path_factory):
    """Directories of the models that are evaluated: the baseline and one candidate."""
    folder, job = tmp_path_factory.mktemp("models"), make()
    places = {name: folder / name for name in ("baseline", "champion", "candidates")}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(STATE, raising=False)
        import_model(job, places["baseline"])
        ChampionRecord(reachable=True).save(places["champion"])
        calibrate(job, folder / "ranges", baseline=places["baseline"])
        quantize(job, places["candidates"], baseline=places["baseline"], ranges=folder / "ranges")
    return places


@pytest.fixture(autouse=True)
def no_state(monkeypatch):
    monkeypatch.delenv(STATE, raising=False)


def said(directory):
    """What a step's record says, but for the seconds it took."""
    return json.loads((directory / RECORD).read_text()) | {"seconds": 0}


def calibrated(job, models, folder, count):
    for shard in Shard.all(count):
        calibrate_shard(job, folder / f"{shard.number}", baseline=models["baseline"], shard=str(shard))
    return [folder / str(number) for number in range(count, 0, -1)]  # in an order of nobody's choice


def evaluated(job, models, folder, count):
    for shard in Shard.all(count):
        evaluate_shard(job, folder / f"{shard.number}", **models, shard=str(shard))
    return [folder / str(number) for number in range(count, 0, -1)]


@settings(max_examples=20)
@given(LAYOUT)
def test_shards_of_ranges_merge_to_the_file_and_the_record_of_one_pass(make, models, tmp_path_factory, layout):
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
    joined = interleave([{"model": {"kept": shard}} for shard in shards], batch)
    np.testing.assert_array_equal(joined["model"]["kept"], whole)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((2, 3)), r"^metric: 'm' of int8 has shape \(2, 3\) for 3 rows, so no shards can be made; its first axis is"),
        (np.float64(1), r"has shape \(\) for 3 rows"),
        (np.array(["a", "b", "c"], object), r"^metric: 'm' has rows that are not arrays of one type, so no shards can be made"),
    ],
)
def test_what_has_no_rows_makes_no_shards(array, says):
    with pytest.raises(DataError, match=says):
        flattened({"int8": {"m": array}}, 3)


def test_a_job_whose_recipes_need_no_ranges_merges_to_none(make, models, tmp_path):
    job = make(recipe={"method": "dynamic"})
    record = merge_ranges(job, tmp_path / "merged", shards=calibrated(job, models, tmp_path, 2))
    calibrate(job, tmp_path / "whole", baseline=models["baseline"])
    assert record.ranges_sha256 is None
    assert said(tmp_path / "merged") == said(tmp_path / "whole")
    assert not (tmp_path / "merged" / RANGES).exists()


def test_a_callable_split_is_regrouped_before_it_is_shared_out(make, models, tmp_path):
    job = make(batch=4, data={"validation": {"callable": "own.py:data"}, "calibration": {"callable": "own.py:data"}})
    evaluate(job, tmp_path / "whole", **models)
    merge_evaluations(job, tmp_path / "merged", shards=evaluated(job, models, tmp_path, 4))
    assert (tmp_path / "merged" / OUTCOMES).read_bytes() == (tmp_path / "whole" / OUTCOMES).read_bytes()
    with pytest.raises(DataError, match=r"^data.validation: 5 batches are too few for 6 shards; use fewer shards$"):
        evaluate_shard(job, tmp_path / "few", **models, shard="1/6")


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "-1/4", "1/4/", "a/b", "", "1 /4"])
def test_what_is_no_shard_is_refused(make, models, tmp_path, text):
    with pytest.raises(SpecError, match=r"^shard: .* is not like 1/4: the first of four parts$"):
        evaluate_shard(make(), tmp_path / "a", **models, shard=text)


@pytest.mark.parametrize("shard", ["1/9", "9/9"])
def test_too_many_shards_are_refused_before_any_work(make, models, tmp_path, shard, monkeypatch):
    monkeypatch.setattr("inc_mlflow.ort.runner.Runner.__call__", lambda *_: pytest.fail("a model ran"))
    with pytest.raises(DataError, match=r"^data.validation: 8 batches are too few for 9 shards; use fewer shards$"):
        evaluate_shard(make(30, 4), tmp_path / "a", **models, shard=shard)
    with pytest.raises(DataError, match=r"^data.calibration: 8 batches are too few for 9 shards; use fewer shards$"):
        calibrate_shard(make(30, 4), tmp_path / "a", baseline=models["baseline"], shard=shard)


@pytest.fixture(scope="module")
def good(make, models, tmp_path_factory):
    """A job and what its two shards wrote."""
    folder, job = tmp_path_factory.mktemp("good"), make(metric=WHOLE_SPLIT)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(STATE, raising=False)
        evaluated(job, models, folder / "evaluation", 2)
        calibrated(job, models, folder / "ranges", 2)
    return SimpleNamespace(job=job, folder=folder)


@pytest.fixture
def shards(good, tmp_path):
    shutil.copytree(good.folder, tmp_path / "shards")
    return tmp_path / "shards"


KINDS = {"evaluation": merge_evaluations, "ranges": merge_ranges}


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
    refused(good, shards, kind, [1, 2], "^merge: shards 1/2 and 2/3 are not of one count; give all shards of the same$")


def other_evaluation(make, models, shards, **changes):
    """Replace the second shard by that of another job."""
    shutil.rmtree(shards / "evaluation" / "2")
    return evaluate_shard(make(**{"metric": WHOLE_SPLIT} | changes), shards / "evaluation" / "2", **models, shard="2/2")


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
    refused(good, shards, "evaluation", [1, 2], "^merge: shards 1/2 and 2/2 differ in data; evaluate all of them again")


def test_evaluations_of_other_models_are_refused(good, make, models, shards, tmp_path):
    job = make(recipe={"method": "dynamic"})
    calibrate(job, tmp_path / "ranges", baseline=models["baseline"])
    quantize(job, tmp_path / "candidates", baseline=models["baseline"], ranges=tmp_path / "ranges")
    other_evaluation(make, models | {"candidates": tmp_path / "candidates"}, shards)
    refused(good, shards, "evaluation", [1, 2], "^merge: shards 1/2 and 2/2 differ in models; evaluate all of them again")


def test_ranges_of_other_data_are_refused(good, make, models, shards):
    shutil.rmtree(shards / "ranges" / "2")
    calibrate_shard(make(rows=29), shards / "ranges" / "2", baseline=models["baseline"], shard="2/2")
    says = "^merge: shards 1/2 and 2/2 differ in data; calibrate all of them again with one job$"
    refused(good, shards, "ranges", [1, 2], says)


def test_ranges_of_other_batches_are_refused(good, make, models, shards):
    """The same rows, but which of them are whose is another question then."""
    shutil.rmtree(shards / "ranges" / "2")
    calibrate_shard(make(batch=3), shards / "ranges" / "2", baseline=models["baseline"], shard="2/2")
    refused(good, shards, "ranges", [1, 2], "^merge: shards 1/2 and 2/2 differ in batches; calibrate all of them again")


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


def test_shards_that_all_belong_to_another_job_are_refused(good, make, shards):
    for job in (make(metric="top1"), make(metric=WHOLE_SPLIT, batch=5)):
        other = SimpleNamespace(job=job)
        says = "^merge: the shards were evaluated with another metric or batch than the job's; evaluate them again$"
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
    refused(good, shards, "evaluation", [1, 2], "evaluation/1: the record changed since it was measured; measure again$")


def test_a_killed_run_goes_on_shard_by_shard(good, models, tmp_path, monkeypatch):
    (tmp_path / "state").mkdir()
    monkeypatch.setenv(STATE, str(tmp_path / "state"))
    places = {name: tmp_path / name for name in models}
    for name, place in places.items():
        shutil.copytree(models[name], place)
        (place / "done.json").write_text(json.dumps({"inputs": {}, "identity": name}))
    evaluated(good.job, places, tmp_path / "first", 2)
    assert {path.name for path in (tmp_path / "state").iterdir()} == {"evaluation_1-of-2", "evaluation_2-of-2"}
    shutil.rmtree(tmp_path / "state" / "evaluation_2-of-2")
    before = (tmp_path / "state" / "evaluation_1-of-2").stat().st_ino
    directories = evaluated(good.job, places, tmp_path / "second", 2)
    assert (tmp_path / "state" / "evaluation_1-of-2").stat().st_ino == before
    merge_evaluations(good.job, tmp_path / "merged", shards=directories)
    assert (tmp_path / "merged").resolve() == tmp_path / "state" / "evaluation"
