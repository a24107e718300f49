"""The report's files in a folder."""

from pathlib import Path

from inc_mlflow.files import writable, write_text
from inc_mlflow.reports.page.comma_separated import as_csv
from inc_mlflow.reports.page.document import as_page
from inc_mlflow.reports.page.markdown import as_text
from inc_mlflow.reports.page.reported import ReportedJob


def write_report(jobs: list[ReportedJob], folder: Path) -> dict[str, str]:
    """Write the page and its twins, and return where they are. Raises StateError where it cannot write."""
    texts = {"html": as_page(jobs), "markdown": as_text(jobs), "csv": as_csv(jobs)}
    suffixes = {"html": "html", "markdown": "md", "csv": "csv"}
    paths = {kind: folder / f"report.{suffixes[kind]}" for kind in texts}
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for kind, text in texts.items():
        write_text(paths[kind], text)
    return {kind: str(path) for kind, path in paths.items()}
