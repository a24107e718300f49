"""Packages of the examples, compiled as `submit` compiles them: with the job's files in a bundle."""

from dataclasses import replace
from functools import cache

import yaml

from inc_mlflow.files import sha256_file
from inc_mlflow.pipelines.compiling import PIPELINES, compile_package
from inc_mlflow.spec import Bundle, Job, parse_recipe
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


def of_two_engines(preset=None):
    """The job of several pools with candidates of two engines, on the pools that both run on."""
    job = bundled(FLEET_JOB, preset)
    pools = ("intel", "amd", "arm")
    placement = {name: one for name, one in job.spec.placement.items() if name in (*pools, "system")}
    recipes = tuple(parse_recipe({"method": method}) for method in ("static", "bf16"))
    changed = {"recipes": recipes, "engines": ("onnxruntime", "openvino")}
    return replace(job, spec=job.spec.model_copy(update=changed | {"pools": pools, "placement": placement}))


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


class Wiring:
    """Who hands what to whom in a graph: tasks by the names that people see, through loops and conditions."""

    def __init__(self, spec):
        self.graphs = {"root": spec["root"]["dag"]} | {
            name: one["dag"] for name, one in spec["components"].items() if "dag" in one
        }
        self.tasks = {task["taskInfo"]["name"]: place for place, task in tasks(spec).items()}
        self._callers = {
            task["componentRef"]["name"]: (holder, name)
            for holder, graph in self.graphs.items()
            for name, task in graph["tasks"].items()
        }

    def task(self, name):
        holder, key = self.tasks[name]
        return self.graphs[holder]["tasks"][key]

    def producers(self, name):
        """Return the tasks whose artifacts a task reads, by the name of its input."""
        artifacts = self.task(name).get("inputs", {}).get("artifacts", {})
        return {slot: self._producer(self.tasks[name][0], source) for slot, source in artifacts.items()}

    def _producer(self, holder, source):
        if "componentInputArtifact" in source:  # handed in by whoever calls the graph that holds the task
            caller, name = self._callers[holder]
            given = self.graphs[caller]["tasks"][name]["inputs"]["artifacts"]
            return self._producer(caller, given[source["componentInputArtifact"]])
        (made_by,) = self._names(holder, source["taskOutputArtifact"]["producerTask"])
        return made_by

    def before(self, name):
        """Return the tasks that must end before a task starts, as the graphs that hold it say it."""
        holder, key = self.tasks[name]
        found = set()
        while True:
            for one in self.graphs[holder]["tasks"][key].get("dependentTasks", []):
                found |= self._names(holder, one)
            if holder == "root":
                return found
            holder, key = self._callers[holder]

    def _names(self, holder, key):
        """Return the name of a task; of a loop, a condition or an exit handler those of all tasks in it."""
        inner = self.graphs[holder]["tasks"][key]["componentRef"]["name"]
        if inner not in self.graphs:
            return {self.graphs[holder]["tasks"][key]["taskInfo"]["name"]}
        return set().union(*(self._names(inner, one) for one in self.graphs[inner]["tasks"]))


def trained_package(folder, pipeline):
    """The package of the example whose model a task trains."""
    job = Job.load(EXAMPLES / "trained.yaml")
    files = {file: sha256_file(EXAMPLES / file) for file in ("net.py", "calib.npz", "dev.npz")}
    bundle = Bundle(uri="s3://bucket/root", files=files)
    return compiled(folder, pipeline, replace(job, spec=job.spec.model_copy(update={"bundle": bundle})))


def training_pipeline(folder):
    """The package of a user's pipeline: a task that trains, and the example's package as the task behind it."""
    from kfp import compiler, components, dsl

    int8 = components.load_component_from_file(str(trained_package(folder, "int8")))

    @dsl.component(base_image="example.org/train@sha256:0", install_kfp_package=False)
    def train(model: dsl.Output[dsl.Model]):
        from pathlib import Path

        Path(model.path).mkdir()

    @dsl.pipeline(name="train-and-compress")
    def train_and_compress():
        int8(model=train().outputs["model"])

    path = folder / "trained.yaml"
    compiler.Compiler().compile(train_and_compress, str(path))
    return path
