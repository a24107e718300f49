"""A candidate must beat the present champion on the same rows in the same run; the better of both ends as champion."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("champion")
    for file in [*EXAMPLE.glob("*.npz"), EXAMPLE / "fp32.onnx"]:
        shutil.copyfile(file, folder / file.name)
    return folder


def run(folder: Path, recipe: str) -> dict:
    (folder / "job.yaml").write_text(JOB % recipe)
    done = subprocess.run([PROGRAM, "run", folder / "job.yaml", "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_better_of_candidate_and_champion_stays(folder):
    first = run(folder, "{method: static, per_channel: false, op_types_to_quantize: [Conv]}")
    assert first["champion"]["version"] == "1"

    better = run(folder, "{method: static}")
    assert [row["recipe"] for row in better["table"]][2] == "champion v1: static u8s8 per-tensor Conv"
    assert better["champion"]["version"] == "2"
    assert better["champion"]["sha256"] == better["best"]["sha256"]

    worse = run(folder, "{method: static, activation_type: QInt8}")
    assert worse["best"]["recipe"] == "champion v2: static u8s8 per-channel"
    assert worse["champion"]["version"] == "2"
    assert worse["table"][2]["verdict"] == "fail"
