"""The command that shows what the leaderboard shows: best."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inc_mlflow.cli.app import JSON, PROMOTE, app, emit
from inc_mlflow.cli.promote import TrackingUri, stores
from inc_mlflow.errors import SpecError

if TYPE_CHECKING:
    from inc_mlflow.tracking.server.connection import Stores


@app.command(rich_help_panel=PROMOTE)
def best(
    job: Annotated[
        Path | None, typer.Argument(metavar="[JOB]", help="A job (YAML) whose MLflow experiment to look at.")
    ] = None,
    experiment: Annotated[str | None, typer.Option(help="Or the name of an MLflow experiment.")] = None,
    pool: Annotated[
        str | None, typer.Option(help="By the numbers of this pool, not of the slowest required one.")
    ] = None,
    max_drop: Annotated[
        float | None, typer.Option(help="Only what was seen to drop by at most this share, as 0.01.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Only candidates of this engine.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows to show.")] = None,
    tracking_uri: TrackingUri = None,
    as_json: JSON = False,
) -> None:
    """Show the candidates of the latest job in MLflow, best first, and the command that promotes the best.

    For example: inc-mlflow best examples/digits/job.yaml --pool local. Jobs before the latest one are left
    out: numbers that were not measured side by side are not compared.
    """
    from inc_mlflow.promotion.best import best_candidates

    result = best_candidates(*_where(job, experiment, tracking_uri), pool, max_drop, limit, engine)
    if as_json:
        emit(result, as_json)
    else:
        from inc_mlflow.reports.best import print_best

        print_best(result)


def _where(job: Path | None, experiment: str | None, tracking_uri: str | None) -> tuple["Stores", str]:
    """Return the stores and the experiment in them."""
    if job is not None and experiment is None:
        os.environ.update({"MLFLOW_TRACKING_URI": tracking_uri} if tracking_uri else {})
        from inc_mlflow.spec import Job
        from inc_mlflow.tracking.server.connection import Server

        server = Server.of(Job.load(job))
        return server, server.experiment
    if job is None and experiment is not None:
        return stores(tracking_uri), experiment
    raise SpecError("best: give either a JOB or --experiment")
