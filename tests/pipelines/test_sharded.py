"""The pipeline sharded on the example: what int8 finds, byte for byte, however many shards."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from inc_mlflow.pipelines.compiling import compile_package
from inc_mlflow.spec import Job
from tests.support.brief_benchmarks import brief
from tests.support.paths import EXAMPLE

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
JOB = EXAMPLE / "job.yaml"
RAW = {"ranges": "ranges.json", "evaluation": "outcomes.npz"}


def state(job):
    (folder,) = (path for path in (job.parent / ".inc-mlflow").iterdir() if (path / "judgement").is_dir())
    return folder


def record(directory):
    return json.loads((directory / "record.json").read_text()) | {"seconds": 0}


def run(job, *options):
    return subprocess.run(
        [PROGRAM, "run", job, "--json", *options],
        env=os.environ | brief(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_ranges_and_outcomes_are_those_of_the_pipeline_without_shards(undisturbed, digits):
    done = run(digits, "--pipeline", "sharded", "--shards", "3")
    assert done.returncode == 0, done.stderr[-3000:]
    whole, merged = state(undisturbed.job), state(digits)
    for step, raw in RAW.items():
        assert (merged / step / raw).read_bytes() == (whole / step / raw).read_bytes()
        assert record(merged / step) == record(whole / step)
        assert {path.name for path in merged.glob(f"{step}_*")} == {
            f"{step}_{number}-of-3" for number in (1, 2, 3)
        }
    found = json.loads(done.stdout)
    assert found["champion"]["sha256"] == undisturbed.result["champion"]["sha256"]


def test_too_many_shards_are_refused_before_any_task(digits):
    done = run(digits, "--pipeline", "sharded", "--shards", "501")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("batches are too few for 501 shards; use fewer shards")
    assert not list((digits.parent / ".inc-mlflow").glob("*/ranges_*"))


@pytest.fixture(scope="module")
def dag(tmp_path_factory):
    path = tmp_path_factory.mktemp("package") / "sharded.yaml"
    compile_package(Job.load(JOB), "sharded", path, shards=3)
    components = next(yaml.safe_load_all(path.read_text()))["components"].values()
    return next(
        one["dag"]["tasks"] for one in components if "merge-ranges" in one.get("dag", {}).get("tasks", {})
    )


def test_a_loop_has_every_shard_once_and_all_at_a_time(dag):
    loops = [task for task in dag.values() if "parameterIterator" in task]
    assert len(loops) == 2
    for loop in loops:
        assert json.loads(loop["parameterIterator"]["items"]["raw"]) == ["1/3", "2/3", "3/3"]
        assert loop["iteratorPolicy"] == {"parallelismLimit": 3}


def test_a_merge_collects_what_its_loop_made(dag):
    for name in ("merge-ranges", "merge-evaluations"):
        source = dag[name]["inputs"]["artifacts"]["shards"]["taskOutputArtifact"]
        assert "parameterIterator" in dag[source["producerTask"]]
    assert "merge-ranges" in dag["quantize"]["dependentTasks"]
    assert "merge-evaluations" in dag["benchmark"]["dependentTasks"]
