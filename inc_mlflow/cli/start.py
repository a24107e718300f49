"""Commands to begin with: run, ui, list, schema."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from inc_mlflow.cli.app import EXIT, JSON, START, app, emit, say
from inc_mlflow.cli.ci_files import JUnit, Summary, remove_ci_files, write_ci_files
from inc_mlflow.pipelines import SHARDS

_EXPERIMENTS = "/#/experiments?workflowType=machine_learning"
Shards = Annotated[int, typer.Option(min=1, help="Parts that the pipeline `sharded` splits the rows into.")]
JobFile = Annotated[
    Path, typer.Argument(metavar="JOB", help="The job file (YAML), as examples/digits/job.yaml.")
]


@app.command(rich_help_panel=START)
def run(
    job: JobFile,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what is already finished.")] = False,
    pipeline: Annotated[
        str, typer.Option(help="int8; cross_hardware: search on each of `search.pools`; or sharded.")
    ] = "int8",
    shards: Shards = SHARDS,
    placement: Annotated[
        str | None, typer.Option(help="What the job's pools are: a preset, or a file with own pools.")
    ] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow server; a SQLite file beside the job by default.")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="MLflow experiment; the job's name by default.")
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            help="Show what steps and Kubeflow's runner print; else it is in kfp.log in the state folder.",
        ),
    ] = False,
    summary: Summary = None,
    junit: JUnit = None,
    as_json: JSON = False,
) -> None:
    """Quantise, measure, judge and promote a model: the whole job.

    Killed half-way, the same command goes on where it was. Exit code: 0 pass, 2 something to mend (one line),
    3 fail (keep FP32), 4 inconclusive (more validation rows would decide). Where MLflow cannot be reached the
    table is shown all the same, with exit code 2; the same command later sends what was measured.
    """
    os.environ.update({"MLFLOW_TRACKING_URI": tracking_uri} if tracking_uri else {})
    os.environ.update({"MLFLOW_EXPERIMENT_NAME": experiment} if experiment else {})
    from inc_mlflow.errors import TrackingError
    from inc_mlflow.pipelines.run import run_job
    from inc_mlflow.spec import Job

    remove_ci_files(summary, junit)
    loaded = Job.load(job, placement)
    finished = run_job(loaded, fresh, say, pipeline, shards, verbose)
    result = finished.result
    write_ci_files(loaded.spec.name, result, summary, junit)
    if as_json:
        emit(result, as_json)
    else:
        from inc_mlflow.reports.table import print_result

        print_result(result, finished.slow)
    if finished.pending:
        raise TrackingError(finished.pending)
    if not as_json:
        print(f"See it: inc-mlflow ui {job.parent}")
    raise typer.Exit(EXIT[result["verdict"]])


@app.command(rich_help_panel=START)
def ui(
    folder: Annotated[
        Path, typer.Argument(help="Directory of the job whose local MLflow store to show.")
    ] = Path(),
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
) -> None:
    """Serve MLflow's page on a job's local store, and say where the leaderboard is; ends with Ctrl-C."""
    from inc_mlflow.errors import TrackingError
    from inc_mlflow.pipelines.stored import latest_leaderboard
    from inc_mlflow.tracking.server.connection import STATE_FOLDER
    from inc_mlflow.tracking.server.schema import check_file

    store = (folder if folder.is_dir() else folder.parent).resolve() / STATE_FOLDER / "mlflow.db"
    if not store.exists():
        raise TrackingError(f"{store}: no local MLflow store; run a job of that directory first")
    check_file(
        store, f"sqlite:///{store}", must_exist=True
    )  # the server would bring an older one to its own version
    say(f"http://127.0.0.1:{port}{latest_leaderboard(store) or _EXPERIMENTS}")
    uri = f"sqlite:///{store}"
    arguments = [
        "server",
        "--backend-store-uri",
        uri,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    os.chdir(store.parent)  # the server imports from where it starts: a user's random.py would be taken
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *arguments])  # noqa: S606 - Ctrl-C must reach the server


@app.command("list", rich_help_panel=START)
def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="sources, engines, methods, metrics, postprocess, datasets or pools."
        ),
    ],
    as_json: JSON = False,
) -> None:
    """List what a job can name: sources, engines, methods, metrics, postprocess, datasets or pools."""
    from inc_mlflow.reports.choices import choices

    emit(choices(what), as_json)


@app.command(rich_help_panel=START)
def schema() -> None:
    """Print the JSON schema of the job file, for editors that complete YAML."""
    from inc_mlflow.spec import JobSpec

    print(json.dumps(JobSpec.model_json_schema(), indent=1))
