"""The command that makes a page of finished jobs: report."""

from pathlib import Path
from typing import Annotated

import typer

from inc_mlflow.cli.app import JSON, START, app, emit


@app.command(rich_help_panel=START)
def report(
    jobs: Annotated[
        list[Path], typer.Argument(metavar="JOB...", help="Jobs (YAML) that have run on this machine.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for report.html, report.md, report.csv.")],
    placement: Annotated[
        str | None, typer.Option(help="As it was given to `run`: a preset, or a file with own pools.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Make one page of finished jobs, to read anywhere, and the same as Markdown and CSV.

    For example: inc-mlflow report examples/digits/job.yaml -o report. Nothing is measured: all numbers are
    those of `run`. Several jobs get a table of their best models first.
    """
    from inc_mlflow.pipelines.state import RESULT
    from inc_mlflow.pipelines.stored import finished_state
    from inc_mlflow.reports.page.reported import reported_job
    from inc_mlflow.reports.page.write import write_report
    from inc_mlflow.spec import Job

    found = []
    for path in jobs:
        job = Job.load(path, placement)
        state = finished_state(job, path)
        found.append(reported_job(job.spec, state, state / RESULT))
    emit(write_report(found, out), as_json)
