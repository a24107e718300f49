"""Bundles: what a job needs is found, uploaded once, and stands elsewhere as it stood beside the job."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from inc_mlflow.datasets.separate import Data
from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.files import sha256_file
from inc_mlflow.pipelines import bundle as bundles
from inc_mlflow.pipelines.bundle import bundle, check_visible, is_pinned
from inc_mlflow.records import TensorSpec
from inc_mlflow.remote import Address, open_store
from inc_mlflow.spec import Job
from inc_mlflow.steps.standalone.measure import evaluate_one
from inc_mlflow.steps.step import load_job
from tests.support.changed_jobs import change


def silent(_):
    pass


@pytest.fixture
def store(tmp_path):
    return f"file://{tmp_path}/store"


def stored(tmp_path):
    return sorted(path.name for path in (tmp_path / "store").rglob("*") if path.is_file())


def test_what_a_bundle_holds_is_told_before_it_is_uploaded(digits, store, tmp_path):
    told = []

    def tell(line):
        assert not (tmp_path / "store").exists()
        told.append(line)

    job = bundle(Job.load(digits), store, tell)
    names = ["fp32.onnx", "calib.npz", "tune.npz", "dev.npz"]
    assert list(job.spec.bundle.files) == names == [line.split()[0] for line in told[:-1]]
    assert told[0] == "  fp32.onnx  0.40 MB"
    assert told[-1] == f"0.47 MB go to {store}/inc-mlflow/files where they are not there yet"
    assert stored(tmp_path) == sorted(sha256_file(digits.with_name(name)) for name in names)


def test_a_second_bundle_of_the_same_files_writes_nothing(digits, store, tmp_path):
    first = bundle(Job.load(digits), store, silent)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*")}
    assert bundle(Job.load(digits), store, silent) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*")} == times


def test_a_bundled_job_evaluates_where_its_files_are_not(digits, s3):
    expected = evaluate_one(Job.load(digits), digits.with_name("fp32.onnx"), "validation")
    text = bundle(Job.load(digits), f"{s3}/prefix", silent).spec.to_text()
    shutil.rmtree(digits.parent)
    job = load_job(text, "/nowhere")
    assert job.root != Path("/nowhere")
    found = evaluate_one(job, job.model, "validation")
    assert {**found, "seconds": 0} == {**expected, "seconds": 0}


@pytest.mark.slow
def test_a_containers_program_works_on_a_bundle_from_an_empty_folder(digits, s3, tmp_path):
    text = bundle(Job.load(digits), s3, silent).spec.to_text()
    shutil.rmtree(digits.parent)
    pod = tmp_path / "pod"
    pod.mkdir()
    baseline = {
        "name": "baseline",
        "type": {"schemaTitle": "system.Model"},
        "uri": str(pod / "baseline"),
        "metadata": {},
    }
    given = {
        "inputs": {"parameterValues": {"job": text, "root": "."}},
        "outputs": {
            "artifacts": {"baseline": {"artifacts": [baseline]}},
            "outputFile": str(pod / "executor_output.json"),
        },
    }
    command = [
        sys.executable,
        "-m",
        "inc_mlflow.component",
        "import_model",
        "--executor-input",
        json.dumps(given),
    ]
    done = subprocess.run(command, cwd=pod, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (pod / "baseline" / "model.onnx").exists()


def test_a_job_whose_model_and_data_are_remote_needs_no_bundle(digits, s3):
    expected = evaluate_one(Job.load(digits), digits.with_name("fp32.onnx"), "validation")
    for name in ("fp32.onnx", "calib.npz", "tune.npz", "dev.npz"):
        place = Address.parse(f"{s3}/{name}")
        open_store(place).write(digits.with_name(name), place)
        digits.with_name(name).unlink()
    splits = {f"data__{split}__path": f"{s3}/{name}.npz" for split, name in SPLITS.items()}
    job = change(digits, model=f"{s3}/fp32.onnx", **splits)
    assert bundle(job, s3, silent) is job
    assert not is_pinned(job.spec), "their bytes may change under the same text"
    job = load_job(job.spec.to_text(), ".")
    assert {**evaluate_one(job, job.model, "validation"), "seconds": 0} == {**expected, "seconds": 0}


SPLITS = {"calibration": "calib", "tuning": "tune", "validation": "dev"}


def test_what_is_half_remote_is_not_pinned(digits, store):
    job = bundle(change(digits, model=f"{store}/fp32.onnx"), store, silent)
    assert list(job.spec.bundle.files) == ["calib.npz", "tune.npz", "dev.npz"]
    assert not is_pinned(job.spec)


def test_of_a_link_the_bytes_travel(digits, store, tmp_path):
    shutil.move(digits.with_name("dev.npz"), tmp_path / "elsewhere.npz")
    digits.with_name("dev.npz").symlink_to(tmp_path / "elsewhere.npz")
    there = load_job(bundle(Job.load(digits), store, silent).spec.to_text(), ".").root / "dev.npz"
    assert not there.is_symlink()
    assert there.read_bytes() == (tmp_path / "elsewhere.npz").read_bytes()


def test_weights_beside_the_model_come_along(digits, store):
    folder = digits.parent / "models"
    folder.mkdir()
    onnx.save(
        onnx.load(digits.with_name("fp32.onnx")),
        folder / "m.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    job = bundle(change(digits, model="./models/m.onnx"), store, silent)
    assert list(job.spec.bundle.files)[:2] == ["models/m.onnx", "models/weights.bin"]
    there = load_job(job.spec.to_text(), ".")
    assert sorted(path.name for path in there.model.parent.iterdir()) == ["m.onnx", "weights.bin"]
    assert evaluate_one(there, there.model, "validation")["n"] > 0


@pytest.fixture
def images(digits):
    """A job with an image folder of three classes; the second has no images, which still counts."""
    for name in ("ant", "cat"):
        folder = digits.parent / "images" / name
        folder.mkdir(parents=True)
        for number in range(3):
            Image.fromarray(np.full((8, 8), 60 * number, np.uint8)).save(folder / f"{number}.png")
    (digits.parent / "images" / "bee").mkdir()
    return change(digits, data__validation={"path": "images", "transform": {"color": "L"}})


def test_an_image_folder_comes_along_with_its_classes(images, store, tmp_path):
    inputs = (TensorSpec(name="x", dtype="float32", shape=(None, 1, 8, 8)),)
    job = bundle(images, store, silent)
    there = load_job(job.spec.to_text(), ".")
    rows = [list(Data(one.spec.data, one.root, inputs).rows("validation")) for one in (images, there)]
    assert (
        [labels.tolist() for _, labels, _ in rows[0]]
        == [labels.tolist() for _, labels, _ in rows[1]]
        == [[0]] * 3 + [[2]] * 3
    )
    assert [digests for *_, digests in rows[0]] == [digests for *_, digests in rows[1]]
    assert "images/" in job.spec.bundle.files
    assert is_pinned(job.spec)
    assert len(stored(tmp_path)) == 3 + 3 + 1, "equal images once, and the list"


def test_thousands_of_images_leave_the_text_short_enough_for_an_argument(images, store):
    """Linux takes arguments of 128 KiB, and KFP hands a task its inputs in one."""
    folder = images.root / "images" / "ant"
    for number in range(2000):
        (folder / f"{number:05}.png").write_bytes(b"")
    assert len(bundle(images, store, silent).spec.to_text()) < 4096


@pytest.mark.parametrize("outside", ["../dev.npz", "{root}/dev.npz", "a/../../dev.npz"])
def test_a_path_outside_the_jobs_folder_is_refused(digits, store, outside, tmp_path):
    shutil.copyfile(digits.with_name("dev.npz"), tmp_path / "dev.npz")
    job = change(digits, data__validation__path=outside.format(root=tmp_path))
    with pytest.raises(SpecError, match=r"data\.validation\.path: .*dev\.npz is outside the job's folder"):
        bundle(job, store, silent)
    assert not (tmp_path / "store").exists()


def test_a_missing_file_is_refused_before_anything_is_uploaded(digits, store, tmp_path):
    digits.with_name("dev.npz").unlink()
    with pytest.raises(DataError, match=r"data\.validation\.path: no file .*dev\.npz"):
        bundle(Job.load(digits), store, silent)
    assert not (tmp_path / "store").exists()


def test_a_large_file_is_refused_with_the_command_that_uploads_it(digits, store, monkeypatch, tmp_path):
    monkeypatch.setattr(bundles, "LARGEST", 300_000)
    with pytest.raises(DataError) as refused:
        bundle(Job.load(digits), "s3://bucket/prefix", silent)
    assert (
        "aws s3 cp fp32.onnx s3://bucket/prefix/fp32.onnx and write s3://bucket/prefix/fp32.onnx into the job"
        in str(refused.value)
    )
    assert "\n" not in str(refused.value)


def test_a_job_for_a_cluster_may_not_name_local_files(digits, store):
    check_visible(Job.load(digits))
    job = change(digits, pools=["intel", "arm"])
    with pytest.raises(
        SpecError, match=r"model: fp32\.onnx is a local path, a cluster cannot see it; use submit, or compile"
    ):
        check_visible(job)
    bundled = bundle(job, store, silent)
    check_visible(bundled)
    assert is_pinned(bundled.spec)
    assert not is_pinned(job.spec)


def test_the_text_of_a_bundled_job_is_canonical(digits, store):
    spec = bundle(Job.load(digits), store, silent).spec
    assert type(spec).from_text(spec.to_text()) == spec
    assert list(json.loads(spec.to_text())["bundle"]) == ["files", "uri"]
