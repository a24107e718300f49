"""Two pools that both are this machine stand in for two kinds of hardware."""

import json
import platform
import subprocess

import yaml

from tests.support.brief_benchmarks import brief
from tests.support.pipeline_runs import PROGRAM, environment

POOLS = ["here", "there"]


def stand_in(job_file, **changes):
    """Give a job two pools that this machine is, both of which make candidates."""
    arch = "aarch64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    pools = {"version": 1, "pools": {name: {"expect": {"arch": arch}} for name in POOLS}}
    (job_file.parent / "pools.yaml").write_text(json.dumps(pools))
    job = yaml.safe_load(job_file.read_text())
    job |= {"pools": POOLS, "placement": "pools.yaml", "search": {"pools": POOLS}} | changes
    job_file.write_text(json.dumps(job))


def run(job_file):
    command = [PROGRAM, "run", job_file, "--pipeline", "cross_hardware", "--json"]
    return subprocess.run(command, env=environment(**brief()), capture_output=True, text=True, check=False)


def check(job_file, done):
    """Whatever the verdict: each pool measured the same models, and equal ones count once."""
    assert done.returncode in (0, 3, 4), done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert all(list(row["per_pool"]) == POOLS for row in result["table"])
    (state,) = (path for path in (job_file.parent / ".inc-mlflow").iterdir() if (path / "judgement").is_dir())
    found = [json.loads((state / f"candidates-{pool}" / "record.json").read_text()) for pool in POOLS]
    assert {row["sha256"] for row in result["table"][1:]} == {
        one["sha256"] for record in found for one in record["candidates"]
    }
    for pool in POOLS:
        record = json.loads((state / f"benchmark-{pool}" / "record.json").read_text())
        assert record["evidence"]["pool"] == pool
    return result
