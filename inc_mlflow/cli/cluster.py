"""Commands that bring a job to a cluster: compile, submit, wait."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inc_mlflow.cli.app import CLUSTER, EXIT, JSON, app, emit, say
from inc_mlflow.cli.start import JobFile, Shards
from inc_mlflow.pipelines import SHARDS

if TYPE_CHECKING:
    from inc_mlflow.pipelines.endpoint import Endpoint
    from inc_mlflow.tracking.server.connection import Server

PipelineName = Annotated[str, typer.Option(help="Name of the pipeline: int8, cross_hardware or sharded.")]
Placement = Annotated[
    str | None, typer.Option(help="What the pools are: a preset, or a file with own pools.")
]
ImageRegistry = Annotated[
    str | None, typer.Option(help="Where the cluster finds the images, instead of the public registry.")
]
Host = Annotated[
    str | None, typer.Option(help="URL of Kubeflow Pipelines; KF_PIPELINES_ENDPOINT by default.")
]
Namespace = Annotated[str | None, typer.Option(help="Your namespace, where the server has several users.")]
TokenFile = Annotated[
    Path | None, typer.Option(help="A file with a token; KF_PIPELINES_SA_TOKEN_PATH by default.")
]


@app.command("compile", rich_help_panel=CLUSTER)
def compile_(
    job: JobFile,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write the package.")],
    pipeline: PipelineName = "int8",
    shards: Shards = SHARDS,
    placement: Placement = None,
    bundle: Annotated[
        str | None, typer.Option(help="Upload local files below this URI, as s3://bucket/path.")
    ] = None,
    image_registry: ImageRegistry = None,
    as_json: JSON = False,
) -> None:
    """Write the pipeline of a job as a Kubeflow package (YAML).

    A job for other pools than `local` may name no local file, unless --bundle takes it along.
    """
    from inc_mlflow.pipelines import bundle as bundles
    from inc_mlflow.pipelines.compiling import compile_package
    from inc_mlflow.pipelines.images import not_published
    from inc_mlflow.spec import Job

    given = Job.load(job, placement)
    given = bundles.bundle(given, bundle, say) if bundle else given
    bundles.check_visible(given)
    compile_package(given, pipeline, out, image_registry, shards)
    if missing := not_published(given.spec.images):
        say(f"note: {missing}")
    emit({"package": str(out), "pipeline": pipeline}, as_json)


@app.command(rich_help_panel=CLUSTER)
def submit(
    job: JobFile,
    pipeline: PipelineName = "int8",
    shards: Shards = SHARDS,
    host: Host = None,
    namespace: Namespace = None,
    experiment: Annotated[str | None, typer.Option(help="Of Kubeflow; the job's name by default.")] = None,
    run_name: Annotated[
        str | None, typer.Option(help="The job's name and eight random characters by default.")
    ] = None,
    service_account: Annotated[
        str | None, typer.Option(help="Kubernetes service account of all tasks.")
    ] = None,
    pipeline_root: Annotated[
        str | None, typer.Option(help="Where artifacts and the job's local files go, as s3://bucket/path.")
    ] = None,
    token_file: TokenFile = None,
    placement: Placement = None,
    image_registry: ImageRegistry = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the run and exit by its verdict.")] = False,
    as_json: JSON = False,
) -> None:
    """Start a run of a job on Kubeflow, and print its URL.

    The job's local files are uploaded below --pipeline-root. With --wait the exit code is that of `run`: 0
    pass, 2 something to mend, 3 fail, 4 inconclusive.
    """
    from inc_mlflow.pipelines.endpoint import Endpoint
    from inc_mlflow.pipelines.submit import RunOptions, with_server
    from inc_mlflow.pipelines.submit import submit as start
    from inc_mlflow.spec import Job
    from inc_mlflow.tracking.server.connection import Server

    given = with_server(Job.load(job, placement))
    endpoint = Endpoint.of(host, namespace, token_file)
    options = RunOptions(
        endpoint.experiment(experiment, given.spec.name), run_name, service_account, pipeline_root
    )
    run = start(given, pipeline, endpoint, options, image_registry, say, shards)
    started = {"run": run, "url": endpoint.run_url(run)}
    if not wait:
        emit(started, as_json)
        return
    say(f"{started['url']}; it goes on without this command, `inc-mlflow wait {run}` looks again")
    _finish(started, endpoint, Server.of(given), as_json)


@app.command(rich_help_panel=CLUSTER)
def wait(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id that submit printed.")],
    job: Annotated[
        Path | None, typer.Argument(metavar="JOB", help="Says which MLflow; else MLFLOW_TRACKING_URI.")
    ] = None,
    host: Host = None,
    namespace: Namespace = None,
    token_file: TokenFile = None,
    as_json: JSON = False,
) -> None:
    """Wait for a run on Kubeflow and exit by its verdict.

    Exit code: 0 pass, 2 something to mend (the run failed, or its verdict is not known), 3 fail, 4
    inconclusive.
    """
    from inc_mlflow.pipelines.endpoint import Endpoint
    from inc_mlflow.pipelines.wait import server_of

    server = server_of(job)
    endpoint = Endpoint.of(host, namespace, token_file)
    _finish({"run": run, "url": endpoint.run_url(run)}, endpoint, server, as_json)


def _finish(started: dict[str, Any], endpoint: "Endpoint", server: "Server", as_json: bool) -> None:
    from inc_mlflow.pipelines.wait import verdict, wait

    wait(endpoint, started["run"], say)
    found = verdict(server, started["run"])
    emit(started | {"verdict": found}, as_json)
    raise typer.Exit(EXIT[found])
