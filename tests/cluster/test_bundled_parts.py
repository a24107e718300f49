"""A model of parts in a bundle: all its files come along, and it evaluates where they are not."""

import shutil

from inc_mlflow.pipelines.bundle import bundle, check_visible
from inc_mlflow.spec import Job
from inc_mlflow.steps.prepare.import_model import imported_baseline
from inc_mlflow.steps.step import load_job
from tests.support.translator import job_data, write_job


def test_parts_code_and_what_it_reads_are_in_the_bundle(tmp_path):
    folder = tmp_path / "job"
    model = job_data()["model"] | {"files": ["words.txt"]}
    write_job(folder)
    (folder / "words.txt").write_text("a b")
    path = write_job(folder, model=model)
    with imported_baseline(Job.load(path)) as baseline:
        expected = {
            file.relative_to(baseline): file.read_bytes() for file in baseline.rglob("*.*") if file.is_file()
        }
    job = bundle(Job.load(path), f"file://{tmp_path}/store", lambda _: None)
    model_files = {"encoder.onnx", "decoder.onnx", "run.py", "rules.py", "words.txt"}
    assert model_files < set(job.spec.bundle.files)
    check_visible(job)
    shutil.rmtree(folder)
    there = load_job(job.spec.to_text(), "/nowhere")
    with imported_baseline(there) as baseline:
        found = {
            file.relative_to(baseline): file.read_bytes() for file in baseline.rglob("*.*") if file.is_file()
        }
    assert found == expected
