"""Builds pipelines by name for one job, and writes their KFP packages."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import SpecError
from inc_mlflow.files import write_text
from inc_mlflow.pipelines import SHARDS
from inc_mlflow.registry import Entry, Registry
from inc_mlflow.registry.engines import ENGINES, image_of_engines
from inc_mlflow.spec import CPU, Job, JobSpec, PoolSpec
from inc_mlflow.spec.source import image_of

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent

    from inc_mlflow.pipelines.graph import Graph

LONGEST = 96 << 10
"""Bytes of a job's text in KFP's JSON: one argument holds it with other inputs, and Linux takes 128 KiB."""
PIPELINES: "Registry[Callable[[Graph], GraphComponent]]" = Registry(
    "pipelines",
    {
        "cross_hardware": Entry("inc_mlflow.pipelines.cross_hardware:cross_hardware"),
        "int8": Entry("inc_mlflow.pipelines.int8:int8"),
        "sharded": Entry("inc_mlflow.pipelines.sharded:sharded"),
    },
)


def check_layout(job: Job) -> None:
    """Raise SpecError where a benchmark's layout needs more CPUs than a pool gives a task."""
    layout = job.layout
    needed = (layout.cores or 1) * (layout.instances or 1)
    for pool in filter(job.spec.timed, job.spec.real_pools):
        hardware = job.spec.placement.get(pool, PoolSpec())
        given = hardware.exclusive or hardware.cpu
        if needed > given:
            raise SpecError(
                f"benchmark.layout: {layout} asks for {needed} CPUs, a task on pool {pool!r} has {given}; "
                "choose a smaller one, or give the pool more"
            )


def check_length(spec: JobSpec) -> None:
    """Raise SpecError where a job's text is too long for the argument of a program: no task could start."""
    length = len(json.dumps(spec.to_text()).encode())
    if length > LONGEST:
        files = len(spec.bundle.files) if spec.bundle else 0
        raise SpecError(
            f"job: its text is {length >> 10} KiB, of which a task takes {LONGEST >> 10}; "
            f"it names {files} files: save a model's weights into one with "
            "onnx.save(model, path, save_as_external_data=True)"
        )


def check_emulated(spec: JobSpec) -> None:
    """Raise SpecError where a pod would have to emulate a CPU: the images lack the compiler for that."""
    for isa in spec.emulated:
        raise SpecError(
            f"pools: {{emulate: {isa}}} is for `inc-mlflow run`, no image has the C compiler that it "
            "needs; name a pool of such machines instead"
        )


def check_engines(spec: JobSpec) -> None:
    """Raise SpecError where a task would need two images, or an engine the device of a pool that it lacks."""
    own = image_of_engines(spec.engines)
    for other in filter(None, (image_of(spec.model), spec.image_of_recipes)):
        if own is not None and own != other:
            raise SpecError(
                f"engines: a task needs image {own} for the engines and {other} for the model or a recipe, "
                "which are two; give the model as an .onnx file, and train in a job of its own"
            )
    for pool in spec.real_pools:
        device = spec.placement.get(pool, PoolSpec()).provider
        for name in spec.engines:
            if device != CPU and device not in ENGINES.get(name).devices.values():
                raise SpecError(
                    f"pools: {pool!r} runs models by {device}, and {name} cannot; leave one of them out"
                )


def build_inline(pipeline: str, spec: JobSpec, shards: int = SHARDS) -> "GraphComponent":
    """Build a pipeline whose tasks are functions of this machine's Python."""
    from inc_mlflow.pipelines.graph import Graph

    return PIPELINES.get(pipeline)(Graph(spec, inline=True, shards=shards))


def compile_package(
    job: Job, pipeline: str, target: Path, registry: str | None = None, shards: int = SHARDS
) -> None:
    """Write the KFP package of a job: container tasks on the job's pools; its text is a default parameter.

    The same job gives the same bytes. ``registry`` replaces the one that images.lock names. Raises SpecError
    where the job cannot run on a cluster.
    """
    from kfp import compiler

    from inc_mlflow.pipelines.graph import Graph

    make = PIPELINES.get(pipeline)
    check_layout(job)
    check_length(job.spec)
    check_emulated(job.spec)
    check_engines(job.spec)
    built = make(Graph(job.spec, inline=False, registry=registry, shards=shards))
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "package.yaml"
        compiler.Compiler().compile(
            built,
            str(package),
            pipeline_parameters={"job": job.spec.to_text(), "root": "."},
            pipeline_display_name=f"{pipeline} {job.spec.name}",
        )
        write_text(target, package.read_text())
