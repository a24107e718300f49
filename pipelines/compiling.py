"""Pipelines by name, built for one job, and their KFP packages."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.registry import Registry
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.storage import write_text

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent

    from inc_mlflow.pipelines.graph import Graph

PIPELINES: "Registry[Callable[[Graph], GraphComponent]]" = Registry(
    "pipelines",
    {
        "cross_hardware": "inc_mlflow.pipelines.cross_hardware:cross_hardware",
        "int8": "inc_mlflow.pipelines.int8:int8",
    },
)


def inline(pipeline: str, spec: JobSpec) -> "GraphComponent":
    """Build a pipeline whose tasks are functions of this machine's Python."""
    from inc_mlflow.pipelines.graph import Graph

    return PIPELINES.get(pipeline)(Graph(spec, inline=True))


def compile_package(job: Job, pipeline: str, target: Path, registry: str | None = None) -> None:
    """Write the KFP package of a job: container tasks, placed on the job's pools; the job's text is a parameter's default.

    The same job gives the same bytes. ``registry`` takes the place of the one that images.lock names.
    """
    from kfp import compiler

    from inc_mlflow.pipelines.graph import Graph

    built = PIPELINES.get(pipeline)(Graph(job.spec, inline=False, registry=registry))
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "package.yaml"
        compiler.Compiler().compile(
            built,
            str(package),
            pipeline_parameters={"job": job.spec.to_text(), "root": "."},
            pipeline_display_name=f"{pipeline} {job.spec.name}",
        )
        write_text(target, package.read_text())
