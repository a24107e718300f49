"""Commands for clusters: compile."""

from pathlib import Path
from typing import Annotated

import typer

from inc_mlflow.cli.app import CLUSTER, JSON, app, emit
from inc_mlflow.cli.start import JobFile, Shards
from inc_mlflow.pipelines import SHARDS


@app.command("compile", rich_help_panel=CLUSTER)
def compile_(
    job: JobFile,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write the package.")],
    pipeline: Annotated[str, typer.Option(help="Name of the pipeline.")] = "int8",
    shards: Shards = SHARDS,
    as_json: JSON = False,
) -> None:
    """Write the pipeline of a job as a Kubeflow package (YAML)."""
    from inc_mlflow.pipelines.compiling import compile_package
    from inc_mlflow.spec import Job

    compile_package(Job.load(job), pipeline, out, shards=shards)
    emit({"package": str(out), "pipeline": pipeline}, as_json)
