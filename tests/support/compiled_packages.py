"""Packages of the examples, compiled as `submit` compiles them: with the job's files in a bundle."""

from dataclasses import replace
from functools import cache

import yaml

from inc_mlflow.files import sha256_file
from inc_mlflow.pipelines.compiling import PIPELINES, compile_package
from inc_mlflow.spec import Bundle, Job
from tests.support.paths import ROOT

EXAMPLES = ROOT / "examples" / "digits"
FILES = ("fp32.onnx", "calib.npz", "tune.npz", "dev.npz")
FLEET_JOB = "cluster.yaml"
NAMES = sorted(PIPELINES)


def bundled(name, placement=None):
    """A job of the examples whose files a cluster finds; nothing is uploaded."""
    job = Job.load(EXAMPLES / name, placement)
    files = {file: sha256_file(EXAMPLES / file) for file in FILES}
    return replace(
        job, spec=job.spec.model_copy(update={"bundle": Bundle(uri="s3://bucket/root", files=files)})
    )


def compiled(folder, pipeline, job, **options):
    path = folder / f"{pipeline}.yaml"
    compile_package(job, pipeline, path, **options)
    return path


@cache
def documents(path):
    """Both documents: the graph, and what is for Kubernetes alone."""
    return list(yaml.safe_load_all(path.read_text()))


def tasks(spec):
    """All tasks by name of their graph and their own, also those in nested graphs.

    Graphs themselves left out.
    """
    graphs = {"root": spec["root"]["dag"]} | {
        name: one["dag"] for name, one in spec["components"].items() if "dag" in one
    }
    return {
        (holder, name): task
        for holder, graph in graphs.items()
        for name, task in graph["tasks"].items()
        if "executorLabel" in spec["components"][task["componentRef"]["name"]]
    }


def step_of(spec, task):
    """The step that a task's container runs."""
    executor = spec["components"][task["componentRef"]["name"]]["executorLabel"]
    return spec["deploymentSpec"]["executors"][executor]["container"]["command"][-1]
