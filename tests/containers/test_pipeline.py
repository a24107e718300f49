"""The container pipeline with KFP's Docker runner: as on a cluster, each task in a pod's place, offline and
read-only."""

import os
import shutil
import warnings

import pytest

from inc_mlflow.pipelines import graph
from inc_mlflow.pipelines.compiling import PIPELINES
from inc_mlflow.spec import Job
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def shared(tmp_path):
    """A folder that the image's user may write in: KFP makes the directories of artifacts for it."""
    before = os.umask(0)
    folder = tmp_path / "pipeline"
    folder.mkdir()
    yield folder
    os.umask(before)


@pytest.fixture
def job(shared):
    """A copy of the example below the pipeline's root, the one folder that KFP's runner mounts.

    Any speed will do.
    """
    folder = shared / "digits"
    shutil.copytree(
        ROOT / "examples" / "digits", folder, ignore=shutil.ignore_patterns(".inc-mlflow", "*.py")
    )
    folder.chmod(0o777)
    path = folder / "job.yaml"
    path.write_text(path.read_text().replace("min_speedup: 1.0", "min_speedup: 0.1"))
    found = Job.load(path)
    assert found.spec.gate.min_speedup == 0.1
    return Job(found.spec.model_copy(update={"recipes": found.spec.recipes[:1]}), folder)


def test_the_example_is_judged_by_containers_that_are_not_root(shared, job, onnxruntime_image, monkeypatch):
    from kfp import local

    monkeypatch.setattr(graph, "reference", lambda name, registry: {"onnxruntime": onnxruntime_image}[name])
    pipeline = PIPELINES.get("int8")(graph.Graph(job.spec, inline=False))
    runner = local.DockerRunner(network_mode="none", read_only=True, tmpfs={"/tmp": ""}, cap_drop=["ALL"])
    local.init(runner, pipeline_root=str(shared), raise_on_error=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the runner ignores what places a task on a cluster, and says so
        pipeline(job=job.spec.to_text(), root=str(job.root))
    made = {path.parent.name: path for path in shared.rglob("executor_output.json")}
    assert {path.stat().st_uid for path in made.values()} == {10001}
    # The runner takes a container that is gone too soon for one that succeeded: the last step's own word
    # counts.
    assert "promote" in made
