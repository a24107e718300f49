"""Pipelines by name, and their KFP packages."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.registry import Registry
from inc_mlflow.spec import Job
from inc_mlflow.storage import write_text

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent

PIPELINES: "Registry[BaseComponent]" = Registry("pipelines", {"int8": "inc_mlflow.pipelines.int8:int8"})


def compile_package(job: Job, pipeline: str, target: Path) -> None:
    """Write the KFP package of a job; the job's text is the default of the pipeline's parameter."""
    from kfp import compiler

    function = PIPELINES.get(pipeline)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "package.yaml"
        compiler.Compiler().compile(
            function,
            str(package),
            pipeline_parameters={"job": job.spec.to_text(), "root": "."},
            pipeline_display_name=f"{pipeline} {job.spec.name}",
        )
        write_text(target, package.read_text())
