"""What a job's result depends on besides its own text."""

from inc_mlflow.spec import Job
from inc_mlflow.steps.data import user_files

JOB = """
version: 1
name: talks
model: m.onnx
data: {validation: {path: v.npz}}
metric: {name: wer, postprocess: {name: decode, tokenizer: tokenizer.json}}
recipes: [{method: dynamic}]
"""


def test_a_file_that_a_postprocess_reads_is_one_of_the_jobs_files(tmp_path):
    (tmp_path / "job.yaml").write_text(JOB)
    assert user_files(Job.load(tmp_path / "job.yaml")) == []
    (tmp_path / "tokenizer.json").write_text("{}")
    assert user_files(Job.load(tmp_path / "job.yaml")) == [tmp_path / "tokenizer.json"]
