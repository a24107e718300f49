"""The same report as Markdown, for pull requests and wikis."""

from inc_mlflow.formatting import markdown_table, markdown_text
from inc_mlflow.reports.page.candidates import candidates_grid, pools_grids, reasons_grid
from inc_mlflow.reports.page.document import NO_EXPECTATION, NOTE
from inc_mlflow.reports.page.expectation import expectation_grid
from inc_mlflow.reports.page.grid import Grid, cell_text
from inc_mlflow.reports.page.provenance import job_text, provenance_grids
from inc_mlflow.reports.page.reported import ReportedJob
from inc_mlflow.reports.page.speeds import speed_grids
from inc_mlflow.reports.page.summary import summary_grid


def as_text(jobs: list[ReportedJob]) -> str:
    """Return all tables of the page; the picture is there alone."""
    parts = ["# Validated models", NOTE]
    if len(jobs) > 1:
        parts += ["## Summary", *_table(summary_grid(jobs))]
    for job in jobs:
        parts += _job(job)
    return "\n\n".join(parts) + "\n"


def _job(job: ReportedJob) -> list[str]:
    expected = expectation_grid(job)
    grids = [candidates_grid(job), *pools_grids(job), reasons_grid(job), *speed_grids(job)]
    tables = [part for grid in grids for part in _table(grid)]
    tables += [NO_EXPECTATION] if expected is None else _table(expected)
    tables += [part for grid in provenance_grids(job) for part in _table(grid)]
    code = "\n".join(f"    {line}" for line in job_text(job).splitlines())
    return [f"## {markdown_text(job.spec.name)}", markdown_text(job.judged.headline()), *tables, "Job:", code]


def _table(grid: Grid) -> list[str]:
    """Return the caption and the table; a group's name stands before the names of its columns."""
    groups = [name for name, columns in grid.groups for _ in range(columns)] or [""] * len(grid.headers)
    headers = [
        f"{group}: {name}" if group else name for group, name in zip(groups, grid.headers, strict=True)
    ]
    rows = [[markdown_text(cell_text(cell)) for cell in row] for row in grid.rows]
    return [markdown_text(grid.caption), markdown_table(map(markdown_text, headers), rows)]
