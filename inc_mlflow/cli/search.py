"""The command that searches: search."""

from pathlib import Path
from typing import Annotated

import typer

from inc_mlflow.cli.app import EXIT, JSON, STEPS, app, emit
from inc_mlflow.cli.start import JobFile


@app.command(rich_help_panel=STEPS)
def search(
    job: JobFile,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Directory to write; a killed search goes on in it.")
    ],
    budget: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds to spend; by default what a dozen default quantisations cost."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Find the best recipes of a job on its tuning split, at most three, whatever recipes the job lists.

    The best so far is in best.json of the directory at every moment, all trials are in trials.jsonl.
    Exit code: 0 where a candidate is good and faster on the tuning split, 3 where none is (keep FP32).
    """
    from inc_mlflow.reports.search import keeps_baseline, print_search
    from inc_mlflow.spec import Job
    from inc_mlflow.steps.standalone.search import search_job

    found = search_job(Job.load(job), budget, out)
    if as_json:
        emit(found, as_json)
    else:
        print_search(found)
    if keeps_baseline(found):
        raise typer.Exit(EXIT["fail"])
