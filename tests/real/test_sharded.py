"""Shards of real models: byte-equal to one pass, and worth their pods."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inc_mlflow.hardware.probe import usable_cores
from tests.real.jobs import PROGRAM, SST2, ULTRAFACE

pytestmark = [pytest.mark.real, pytest.mark.slow]

SHARDING = Path(__file__).parents[1] / "benchmarks" / "sharding.py"


def state(folder: Path, job: str, *options: str) -> Path:
    """Run a job in a folder of its own and return where its steps left their files."""
    folder.mkdir()
    (folder / "job.yaml").write_text(job)
    done = subprocess.run(
        [PROGRAM, "run", folder / "job.yaml", "--json", *options], capture_output=True, text=True
    )
    assert done.returncode in (0, 3, 4), done.stderr[-2000:]
    (found,) = (path for path in (folder / ".inc-mlflow").iterdir() if (path / "judgement").is_dir())
    return found


def record(directory: Path) -> dict:
    return json.loads((directory / "record.json").read_text()) | {"seconds": 0}


@pytest.mark.long
def test_ultraface_in_shards_is_ultraface_in_one_pass(models, tmp_path):
    """Its metric does not decompose: what shards keep is resampled in the merge."""
    job = ULTRAFACE.format(models=models)
    whole, merged = state(tmp_path / "whole", job), state(tmp_path / "merged", job, "--pipeline", "sharded")
    for step, raw in (("ranges", "ranges.json"), ("evaluation", "outcomes.npz")):
        assert (merged / step / raw).read_bytes() == (whole / step / raw).read_bytes()
        assert record(merged / step) == record(whole / step)
        assert len(list(merged.glob(f"{step}_*-of-4"))) == 4


@pytest.mark.quiet
@pytest.mark.skipif(len(usable_cores()) < 2, reason="two workers need two cores")
def test_two_workers_evaluate_sst2_at_least_1_6_times_as_fast_as_one(models, tmp_path):
    (tmp_path / "job.yaml").write_text(SST2.format(models=models, limit=0.02))
    done = subprocess.run(
        [sys.executable, SHARDING, tmp_path / "job.yaml", "1"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads(done.stdout)
    assert all(one["same"] for one in measured["rounds"])
    assert measured["times"] >= 1.6, measured
