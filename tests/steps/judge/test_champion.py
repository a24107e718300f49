"""A candidate must beat the present champion on the same rows in the same run.

The better of both ends as champion.
"""

import pytest

from inc_mlflow.reports.result import job_result
from inc_mlflow.steps.judge.promote import promote_best

pytestmark = pytest.mark.slow

JOB = """
version: 1
name: digits
model: fp32.onnx
data:
  calibration: {path: calib.npz, samples: 100}
  validation: {path: dev.npz}
metric: top1
recipes: [%s]
"""


@pytest.fixture
def run(job_in, store, tmp_path):
    """Give a function that does a job's steps, as its pipeline does them, and returns what the program
    prints."""

    def run(name, recipe):
        folder = tmp_path / name
        job = job_in(folder, JOB % recipe).measure()
        job.track(folder)
        promote_best(job.job, folder / "promotion", **job.of("champion", "judgement", "tracking"))
        return job_result(folder, {"experiment_url": ""})

    return run


def test_the_better_of_candidate_and_champion_stays(run):
    first = run("first", "{method: static, per_channel: false, op_types_to_quantize: [Conv]}")
    assert first["champion"]["version"] == "1"

    better = run("better", "{method: static}")
    assert [row["recipe"] for row in better["table"]][2] == "champion v1: static u8s8 per-tensor Conv"
    assert better["champion"]["version"] == "2"
    assert better["champion"]["sha256"] == better["best"]["sha256"]

    worse = run("worse", "{method: static, activation_type: QInt8}")
    assert worse["best"]["recipe"] == "champion v2: static u8s8 per-channel"
    assert worse["champion"]["version"] == "2"
    assert worse["table"][2]["verdict"] == "fail"
