"""Files that a command which judges leaves for CI: --summary and --junit."""

from pathlib import Path
from typing import Annotated, Any

import typer

Summary = Annotated[
    Path | None,
    typer.Option(help="Write verdict and table as Markdown into this file, as for a pull request's summary."),
]
JUnit = Annotated[
    Path | None,
    typer.Option("--junit", help="Write the verdict and each candidate as tests into this JUnit XML file."),
]


def remove_ci_files(*paths: Path | None) -> None:
    """Remove what an earlier call left: after an error CI would show that as today's verdict."""
    from inc_mlflow.files import writable

    for path in paths:
        if path is not None:
            with writable(path):
                path.unlink(missing_ok=True)


def write_ci_files(name: str, result: dict[str, Any], summary: Path | None, junit: Path | None) -> None:
    """Write the files that were asked for."""
    from inc_mlflow.files import write_text
    from inc_mlflow.reports.junit import junit_text
    from inc_mlflow.reports.pull_request import pull_request_text

    if summary is not None:
        write_text(summary, pull_request_text(name, result))
    if junit is not None:
        write_text(junit, junit_text(name, result))
